"""Takes the points that waiver files exclude out of an evaluation's holes, and counts them apart. Reads no other file, proves nothing.

The score stays the simulator's: an excluded point is never counted as hit, nor as unreachable, whatever its waiver says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from llm4cov_agent.closure.waivers import Waiver, read_waivers
from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.judge.coverage import CoveragePoint, Kind, Tally, reachable
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import Hole
from llm4cov_agent.rtl.design import Design

FILE_NAME = "llm4cov.waivers.toml"
"""Where an editor looks for waivers if no setting says otherwise."""
CODE = "Waiver"
"""Code of problems with waiver files and their entries."""


@dataclass(frozen=True, slots=True)
class WaivedHole:
    """A point that was never hit and that a waiver excludes."""

    hole: Hole
    waiver: Waiver
    path: Path
    """The waiver file."""

    @property
    def is_proved(self) -> bool:
        """Whether the waiver has a proof; else it is somebody's judgement."""
        return bool(self.waiver.proof)


@dataclass(frozen=True, slots=True)
class Waived:
    """What waiver files do to an evaluation."""

    evaluation: Evaluation
    """Without the holes that are excluded; tallies as they were."""
    holes: tuple[WaivedHole, ...] = ()
    """The excluded ones, in source order."""
    problems: tuple[Problem, ...] = ()
    """Of the files, and a warning for each entry that is not applied or says something untrue."""

    @property
    def overall(self) -> float | None:
        """Mean over the metrics of 100 * covered / total with the excluded points left out; None without coverage."""
        return overall_without(self.evaluation.tallies, (one.hole.point.kind for one in self.holes))


def without_waived(evaluation: Evaluation, design: Design, paths: Iterable[Path]) -> Waived:
    """Leave out the holes that waiver files exclude; of two entries for one point the first counts."""
    by_point: dict[CoveragePoint, tuple[Waiver, Path]] = {}
    problems: list[Problem] = []
    for path in paths:
        accepted, reopened, found = read_waivers(path, design)
        problems += (replace(one, code=one.code or CODE) for one in found)
        name = display_path(path)
        for one in reopened:
            text = f"'{one.waiver.point.comment}' is open again: {one.reason}"
            problems.append(Problem(text, file=name, line=one.waiver.line, severity=Severity.WARNING, code=CODE))
        for waiver in accepted:
            by_point.setdefault(waiver.point, (waiver, path))
    coverage = evaluation.run.coverage
    if coverage is None or not evaluation.tallies:
        return Waived(evaluation, problems=tuple(problems))
    for point, (waiver, path) in by_point.items():
        said: str | None = None
        if point not in coverage.hits:
            said = f"'{point.comment}' excludes {point.kind.value} point at line {point.line} that the simulator does not have"
        elif waiver.proof and coverage.hits[point]:
            said = f"'{point.comment}' (line {point.line}) has a proof that it can't be hit, and this testbench hits it: the proof is wrong"
        if said is not None:
            problems.append(Problem(said, file=display_path(path), line=waiver.line, severity=Severity.WARNING, code=CODE))
    waived = tuple(WaivedHole(hole, *by_point[hole.point]) for hole in evaluation.holes if hole.point in by_point)
    left = tuple(hole for hole in evaluation.holes if hole.point not in by_point)
    return Waived(replace(evaluation, holes=left), waived, tuple(problems))


def overall_without(tallies: Mapping[Kind, Tally], excluded: Iterable[Kind]) -> float | None:
    """Give the mean over the metrics with one point of a kind left out for each in `excluded`, all of them never hit."""
    counts: dict[Kind, int] = {}
    for kind in excluded:
        counts[kind] = counts.get(kind, 0) + 1
    # The same mean as the one that leaves out proved points, over other points.
    return reachable({kind: Tally(one.covered, one.total, counts.get(kind, 0)) for kind, one in tallies.items()})


def counts_words(waived: Iterable[WaivedHole]) -> str:
    """Say how many points are excluded, and on what ground."""
    grounds = [one.is_proved for one in waived]
    count, proved = len(grounds), sum(grounds)
    return f"{count} point{'s' * (count != 1)} excluded by waivers: {proved} with a proof, {count - proved} by judgement"
