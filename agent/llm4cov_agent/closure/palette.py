"""What a search may play with on one design: inputs, their worthwhile values, and lengths that its counters suggest. Knows no coverage."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random as Generator

from llm4cov_agent.bench.stimulus import ClockDrive, RandomField
from llm4cov_agent.bench.weighting import drawn_inputs, interesting_values
from llm4cov_agent.rtl.design import Design, Direction, Port

LONGEST_HOLD = 20_000
_PACES = (1, 2, 3, 4, 6, 10, 24)
"""Half periods to choose from, in units that keep the edges of different clocks apart."""
LONGEST_BIT = 1200
"""Cycles of a serial bit; a frame of longer bits would not fit a run."""
LONGEST_LINGER = 66_000
"""A counter of 16 bits comes to its end in so many cycles, and a run can still hold them."""
_MOST_HOLDS = 40
_MOST_WORDS = 24
"""Composed words to draw from in one step."""
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
        # Of few bits, every value is as good as another.
        return {
            port.name: tuple(
                dict.fromkeys(
                    value for value in (*interesting_values(port), *range(5 if port.width > 4 else 16)) if value < 1 << port.width
                )
            )
            for port in self.inputs
        }

    @cached_property
    def _parts(self) -> dict[str, dict[tuple[int, int], tuple[int, ...]]]:
        """By port, the values that some of its bits (low, width) are compared with, for ports of which only a part is."""
        found: dict[str, dict[tuple[int, int], tuple[int, ...]]] = {}
        for port in self.inputs:
            if any(one.width < port.width for one in port.compared):
                groups: dict[tuple[int, int], list[int]] = {}
                for one in port.compared:
                    groups.setdefault((one.low, one.width), []).append(one.value)
                found[port.name] = {place: tuple(values) for place, values in groups.items()}
        return found

    def word(self, port: Port, generator: Generator) -> int:
        """Choose a value for a port: composed of what its parts are compared with, as an instruction is, a worthwhile one, or any."""
        chance = generator.random()
        parts = self._parts.get(port.name)
        if parts is not None and chance < 0.7:
            value = generator.choice((0, generator.getrandbits(port.width), generator.getrandbits(port.width)))
            places = list(parts)
            generator.shuffle(places)
            taken = 0
            for low, width in places:
                mask = ((1 << width) - 1) << low
                if not mask & taken and generator.random() < 0.8:
                    value, taken = value & ~mask | generator.choice(parts[low, width]) << low, taken | mask
            return value
        if port.constants and port.width > 1 and chance < 0.45:
            return generator.choice(port.constants) & ((1 << port.width) - 1)
        values = self.values[port.name]
        return generator.choice(values) if values and chance < 0.85 else generator.getrandbits(port.width)

    def drawn(
        self, ports: Iterable[Port], generator: Generator, *, preferred: int | None, slowest: int, quickest: int = 0
    ) -> tuple[RandomField, ...]:
        """Say how inputs are drawn, as `drawn_inputs` does, with composed words and more weight on worthwhile values now and then."""
        percent = generator.choice((None, None, 60, 92))
        owners = {signal: port for port in self.inputs for signal in port.signals()}
        found: list[RandomField] = []
        for field in drawn_inputs(ports, generator, preferred=preferred, quickest=quickest, slowest=slowest):
            port = owners.get(field.signal)
            if port is not None and port.width > 1 and port.name in self._parts:
                words = tuple(dict.fromkeys(self.word(port, generator) for _ in range(_MOST_WORDS)))
                field = replace(field, choices=words, choice_percent=percent or 50)
            elif port is not None and port.width > 1 and field.choices and percent is not None:
                field = replace(field, choice_percent=percent)
            found.append(field)
        return tuple(found)

    def words(self, width: int) -> tuple[int, ...]:
        """Give words of so many bits that something in the design is compared with, those of one bit less shifted up too."""
        near = [constant for constant in self.design.constants if constant.width in (width, width - 1)]
        shifted = [constant.value << 1 for constant in near if constant.width == width - 1]
        return tuple(dict.fromkeys(value for value in (*(one.value for one in near), *shifted) if value < 1 << width))

    @cached_property
    def bit_holds(self) -> tuple[int, ...]:
        """Numbers of cycles that a serial bit may last: those that the design counts to, from 0 on or from 1; ascending."""
        mined = {constant.value for constant in self.design.constants if constant.width > 2}
        mined |= {int(matched[1]) for one in self.design.parameters if (matched := _NUMBER.match(one.value))}
        found = sorted({value + offset for value in mined for offset in (0, 1) if 1 < value <= LONGEST_BIT})
        step = max(1, len(found) // _MOST_HOLDS)
        return tuple(sorted({*found[:12], *found[::step]})) or (1, 4, 16)

    @cached_property
    def lingers(self) -> tuple[int, ...]:
        """Numbers of cycles too long for most runs after which a counter of the design may come to its end; ascending."""
        mined = {constant.value for constant in self.design.constants if constant.width > 8}
        mined |= {1 << constant.width for constant in self.design.constants if constant.width > 12}
        return tuple(sorted({value + 3 for value in mined if 4000 < value <= LONGEST_LINGER - 3}))

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
