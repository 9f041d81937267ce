"""What a script may name in a design: inputs, outputs, clocks, resets, fields and named values. Knows no verb."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from llm4cov_agent.bench.stimulus import ClockDrive, free_clocks
from llm4cov_agent.bench.text import plain_name
from llm4cov_agent.rtl.design import Design, Direction, EnumMember, Port

_MOST_COMPARED = 2000
"""Names that a misspelt one is compared with."""
_SLOWEST_FACTOR = 100
"""How many steps the longest half period has; a clock that hardly moves makes a run endless."""


@dataclass(frozen=True, slots=True)
class Target:
    """Bits that a script can name: a signal, or a field of one."""

    signal: str
    """As the stimulus has it."""
    width: int
    enum: tuple[EnumMember, ...] = ()
    offset: int | None = None
    """Where the field begins in its signal; None for a whole signal."""


class Vocabulary:
    """The names of one design, by how a script spells them."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.clocks: tuple[ClockDrive, ...] = free_clocks(design)
        self.running = {plain_name(clock.port): clock.port for clock in self.clocks}
        self.resets = {plain_name(reset.port): reset.port for reset in design.resets}
        self.inputs: dict[str, Target] = {}
        self.observed: dict[str, Target] = {}
        self.arrays: dict[str, str] = {}
        """First element of each unpacked array."""
        running = set(self.running.values())
        for port in design.ports:
            if port.unsupported is not None or port.name in running:
                continue
            targets = _targets(port)
            if port.is_driven:
                self.inputs |= targets
            self.observed |= {name: target for name, target in targets.items() if target.offset is None}
            if port.direction is Direction.INOUT:
                whole = [(name, target) for name, target in targets.items() if target.offset is None]
                self.inputs |= {f"{name}.enable": Target(f"{target.signal}.enable", 1) for name, target in whole}
            if port.unpacked:
                self.arrays[plain_name(port.name)] = next(iter(targets), "")

    @property
    def drawn_by_all(self) -> tuple[str, ...]:
        """The signals that `random N all` draws: every input but clocks and resets."""
        resets = set(self.resets.values())
        reset_signals = {signal for port in self.design.ports if port.name in resets for signal in port.signals()}
        return tuple(target.signal for target in self.inputs.values() if target.offset is None and target.signal not in reset_signals)

    @property
    def pace_step(self) -> int:
        """What each half period has to be a multiple of, so that the edges of two clocks never meet."""
        return math.gcd(*(clock.half_period for clock in self.clocks))

    @property
    def paces(self) -> range:
        """The half periods that a clock can have."""
        return range(self.pace_step, self.pace_step * _SLOWEST_FACTOR + 1, self.pace_step)


def _targets(port: Port) -> dict[str, Target]:
    found: dict[str, Target] = {}
    for signal in port.signals():
        name = plain_name(port.name) + signal[len(port.name) :]
        found[name] = Target(signal, port.width, port.enum)
        for field in port.fields:
            found[f"{name}.{field.name}"] = Target(signal, field.width, (), field.offset)
    return found


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that a misspelt one is most like, if any is."""
    candidates = [candidate for candidate, _ in zip(known, range(_MOST_COMPARED), strict=False)]
    folded = {candidate.lower(): candidate for candidate in reversed(candidates)}
    close = difflib.get_close_matches(name[:64].lower(), folded, 1, 0.6)
    return folded[close[0]] if close else None
