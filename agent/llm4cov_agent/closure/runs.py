"""What the compiled harness is asked for and what it answers: plain values. Knows no process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from llm4cov_agent.bench.stimulus import Step

POWER_UP = 0
"""The snapshot that every run may start from."""


class Ending(IntEnum):
    """How a run in the harness ended; the numbers are those of `harness.cpp`."""

    DONE = 0
    FINISHED = 1
    """The design itself called `$finish`."""
    TOO_LONG = 2
    """It reached the most cycles it was given."""
    CRASHED = 3
    """The model ended its process or did not come back."""
    LEFT_OUT = 4
    """It was not waited for, as its result was not wanted any more."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run: steps from a snapshot on."""

    steps: tuple[Step, ...]
    start: int = POWER_UP
    save: int = 0
    """Number of the snapshot to make of its end; 0 for none. Numbers are never used twice."""
    tells_all: bool = False
    """Whether all counters and distances are told, not only those that are news."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did."""

    ending: Ending
    cycles: int
    counters: frozenset[int]
    """Counters hit, without those known before unless all were asked for."""
    nearer: Mapping[int, int] = field(default_factory=dict)
    """Target -> smallest distance to it, where smaller than known before."""
    places: tuple[int, ...] = ()
    """State-machine places (hashed) never seen before."""


@dataclass(frozen=True, slots=True)
class Target:
    """A value that a signal might come near to."""

    signal: str
    """Hierarchical name below the top of the design."""
    value: int


class HarnessBroken(Exception):
    """A harness that was built can't be run; carries the reason to whoever opened it, who makes a value of it."""
