"""The one judge, with a simulator that only returns what it was given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus
from llm4cov_agent.rtl.design import Clock, Edge
from tests.unit.designs_by_hand import design, port

FILE = "/somewhere/x.sv"
BLOCK, OTHER = CoveragePoint(Kind.LINE, FILE, 5, 1, "block"), CoveragePoint(Kind.LINE, FILE, 6, 1, "block")
RISE, FALL = CoveragePoint(Kind.TOGGLE, FILE, 1, 1, "clk:0->1"), CoveragePoint(Kind.TOGGLE, FILE, 1, 1, "clk:1->0")
CLOCKED = design("x", (port("clk", "input"), port("q", "output")), clocks=("clk",))
COMBINATIONAL = design("x", (port("a", "input"), port("q", "output")))


@dataclass
class Recorded:
    """A simulator that returns one run."""

    result: Run
    jobs: list[Job] = field(default_factory=list)
    name: str = "recorded"

    def version(self) -> str:
        return "1"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        self.jobs.append(job)
        return self.result


def job(of: object = CLOCKED, *, path: Path | None = None) -> Job:
    return Job(design=of, testbench=Testbench(Language.SYSTEMVERILOG, "tb", "module tb; endmodule", path))  # type: ignore[arg-type]


def judged(hits: dict[CoveragePoint, int] | None, *, status: RunStatus = RunStatus.OK, of: object = CLOCKED) -> Evaluation:
    return evaluate(Recorded(Run(status=status, coverage=None if hits is None else Coverage(hits))), job(of))


def test_a_good_run() -> None:
    evaluation = judged({BLOCK: 3, OTHER: 0, RISE: 12, FALL: 11})
    assert evaluation.tallies == {Kind.LINE: Tally(1, 2), Kind.TOGGLE: Tally(2, 2)}
    assert evaluation.overall == evaluation.reachable == 75
    assert [hole.point for hole in evaluation.holes] == [OTHER]
    assert evaluation.cycles == 12
    assert evaluation.problems == ()


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.OK])
def test_a_failed_run_has_no_coverage(status: RunStatus) -> None:
    """Not even where it wrote some: nobody would get the same from it again."""
    evaluation = judged({BLOCK: 3, RISE: 1}, status=status)
    assert (evaluation.tallies, evaluation.holes, evaluation.cycles, evaluation.overall) == ({}, (), None, None)
    assert evaluation.status is status


def test_problems_of_the_run_are_passed_on() -> None:
    problem = Problem("given up", file="tb.sv", line=3)
    run = Run(status=RunStatus.RUN_FAILED, problems=(problem,))
    assert evaluate(Recorded(run), job()).problems == (problem,)


def test_a_still_clock_is_named() -> None:
    (problem,) = judged({BLOCK: 1, RISE: 0, FALL: 0}).problems
    assert "never toggles clock `clk`" in problem.message and problem.file == "tb.sv"
    assert "#5" in (problem.hint or "")


def test_one_clock_of_two_that_moves_is_enough() -> None:
    two = design("x", (port("clk", "input"), port("clk2", "input")), clocks=("clk", "clk2"))
    second = CoveragePoint(Kind.TOGGLE, FILE, 1, 1, "clk2:0->1")
    assert judged({RISE: 0, second: 4}, of=two).problems == ()
    (problem,) = judged({RISE: 0, second: 0}, of=two).problems
    assert "`clk` or `clk2`" in problem.message


def test_a_clock_that_was_not_measured_is_not_called_still() -> None:
    evaluation = judged({BLOCK: 1})
    assert (evaluation.problems, evaluation.cycles) == ((), None)


def test_a_design_without_a_clock_has_no_cycles() -> None:
    evaluation = judged({BLOCK: 1}, of=COMBINATIONAL)
    assert (evaluation.problems, evaluation.cycles) == ((), None)


def test_a_falling_clock_counts_its_falling_edges() -> None:
    falling = replace(CLOCKED, clocks=(Clock("clk", Edge.NEGEDGE, 1),))
    assert judged({RISE: 9, FALL: 8}, of=falling).cycles == 8


def test_a_bit_of_a_vector_as_clock() -> None:
    vector = replace(design("x", (port("clks", "input", 2),)), clocks=(Clock("clks[1]", Edge.POSEDGE, 1),))
    points = {CoveragePoint(Kind.TOGGLE, FILE, 1, 1, f"clks[{bit}]:0->1"): 10 + bit for bit in (0, 1)}
    assert judged(points, of=vector).cycles == 11


def test_a_signal_of_the_same_name_elsewhere_is_no_clock_port() -> None:
    inner = CoveragePoint(Kind.TOGGLE, FILE, 40, 1, "clk:0->1")
    assert judged({inner: 99, RISE: 3}).cycles == 3


def test_proved_points_leave_the_reachable_share_only() -> None:
    verdicts = {OTHER: Verdict(VerdictKind.UNREACHABLE, "proved")}
    run = Run(status=RunStatus.OK, coverage=Coverage({BLOCK: 3, OTHER: 0}))
    evaluation = evaluate(Recorded(run), job(), verdicts=verdicts)
    assert (evaluation.overall, evaluation.reachable) == (50, 100)
    assert evaluation.holes[0].verdict.kind is VerdictKind.UNREACHABLE


def test_the_one_ordering() -> None:
    """Worst to best: not simulated, simulated without a score, then by overall coverage."""
    ordered = [
        [judged(None, status=status) for status in (RunStatus.BUILD_FAILED, RunStatus.TIMED_OUT, RunStatus.RUN_FAILED)],
        [judged({}, status=RunStatus.NO_COVERAGE)],
        [judged({BLOCK: 0, OTHER: 0})],
        [judged({BLOCK: 1, OTHER: 0})],
        [judged({BLOCK: 1, OTHER: 1})],
    ]
    for worse, better in pairwise(ordered):
        assert all(one.rank < other.rank for one in worse for other in better)
    assert len({one.rank for one in ordered[0]}) == 1
