"""Which states of a design are worth learning from: the worst first, as the LLM4Cov paper found; others for comparison. Knows no store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from random import Random
from typing import TypeVar

from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.state import State

Entry = TypeVar("Entry")
MEDIAN_GAP = 10.0
"""Points by which the median has to be better than the worst to be taken as well."""


class Sampling(Enum):
    """How states are chosen."""

    WORST = "worst"
    """The worst state that simulated and is below the target, and the median if it is more than 10 points better."""
    RANDOM = "random"
    """As many as `worst` takes, drawn."""
    BEST = "best"
    """As many as `worst` takes, the best first."""


def sampled(
    entries: Sequence[Entry],
    state_of: Callable[[Entry], State],
    *,
    sampling: Sampling = Sampling.WORST,
    seed: int = 1,
    target_percent: float = 100.0,
) -> tuple[Entry, ...]:
    """Choose among what came of one design; the states that simulated come first, then one that failed, if there is any.

    Of equal states the first is taken. States without an observation are never chosen, as nothing is to be repaired there.
    """
    simulated = [entry for entry in entries if is_improvable(state_of(entry), target_percent=target_percent)]
    failed = [entry for entry in entries if has_failed(state_of(entry))]
    generator = Random(seed)
    ranked = sorted(simulated, key=lambda entry: _overall(state_of(entry)))
    chosen: list[Entry] = []
    if ranked:
        median = ranked[len(ranked) // 2]
        takes_median = _overall(state_of(median)) - _overall(state_of(ranked[0])) > MEDIAN_GAP
        match sampling:
            case Sampling.WORST:
                chosen = [ranked[0], *([median] if takes_median else [])]
            case Sampling.RANDOM:
                chosen = generator.sample(ranked, 1 + takes_median)
            case Sampling.BEST:
                chosen = list(reversed(ranked))[: 1 + takes_median]
    return (*chosen, *failed[:1])


def is_improvable(state: State, *, target_percent: float = 100.0) -> bool:
    """Whether a state simulated and is below the target."""
    seen = state.observation
    return seen is not None and seen.status is RunStatus.OK and (seen.reachable or 0.0) < target_percent


def has_failed(state: State) -> bool:
    """Whether a state is of a reply or a testbench that came to no coverage."""
    return state.observation is not None and state.observation.status is not RunStatus.OK


def _overall(state: State) -> float:
    return (state.observation.overall or 0.0) if state.observation is not None else 0.0
