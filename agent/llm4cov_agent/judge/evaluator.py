"""The one judge: what every part of the project reports for a testbench comes from here. Runs nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event

from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally, overall, reachable
from llm4cov_agent.judge.holes import Hole, Verdict, VerdictKind, find_holes
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus, Simulator
from llm4cov_agent.rtl.design import Design, Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A run with its score."""

    run: Run
    problems: tuple[Problem, ...]
    """Of the run, and of the testbench as such (a clock that never moves)."""
    tallies: Mapping[Kind, Tally]
    holes: tuple[Hole, ...]
    cycles: int | None
    """Active edges of the design's first clock, as counted by the coverage of its port; None without a clock."""

    @property
    def status(self) -> RunStatus:
        """How the run ended."""
        return self.run.status

    @property
    def overall(self) -> float | None:
        """Mean over the metrics of 100 * covered / total; None without coverage."""
        return overall(self.tallies)

    @property
    def reachable(self) -> float | None:
        """The same without the points that were proved unreachable."""
        return reachable(self.tallies)

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """The one ordering of results, worst to best: simulated, has coverage, overall coverage."""
        return (self.status > RunStatus.RUN_FAILED, self.status is RunStatus.OK, self.overall or 0.0)


def evaluate(
    simulator: Simulator,
    job: Job,
    *,
    verdicts: Mapping[CoveragePoint, Verdict] | None = None,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> Evaluation:
    """Judge one testbench on one design."""
    run = simulator.run(job, progress=progress, cancel=cancel)
    # Coverage of a run that failed half-way is not what anyone would get from it again.
    if run.coverage is None or run.status is not RunStatus.OK:
        return Evaluation(run=run, problems=run.problems, tallies={}, holes=(), cycles=None)
    known = verdicts or {}
    proved = [point for point, verdict in known.items() if verdict.kind is VerdictKind.UNREACHABLE]
    return Evaluation(
        run=run,
        problems=(*run.problems, *_still_clocks(run.coverage, job)),
        tallies=run.coverage.tallies(proved),
        holes=find_holes(run.coverage, verdicts=known),
        cycles=_cycles(run.coverage, job.design),
    )


def with_verdicts(evaluation: Evaluation, verdicts: Mapping[CoveragePoint, Verdict]) -> Evaluation:
    """Give an evaluation's holes verdicts; the run stays as it is, and so do the points that were left out of the holes."""
    coverage = evaluation.run.coverage
    if coverage is None:
        return evaluation
    proved = [point for point, verdict in verdicts.items() if verdict.kind is VerdictKind.UNREACHABLE]
    holes = tuple(replace(hole, verdict=verdicts.get(hole.point, hole.verdict)) for hole in evaluation.holes)
    return replace(evaluation, tallies=coverage.tallies(proved), holes=holes)


def _still_clocks(coverage: Coverage, job: Job) -> tuple[Problem, ...]:
    """Report a testbench that toggles no clock: its coverage is that of a design at rest."""
    counts = {clock.port: _edges(coverage, job.design, clock.port, clock.edge) for clock in job.design.clocks}
    if not counts or any(count is None or count > 0 for count in counts.values()):
        return ()
    names = " or ".join(f"`{name}`" for name in counts)
    hint = "Add a clock generator such as `always #5 clk = ~clk;`, or check that it is connected."
    path = str(job.testbench.path) if job.testbench.path else job.testbench.file_name
    return (Problem(f"the testbench never toggles clock {names}", file=path, hint=hint),)


def _cycles(coverage: Coverage, design: Design) -> int | None:
    if not design.clocks:
        return None
    return _edges(coverage, design, design.clocks[0].port, design.clocks[0].edge)


def _edges(coverage: Coverage, design: Design, port: str, edge: Edge) -> int | None:
    """Active edges that arrived at a clock port, read off its toggle point; None if it was not measured."""
    name, bracket, index = port.partition("[")
    span = design.port(name).span
    comment = f"{name}{bracket}{index}:{'1->0' if edge is Edge.NEGEDGE else '0->1'}"
    for point, hits in coverage.hits.items():
        if point.kind is Kind.TOGGLE and point.comment == comment and point.line == span.line and point.file.endswith(span.file):
            return hits
    return None
