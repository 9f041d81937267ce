"""What would bring a run nearer to one hole: which inputs drive its conditions, which values these name, where it lies. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from llm4cov_agent.closure.needs import needs_of
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.condition_values import Condition, Conditions
from llm4cov_agent.rtl.elaborate.conditions import read_conditions

_MOST_INPUTS = 5
_MOST_AIMS = 8
"""Ways to one hole; a signal with many assignments has as many."""


@dataclass(frozen=True, slots=True)
class Aim:
    """One way on which a hole may be reached."""

    inputs: tuple[str, ...]
    """Ports that its conditions depend on, the nearest first; clocks and resets left out."""
    wanted: tuple[tuple[str, int], ...]
    """(port, value) that the conditions compare ports with."""
    around: tuple[tuple[str, int], ...]
    """(file, line) of the conditions that have to hold, the innermost first."""


@dataclass(slots=True)
class Aims:
    """Aims by hole; worked out when they are first asked for."""

    conditions: Conditions
    resets: frozenset[str]
    inputs: frozenset[str]
    """Ports that a search drives."""
    _known: dict[CoveragePoint, tuple[Aim, ...]] = field(default_factory=dict)

    def of(self, point: CoveragePoint) -> tuple[Aim, ...]:
        """Give the ways to a hole, none where nothing is known of its place or no input has a part in it."""
        if point not in self._known:
            self._known[point] = tuple(dict.fromkeys(islice(self._find(point), _MOST_AIMS)))
        return self._known[point]

    def _find(self, point: CoveragePoint) -> Iterator[Aim]:
        needs = needs_of(point, self.conditions, self.resets)
        chains = [(chain, needs.signals) for _, chain in needs.assignments] or [(needs.chain, needs.signals)]
        for chain, signals in chains:
            inner = tuple(signal for part in reversed(chain) for signal in part.signals)
            aim = self._aim(chain, (*inner, *signals))
            if aim.inputs:
                yield aim

    def _aim(self, chain: tuple[Condition, ...], signals: Iterable[str]) -> Aim:
        driving = (name for name in self.conditions.inputs_of(signals) if name in self.inputs)
        wanted = (one for part in chain for one in part.wanted if one[0] in self.inputs)
        around = ((str(part.place.file), part.place.line) for part in reversed(chain))
        return Aim(tuple(islice(driving, _MOST_INPUTS)), tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(around)))


def aims_for(design: Design, inputs: Iterable[str]) -> Aims:
    """Prepare to aim at the holes of a design with these input ports."""
    return Aims(read_conditions(design), frozenset(reset.port for reset in design.resets), frozenset(inputs))
