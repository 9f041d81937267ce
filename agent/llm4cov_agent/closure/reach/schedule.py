"""When clocks and inputs change in a run that looks for a witness, as steps of a transition system. Knows no solver.

The moments are those of `bench.stimulus`: inputs change between an active edge of the reference clock and the next edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockInput:
    """A free-running clock: which bit of which port it is, and when it has its edges."""

    port: str
    bit: int
    half_period: int
    phase: int
    falls: bool
    """Whether the falling edge is the active one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetInput:
    """A bit of a port that is a reset."""

    port: str
    bit: int
    active_low: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a run goes; ports are named as in the design."""

    widths: Mapping[str, int]
    """Width of every port that can be driven, clocks and resets among them."""
    clocks: tuple[ClockInput, ...]
    resets: tuple[ResetInput, ...]
    reset_cycles: int
    """0 for a run that does not begin with the reset sequence."""
    settle: int
    """Steps after each edge in which nothing changes, for clocks that are made inside."""
    every_edge: bool
    """Whether registers use edges other than the active ones of the reference."""

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` reads."""
        return asdict(self)

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Schedule:
        """Read what `to_json` wrote."""
        return Schedule(
            widths=record["widths"],
            clocks=tuple(ClockInput(**item) for item in record["clocks"]),
            resets=tuple(ResetInput(**item) for item in record["resets"]),
            reset_cycles=record["reset_cycles"],
            settle=record["settle"],
            every_edge=record["every_edge"],
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """One step: the cycle whose inputs are there (negative before the first), levels of clocks, and whether an edge is."""

    cycle: int
    is_reset: bool
    levels: Mapping[tuple[str, int], int]
    counts: bool
    """Whether a condition that is true here is seen by a clocked block."""


def moments(schedule: Schedule) -> Iterator[Moment]:
    """Yield all steps without end, beginning with time 0."""
    if not schedule.clocks:
        yield Moment(-1, False, {}, True)
        for cycle in range(1 << 60):
            yield Moment(cycle, False, {}, True)
    levels = {(clock.port, clock.bit): 0 for clock in schedule.clocks}
    reference = schedule.clocks[0]
    cycle = -1 - schedule.reset_cycles
    yield Moment(cycle, False, dict(levels), False)
    cycle += 1
    # A reset is set at time 1, before any edge.
    yield Moment(cycle, cycle < 0, dict(levels), False)
    turn = [1] * len(schedule.clocks)
    while True:
        time = min(clock.phase + clock.half_period * count for clock, count in zip(schedule.clocks, turn, strict=True))
        is_active = False
        for index, clock in enumerate(schedule.clocks):
            if clock.phase + clock.half_period * turn[index] == time:
                turn[index] += 1
                level = levels[(clock.port, clock.bit)] ^ 1
                levels[(clock.port, clock.bit)] = level
                is_active = clock is reference and level != int(reference.falls)
        yield Moment(cycle, cycle < 0, dict(levels), is_active or schedule.every_edge)
        for _ in range(schedule.settle):
            yield Moment(cycle, cycle < 0, dict(levels), False)
        if is_active:
            cycle += 1
            # With a single clock the new inputs come with its other edge, which no register uses.
            if schedule.settle or schedule.every_edge:
                yield Moment(cycle, cycle < 0, dict(levels), False)
                for _ in range(schedule.settle):
                    yield Moment(cycle, cycle < 0, dict(levels), False)


def fixed_bits(schedule: Schedule, moment: Moment) -> dict[str, tuple[int, int]]:
    """Port -> (mask, value) of the bits that the schedule decides."""
    fixed: dict[str, tuple[int, int]] = {}
    for (port, bit), level in moment.levels.items():
        mask, value = fixed.get(port, (0, 0))
        fixed[port] = (mask | 1 << bit, value | level << bit)
    for reset in schedule.resets if moment.cycle < 0 else ():
        mask, value = fixed.get(reset.port, (0, 0))
        level = int(moment.is_reset != reset.active_low)
        fixed[reset.port] = (mask | 1 << reset.bit, value | level << reset.bit)
    return fixed


def idle_values(schedule: Schedule) -> dict[str, int]:
    """Value of each port while nothing is wanted of it: resets inactive, the rest 0."""
    values = dict.fromkeys(schedule.widths, 0)
    for reset in schedule.resets:
        values[reset.port] |= int(reset.active_low) << reset.bit
    return values


def clock_masks(clocks: Sequence[ClockInput]) -> dict[str, int]:
    """Port -> bits of it that are free-running clocks."""
    masks: dict[str, int] = {}
    for clock in clocks:
        masks[clock.port] = masks.get(clock.port, 0) | 1 << clock.bit
    return masks
