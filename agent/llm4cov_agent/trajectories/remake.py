"""Makes a stored design again: its files are written below a folder and elaborated. Knows no database."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from llm4cov_agent.errors import Problem
from llm4cov_agent.loop.state import DesignText, SourceText
from llm4cov_agent.rtl.design import DesignFile
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.trajectories.codec import Contents

_MOST_STEPS_UP = 16


def remake(record: Any, contents: Contents, folder: Path) -> tuple[DesignText | None, tuple[Problem, ...]]:
    """Make the design of a `pack_design` record again, in an empty folder that has to stay for as long as the design is used.

    Its digest is that of the original, as the files' bytes, roles and order, the macros, the parameters and the top are.
    """
    sources = tuple(SourceText(name, role, contents[digest]) for name, role, digest in record["files"])
    names = (*(source.name for source in sources), *record["include_dirs"])
    depths = {name: _steps_up(name) for name in names}
    outside = [name for name, depth in depths.items() if depth is None or depth > _MOST_STEPS_UP]
    if outside:
        return None, (Problem(f"{outside[0]!r} can't be the name of a design's file"),)
    # A name may begin with `..`, as an include file was named: then the others lie as many folders below.
    root = folder.resolve().joinpath(*["below"] * max((depth or 0 for depth in depths.values()), default=0))
    for source in sources:
        path = _place(root, source.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.content)
    include_dirs = tuple(_place(root, name) for name in record["include_dirs"])
    for place in include_dirs:
        place.mkdir(parents=True, exist_ok=True)
    files = tuple(DesignFile(_place(root, source.name), source.digest, source.role) for source in sources)
    given = FileSet(
        sources=_with_role(files, "source"),
        library_files=_with_role(files, "library"),
        include_dirs=include_dirs,
        defines=tuple((name, value) for name, value in record["defines"]),
        parameters=tuple((name, value) for name, value in record["overrides"]),
        top=record["top"],
    )
    design, problems = elaborate(given, search=False)
    if design is None:
        return None, problems
    if _compiled(design.files) != _compiled(files):
        return None, (Problem(f"`{design.top}` takes other files now than those it was stored with"),)
    # The stored order is that of the original, and the files that it reads while it runs are looked for elsewhere.
    made = replace(design, files=files, include_dirs=include_dirs)
    return DesignText(made, sources, tuple(record["include_dirs"])), problems


def _steps_up(name: str) -> int | None:
    """How far a relative name leads up on its way; None for a name that is none."""
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute():
        return None
    level, lowest = 0, 0
    for part in path.parts:
        level += -1 if part == ".." else 1
        lowest = min(lowest, level)
    return -lowest


def _place(root: Path, name: str) -> Path:
    return Path(os.path.normpath(root / name))


def _with_role(files: Iterable[DesignFile], role: str) -> tuple[Path, ...]:
    return tuple(file.path for file in files if file.role == role)


def _compiled(files: Iterable[DesignFile]) -> Counter[tuple[str, str]]:
    return Counter((os.path.normpath(file.path), file.digest) for file in files if file.role != "data")
