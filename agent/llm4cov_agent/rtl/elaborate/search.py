"""Looks in the folders around the given files for the modules, packages and includes that they lack.

Knows file names and declared names; never decides whether a design is right.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from llm4cov_agent.errors import Problem
from llm4cov_agent.rtl.elaborate.scan import Names, scan
from llm4cov_agent.rtl.source import SourceFile, read_source

MAX_FILES = 2000
MAX_PARENTS = 3
MAX_SCANNED_BYTES = 4 * 1024 * 1024
TIME_LIMIT_S = 30.0
"""The number of files is the real bound; this one only keeps a folder on a dead network drive from looking like a hang."""

_SOURCE_SUFFIXES = frozenset({".v", ".sv"})
_HEADER_SUFFIXES = frozenset({".vh", ".svh", ".h", ".inc", ".v", ".sv", ".vp", ".svp", ".def", ".defines"})
_BUILD_FOLDERS = frozenset(
    {"obj_dir", "build", "node_modules", "__pycache__", "sim_build", "dist", "venv", "work", "target", "out", "results", "site-packages"}
)
_PART_FOLDERS = frozenset(
    (
        *("rtl", "src", "hdl", "verilog", "vlog", "sv", "v", "hw", "top", "core", "cores", "design", "lib", "libs", "ip", "ips", "common"),
        *("sim", "tb", "test", "tests", "testbench", "include", "includes", "inc", "pkg", "packages"),
    )
)


def search_roots(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Give the folders to walk: each given folder first, then its parents as far as they belong to the same project.

    The climb ends at a folder with `.git`, below the home folder, the root and the folder for temporary files, and after
    three steps. Where strangers' files may lie side by side (a folder for temporary files), only folders with customary names
    of a project's parts, such as `rtl`, are left.
    """
    stops = {Path.home(), Path(Path.cwd().anchor), Path(tempfile.gettempdir()).resolve()}
    temporary = Path(tempfile.gettempdir()).resolve()
    roots: dict[Path, None] = {}
    for folder in folders:
        roots[folder] = None
    for folder in folders:
        current = folder
        for _ in range(MAX_PARENTS):
            parent = current.parent
            if (current / ".git").exists() or current in stops or parent in stops or parent == current:
                break
            inside_repository = any((ancestor / ".git").exists() for ancestor in current.parents if ancestor not in stops)
            if temporary in current.parents and not inside_repository and current.name.lower() not in _PART_FOLDERS:
                break
            roots[parent] = None
            current = parent
    return tuple(root for root in roots if root not in stops or root in folders)


class FileIndex:
    """The HDL files around the given ones, read as late as possible and in a fixed order: nearest first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._deadline = time.monotonic() + TIME_LIMIT_S
        self._files: list[Path] | None = None
        self._names: dict[Path, Names] = {}
        self._sources: dict[Path, SourceFile] = {}

    def find_design_unit(self, name: str) -> tuple[Path | None, tuple[Path, ...]]:
        """Find the file that declares module or package `name`; also give the other files that would do."""
        sources = [path for path in self._listed() if path.suffix.lower() in _SOURCE_SUFFIXES]
        stems = {name.lower(), f"{name.lower()}_pkg", name.lower().removesuffix("_pkg")}
        by_name = [path for path in sources if path.stem.lower() in stems and self._declares(path, name)]
        if by_name:
            return by_name[0], tuple(by_name[1:])
        declaring = [path for path in sources if self._declares(path, name)]
        return (declaring[0], tuple(declaring[1:])) if declaring else (None, ())

    def find_include(self, name: str) -> tuple[Path, ...]:
        """Find the folders from which include file `name` (which may have folders in it) can be read."""
        parts = Path(name).parts
        found: dict[Path, None] = {}
        for path in self._listed():
            if path.parts[-len(parts) :] == parts:
                found[Path(*path.parts[: -len(parts)])] = None
        return tuple(found)

    def source(self, path: Path) -> tuple[SourceFile | None, tuple[Problem, ...]]:
        """Read a file that was found."""
        if path in self._sources:
            return self._sources[path], ()
        source, problems = read_source(path)
        if source is not None:
            self._sources[path] = source
        return source, problems

    def _declares(self, path: Path, name: str) -> bool:
        if path not in self._names:
            if time.monotonic() > self._deadline or path.stat().st_size > MAX_SCANNED_BYTES:
                return False
            source, _ = self.source(path)
            self._names[path] = scan(source.text if source else "")
        return name in self._names[path].modules or name in self._names[path].packages

    def _listed(self) -> list[Path]:
        if self._files is None:
            self._files = []
            seen: set[Path] = set()
            for root in search_roots(self._folders):
                for path in _walk(root, seen, self._deadline):
                    self._files.append(path)
                    if len(self._files) >= MAX_FILES:
                        return self._files
        return self._files


def _walk(root: Path, seen: set[Path], deadline: float) -> Iterator[Path]:
    """Give the HDL files below `root`, shallow ones first, without the folders already in `seen`."""
    level = [root]
    while level and time.monotonic() < deadline:
        below: list[Path] = []
        for folder in level:
            if folder in seen:
                continue
            seen.add(folder)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                # A folder that may not be listed holds nothing for us.
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = folder / entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _BUILD_FOLDERS:
                        below.append(path)
                elif path.suffix.lower() in _HEADER_SUFFIXES and entry.is_file():
                    yield path
        level = below
