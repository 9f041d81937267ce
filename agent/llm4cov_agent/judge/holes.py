"""Holes: points that no run hit, with what is known about each. Derived from coverage, never stored beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind


class VerdictKind(Enum):
    """What is known about a point."""

    COVERED = "covered"
    UNREACHABLE = "unreachable"
    BOUNDED = "bounded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict with its ground."""

    kind: VerdictKind
    reason: str
    """One sentence; for a proof, the assumption that it rests on."""
    bound: int | None = None
    """For `bounded`: no run of up to this many cycles hits the point."""

    def __str__(self) -> str:
        return f"bounded({self.bound})" if self.kind is VerdictKind.BOUNDED else self.kind.value


NOT_TRIED = Verdict(VerdictKind.UNKNOWN, "Not hit; nothing was proved about it.")


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A point that the user took out of the score, with the reason given for it."""

    point: CoveragePoint
    reason: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A point never hit and not excluded."""

    point: CoveragePoint
    hier: str
    """Instances that it stands for, joined by a comma; empty if the run did not say."""
    verdict: Verdict = NOT_TRIED


def find_holes(
    coverage: Coverage, *, verdicts: Mapping[CoveragePoint, Verdict] | None = None, exclusions: Iterable[Exclusion] = ()
) -> tuple[Hole, ...]:
    """List the holes in source order."""
    known = verdicts or {}
    excluded = {exclusion.point for exclusion in exclusions}
    places: dict[CoveragePoint, set[str]] = {}
    for entry in coverage.instances:
        places.setdefault(entry.point, set()).add(entry.hier)
    return tuple(
        Hole(point, ",".join(sorted(places.get(point, ()))), known.get(point, NOT_TRIED))
        for point in coverage.missed()
        if point not in excluded
    )


_RANK = {Kind.FSM: 0, Kind.BRANCH: 1, Kind.LINE: 2, Kind.EXPR: 3, Kind.TOGGLE: 4}
"""Which kind says most about behaviour never seen: a missed state or branch implies missed lines, expressions and toggles."""


def rank_of(kind: Kind) -> int:
    """Order kinds by how much a person learns from closing their holes, most first."""
    return _RANK[kind]


def rank_holes(holes: Iterable[Hole]) -> tuple[Hole, ...]:
    """Order holes by how much a person learns from closing them: control before data, then source order; proved ones last."""
    return tuple(
        sorted(holes, key=lambda hole: (hole.verdict.kind is VerdictKind.UNREACHABLE, _RANK[hole.point.kind], hole.point.sort_key))
    )
