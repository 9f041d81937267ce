"""What to drive into a design, cycle by cycle, as a typed value. Knows no language and no simulator.

Time. One unit is one nanosecond. Each free-running clock has a half period and a phase: it starts at 0 and has its
edges at `phase + k * half_period`, k = 1, 2, .... The first clock is the reference. Inputs change one unit after an
active edge of a clock and at no other time; `problems_of` rejects clocks whose edges could meet each other or such a
moment, so no simulator has a race to decide. A `Pace` step changes a half
period in mid-run; the rule holds for all that a clock may have. Without clocks a cycle is `COMBINATIONAL_PERIOD` units.

Before the first step all inputs are 0, except reset inputs, which are inactive.
The first step begins at time 1, clear of the moment when these values settle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from llm4cov_agent.errors import Problem
from llm4cov_agent.rtl.design import Clock, Design, Edge

COMBINATIONAL_PERIOD = 10
"""Units of a cycle of a design without clocks."""


@dataclass(frozen=True, slots=True)
class ClockDrive:
    """A free-running clock; edges at `phase + k * half_period`, the first of them rising."""

    port: str
    half_period: int
    phase: int = 0
    edge: Edge = Edge.POSEDGE
    """The active edge: after it, inputs may change."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Put reset inputs into their active state for `cycles` cycles of the reference clock, then release them."""

    cycles: int
    ports: tuple[str, ...] = ()
    """Which resets; empty for all of the design."""


@dataclass(frozen=True, slots=True)
class Drive:
    """Set inputs now; no time passes. Signals are those of `Design.driven_signals`; values are bit patterns."""

    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Let `cycles` cycles of a clock pass with the inputs as they are."""

    cycles: int
    clock: str | None = None
    """A clock of the stimulus; None for the reference."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let cycles of the reference clock pass until an output has (or no longer has) a value, at most `limit`.

    The output is looked at before each cycle, as it was when this moment began: a `Drive` of the same moment is not felt
    yet. Where the value is there already, no cycle passes.
    """

    signal: str
    value: int
    limit: int
    equal: bool = True


@dataclass(frozen=True, slots=True)
class RandomField:
    """How one signal is drawn in each cycle of a `Random` step."""

    signal: str
    choices: tuple[int, ...] = ()
    """Values drawn with equal chance where `choice_percent` says so; repeat one to weigh it."""
    choice_percent: int = 0
    """How often (0..100) a value comes from `choices`; else all bits are drawn uniformly."""
    stay_percent: int = 0
    """How often (0..100) the signal keeps its value instead of being drawn."""


@dataclass(frozen=True, slots=True)
class Random:
    """For `cycles` cycles of the reference clock: draw each field in order, then let one cycle pass.

    Draws come from the stimulus's own generator (`bench.prng`), so that every simulator sees the same values.
    """

    cycles: int
    fields: tuple[RandomField, ...]
    seed: int | None = None
    """Seed that the generator starts again from, 0..2**32-1, so that the draws don't depend on what went before; None goes on."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Give a clock another half period, in force from the clock's next edge on; no time passes."""

    clock: str
    """A clock of the stimulus."""
    half_period: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Do the steps `count` times."""

    count: int
    steps: tuple[Step, ...]


Step = Union[Reset, Drive, Hold, Wait, Random, Pace, Repeat]


@dataclass(frozen=True, slots=True)
class Sequence:
    """A named group of steps with the sentence that a reader sees above it."""

    name: str
    """A Verilog identifier; it becomes a task and a Python function."""
    comment: str
    """One line: what the sequence does and why."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Stimulus:
    """A whole run, valid for a design if `problems_of` finds nothing."""

    top: str
    seed: int
    """Seed of the generator behind `Random`, 0..2**32-1."""
    clocks: tuple[ClockDrive, ...]
    """Free-running clocks, the reference first. A clock of the design that is left out may be driven by hand."""
    sequences: tuple[Sequence, ...]


def default_clocks(clocks: tuple[Clock, ...]) -> tuple[ClockDrive, ...]:
    """Choose half periods and phases for clocks so that no two edges and no input change ever meet.

    Edges lie on even times that differ modulo a common step, input changes on odd ones. Later clocks get slower by an
    uneven ratio, so that the clocks drift against each other and synchronisers see all alignments.
    """
    if len(clocks) == 1:
        return (ClockDrive(clocks[0].port, 5, 0, _active(clocks[0])),)
    step = 2 * len(clocks)
    return tuple(ClockDrive(clock.port, step * (2 + rank), 2 * rank, _active(clock)) for rank, clock in enumerate(clocks))


def free_clocks(design: Design) -> tuple[ClockDrive, ...]:
    """Choose clocks for all of a design's clock inputs that a testbench can drive and that are no resets."""
    driven = design.driven_signals()
    resets = {reset.port for reset in design.resets}
    return default_clocks(tuple(clock for clock in design.clocks if clock.port in driven and clock.port not in resets))


def _active(clock: Clock) -> Edge:
    return Edge.NEGEDGE if clock.edge is Edge.NEGEDGE else Edge.POSEDGE


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield every step once, those inside a `Repeat` after it."""
    for step in steps:
        yield step
        if isinstance(step, Repeat):
            yield from walk(step.steps)


def most_cycles(stimulus: Stimulus) -> int:
    """Bound the cycles that a run takes: exact, but for waits counted at their limit and holds on other clocks scaled up."""
    paces = _paces(stimulus)
    half_periods = {port: max(some) for port, some in paces.items()}
    reference = min(paces[stimulus.clocks[0].port]) if stimulus.clocks else 1
    return sum(_most_cycles(sequence.steps, half_periods, reference) for sequence in stimulus.sequences)


def _most_cycles(steps: tuple[Step, ...], half_periods: Mapping[str, int], reference: int) -> int:
    total = 0
    for step in steps:
        match step:
            case Reset() | Random():
                total += step.cycles
            case Hold():
                ratio = half_periods.get(step.clock, reference) / reference if step.clock else 1
                total += math.ceil(step.cycles * ratio)
            case Wait():
                total += step.limit
            case Repeat():
                total += step.count * _most_cycles(step.steps, half_periods, reference)
            case Drive() | Pace():
                pass
    return total


def _paces(stimulus: Stimulus) -> dict[str, set[int]]:
    """Give all half periods that each clock may have."""
    found = {clock.port: {clock.half_period} for clock in stimulus.clocks}
    for sequence in stimulus.sequences:
        for step in walk(sequence.steps):
            if isinstance(step, Pace):
                found.setdefault(step.clock, set()).add(step.half_period)
    return found


def problems_of(stimulus: Stimulus, design: Design) -> tuple[Problem, ...]:
    """Say why a stimulus does not fit a design; empty if it does."""
    return (*_clock_problems(stimulus, design), *_sequence_problems(stimulus, design))


def _clock_problems(stimulus: Stimulus, design: Design) -> Iterator[Problem]:
    driven = design.driven_signals()
    paces = _paces(stimulus)
    names = [clock.port for clock in stimulus.clocks]
    if stimulus.top != design.top:
        yield Problem(f"the stimulus is for `{stimulus.top}`, the design is `{design.top}`")
    if len(set(names)) != len(names):
        yield Problem("a clock is listed twice")
    for clock in stimulus.clocks:
        if clock.port not in driven:
            yield Problem(f"clock `{clock.port}` is not an input of `{design.top}`")
        if min(paces[clock.port]) < 2 or clock.phase < 0:
            yield Problem(f"clock `{clock.port}` needs a half period of at least 2 and a phase of at least 0")
            return
        if clock.edge is Edge.BOTH:
            yield Problem(f"clock `{clock.port}` needs one active edge, posedge or negedge")
    for rank, one in enumerate(stimulus.clocks):
        # Whatever its half periods were so far, a clock's edges lie at its phase and a multiple of what divides them all.
        step = math.gcd(*paces[one.port])
        for other in stimulus.clocks[rank + 1 :]:
            if (one.phase - other.phase) % math.gcd(step, *paces[other.port]) == 0:
                yield Problem(f"edges of `{one.port}` and `{other.port}` can fall on the same moment")
        is_steady = len(paces[one.port]) == 1
        falling = one.edge is Edge.NEGEDGE
        active, every = (one.phase + one.half_period * (2 if falling else 1), 2 * one.half_period) if is_steady else (one.phase, step)
        for other in stimulus.clocks:
            if (active + 1 - other.phase) % math.gcd(every, *paces[other.port]) == 0:
                yield Problem(f"inputs that change after `{one.port}` can meet an edge of `{other.port}`")


def _sequence_problems(stimulus: Stimulus, design: Design) -> Iterator[Problem]:
    driven = design.driven_signals()
    resets = {reset.port for reset in design.resets}
    free_running = {clock.port for clock in stimulus.clocks}
    outputs = {
        name: port.width for port in design.ports if port.unsupported is None and port.name not in free_running for name in port.signals()
    }
    seen: set[str] = set()
    for sequence in stimulus.sequences:
        where = f"sequence `{sequence.name}`"
        if not sequence.name.isidentifier() or not sequence.name.isascii():
            yield Problem(f"{where}: the name is not an identifier")
        if sequence.name in seen:
            yield Problem(f"{where}: there are two of that name")
        if "\n" in sequence.comment:
            yield Problem(f"{where}: the comment has more than one line")
        seen.add(sequence.name)
        for step in walk(sequence.steps):
            for name, value in _values(step):
                if name not in driven:
                    yield Problem(f"{where}: `{name}` is not an input of `{design.top}`")
                elif name in free_running:
                    yield Problem(f"{where}: `{name}` is a free-running clock and can't be driven as well")
                elif not 0 <= value < 1 << driven[name]:
                    yield Problem(f"{where}: {value} does not fit the {driven[name]} bits of `{name}`")
            match step:
                case Reset() if not set(step.ports) <= resets:
                    yield Problem(f"{where}: {', '.join(sorted(set(step.ports) - resets))} is no reset of `{design.top}`")
                case Pace() if step.clock not in free_running:
                    yield Problem(f"{where}: `{step.clock}` is not a free-running clock")
                case Hold() if step.clock is not None and step.clock not in free_running:
                    yield Problem(f"{where}: `{step.clock}` is not a free-running clock")
                case Wait() if step.signal not in outputs:
                    yield Problem(f"{where}: `{step.signal}` can't be waited for, it is no port that the run observes")
                case Wait() if not 0 <= step.value < 1 << outputs[step.signal]:
                    yield Problem(f"{where}: {step.value} does not fit the {outputs[step.signal]} bits of `{step.signal}`")
                case Random() if any(
                    not (0 <= field.choice_percent <= 100 and 0 <= field.stay_percent <= 100)
                    or (field.choice_percent and not field.choices)
                    for field in step.fields
                ):
                    yield Problem(f"{where}: a percentage is not within 0..100, or there is nothing to choose from")
                case Random() if step.seed is not None and not 0 <= step.seed < 1 << 32:
                    yield Problem(f"{where}: a seed is not within 0..2**32-1")
                case _:
                    pass
            if _count(step) < 0:
                yield Problem(f"{where}: a count is negative")


def _values(step: Step) -> Iterator[tuple[str, int]]:
    match step:
        case Drive():
            yield from step.values
        case Random():
            for field in step.fields:
                yield field.signal, 0
                for choice in field.choices:
                    yield field.signal, choice
        case _:
            return


def _count(step: Step) -> int:
    match step:
        case Reset() | Hold() | Random():
            return step.cycles
        case Wait():
            return step.limit
        case Repeat():
            return step.count
        case Drive() | Pace():
            return 0
