"""The last result of each design, and what of it a document shows where. Knows no job and no editor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_lsp.documents import Document
from llm4cov_lsp.outline import Module
from llm4cov_lsp.records import FileDigest, FileResult, HoleRecord, ProblemRecord, Result, WaivedRecord
from llm4cov_lsp.wire import Request


def design_key(file: Path, top: str) -> str:
    """Name a design: the file that declares its top, and the top."""
    return f"{file}::{top}"


@dataclass(frozen=True, slots=True)
class Held:
    """What is known about a design."""

    key: str
    request: Request
    result: Result
    """The last one with coverage, or the last one at all."""
    problems: tuple[ProblemRecord, ...]
    """Of the last one."""
    number: int
    """Goes up with each result of any design."""
    outdated: bool = False
    """Whether the last result had no coverage, so that an older one is shown."""
    files: dict[str, FileResult] = field(default_factory=dict)

    @property
    def rests_on(self) -> tuple[FileDigest, ...]:
        """Files that the last result rests on."""
        return self.result.rests_on


@dataclass(frozen=True, slots=True)
class PlacedHole:
    """A hole at its present 0-based line."""

    hole: HoleRecord
    line: int
    held: Held
    stale: bool


class Results:
    """All of them."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._number = 0

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def get(self, key: str) -> Held | None:
        """Give what is known about a design."""
        return self._held.get(key)

    def restore(self, key: str, request: Request, result: Result, *, outdated: bool) -> Held:
        """Take a result that was kept from an earlier run of the server."""
        self._number += 1
        files = {one.path: one for one in result.files}
        self._held[key] = held = Held(key, request, result, result.problems, self._number, outdated=outdated, files=files)
        return held

    def drop(self, key: str) -> None:
        """Forget a design."""
        self._held.pop(key, None)

    def take(self, key: str, request: Request, result: Result) -> Held:
        """Take a result; one without coverage leaves the coverage of the one before, marked as outdated."""
        self._number += 1
        before = self._held.get(key)
        held = Held(key, request, result, result.problems, self._number, files={one.path: one for one in result.files})
        if not result.attempts and before is not None and before.result.design_digest == result.design_digest != "":
            # What is not stored is known as long as the session lasts.
            held = replace(held, result=replace(result, attempts=before.result.attempts))
        if not result.files and before is not None and before.files:
            shown = replace(before.result, rests_on=result.rests_on)
            held = replace(held, result=shown, outdated=True, files=before.files)
        self._held[key] = held
        return held

    def designs_of(self, path: Path) -> list[Held]:
        """List the designs whose result rests on a file, newest first."""
        name = str(path)
        found = [held for held in self._held.values() if any(one.path == name for one in held.rests_on)]
        return sorted(found, key=lambda held: -held.number)

    def shown_for(self, document: Document, module: Module | None) -> Held | None:
        """Choose the result that speaks for a module of a document: its own design's, else the newest that holds the file."""
        name = str(document.path)
        if module is not None:
            own = self._held.get(design_key(document.path, module.name))
            if own is not None and own.key in document.shown and name in own.files:
                return own
        others = [held for held in self.designs_of(document.path) if held.key in document.shown and name in held.files]
        return next(iter(others), None)


def is_current(rests_on: Iterable[FileDigest]) -> bool:
    """Say whether all files still have the bytes that a result rests on."""
    found = False
    for one in rests_on:
        found = True
        try:
            if digest_bytes(Path(one.path).read_bytes()) != one.digest:
                return False
        except OSError:
            return False
    return found


def placed_holes(document: Document, results: Results) -> list[PlacedHole]:
    """List the holes of a document at their present places, most telling first; those on lines that are gone are left out."""
    found: list[PlacedHole] = []
    for module, first, last in _regions(document):
        held = results.shown_for(document, module)
        if held is None:
            continue
        lines = document.shown[held.key]
        stale = lines.touched or held.outdated
        for hole in held.files[str(document.path)].holes:
            line = lines.present(hole.line)
            if line is not None and first <= line + 1 <= last and not (module is None and _module_at(document, line + 1)):
                found.append(PlacedHole(hole, line, held, stale))
    return found


def tallies_of(document: Document, results: Results, module: Module) -> tuple[Held | None, dict[Kind, Tally], int]:
    """Add up the points on a module's lines: (the result they are from, tallies, points left)."""
    held = results.shown_for(document, module)
    if held is None:
        return None, {}, 0
    lines = document.shown[held.key]
    sums: dict[Kind, Tally] = {}
    for row in held.files[str(document.path)].tallies:
        line = lines.present(row.line)
        if line is not None and module.first_line <= line + 1 <= module.last_line:
            kind = Kind(row.kind)
            sums[kind] = sums.get(kind, Tally()) + Tally(row.covered, row.total, row.unreachable)
    left = sum(one.total - one.covered - one.unreachable for one in sums.values()) - len(excluded_in(document, held, module))
    return held, {kind: sums[kind] for kind in Kind if kind in sums}, left


def excluded_in(document: Document, held: Held, module: Module | None = None) -> list[tuple[WaivedRecord, int]]:
    """List the points of a document, or of one module of it, that waivers exclude, with their present 0-based lines."""
    lines = document.shown[held.key]
    return [
        (one, line)
        for one in held.files[str(document.path)].waived
        if (line := lines.present(one.line)) is not None and (module is None or module.first_line <= line + 1 <= module.last_line)
    ]


def counts_at(document: Document, results: Results) -> dict[int, tuple[int, bool]]:
    """Give for each present 0-based line that can be executed how often it was, and whether that is stale."""
    found: dict[int, tuple[int, bool]] = {}
    for module, first, last in _regions(document):
        held = results.shown_for(document, module)
        if held is None:
            continue
        lines = document.shown[held.key]
        for origin, count in held.files[str(document.path)].counts:
            line = lines.present(origin)
            if line is not None and first <= line + 1 <= last:
                found.setdefault(line, (count, lines.touched or held.outdated))
    return found


def _regions(document: Document) -> Iterator[tuple[Module | None, int, int]]:
    for module in document.modules:
        yield module, module.first_line, module.last_line
    yield None, 1, len(document.lines)


def _module_at(document: Document, line: int) -> Module | None:
    return next((one for one in document.modules if one.first_line <= line <= one.last_line), None)
