"""Code coverage as integers: points, hits and tallies. Knows no file format; percentages are always derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from llm4cov_agent.digest import digest_json

Key = TypeVar("Key")


class Kind(Enum):
    """The metrics, in the order in which they are reported."""

    LINE = "line"
    BRANCH = "branch"
    EXPR = "expr"
    TOGGLE = "toggle"
    FSM = "fsm"


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """One thing that a run can hit. Instances and parameterisations of a module share their points."""

    kind: Kind
    file: str
    """Absolute path."""
    line: int
    """1-based."""
    column: int
    """1-based."""
    comment: str
    """Verilator's own words for it, such as `if`, `count[3]:0->1` or `(a==0) => 1`."""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Source order; the kind and the comment only part points at one place."""
        return (self.file, self.line, self.column, self.kind.value, self.comment)

    @property
    def id(self) -> str:
        """Short name, stable while the point stays where it is in its file."""
        name = digest_json([self.kind.value, self.file.rsplit("/", 1)[-1], self.line, self.column, self.comment])
        return name.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class InstancePoint:
    """A point in one instance, for reports per instance."""

    point: CoveragePoint
    hier: str
    """Hierarchical name of the instance as the simulator gives it."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of points; tallies add."""

    covered: int = 0
    total: int = 0
    unreachable: int = 0
    """Points, among those not covered, that were proved unreachable."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.covered + other.covered, self.total + other.total, self.unreachable + other.unreachable)

    def __sub__(self, part: Tally) -> Tally:
        return Tally(self.covered - part.covered, self.total - part.total, self.unreachable - part.unreachable)

    @property
    def percent(self) -> float | None:
        """100 * covered / total, raw; None without points."""
        return 100 * self.covered / self.total if self.total else None

    @property
    def reachable_percent(self) -> float | None:
        """The same with points that were proved unreachable left out; 100.0 if none other is left."""
        if not self.total:
            return None
        reachable = self.total - self.unreachable
        return 100 * self.covered / reachable if reachable else 100.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Hits per point of one run, or of several added up. Points never hit are in it with 0."""

    hits: Mapping[CoveragePoint, int]
    instances: Mapping[InstancePoint, int] = field(default_factory=dict)
    """The same hits apart by instance; the sums over an instance point's `point` are `hits`."""
    lines: Mapping[CoveragePoint, tuple[int, ...]] = field(default_factory=dict)
    """The source lines that a line or branch point stands for, sorted, where the simulator says so; no part of its identity."""

    def __add__(self, other: Coverage) -> Coverage:
        lines = dict(self.lines)
        for point, numbers in other.lines.items():
            lines[point] = tuple(sorted({*lines.get(point, ()), *numbers}))
        return Coverage(_add(self.hits, other.hits), _add(self.instances, other.instances), lines)

    def covered(self) -> frozenset[CoveragePoint]:
        """Points hit at least once."""
        return frozenset(point for point, count in self.hits.items() if count)

    def missed(self) -> tuple[CoveragePoint, ...]:
        """Points never hit, in source order."""
        return tuple(sorted((point for point, count in self.hits.items() if not count), key=lambda point: point.sort_key))

    def tallies(self, unreachable: Iterable[CoveragePoint] = ()) -> dict[Kind, Tally]:
        """Count per metric; metrics without points are left out."""
        proved = frozenset(unreachable)
        return _tally((point, count, point in proved) for point, count in self.hits.items())

    def by_instance(self) -> dict[str, dict[Kind, Tally]]:
        """Tallies of each instance, sorted by hierarchical name."""
        names = sorted({entry.hier for entry in self.instances})
        return {
            name: _tally((entry.point, count, False) for entry, count in self.instances.items() if entry.hier == name) for name in names
        }


def _add(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in (*one, *(key for key in other if key not in one))}


def _tally(entries: Iterable[tuple[CoveragePoint, int, bool]]) -> dict[Kind, Tally]:
    found: dict[Kind, Tally] = {}
    for point, count, proved in entries:
        one = Tally(int(count > 0), 1, int(proved and not count))
        found[point.kind] = found.get(point.kind, Tally()) + one
    return {kind: found[kind] for kind in Kind if kind in found}


def overall(tallies: Mapping[Kind, Tally]) -> float | None:
    """Mean over the metrics present of 100 * covered / total, raw; None without points."""
    return _mean(tally.percent for tally in tallies.values())


def reachable(tallies: Mapping[Kind, Tally]) -> float | None:
    """The same with proved-unreachable points left out."""
    return _mean(tally.reachable_percent for tally in tallies.values())


def _mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def percent_text(percent: float | None) -> str:
    """Write a percentage with one decimal; 100.0 and 0.0 appear only where they are exact."""
    if percent is None:
        return "-"
    rounded = round(percent, 1)
    if rounded >= 100 and percent < 100:
        return "99.9"
    if rounded <= 0 and percent > 0:
        return "0.1"
    return f"{rounded:.1f}"
