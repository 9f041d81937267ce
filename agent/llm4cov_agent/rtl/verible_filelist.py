"""Reads `verible.filelist`, by which Verible's language server knows the files of a project: one entry a line.

It is no simulator's list: a line is a file name with all its spaces, and it names all files, those of testbenches too. So its files
are candidates for modules that are missing, no sources. Knows nothing of what is in them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.rtl.fileset import FileSet

FILE_NAME = "verible.filelist"
SUFFIXES = frozenset({".v", ".sv", ".vh", ".svh"})
_MACRO = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def read_verible_filelist(path: Path) -> tuple[FileSet, tuple[Problem, ...]]:
    """Read a list; entries are relative to its folder. Nothing in it is an error: what can't be used is left out with a warning."""
    name, base = display_path(path), path.parent
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        return FileSet(), (Problem(f"can't be read: {error.strerror}", file=name, severity=Severity.WARNING),)
    sources: dict[Path, None] = {}
    include_dirs: dict[Path, None] = {base: None}
    defines: list[tuple[str, str | None]] = []
    left_out: list[str] = []
    missing: list[str] = []
    for line in text.splitlines():
        # Verible squeezes white space within a line too.
        entry = " ".join(line.split())
        if not entry or entry.startswith(("#", "//")):
            continue
        if entry.startswith("+incdir+"):
            for folder in filter(None, entry.removeprefix("+incdir+").split("+")):
                include_dirs[Path(os.path.normpath(base / folder))] = None
        elif entry.startswith("+define+"):
            macro, equals, value = entry.removeprefix("+define+").partition("=")
            if _MACRO.fullmatch(macro):
                defines.append((macro, value if equals else None))
            else:
                left_out.append(entry)
        elif entry[0] in "+-":
            left_out.append(entry)
        elif not (file := Path(os.path.normpath(base / entry))).is_file():
            missing.append(entry)
        elif file.suffix in SUFFIXES:
            sources[file] = None
    found = FileSet(sources=tuple(sources), include_dirs=tuple(include_dirs), defines=tuple(defines), lists=(path,))
    return found.as_candidates(), tuple(_warnings(name, left_out, missing))


def _warnings(name: str, left_out: list[str], missing: list[str]) -> list[Problem]:
    problems = []
    if left_out:
        text = f"left out, as it means nothing here: {_some(left_out)}"
        problems.append(Problem(text, file=name, severity=Severity.WARNING))
    if missing:
        problems.append(Problem(f"names files that do not exist: {_some(missing)}", file=name, severity=Severity.WARNING))
    return problems


def _some(names: list[str], most: int = 8) -> str:
    shown = ", ".join(f"`{one}`" for one in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
