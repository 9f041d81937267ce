"""Which items of a synthesis are finished: a file with one line each, written after what it tells of is stored. Knows no policy."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from llm4cov_agent.errors import BadConfiguration, display_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finished item."""

    item: str
    """Digest of the item."""
    trajectory: str | None
    """Where its transitions are; None if there are none."""
    transitions: int
    seconds: float
    reason: str = ""
    """Why there are none."""


class Journal:
    """An open journal; one process at a time writes to it."""

    def __init__(self, path: Path) -> None:
        """Raises BadConfiguration if another process has it open."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BadConfiguration(f"Another process is at work with {display_path(path)}. Wait for it, or name another folder.") from None
        entries, complete = _read(path)
        # Half a line is what a power loss leaves; its item is done again.
        self._file.truncate(complete)
        self.entries: dict[str, Entry] = {one.item: one for one in entries}

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        """Note a finished item; it is on disk when this returns."""
        record = {name: getattr(entry, name) for name in Entry.__slots__}
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entries[entry.item] = entry


def _read(path: Path) -> tuple[list[Entry], int]:
    entries: list[Entry] = []
    complete = 0
    content = path.read_bytes()
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        complete += len(line)
        try:
            entries.append(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return entries, complete
