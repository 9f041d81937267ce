"""Folds toggle points of neighbouring bits into one entry, and unfolds it again. Knows no output format.

Folding only changes how points are spelled: `unfold(fold_toggles(points))` gives the same set of points.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llm4cov_agent.judge.coverage import CoveragePoint, Kind

RISE = "0->1"
FALL = "1->0"
_INDEX = re.compile(r"\[(0|-?[1-9][0-9]*)\]")

Range = tuple[int, int]
"""(high, low), both inclusive."""
_Box = tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class FoldedToggle:
    """Toggle points of one declaration that differ only in their indices and edges: all combinations of the two."""

    file: str
    line: int
    column: int
    pieces: tuple[str, ...]
    """The name's text around its indices, one piece more than there are ranges."""
    ranges: tuple[Range, ...]
    edges: tuple[str, ...]
    """Of `0->1` and `1->0`, sorted; an empty string where a comment names no edge."""

    @property
    def signal(self) -> str:
        """The name with ranges in place, such as `count[7:4]` or `mem[1:0].tag[3]`."""
        indices = (f"[{high}]" if high == low else f"[{high}:{low}]" for high, low in self.ranges)
        return "".join(piece + index for piece, index in itertools.zip_longest(self.pieces, indices, fillvalue=""))

    def points(self) -> Iterator[CoveragePoint]:
        """Yield the points that it stands for."""
        for indices in itertools.product(*(range(low, high + 1) for high, low in self.ranges)):
            written = (f"[{index}]" for index in indices)
            name = "".join(piece + index for piece, index in itertools.zip_longest(self.pieces, written, fillvalue=""))
            for edge in self.edges:
                yield CoveragePoint(Kind.TOGGLE, self.file, self.line, self.column, f"{name}:{edge}" if edge else name)


def fold_toggles(points: Iterable[CoveragePoint]) -> tuple[FoldedToggle, ...]:
    """Fold toggle points (points of another kind are a bug of the caller: ValueError), in source order.

    Bits that miss the same edges are put together, first neighbouring ones, then equal ranges of neighbouring words.
    """
    edges: dict[tuple[str, int, int, tuple[str, ...]], dict[tuple[int, ...], set[str]]] = {}
    for point in points:
        if point.kind is not Kind.TOGGLE:
            raise ValueError(f"not a toggle point: {point}")
        name, edge = _split(point.comment)
        pieces = tuple(_INDEX.split(name)[::2])
        indices = tuple(int(index) for index in _INDEX.findall(name))
        edges.setdefault((point.file, point.line, point.column, pieces), {}).setdefault(indices, set()).add(edge)
    found: list[FoldedToggle] = []
    for (file, line, column, pieces), by_indices in edges.items():
        by_edges: dict[tuple[str, ...], set[tuple[int, ...]]] = {}
        for indices, missed in by_indices.items():
            by_edges.setdefault(tuple(sorted(missed)), set()).add(indices)
        for missed_edges, members in by_edges.items():
            found.extend(FoldedToggle(file, line, column, pieces, box, missed_edges) for box in _boxes(members))
    return tuple(sorted(found, key=lambda one: (one.file, one.line, one.column, one.pieces, one.edges, one.ranges)))


def unfold(folded: Iterable[FoldedToggle]) -> tuple[CoveragePoint, ...]:
    """List the points behind folded entries, in source order."""
    return tuple(sorted((point for one in folded for point in one.points()), key=lambda point: point.sort_key))


def _split(comment: str) -> tuple[str, str]:
    name, separator, edge = comment.rpartition(":")
    return (name, edge) if separator and edge in (RISE, FALL) else (comment, "")


def _boxes(members: set[tuple[int, ...]]) -> list[_Box]:
    """Cover index tuples of one length with disjoint boxes: runs of the last index, then of the one before, and so on."""
    boxes: set[_Box] = {tuple((index, index) for index in indices) for indices in members}
    for place in reversed(range(len(next(iter(members))))):
        rows: dict[tuple[_Box, _Box], list[int]] = {}
        for box in boxes:
            rows.setdefault((box[:place], box[place + 1 :]), []).append(box[place][0])
        boxes = {(*before, run, *after) for (before, after), indices in rows.items() for run in _runs(indices)}
    return sorted(boxes)


def _runs(indices: list[int]) -> Iterator[Range]:
    ordered = sorted(indices)
    low = high = ordered[0]
    for index in ordered[1:]:
        if index != high + 1:
            yield high, low
            low = index
        high = index
    yield high, low
