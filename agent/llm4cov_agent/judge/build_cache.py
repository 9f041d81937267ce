"""Folders kept by digest, shared safely by several processes and held under a size. Knows not what is in them.

An entry is made in a folder beside its place and renamed into it, so a reader never sees half of one. Whoever uses an
entry holds a shared lock on it; eviction needs the exclusive one and passes over what is in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from llm4cov_agent.judge.scratch import scratch_folder, sweep_scratch_folders

_SIZE_FILE = ".bytes"
_LOCK_POLL_S = 0.02


class Cancelled(Exception):
    """Someone set the event while we waited for another process to finish the same entry."""


class BuildCache:
    """A folder of entries, each a folder named by a digest."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self.root = root
        self.max_bytes = max_bytes

    @contextlib.contextmanager
    def entry(self, key: str, make: Callable[[Path], bool], *, cancel: Event | None = None) -> Iterator[Path]:
        """Give the entry's folder while the block runs, making it first if it is missing.

        `make` fills an empty folder and says whether it is worth keeping; one that is not serves this block and is gone
        after it. Raises `Cancelled` if `cancel` is set while another process makes the same entry.
        """
        place = self._place(key)
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock(key, fcntl.LOCK_SH, cancel):
            if place.is_dir():
                os.utime(place)
                yield place
                return
        with self._lock(key, fcntl.LOCK_EX, cancel) as lock:
            if not place.is_dir():
                with scratch_folder(self.root) as folder:
                    if not make(folder):
                        # The lock goes first: others may try their luck while we still look at what came out.
                        fcntl.flock(lock, fcntl.LOCK_UN)
                        yield folder
                        return
                    (folder / _SIZE_FILE).write_text(str(_bytes_below(folder)))
                    folder.rename(place)
                    place.chmod(0o755)
            fcntl.flock(lock, fcntl.LOCK_SH)
            os.utime(place)
            self._evict(keep=place)
            yield place

    def find(self, key: str) -> Path | None:
        """Give an entry's folder if it exists, without a lock: only for reading small files at once."""
        place = self._place(key)
        if not place.is_dir():
            return None
        with contextlib.suppress(FileNotFoundError):
            os.utime(place)
            return place
        return None

    def size_bytes(self) -> int:
        """Bytes of all entries together."""
        return sum(size for _, size, _ in self._entries())

    def clear(self) -> None:
        """Remove every entry that nobody uses."""
        for place, _, _ in self._entries():
            self._remove(place)

    def _place(self, key: str) -> Path:
        return self.root / key.replace(":", "-")

    @contextlib.contextmanager
    def _lock(self, key: str, how: int, cancel: Event | None) -> Iterator[int]:
        path = self._place(key).with_name(self._place(key).name + ".lock")
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                while True:
                    if cancel is not None and cancel.is_set():
                        raise Cancelled
                    try:
                        fcntl.flock(handle, how | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        time.sleep(_LOCK_POLL_S)
                if _is_same_file(handle, path):
                    yield handle
                    return
            finally:
                os.close(handle)

    def _entries(self) -> list[tuple[Path, int, float]]:
        found = []
        for size_file in self.root.glob(f"*/{_SIZE_FILE}"):
            with contextlib.suppress(OSError, ValueError):
                found.append((size_file.parent, int(size_file.read_text()), size_file.parent.stat().st_mtime))
        return sorted(found, key=lambda entry: entry[2])

    def _evict(self, *, keep: Path) -> None:
        """Remove the entries unused for longest until the rest fits, and what makers that were killed left half-made."""
        sweep_scratch_folders(self.root)
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        for place, size, _ in entries:
            if total <= self.max_bytes:
                return
            if place != keep and self._remove(place):
                total -= size

    def _remove(self, place: Path) -> bool:
        lock = place.with_name(place.name + ".lock")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_same_file(handle, lock):
                return False
            with scratch_folder(self.root) as trash, contextlib.suppress(FileNotFoundError):
                place.rename(trash / "entry")
            lock.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True


def _is_same_file(handle: int, path: Path) -> bool:
    """Say whether a lock is still the one at its path: eviction may have removed it before we got it."""
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _bytes_below(folder: Path) -> int:
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)
