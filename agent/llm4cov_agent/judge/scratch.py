"""Folders for the time of one task: made, removed whatever became of them, and swept up after who was killed. Starts nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that is gone afterwards, whatever was written into it or however its modes were set."""
    folder = Path(tempfile.mkdtemp(prefix=f"llm4cov-{os.getpid()}-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        _remove_folder(folder)


def sweep_scratch_folders(parent: Path | None = None) -> int:
    """Remove what processes of ours that were killed left behind in `parent`; returns the number of folders removed."""
    removed = 0
    for folder in (parent or Path(tempfile.gettempdir())).glob("llm4cov-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdecimal() and not _alive(int(owner)) and _is_own_folder(folder):
            _remove_folder(folder)
            removed += 1
    return removed


def _is_own_folder(path: Path) -> bool:
    try:
        state = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()


def _remove_folder(folder: Path) -> None:
    """Remove a folder; never touches what lies beside it or behind a link in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if not _is_own_folder(folder):
        return
    # What ran in it took rights away from its folders, or was still being killed while we removed.
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            with contextlib.suppress(OSError):
                if not path.is_symlink():
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
