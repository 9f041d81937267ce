"""Which coverage points each counter of a compiled model stands for, found out by asking. Knows no process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm4cov_agent.judge.coverage import CoveragePoint

_BITS = 31
"""Counters told apart at once: they have 32 bits, and sums of different powers of two never meet."""
_ALONE = 1 << 24
"""A number that no counter has: what a line holds of it says whether one counter adds to it or several."""


def points_of_counters(
    number: int, counts: Callable[[Sequence[int]], list[tuple[CoveragePoint, int]]]
) -> dict[int, tuple[CoveragePoint, ...]]:
    """Find out which points each of `number` counters stands for, by asking what the coverage file says for chosen values of the counters.

    A line of the file may add several counters, so those that share a line are told apart by powers of two. Each file of a large
    design takes seconds, so a line that one counter has to itself is known after the first.
    """
    if not 0 < number < _ALONE:
        return {}
    numbered = counts([_ALONE + counter for counter in range(number)])
    found: dict[int, list[CoveragePoint]] = {}
    for point, count in numbered:
        if count // _ALONE == 1:
            found.setdefault(count - _ALONE, []).append(point)
    shared = [counter for counter in range(number) if counter not in found]
    if any(count // _ALONE > 1 for _, count in numbered):
        for start in range(0, len(shared), _BITS):
            values = [0] * number
            for bit, counter in enumerate(shared[start : start + _BITS]):
                values[counter] = 1 << bit
            for point, count in counts(values):
                for bit, counter in enumerate(shared[start : start + _BITS]):
                    if count >> bit & 1:
                        found.setdefault(counter, []).append(point)
    return {counter: tuple(dict.fromkeys(points)) for counter, points in sorted(found.items())}
