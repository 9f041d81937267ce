"""The loop around the judge, with a simulator that returns scores from a list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event

import pytest

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus, SimulationLimits
from llm4cov_agent.loop.generate import Outcome, Plan, PolicyName, StopReason, generate, undrivable
from tests.unit.designs_by_hand import design, port

DESIGN = replace(design("x", (port("clk", "input"), port("a", "input", 4), port("q", "output")), clocks=("clk",)), files=())
POINTS = [CoveragePoint(Kind.LINE, "/somewhere/x.sv", line, 1, "block") for line in range(10)]
PLAN = Plan(
    policy=PolicyName.RANDOM,
    seed=5,
    rounds=4,
    budget_s=1000,
    cycles=20,
    language=Language.SYSTEMVERILOG,
    limits=SimulationLimits(),
)


def run_with(covered: int | None) -> Run:
    """A run that covered some of ten points; None is a failed build."""
    if covered is None:
        return Run(status=RunStatus.BUILD_FAILED)
    return Run(status=RunStatus.OK, coverage=Coverage({point: int(rank < covered) for rank, point in enumerate(POINTS)}))


@dataclass
class Scripted:
    """A simulator that returns one run after the other."""

    scores: list[int | None]
    after: Callable[[int], None] = lambda _count: None
    jobs: list[Job] = field(default_factory=list)
    name: str = "scripted"

    def version(self) -> str:
        return "1"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        self.jobs.append(job)
        self.after(len(self.jobs))
        return run_with(self.scores[len(self.jobs) - 1])


def outcome(scores: list[int | None], plan: Plan = PLAN, **more: Event) -> Outcome:
    return made(Scripted(scores), plan, **more)


def made(simulator: Scripted, plan: Plan = PLAN, **more: Event) -> Outcome:
    found, problems = generate(DESIGN, simulator, plan, **more)
    assert found is not None and problems == ()
    return found


def test_the_best_is_kept_whatever_comes_after() -> None:
    found = outcome([3, 7, None, 5])
    assert (found.seed, len(found.transitions), found.reason) == (6, 4, StopReason.ROUNDS)
    assert found.evaluation.overall == 70


def test_the_first_among_equals_is_kept() -> None:
    assert outcome([7, 7, 7, 7]).seed == 5


def test_failed_builds_only_still_give_a_testbench() -> None:
    found = outcome([None, None, None, None])
    assert found.testbench.text
    assert found.evaluation.status is RunStatus.BUILD_FAILED


def test_it_stops_at_the_target() -> None:
    found = outcome([3, 10])
    assert (len(found.transitions), found.reason) == (2, StopReason.TARGET)
    found = outcome([3, 8], replace(PLAN, target_percent=80.0))
    assert (len(found.transitions), found.reason) == (2, StopReason.TARGET)


def test_a_target_of_nothing_is_reached_at_once() -> None:
    assert outcome([0], replace(PLAN, target_percent=0.0)).reason is StopReason.TARGET


def test_it_stops_when_the_time_is_used_up() -> None:
    found = outcome([3], replace(PLAN, budget_s=0))
    assert (len(found.transitions), found.reason) == (1, StopReason.BUDGET)


def test_the_last_round_names_the_rounds() -> None:
    assert outcome([3], replace(PLAN, budget_s=0, rounds=1)).reason is StopReason.ROUNDS


def test_cancelling_keeps_the_best_so_far() -> None:
    cancel = Event()
    simulator = Scripted([4, None, 9], after=lambda count: cancel.set() if count == 2 else None)
    found = made(simulator, cancel=cancel)
    assert (len(found.transitions), found.reason, found.seed) == (2, StopReason.CANCELLED, 5)


def test_cancelling_in_the_first_round_gives_an_unmeasured_testbench() -> None:
    cancel = Event()
    found = made(Scripted([None], after=lambda _count: cancel.set()), cancel=cancel)
    assert found.reason is StopReason.CANCELLED and found.testbench.text


@pytest.mark.parametrize("language", list(Language))
def test_seeds_count_up_and_give_the_same_testbenches_again(language: Language) -> None:
    plan = replace(PLAN, language=language)
    first, second = Scripted([1, 2, 3, 4]), Scripted([1, 2, 3, 4])
    generate(DESIGN, first, plan)
    generate(DESIGN, second, plan)
    texts = [job.testbench.text for job in first.jobs]
    assert texts == [job.testbench.text for job in second.jobs]
    assert len(set(texts)) == 4
    assert {job.testbench.language for job in first.jobs} == {language}


def test_every_testbench_runs_with_the_simulator_seed_that_cover_uses() -> None:
    """Else a person who measures the written file would get other numbers."""
    simulator = Scripted([1, 2, 3, 4])
    generate(DESIGN, simulator, PLAN)
    assert {job.seed for job in simulator.jobs} == {1}


def test_limits_reach_the_simulator() -> None:
    simulator = Scripted([10])
    generate(DESIGN, simulator, replace(PLAN, limits=SimulationLimits(run_s=3)))
    assert simulator.jobs[0].limits.run_s == 3


def test_a_design_with_plain_ports_can_be_driven() -> None:
    assert undrivable(DESIGN) == ()


def test_an_interface_port_can_not_be_driven() -> None:
    bus = design("x", (port("bus", "input", unsupported="is an interface port"),))
    (problem,) = undrivable(bus)
    assert "`bus`" in problem.message and problem.line == 1 and "Wrap" in (problem.hint or "")
