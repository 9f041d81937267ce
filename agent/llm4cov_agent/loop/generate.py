"""Makes the best testbench for a design: one policy's rollout, and another's from where that ended. Prints and stores nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from threading import Event
from typing import TypedDict

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.closure.close import Closed, ClosePlan
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import Evaluation, evaluate, with_verdicts
from llm4cov_agent.judge.simulator import Job, Progress, SimulationLimits
from llm4cov_agent.judge.standing import OnStanding, Standing
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.backend import Backend
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings, open_backend
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policies.random import RANDOM_CYCLES, RandomPolicy
from llm4cov_agent.loop.policies.recorded import OnCompletion, Recording
from llm4cov_agent.loop.policy import Policy
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import State, read_design_text
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.design import Design

REPAIR_ROUNDS = 3
"""Rounds of a model after its first reply."""


class PolicyName(Enum):
    """Who proposes testbenches."""

    CLOSURE = "closure"
    """The coverage-guided search with proofs."""
    RANDOM = "random"
    """Weighted random inputs: the baseline."""
    LLAMA = "llama"
    """A GGUF model on this machine, through llama.cpp."""
    TRANSFORMERS = "transformers"
    """A model on this machine, through transformers."""
    ENDPOINT = "endpoint"
    """A model behind an OpenAI-compatible server."""
    RECORDED = "recorded"
    """Replies that were recorded earlier."""

    @property
    def is_model(self) -> bool:
        """Whether a language model answers."""
        return self not in (PolicyName.CLOSURE, PolicyName.RANDOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How far to go, and who goes there."""

    policy: PolicyName
    finish: PolicyName | None = None
    """Who goes on from where the policy ended; its sequences are kept."""
    seed: int
    rounds: int | None
    """Of `policy`: rounds of the search of closure, testbenches of random, repairs after a model's first reply; None for its own."""
    budget_s: float
    cycles: int | None
    """Cycles that a testbench simulates, about, or at most for closure; None for the policy's own."""
    language: Language
    limits: SimulationLimits
    target_percent: float = 100.0
    proves: bool = True
    backend: BackendSettings = field(default_factory=lambda: BackendSettings(kind=BackendKind.LLAMA))
    """How a model is run; its kind is that of the policy."""
    model: ModelSettings = field(default_factory=ModelSettings)
    keeps_history: bool = False
    on_completion: OnCompletion | None = None
    """Called with each reply of a model as it comes."""
    wanted: frozenset[CoveragePoint] | None = None
    """The only points that closure is to reach; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best testbench, how it came about and why there are no more."""

    testbench: Testbench
    evaluation: Evaluation
    seed: int
    """Of the proposal that became the best."""
    transitions: tuple[Transition, ...]
    reason: StopReason
    closed: Closed | None = None
    """How closure came to it, if it took part."""


OnTransition = Callable[[Transition], None]
"""Called with each transition as it happens."""


class Watched(TypedDict, total=False):
    """How work is watched and ended: the keywords that `generate` and `go_on` share."""

    on_transition: OnTransition | None
    progress: Progress | None
    on_standing: OnStanding | None
    cancel: Event | None


def generate(
    design: Design,
    simulator: Verilator,
    plan: Plan,
    *,
    start: State | None = None,
    on_transition: OnTransition | None = None,
    progress: Progress | None = None,
    on_standing: OnStanding | None = None,
    cancel: Event | None = None,
) -> tuple[Outcome | None, tuple[Problem, ...]]:
    """Make the best testbench that the plan's policies can; None with the reasons if none came to a testbench.

    From a `start` with an observation, None too if none is better than what there was.
    """
    began = time.monotonic()

    def stand(standing: Standing) -> None:
        if on_standing is not None:
            on_standing(replace(standing, left_s=plan.budget_s - (time.monotonic() - began)))

    try:
        start = start or State(read_design_text(design))
    except OSError as error:
        return None, (Problem(f"can't be read any more: {error.strerror}", file=str(error.filename)),)
    best, last = start, None
    transitions: list[Transition] = []
    for transition in _transitions(start, simulator, plan, began, progress, stand, cancel):
        transitions.append(transition)
        if on_transition is not None:
            on_transition(transition)
        if transition.kept:
            best, last = transition.after, transition
    of_closure = [transition.proposal for transition in transitions if transition.proposal.closed is not None]
    found = tuple(problem for proposal in of_closure for problem in proposal.problems)
    if last is None or best.testbench is None or last.evaluation is None:
        return None, found or tuple(dict.fromkeys(problem for transition in transitions for problem in transition.proposal.problems))
    closed = of_closure[-1].closed if of_closure else None
    testbench, evaluation = best.testbench, last.evaluation
    if testbench.language is not plan.language and best.stimulus is not None:
        testbench = render(best.stimulus, design, plan.language)
        # What was measured in the other language is worth a few seconds more, even to someone who stopped the rounds.
        evaluation = evaluate(simulator, Job(design=design, testbench=testbench, limits=plan.limits), progress=progress)
    if closed is not None:
        evaluation = with_verdicts(evaluation, closed.verdicts)
    reason = _reason(transitions[-1], closed, cancel)
    return Outcome(
        testbench=testbench, evaluation=evaluation, seed=last.seed, transitions=tuple(transitions), reason=reason, closed=closed
    ), found


def _transitions(
    start: State,
    simulator: Verilator,
    plan: Plan,
    began: float,
    progress: Progress | None,
    on_standing: OnStanding,
    cancel: Event | None,
) -> Iterator[Transition]:
    """Let one policy after the other go on from the best state so far."""
    best, number = start, 0
    policies = [plan.policy] if plan.finish is None else [plan.policy, plan.finish]
    with contextlib.ExitStack() as stack:
        # Models are opened first: one that is missing must not cost what another policy found.
        backends = {name: stack.enter_context(_backend(name, plan)) for name in policies if name.is_model}
        for place, name in enumerate(policies):
            left_s = plan.budget_s - (time.monotonic() - began)
            # The first of two leaves half of the time to the second, which gets no less than a quarter.
            budget_s = left_s / 2 if place + 1 < len(policies) else max(left_s, plan.budget_s / 4 if place else 0.0)
            policy = ModelPolicy(backends[name], plan.model) if name in backends else _deterministic(name, simulator, plan, budget_s)
            ended = None
            rounds = _rollout_plan(name, plan, budget_s)
            for transition in rollout(best, policy, simulator, rounds, progress=progress, on_standing=on_standing, cancel=cancel):
                yield replace(transition, number=number)
                number += 1
                best = transition.after if transition.kept else best
                ended = transition.ended
            if ended is StopReason.TARGET or (cancel is not None and cancel.is_set()):
                return


def _rollout_plan(name: PolicyName, plan: Plan, budget_s: float) -> RolloutPlan:
    rounds = 1
    if name.is_model:
        rounds = 1 + (REPAIR_ROUNDS if plan.rounds is None or name is not plan.policy else plan.rounds)
    elif name is PolicyName.RANDOM:
        rounds = max(1, plan.rounds or 1)
    return RolloutPlan(
        rounds=rounds,
        target_percent=plan.target_percent,
        budget_s=budget_s,
        seed=plan.seed,
        keeps_history=plan.keeps_history and name.is_model,
        limits=plan.limits,
    )


def _backend(name: PolicyName, plan: Plan) -> contextlib.closing[Backend]:
    backend = open_backend(replace(plan.backend, kind=BackendKind(name.value)))
    return contextlib.closing(backend if plan.on_completion is None else Recording(backend, plan.on_completion))


def _deterministic(name: PolicyName, simulator: Verilator, plan: Plan, budget_s: float) -> Policy:
    if name is PolicyName.RANDOM:
        return RandomPolicy(plan.language, cycles=plan.cycles or RANDOM_CYCLES)
    rounds = plan.rounds if name is plan.policy else None
    limits = ClosePlan(seed=plan.seed, budget_s=budget_s, rounds=rounds, proves=plan.proves, wanted=plan.wanted, limits=plan.limits)
    return ClosurePolicy(simulator, limits if plan.cycles is None else replace(limits, cycles=plan.cycles), plan.language)


def _reason(last: Transition, closed: Closed | None, cancel: Event | None) -> StopReason:
    if cancel is not None and cancel.is_set():
        return StopReason.CANCELLED
    if closed is not None and last.proposal.closed is closed and last.ended is not StopReason.CANCELLED:
        return StopReason.BUDGET if closed.out_of_time else StopReason.CLOSED
    return last.ended or StopReason.ROUNDS


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
