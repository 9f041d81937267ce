"""The loop, with a policy and a simulator that follow a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus
from llm4cov_agent.loop.policy import Ask, PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import DesignText, Instruction, State
from llm4cov_agent.loop.transition import StopReason, Transition
from tests.unit.designs_by_hand import design, port

DESIGN = replace(design("x", (port("clk", "input"), port("a", "input", 4), port("q", "output")), clocks=("clk",)), files=())
START = State(DesignText(DESIGN, ()))
POINTS = [CoveragePoint(Kind.LINE, "/somewhere/x.sv", line, 1, "block") for line in range(10)]

Score = int | RunStatus | None
"""Points covered of ten, how the run failed, or None for a reply without a testbench."""


@dataclass
class Scripted:
    """A policy and the simulator for it in one: proposal n is judged with score n."""

    scores: list[Score]
    after: Callable[[int], None] = lambda _count: None
    seen: list[tuple[State, Ask]] = field(default_factory=list)
    name: str = "scripted"
    model: str | None = None

    def propose(self, state: State, ask: Ask) -> Proposal:
        number = len(self.seen)
        self.seen.append((state, ask))
        options = PromptOptions(format=ReplyFormat.FULL)
        if self.scores[number] is None:
            return Proposal(testbench=None, problems=(Problem(f"reply {number} is a poem"),), reply="Roses", options=options)
        bench = Testbench(Language.SYSTEMVERILOG, "tb", f"// {number}\n")
        return Proposal(testbench=bench, reply=f"reply {number}", options=options, is_trusted=False)

    def version(self) -> str:
        return "1"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        number = len(self.seen) - 1
        self.after(number)
        score = self.scores[number]
        if isinstance(score, RunStatus):
            return Run(status=score, problems=(Problem(f"run {number} failed", file="/somewhere/tb.sv", line=number + 1),))
        assert score is not None
        return Run(status=RunStatus.OK, coverage=Coverage({point: int(rank < score) for rank, point in enumerate(POINTS)}))


def steps(scores: list[Score], **plan: object) -> tuple[list[Transition], Scripted]:
    scripted = Scripted(scores)
    return list(rollout(START, scripted, scripted, RolloutPlan(**plan))), scripted  # type: ignore[arg-type]


BUILD, TIME = RunStatus.BUILD_FAILED, RunStatus.TIMED_OUT


def test_it_goes_on_from_the_best_and_throws_away_what_is_worse() -> None:
    found, scripted = steps([3, 7, 2, BUILD, 9], rounds=5)
    assert [one.kept for one in found] == [True, True, False, False, True]
    starts = [state.testbench.text if state.testbench else "" for state, _ in scripted.seen]
    assert starts == ["", "// 0\n", "// 1\n", "// 1\n", "// 1\n"]
    assert found[-1].after.observation is not None and found[-1].after.observation.overall == 90


def test_no_more_is_known_than_the_state() -> None:
    found, scripted = steps([3, 7, 9], rounds=3)
    assert all(ask.history == () for _, ask in scripted.seen)
    assert [one.seed for one in found] == [1, 2, 3]


def test_each_round_is_told_how_the_last_kept_run_ended() -> None:
    found, _ = steps([None, BUILD, TIME, 4, 6], rounds=5)
    assert [one.instruction for one in found] == [
        Instruction.GENERATE,
        Instruction.FIX_REPLY,
        Instruction.FIX_BUILD,
        Instruction.FIX_RUN if found[2].kept else Instruction.FIX_BUILD,
        Instruction.RAISE_COVERAGE,
    ]


def test_a_reply_without_testbench_never_replaces_one() -> None:
    found, scripted = steps([BUILD, None, 5], rounds=3)
    assert [one.kept for one in found] == [True, False, True]
    state = scripted.seen[2][0]
    assert state.testbench is not None and state.observation is not None
    assert state.observation.refused == (Problem("reply 1 is a poem"),)


def test_among_equals_the_first_that_works_stays_and_the_latest_that_fails() -> None:
    found, _ = steps([BUILD, BUILD, 5, 5], rounds=4)
    assert [one.kept for one in found] == [True, True, True, False]


@pytest.mark.parametrize(
    ("scores", "plan", "count", "reason"),
    [
        ([3, 10], {}, 2, StopReason.TARGET),
        ([3, 8], {"target_percent": 80.0}, 2, StopReason.TARGET),
        ([3, 4, 5, 6], {}, 4, StopReason.ROUNDS),
        ([3], {"budget_s": 0.0}, 1, StopReason.BUDGET),
    ],
)
def test_it_says_why_it_ended(scores: list[Score], plan: dict[str, float], count: int, reason: StopReason) -> None:
    found, _ = steps(scores, **plan)
    assert len(found) == count
    assert [one.ended for one in found] == [*[None] * (count - 1), reason]


def test_it_stops_when_it_is_told_to() -> None:
    cancel = Event()
    scripted = Scripted([4, 5, 6], after=lambda number: cancel.set() if number == 1 else None)
    found = list(rollout(START, scripted, scripted, RolloutPlan(), cancel=cancel))
    assert [one.ended for one in found] == [None, StopReason.CANCELLED]


def test_what_was_yielded_before_a_crash_is_there() -> None:
    def crash(number: int) -> None:
        if number == 2:
            raise RuntimeError("power cut")

    scripted, found = Scripted([4, 5, 6], after=crash), []
    with pytest.raises(RuntimeError, match="power cut"):
        for transition in rollout(START, scripted, scripted, RolloutPlan()):
            found.append(transition)
    assert [one.after.observation.overall for one in found if one.after.observation] == [40, 50]


def test_full_history_is_shown_where_it_is_asked_for() -> None:
    _, scripted = steps([BUILD, 3, 4], rounds=3, keeps_history=True)
    assert [len(ask.history) for _, ask in scripted.seen] == [0, 2, 4]
    assert [message.content for message in scripted.seen[2][1].history][1::2] == ["reply 0", "reply 1"]


def test_files_of_a_run_go_by_their_last_part(tmp_path: Path) -> None:
    found, _ = steps([BUILD, 3], rounds=2)
    assert found[0].after.observation is not None
    assert [problem.file for problem in found[0].after.observation.problems] == ["tb.sv"]
