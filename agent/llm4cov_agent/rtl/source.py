"""A source file as a value. Reads bytes, never meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.errors import Problem, Severity

MAX_SOURCE_BYTES = 64 * 1024 * 1024
"""Larger files are netlists or dumps; reading one would only look like a hang."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source file; lines and columns are 1-based, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its path as resolved, its text, and the digest of its bytes."""

    path: Path
    text: str
    encoding: str
    digest: str


def read_source(path: Path) -> tuple[SourceFile | None, tuple[Problem, ...]]:
    """Read one HDL file.

    Text that is not UTF-8 is read as Latin-1 with a warning (comments in old IP often are). A binary,
    empty, missing or oversized file gives None and the reason.
    """
    name = str(path)
    try:
        if path.is_dir():
            return None, (Problem("is a folder, not a file", file=name, hint="Name the Verilog files in it."),)
        if path.stat().st_size > MAX_SOURCE_BYTES:
            return None, (Problem(f"is larger than {MAX_SOURCE_BYTES >> 20} MiB", file=name),)
        content = path.read_bytes()
    except FileNotFoundError:
        return None, (Problem("no such file", file=name, hint="Check the path; it is taken relative to the current folder."),)
    except OSError as error:
        return None, (Problem(f"can't be read: {error.strerror}", file=name),)
    if b"\0" in content:
        return None, (Problem("is a binary file, not Verilog source", file=name),)
    if not content.strip():
        return None, (Problem("is empty", file=name, hint="A design needs at least one module."),)
    problems: tuple[Problem, ...] = ()
    try:
        text, encoding = content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        text, encoding = content.decode("latin-1"), "latin-1"
        problems = (Problem("is not UTF-8 and was read as Latin-1", file=name, line=line, severity=Severity.WARNING),)
    return SourceFile(path.resolve(), text, encoding, digest_bytes(content)), problems


def changed_files(digests: Iterable[tuple[Path, str]]) -> list[Path]:
    """List files that no longer have the digest they were read with: what is made from them now must not be kept under it."""
    return [path for path, digest in digests if not _has_digest(path, digest)]


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return digest_bytes(path.read_bytes()) == digest
    except OSError:
        return False
