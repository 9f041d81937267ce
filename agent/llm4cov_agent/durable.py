"""Puts finished files and folders into their places so that a power cut leaves the old one or the whole new one. Knows not what is in them.

A move alone is not enough: a disk may have made the move and not yet have the bytes.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from llm4cov_agent.errors import Problem, display_path

_OF_RIGHTS = frozenset({errno.EACCES, errno.EPERM})
"""Without a file they are of something else, such as a process or a socket."""
_OF_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}) | _OF_RIGHTS


def write_whole(path: Path, text: str) -> None:
    """Write a file (UTF-8) at once or not at all. Raises OSError; what was there is there still."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, "utf-8")
        put_in_place(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def put_in_place(made: Path, path: Path) -> None:
    """Move a finished file, or a folder to where there is none, once all of it is on the disk. Raises OSError."""
    flush(made)
    made.replace(path)
    _flush_one(path.parent)


def flush(path: Path, *, below: bool = True) -> None:
    """Wait until a file, or a folder with all that is in it (`below`), is on the disk. Raises OSError."""
    if below and path.is_dir():
        for one in path.rglob("*"):
            _flush_one(one)
    _flush_one(path)


def disk_problem(error: OSError) -> Problem | None:
    """Say for a person what a disk that takes no more comes to; None for errors that are none of the disk's."""
    if error.errno == errno.ENOENT and "temporary directory" in str(error.strerror):
        hint = "Make room in one of them, or name another folder in TMPDIR."
        return Problem("no folder for temporary files can be written", hint=hint)
    if error.errno not in _OF_DISK or (error.errno in _OF_RIGHTS and error.filename is None):
        return None
    file = display_path(Path(os.fsdecode(error.filename))) if isinstance(error.filename, str | bytes) else None
    hint = "Make room or give leave to write there, then give the same command: what was finished is kept, and nothing half-made is used."
    return Problem(
        f"can't be written or read: {error.strerror}" if file else f"the disk takes no more: {error.strerror}", file=file, hint=hint
    )


def _flush_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some shared and remote file systems have no such thing for folders.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(handle)
