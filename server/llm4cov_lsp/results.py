"""The last result of each design, and what of it a document shows where. Knows no job and no editor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_lsp.by_line import ByLine
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
    edited: bool = False
    """Whether a file that it rests on was edited since, saved or not."""
    status: str = ""
    """Of the last one."""
    files: dict[str, FileResult] = field(default_factory=dict)
    _by_line: dict[str, ByLine] = field(default_factory=dict, compare=False)

    def by_line(self, name: str) -> ByLine:
        """Give what is known about a file of it, by line and by name."""
        found = self._by_line.get(name)
        if found is None or found.of is not self.files[name]:
            self._by_line[name] = found = ByLine(self.files[name])
        return found

    def is_stale_in(self, document: Document) -> bool:
        """Say whether what a document shows of it is about an older text of that file or of another one."""
        return document.shown[self.key].touched or self.outdated or self.edited

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

    def design_at(self, path: Path, top: str) -> tuple[Path, str]:
        """Find the file that declares a top, given any file of its design or its testbench; with the design's key."""
        key = design_key(path, top)
        if key not in self._held:
            name = os.path.realpath(path)
            for held in self._held.values():
                own = [os.path.realpath(one) for one in (held.request.file, held.request.testbench) if one is not None]
                if held.request.top == top and name in (*own, *held.files):
                    return Path(held.request.file), held.key
        return path, key

    def restore(self, key: str, request: Request, result: Result, *, outdated: bool) -> Held:
        """Take a result that was kept from an earlier run of the server."""
        self._number += 1
        files = {one.path: one for one in result.files}
        self._held[key] = held = Held(
            key, request, result, result.problems, self._number, outdated=outdated, status=result.status, files=files
        )
        return held

    def drop(self, key: str) -> None:
        """Forget a design."""
        self._held.pop(key, None)

    def mark(self, key: str, *, edited: bool) -> bool:
        """Note whether a file that a result rests on was edited since; says whether that is news."""
        held = self._held[key]
        self._held[key] = replace(held, edited=edited)
        return held.edited != edited

    def take(self, key: str, request: Request, result: Result) -> Held:
        """Take a result; one without coverage leaves the coverage of the one before, marked as outdated."""
        self._number += 1
        before = self._held.get(key)
        files = {one.path: one for one in result.files}
        held = Held(key, request, result, result.problems, self._number, status=result.status, files=files)
        if not result.attempts and before is not None and before.result.design_digest == result.design_digest != "":
            # What is not stored is known as long as the session lasts.
            held = replace(held, result=replace(result, attempts=before.result.attempts))
        if not result.files and before is not None and before.files:
            shown = replace(before.result, rests_on=result.rests_on)
            held = replace(held, result=shown, outdated=True, files=before.files)
        self._held[key] = held
        return held

    def designs_of(self, path: Path) -> list[Held]:
        """List the designs whose result rests on a file, newest first, or did when it had coverage."""
        name = os.path.realpath(path)
        found = [held for held in self._held.values() if name in held.files or any(one.path == name for one in held.rests_on)]
        return sorted(found, key=lambda held: -held.number)

    def shown_for(self, document: Document, module: Module | None) -> Held | None:
        """Choose the result that speaks for a module of a document: its own design's, else the newest that holds the file."""
        own = self._own(document, module)
        return own if own is not None else self._newest(document)

    def parts_of(self, document: Document, first: int, last: int) -> Iterator[tuple[Held, range]]:
        """Yield the results that speak for 0-based lines `first` to `last`, and for which of them: those of modules first."""
        newest = self._newest(document)
        for module in document.modules:
            own = self._own(document, module)
            held = own if own is not None else newest
            lines = range(max(first, module.first_line - 1), min(last + 1, module.last_line))
            if held is not None and lines:
                yield held, lines
        if newest is None:
            return
        begin = first
        for module in document.modules:
            if lines := range(begin, min(last + 1, module.first_line - 1)):
                yield newest, lines
            begin = max(begin, module.last_line)
        yield newest, range(begin, last + 1)

    def _own(self, document: Document, module: Module | None) -> Held | None:
        own = self._held.get(design_key(document.path, module.name)) if module is not None else None
        return own if own is not None and own.key in document.shown and document.name in own.files else None

    def _newest(self, document: Document) -> Held | None:
        name = document.name
        shown = [held for held in self._held.values() if held.key in document.shown and name in held.files]
        return max(shown, key=lambda held: held.number, default=None)


def as_asked(name: str, request: Request) -> str:
    """Name a file as the editor does, where its path goes through links; results have paths without."""
    given = next((one for one in (request.file, request.testbench) if one is not None and os.path.realpath(one) == name), None)
    if given is not None:
        return given
    for folder in (request.folder, str(Path(request.file).parent)):
        real = os.path.realpath(folder) if folder is not None else None
        if folder is not None and real is not None and Path(name).is_relative_to(real):
            return str(Path(folder) / Path(name).relative_to(real))
    return name


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


def present_line(document: Document, results: Results, top: str, line: int) -> int | None:
    """Give the present 0-based line of a line that was measured (from 1) for a design with this top; None if it is gone or not shown."""
    shown = [held for held in results.designs_of(document.path) if held.request.top == top and held.key in document.shown]
    return document.shown[shown[0].key].present(line) if shown else None


def placed_holes(document: Document, results: Results, first: int = 0, last: int | None = None) -> list[PlacedHole]:
    """List the holes of a document at their present places, from 0-based line `first` to `last` or the end.

    In each module the most telling comes first; those on lines that are gone are left out.
    """
    found: list[PlacedHole] = []
    for held, lines in results.parts_of(document, first, _last(document, last)):
        shown, by_line = document.shown[held.key], held.by_line(document.name)
        stale = held.is_stale_in(document)
        here = [(rank, hole, line) for line in lines for rank, hole in by_line.holes.get(shown.origin(line), ())]
        here.sort(key=lambda one: one[0])
        found += [PlacedHole(hole, line, held, stale) for _, hole, line in here]
    return found


def tallies_of(document: Document, results: Results, module: Module) -> tuple[Held | None, dict[Kind, Tally], int]:
    """Add up the points on a module's lines: (the result they are from, tallies, points left)."""
    held = results.shown_for(document, module)
    if held is None:
        return None, {}, 0
    shown, by_line = document.shown[held.key], held.by_line(document.name)
    sums: dict[Kind, Tally] = {}
    for first, last in shown.runs(module.first_line - 1, module.last_line):
        for kind, tally in by_line.tallies(first, last).items():
            sums[kind] = sums.get(kind, Tally()) + tally
    left = sum(one.total - one.covered - one.unreachable for one in sums.values()) - len(excluded_in(document, held, module))
    return held, {kind: sums[kind] for kind in Kind if kind in sums}, left


def excluded_in(document: Document, held: Held, module: Module | None = None) -> list[tuple[WaivedRecord, int]]:
    """List the points of a document, or of one module of it, that waivers exclude, with their present 0-based lines."""
    lines = document.shown[held.key]
    return [
        (one, line)
        for one in held.files[document.name].waived
        if (line := lines.present(one.line)) is not None and (module is None or module.first_line <= line + 1 <= module.last_line)
    ]


def counts_at(document: Document, results: Results, first: int = 0, last: int | None = None) -> dict[int, tuple[int, bool]]:
    """Give for each present 0-based line from `first` to `last` that can be executed how often it was, and whether that is stale."""
    found: dict[int, tuple[int, bool]] = {}
    for held, lines in results.parts_of(document, first, _last(document, last)):
        shown, by_line = document.shown[held.key], held.by_line(document.name)
        for line in lines:
            count = by_line.counts.get(shown.origin(line))
            if count is not None:
                found.setdefault(line, (count, held.is_stale_in(document)))
    return found


def _last(document: Document, last: int | None) -> int:
    end = len(document.lines) - 1
    return end if last is None else min(last, end)
