"""Measures a model on designs that it has not seen, and says whether one is better than another beyond noise. Trains nothing.

The unit of chance is the design: samples of one design resemble each other, so intervals come from drawing designs again
with replacement (the percentile bootstrap, B. Efron, 1979).
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from threading import Event

from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.simulator import RunStatus, SimulationLimits, Simulator
from llm4cov_agent.loop.backend import Backend, CompletionEnding
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policy import Policy
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import DesignText, State

_DRAWS = 2000
_OUTSIDE_PERCENT = 2.5
"""Of the draws on each side of an interval, so that it holds 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """How each design is tried."""

    samples: int = 5
    rounds: int = 3
    """Repairs after the first reply."""
    pass_percent: float = 90.0
    """Overall coverage from which a testbench passes."""
    seed: int = 1
    budget_s: float = 600.0
    """Of one sample."""
    model: ModelSettings = field(default_factory=ModelSettings)
    limits: SimulationLimits = field(default_factory=lambda: SimulationLimits(run_s=30))


@dataclass(frozen=True, slots=True)
class Sample:
    """One rollout: of the first reply, and of the best after the repairs."""

    ran: bool
    """Whether it compiled and completed."""
    overall: float
    """Coverage in percent; 0 where it did not."""
    ran_in_the_end: bool
    overall_in_the_end: float


@dataclass(frozen=True, slots=True)
class DesignScore:
    """All samples of one design."""

    name: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over designs, in percent, with its interval of 95 %."""

    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, Json]:
        """Give it rounded to hundredths."""
        return {name: round(value, 2) for name, value in asdict(self).items()}


METRICS: Mapping[str, Callable[[Sample, float], float]] = {
    "simulator_pass": lambda one, _: 100.0 * one.ran,
    "coverage_pass": lambda one, least: 100.0 * (one.overall >= least),
    "average_coverage": lambda one, _: one.overall,
    "simulator_pass_repaired": lambda one, _: 100.0 * one.ran_in_the_end,
    "coverage_pass_repaired": lambda one, least: 100.0 * (one.overall_in_the_end >= least),
    "average_coverage_repaired": lambda one, _: one.overall_in_the_end,
}
"""What is reported; `pass@1` is the mean over samples, as any one of them may be the one that a user gets."""


class NoAnswer(Exception):
    """The model could not be asked, which says nothing of how good it is."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems) or "the model gave no answer")
        self.problems = problems

    def __reduce__(self) -> tuple[type[NoAnswer], tuple[tuple[Problem, ...]]]:
        """Workers send it to who asked."""
        return NoAnswer, (self.problems,)


def evaluate(
    backend: Backend, designs: Sequence[tuple[str, DesignText]], simulator: Simulator, plan: EvaluationPlan, *, cancel: Event | None = None
) -> Iterator[DesignScore]:
    """Yield the score of each design as it is known. Raises NoAnswer."""
    policy = ModelPolicy(backend, plan.model)
    for name, design in designs:
        found = score(policy, name, design, simulator, plan, cancel=cancel)
        if found is None:
            return
        yield found


def score(
    policy: Policy, name: str, design: DesignText, simulator: Simulator, plan: EvaluationPlan, *, cancel: Event | None = None
) -> DesignScore | None:
    """Try one design; None where it was cancelled. Raises NoAnswer where the model can't be asked: that is no score of 0."""
    samples: list[Sample] = []
    for number in range(plan.samples):
        if cancel is not None and cancel.is_set():
            return None
        # Each sample has seeds of its own, and repairs go on counting from them.
        seed = plan.seed + number * (plan.rounds + 1)
        limits = RolloutPlan(rounds=1 + plan.rounds, seed=seed, budget_s=plan.budget_s, limits=plan.limits)
        states: list[tuple[State, bool]] = []
        for one in rollout(State(design), policy, simulator, limits, cancel=cancel):
            if one.proposal.ending is CompletionEnding.FAILED:
                raise NoAnswer(one.proposal.problems)
            states.append((one.after, one.kept))
        if not states or (cancel is not None and cancel.is_set()):
            return None
        best = [state for state, kept in states if kept]
        samples.append(Sample(*_result(states[0][0]), *_result(best[-1] if best else states[0][0])))
    return DesignScore(name, tuple(samples))


def _result(state: State) -> tuple[bool, float]:
    seen = state.observation
    ran = seen is not None and seen.status is RunStatus.OK
    return ran, (seen.overall or 0.0) if seen is not None and ran else 0.0


def estimates(scores: Sequence[DesignScore], *, pass_percent: float = 90.0) -> dict[str, Estimate]:
    """Give every metric with its interval; raises ValueError for no designs."""
    return {name: _estimate([_mean(score, name, pass_percent) for score in scores]) for name in METRICS}


def difference(before: Sequence[DesignScore], after: Sequence[DesignScore], metric: str, *, pass_percent: float = 90.0) -> Estimate:
    """Give how much better `after` is, design by design; raises ValueError where they are not of the same designs."""
    if [one.name for one in before] != [one.name for one in after]:
        raise ValueError("only scores of the same designs can be compared")
    pairs = zip(before, after, strict=True)
    return _estimate([_mean(new, metric, pass_percent) - _mean(old, metric, pass_percent) for old, new in pairs])


def is_better(before: Sequence[DesignScore], after: Sequence[DesignScore]) -> bool:
    """Say whether `after` covers more beyond noise, and does not run less often."""
    gain = difference(before, after, "average_coverage_repaired")
    runs = difference(before, after, "simulator_pass_repaired")
    return gain.low > 0 and runs.mean >= 0


def _mean(score: DesignScore, metric: str, pass_percent: float) -> float:
    return statistics.fmean(METRICS[metric](sample, pass_percent) for sample in score.samples)


def _estimate(values: Sequence[float]) -> Estimate:
    if not values:
        raise ValueError("there are no designs to judge by")
    generator = random.Random(len(values))
    means = sorted(statistics.fmean(generator.choices(values, k=len(values))) for _ in range(_DRAWS))
    outside = int(_DRAWS * _OUTSIDE_PERCENT / 100)
    return Estimate(statistics.fmean(values), means[outside], means[-1 - outside])
