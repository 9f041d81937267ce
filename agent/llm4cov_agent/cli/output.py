"""Writes a file that the user asked for without losing one that was there. Knows not what is in it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from llm4cov_agent.errors import Problem


def problems_of_output(path: Path, *, force: bool, option: str = "-o") -> tuple[Problem, ...]:
    """Say why `path` can't be written; asked before the work, so that none is lost."""
    if path.is_dir():
        return (Problem("is a folder", file=str(path), hint=f"{option} takes the name of the file to write."),)
    if path.exists() and not path.is_file():
        return (Problem("is no ordinary file", file=str(path), hint=f"Name another file with {option}."),)
    if not path.parent.is_dir():
        return (Problem("its folder does not exist", file=str(path), hint=f"Make it first: mkdir -p {path.parent}"),)
    if path.exists() and not force:
        hint = f"Name another file with {option}, or use --force: a copy of the old one is kept."
        return (Problem("exists already", file=str(path), hint=hint),)
    if not os.access(path.parent, os.W_OK):
        return (Problem("its folder can't be written", file=str(path)),)
    return ()


def write_output(path: Path, text: str) -> Path | None:
    """Write a file at once or not at all; gives the copy of what was there before, if anything was."""
    kept = None
    if path.exists() and path.read_text(errors="surrogateescape") != text:
        kept = _free_name(path)
        kept.write_bytes(path.read_bytes())
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return kept


def begin_output(path: Path) -> None:
    """Begin a file that grows line by line; what was there before is kept beside it. Raises OSError."""
    if path.exists():
        path.rename(_free_name(path))
    path.touch()


def _free_name(path: Path) -> Path:
    """Find the first of `name.bak`, `name.bak2`, ... that is free."""
    rank = 1
    while (candidate := path.with_name(f"{path.name}.bak{rank if rank > 1 else ''}")).exists():
        rank += 1
    return candidate


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
