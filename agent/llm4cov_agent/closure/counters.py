"""Which coverage points each counter of a compiled model stands for, found out by asking. Knows no process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm4cov_agent.judge.coverage import CoveragePoint

_BITS = 31
"""Counters told apart at once: they have 32 bits, and sums of different powers of two never meet."""


def points_of_counters(
    counts: Callable[[Sequence[int]], tuple[int, list[tuple[CoveragePoint, int]]]],
) -> dict[int, tuple[CoveragePoint, ...]]:
    """Find out which points each counter stands for, by asking what the coverage file says for chosen values of the counters.

    A line of the file may add several counters, so those that share a line are told apart by powers of two.
    """
    number, _ = counts(())
    _, members = counts([1] * number)
    _, numbered = counts(range(1, number + 1))
    found: dict[int, list[CoveragePoint]] = {}
    for (point, count), (_, label) in zip(members, numbered, strict=True):
        if count == 1:
            found.setdefault(label - 1, []).append(point)
    shared = [counter for counter in range(number) if counter not in found]
    if any(count > 1 for _, count in members):
        for start in range(0, len(shared), _BITS):
            values = [0] * number
            for bit, counter in enumerate(shared[start : start + _BITS]):
                values[counter] = 1 << bit
            for point, count in counts(values)[1]:
                for bit, counter in enumerate(shared[start : start + _BITS]):
                    if count >> bit & 1:
                        found.setdefault(counter, []).append(point)
    return {counter: tuple(dict.fromkeys(points)) for counter, points in sorted(found.items())}
