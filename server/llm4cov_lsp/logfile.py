"""The server's log on disk: a file for each server, rotated, of which few are kept. Holds no text of a source and no secret.

It says when jobs ran and how they ended, which settings could not be used, and where errors of ours happened: of an exception its kind and
the places, not its words, and of the protocol library's messages only the place, because both quote documents.
"""

from __future__ import annotations

import contextlib
import logging
import os
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from llm4cov_lsp.discreet import without_secrets

LOGGER = logging.getLogger("llm4cov_lsp")
MOST_BYTES = 256 << 10
"""Of one file; the one before it is kept too."""
MOST_FILES = 10
MOST_TOLD = 64 << 10
"""Bytes of the end of a log that a bundle has."""


def open_log(state_dir: Path) -> Path | None:
    """Begin the log of this server; None where nothing can be written. The oldest logs of other servers go."""
    folder = log_folder(state_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in sorted(folder.glob("server-*.log*"), key=lambda path: path.name)[: -MOST_FILES + 1]:
            old.unlink(missing_ok=True)
        path = folder / f"server-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
        handler = RotatingFileHandler(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8")
    except OSError:
        return None
    handler.setFormatter(Discreet())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    # What is for the file is not for the editor's log, which gets messages of its own, but for what ends the server.
    LOGGER.propagate = False
    loud = logging.StreamHandler()
    loud.setLevel(logging.ERROR)
    LOGGER.addHandler(loud)
    library = logging.getLogger("pygls")
    errors = _Errors(handler)
    library.addHandler(errors)
    return path


def log_folder(state_dir: Path) -> Path:
    """Give the folder of the logs."""
    return state_dir / "log"


def log_ends(state_dir: Path, *, most_files: int = 3) -> dict[str, str]:
    """Give the ends of the newest logs by name."""
    newest = sorted(log_folder(state_dir).glob("server-*.log"), key=lambda path: path.name)[-most_files:]
    found: dict[str, str] = {}
    for path in newest:
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            found[path.name] = content[-MOST_TOLD:].decode("utf-8", "replace")
    return found


class Discreet(logging.Formatter):
    """Writes a record without what may be a source or a secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record, an exception on lines of its own."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        own = record.name.partition(".")[0] == LOGGER.name
        words = record.getMessage() if own else f"{record.name}, {record.funcName}, line {record.lineno}"
        lines = [f"{at} {record.levelname.lower()} {words}"]
        if record.exc_info is not None and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            lines += [f"    {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            lines.append(f"    {record.exc_info[0].__name__}")
        return without_secrets("\n".join(lines))


class _Errors(logging.Handler):
    """Passes errors of a library on."""

    def __init__(self, to: logging.Handler) -> None:
        super().__init__(logging.ERROR)
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        self._to.handle(record)
