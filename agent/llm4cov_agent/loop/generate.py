"""Has a policy's stimuli measured until the target, the rounds or the time is used up, and keeps the best. Prints nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from threading import Event

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.closure.close import Closed, ClosePlan, close
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.simulator import Job, Progress, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design

RANDOM_CYCLES = 2000


class PolicyName(Enum):
    """Who proposes stimuli."""

    CLOSURE = "closure"
    """The coverage-guided search with proofs."""
    RANDOM = "random"
    """Weighted random inputs: the baseline."""


class StopReason(Enum):
    """Why no further testbench was tried, in words for the user."""

    TARGET = "the target was reached"
    ROUNDS = "all rounds were done"
    BUDGET = "the time was used up"
    CANCELLED = "it was stopped"
    CLOSED = "every point was hit, proved unreachable, or tried in vain"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A testbench with its evaluation."""

    seed: int
    testbench: Testbench
    evaluation: Evaluation
    closed: Closed | None = None
    """How the closure policy came to it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best attempt, the number of attempts and why there are no more."""

    best: Attempt
    attempts: int
    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How far to go."""

    policy: PolicyName
    seed: int
    rounds: int | None
    """Testbenches of the random policy, rounds of the search of closure; None for the policy's own."""
    budget_s: float
    cycles: int | None
    """Cycles that a testbench simulates, about, or at most for closure; None for the policy's own."""
    language: Language
    limits: SimulationLimits
    target_percent: float = 100.0
    proves: bool = True


def generate(
    design: Design, simulator: Verilator, plan: Plan, *, progress: Progress | None = None, cancel: Event | None = None
) -> tuple[Outcome | None, tuple[Problem, ...]]:
    """Make the best testbench that the plan's policy can; None with the reasons if the design can't be compiled at all."""
    if plan.policy is PolicyName.RANDOM:
        return _best_of(design, simulator, plan, progress, cancel), ()
    limits = ClosePlan(seed=plan.seed, budget_s=plan.budget_s, rounds=plan.rounds, proves=plan.proves, limits=plan.limits)
    if plan.cycles is not None:
        limits = replace(limits, cycles=plan.cycles)
    closed = close(design, simulator, limits, progress=progress, cancel=cancel)
    if closed.stimulus is None:
        return None, closed.problems
    testbench = render(closed.stimulus, design, plan.language)
    job = Job(design=design, testbench=testbench, limits=plan.limits)
    evaluation = evaluate(simulator, job, verdicts=closed.verdicts, progress=progress, cancel=cancel)
    was_stopped = cancel is not None and cancel.is_set()
    reason = StopReason.CANCELLED if was_stopped else StopReason.BUDGET if closed.out_of_time else StopReason.CLOSED
    return Outcome(Attempt(plan.seed, testbench, evaluation, closed), 1, reason), closed.problems


def _best_of(design: Design, simulator: Verilator, plan: Plan, progress: Progress | None, cancel: Event | None) -> Outcome:
    """Try seeds `plan.seed`, `plan.seed + 1`, ... and keep the best by `Evaluation.rank`, the first among equals.

    What was running when it was stopped is kept only if there is nothing better: unmeasured, but a testbench.
    """
    started = time.monotonic()
    best: Attempt | None = None
    for count, attempt in enumerate(_attempts(design, simulator, plan, progress, cancel), 1):
        if best is None or attempt.evaluation.rank > best.evaluation.rank:
            best = attempt
        reason = _reason_to_stop(best, count, plan, time.monotonic() - started, cancel)
        if reason is not None:
            return Outcome(best, count, reason)
    raise AssertionError("a plan without rounds")


def _attempts(design: Design, simulator: Verilator, plan: Plan, progress: Progress | None, cancel: Event | None) -> Iterator[Attempt]:
    for seed in range(plan.seed, plan.seed + max(1, plan.rounds or 1)):
        testbench = render(random_stimulus(design, seed=seed, cycles=plan.cycles or RANDOM_CYCLES), design, plan.language)
        job = Job(design=design, testbench=testbench, limits=plan.limits)
        yield Attempt(seed, testbench, evaluate(simulator, job, progress=progress, cancel=cancel))


def _reason_to_stop(best: Attempt, count: int, plan: Plan, seconds: float, cancel: Event | None) -> StopReason | None:
    if cancel is not None and cancel.is_set():
        return StopReason.CANCELLED
    if (best.evaluation.overall or 0.0) >= plan.target_percent:
        return StopReason.TARGET
    if count >= (plan.rounds or 1):
        return StopReason.ROUNDS
    return StopReason.BUDGET if seconds >= plan.budget_s else None


def undrivable(design: Design) -> tuple[Problem, ...]:
    """Say which ports keep a design from being driven at all."""
    return tuple(
        Problem(
            f"port `{port.name}`: {port.unsupported}",
            file=port.span.file,
            line=port.span.line,
            column=port.span.column,
            hint="Wrap the design in a module with plain ports, and generate for the wrapper.",
        )
        for port in design.ports
        if port.unsupported is not None and "interface" in port.unsupported
    )
