"""From what a search measured to what a person is told about it: how near runs came to a value. Knows no harness and no sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llm4cov_agent.closure.runs import Target
from llm4cov_agent.rtl.design import Design


@dataclass(frozen=True, slots=True)
class NearestApproach:
    """How near all runs together came to one value of one signal."""

    signal: str
    """Name from the top down, such as `u_rx.count`."""
    wanted: int
    """Bit pattern, non-negative."""
    distance: int
    """Between the wanted value and the nearest one seen; 0 if it was seen."""
    seen: int | None = None
    """That nearest value, where it is known."""


def nearest_of(distances: Mapping[Target, int] | None, design: Design) -> dict[str, NearestApproach]:
    """Turn distances into approaches, by a name for each; states are left out, as between those a distance means nothing."""
    machines = {machine.signal for machine in design.machines}
    # Where only bits of a signal are compared, the constant is as wide as those: the widest is that of the signal, if any is.
    widths: dict[str, int] = {}
    for one in design.constants:
        widths[one.signal] = max(one.width, widths.get(one.signal, 0))
    found: dict[str, NearestApproach] = {}
    for target, distance in (distances or {}).items():
        width = widths.get(target.signal)
        if width is not None and target.signal not in machines:
            found[f"{target.signal} == {target.value}"] = NearestApproach(
                target.signal, target.value, distance, _seen(target.value, distance, width)
            )
    return found


def _seen(wanted: int, distance: int, width: int) -> int | None:
    """Give the value at a distance where only one fits the signal's width, as a distance does not tell the side."""
    fitting = [value for value in {wanted - distance, wanted + distance} if 0 <= value < 1 << width]
    return fitting[0] if len(fitting) == 1 else None
