"""The loop: a state goes to the policy, its proposal to the judge, and the better state goes on. Prints and stores nothing.

Each round is one transition from the best state so far ("single-step", memoryless): the policy never sees how the loop came there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Event

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.simulator import Progress, RunStatus, SimulationLimits, Simulator
from llm4cov_agent.judge.standing import OnStanding, Standing
from llm4cov_agent.loop.backend import CompletionEnding, Message, Role
from llm4cov_agent.loop.judging import judge
from llm4cov_agent.loop.policy import Ask, Policy
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.state import State, instruction_for, state_key
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.elaborate.conditions import read_conditions

_LAST_S = 20.0
"""Seconds to build and to run the testbench of a search that was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """How far a rollout goes."""

    rounds: int = 4
    """Proposals at most: the first and, by default, three repairs."""
    target_percent: float = 100.0
    """Coverage, of the points that can be reached, at which it ends."""
    budget_s: float = 600.0
    seed: int = 1
    keeps_history: bool = False
    """Whether the policy is shown all earlier prompts and replies; for comparison only."""
    limits: SimulationLimits = field(default_factory=SimulationLimits)


def rollout(
    start: State,
    policy: Policy,
    simulator: Simulator,
    plan: RolloutPlan,
    *,
    progress: Progress | None = None,
    on_standing: OnStanding | None = None,
    cancel: Event | None = None,
) -> Iterator[Transition]:
    """Yield transitions as they happen; the first state is `start`, and the last transition says why there are no more."""
    began = time.monotonic()

    def stand(standing: Standing) -> None:
        if on_standing is not None:
            on_standing(replace(standing, round=number + 1, rounds=plan.rounds, left_s=plan.budget_s - (time.monotonic() - began)))

    best = start
    conditions = read_conditions(start.design.design)
    history: tuple[Message, ...] = ()
    failed: tuple[Problem, ...] | None = None
    for number in range(plan.rounds):
        round_began = time.monotonic()
        instruction = instruction_for(best)
        left_s = plan.budget_s - (round_began - began)
        stand(Standing(overall=best.observation.overall if best.observation is not None else None))
        ask = Ask(
            instruction=instruction,
            seed=plan.seed + number,
            budget_s=left_s,
            history=history,
            progress=progress,
            on_standing=stand,
            cancel=cancel,
        )
        proposal = policy.propose(best, ask)
        judge_began = time.monotonic()
        stopped = cancel is not None and cancel.is_set()
        if stopped and best.testbench is not None and proposal.closed is not None:
            # A search that was stopped has counted what it hit; unmeasured it would rank below what there was before.
            limits = replace(plan.limits, build_s=min(plan.limits.build_s, _LAST_S), run_s=min(plan.limits.run_s, _LAST_S))
            after, evaluation = judge(best, proposal, simulator, limits, conditions=conditions, progress=progress)
        else:
            after, evaluation = judge(best, proposal, simulator, plan.limits, conditions=conditions, progress=progress, cancel=cancel)
        judge_s = time.monotonic() - judge_began
        # A model that could not be asked said nothing: the next round asks the same again, and no prompt speaks of servers and files.
        answered = proposal.ending not in (CompletionEnding.FAILED, CompletionEnding.CANCELLED)
        kept = answered and is_kept(best, after, plan.target_percent)
        ended = _reason_to_end(after, kept, number, time.monotonic() - began, plan, cancel)
        if not answered and ended is None and proposal.problems == failed:
            ended = StopReason.NO_ANSWER
        failed = None if answered else proposal.problems
        yield Transition(
            number=number,
            policy=policy.name,
            model=policy.model,
            seed=ask.seed,
            instruction=instruction,
            state=best,
            proposal=proposal,
            after=after,
            kept=kept,
            judge_s=judge_s,
            loop_s=max(0.0, time.monotonic() - round_began - judge_s - proposal.seconds),
            ended=ended,
            evaluation=evaluation,
        )
        if ended is not None or (cancel is not None and cancel.is_set()):
            return
        if not answered:
            continue
        if plan.keeps_history and proposal.options is not None:
            history = (*history, *render_prompt(best, instruction, proposal.options)[1:], Message(Role.ASSISTANT, proposal.reply))
        best = after if kept else _with_refusal(best, after)


def is_kept(before: State, after: State, target_percent: float) -> bool:
    """Whether the loop goes on from `after`: it ranks higher, or neither has been simulated and it holds the newer text."""
    one, other = (state_key(state, target_percent=target_percent) for state in (before, after))
    if before.observation is None or other > one:
        return True
    return other == one and not one[1]


def _reason_to_end(after: State, kept: bool, number: int, seconds: float, plan: RolloutPlan, cancel: Event | None) -> StopReason | None:
    if cancel is not None and cancel.is_set():
        return StopReason.CANCELLED
    if kept and state_key(after, target_percent=plan.target_percent)[3]:
        return StopReason.TARGET
    if number + 1 >= plan.rounds:
        return StopReason.ROUNDS
    return StopReason.BUDGET if seconds >= plan.budget_s else None


def _with_refusal(best: State, after: State) -> State:
    """The best state with the reason why what came after it was thrown away, so that the next prompt can say it."""
    seen, new = best.observation, after.observation
    if seen is None or new is None:
        return best
    problems = tuple(problem for problem in new.problems if problem.severity is Severity.ERROR)
    if new.status is RunStatus.OK:
        problems = (Problem(f"it covered {new.overall or 0.0:.1f} %, no more than the {seen.overall or 0.0:.1f} % that there are"),)
    return replace(best, observation=replace(seen, refused=problems[:5]))
