"""How inputs are drawn so that random stimulus meets what matters: values that are compared, levels that last. Knows no coverage."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random as Generator

from llm4cov_agent.bench.stimulus import RandomField
from llm4cov_agent.rtl.design import Direction, Port

MOST_CHOICES = 48
"""Interesting values per port; more of them would each come up too seldom."""
CORNER_PERCENT = 30
"""How often a value is taken from a port's interesting ones."""
MOSTLY_PERCENT = 80
"""How often a control bit takes the level that a sequence prefers."""


def drawn_inputs(
    inputs: Iterable[Port], generator: Generator, *, preferred: int | None, slowest: int, quickest: int = 0
) -> tuple[RandomField, ...]:
    """Say how each input is drawn: it keeps its value in `quickest` to `slowest` percent of the cycles, bits are mostly `preferred`."""
    fields: list[RandomField] = []
    for port in inputs:
        stay_percent = generator.randint(quickest, slowest)
        choices, percent = interesting_values(port), CORNER_PERCENT
        if port.width == 1:
            choices, percent = ((_level(port, preferred),), MOSTLY_PERCENT) if preferred is not None else ((), 0)
        for signal in port.signals():
            fields.append(RandomField(signal, choices, percent if choices else 0, stay_percent))
            if port.direction is Direction.INOUT:
                # Long turns: a bus that changes hands in every cycle never gets to finish a transfer.
                fields.append(RandomField(f"{signal}.enable", (), 0, max(stay_percent, 70)))
    return tuple(fields)


def is_active_low(name: str) -> bool:
    """Say whether a name has the usual ending for active-low."""
    return name.lower().endswith(("_n", "_ni", "_l", "_b"))


def _level(port: Port, preferred: int) -> int:
    return 1 - preferred if is_active_low(port.name) else preferred


def interesting_values(port: Port) -> tuple[int, ...]:
    """Give the values of a port that are worth more than their share: named ones, compared ones and their neighbours, the corners."""
    top = (1 << port.width) - 1
    if port.width == 1 or (port.width <= 3 and not port.enum):
        return ()
    corners = (0, 1, top, top >> 1, (top >> 1) + 1) if port.width > 3 else ()
    compared = [constant for constant in port.constants if 0 <= constant <= top]
    near = [constant + offset for constant in compared for offset in (-1, 1) if port.width > 3 and 0 <= constant + offset <= top]
    return tuple(dict.fromkeys((*(member.value for member in port.enum), *compared, *corners, *near)))[:MOST_CHOICES]
