"""What a search may play with on one design: inputs, their worthwhile values, and lengths that its counters suggest. Knows no coverage."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

from llm4cov_agent.bench.stimulus import ClockDrive
from llm4cov_agent.bench.weighting import interesting_values
from llm4cov_agent.rtl.design import Design, Direction, Port

LONGEST_HOLD = 20_000
_PACES = (1, 2, 3, 4, 6, 10, 24)
"""Half periods to choose from, in units that keep the edges of different clocks apart."""
_MOST_HOLDS = 40
_NUMBER = re.compile(r"^(?:\d+'s?d)?(\d+)$")


@dataclass(frozen=True)
class Palette:
    """The means of a search."""

    design: Design
    clocks: tuple[ClockDrive, ...]

    @cached_property
    def resets(self) -> tuple[str, ...]:
        """Reset ports that are no clocks, in the design's order."""
        clocks = {clock.port for clock in self.clocks}
        return tuple(dict.fromkeys(reset.port for reset in self.design.resets if reset.port not in clocks))

    @cached_property
    def paces(self) -> dict[str, tuple[int, ...]]:
        """Half periods worth trying by clock, if there is more than one clock; any mix of them is free of races."""
        if len(self.clocks) < 2:
            return {}
        step = math.gcd(*(clock.half_period for clock in self.clocks))
        return {clock.port: tuple(step * factor for factor in _PACES) for clock in self.clocks}

    @cached_property
    def inputs(self) -> tuple[Port, ...]:
        """Ports to drive, clocks and resets left out."""
        taken = {*self.resets, *(clock.port for clock in self.clocks)}
        return tuple(port for port in self.design.ports if port.is_driven and port.name not in taken)

    @cached_property
    def signals(self) -> tuple[tuple[str, int, Port], ...]:
        """(signal, width, port) of everything to drive, enables of inouts included."""
        found: list[tuple[str, int, Port]] = []
        for port in self.inputs:
            for signal in port.signals():
                found.append((signal, port.width, port))
                if port.direction is Direction.INOUT:
                    found.append((f"{signal}.enable", 1, port))
        return tuple(found)

    @cached_property
    def values(self) -> dict[str, tuple[int, ...]]:
        """Worthwhile values by port name."""
        small = tuple(range(5))
        return {
            port.name: tuple(dict.fromkeys(value for value in (*interesting_values(port), *small) if value < 1 << port.width))
            for port in self.inputs
        }

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """Outputs of one bit, which may be waited for."""
        return tuple(
            signal
            for port in self.design.ports
            if port.unsupported is None and port.direction is not Direction.INPUT and port.width == 1
            for signal in port.signals()
        )

    @cached_property
    def holds(self) -> tuple[int, ...]:
        """Numbers of cycles worth waiting: what counters are compared with, parameters, powers of two; ascending."""
        mined = {constant.value for constant in self.design.constants if constant.width > 2}
        mined |= {int(matched[1]) for one in self.design.parameters if (matched := _NUMBER.match(one.value))}
        mined |= {(1 << constant.width) for constant in self.design.constants if constant.width > 3}
        near = {value + offset for value in mined for offset in (0, 1, 2)}
        products = {one * other for one in mined for other in mined if one * other <= 4096}
        powers = {1 << exponent for exponent in range(12)}
        found = sorted(value for value in powers | near | products if 0 < value <= LONGEST_HOLD)
        step = max(1, len(found) // _MOST_HOLDS)
        # The ends matter most; of a long middle, every so many stand for the rest.
        return tuple(sorted({*found[:12], *found[::step], *found[-4:]}))
