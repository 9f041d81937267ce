"""Which snapshots there are, how each came about, and which of them one process holds. Knows no process.

A snapshot that a process does not hold is made again by running the steps from the nearest one that it does hold, so what a
run gives never depends on which were kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from llm4cov_agent.bench.stimulus import Step
from llm4cov_agent.closure.runs import POWER_UP

MOST_BYTES = 256 << 20
"""What the snapshots of all processes take together."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to come to a snapshot: steps from another one on, and the most cycles that they take."""

    start: int
    steps: tuple[Step, ...]
    most_cycles: int


@dataclass(slots=True)
class Snapshots:
    """All snapshots by number."""

    ways: dict[int, Way] = field(default_factory=dict)

    def way(self, number: int, held: Collection[int] = (POWER_UP,)) -> Way:
        """Give the shortest way to a snapshot from one of `held`, among which power-up has to be."""
        steps: list[tuple[Step, ...]] = []
        most_cycles = 0
        while number not in held:
            way = self.ways[number]
            steps.append(way.steps)
            most_cycles += way.most_cycles
            number = way.start
        return Way(number, tuple(step for stretch in reversed(steps) for step in stretch), most_cycles)


@dataclass(slots=True)
class Held:
    """The snapshots in one process: power-up, which stays, and those used last, as a search goes back to what it picks often."""

    most: int = 2
    """How many there may be, power-up included."""
    numbers: dict[int, None] = field(default_factory=lambda: {POWER_UP: None})
    """In the order of their last use."""

    def use(self, number: int) -> None:
        """Take note that a snapshot is there and needed."""
        self.numbers.pop(number, None)
        self.numbers[number] = None

    def make_room(self, needed: Collection[int] = ()) -> list[int]:
        """Drop those unused for longest until one more fits, but none of `needed`; gives their numbers."""
        over = len(self.numbers) + 1 - max(2, self.most)
        dropped = [number for number in self.numbers if number != POWER_UP and number not in needed][: max(0, over)]
        for number in dropped:
            del self.numbers[number]
        return dropped


def most_held(snapshot_bytes: int, processes: int) -> int:
    """Say how many snapshots each of so many processes may hold; at least power-up and one more."""
    return max(2, MOST_BYTES // (max(1, snapshot_bytes) * processes))


def most_processes(snapshot_bytes: int) -> int:
    """Say how many processes there may be if each has to hold two snapshots."""
    return max(1, MOST_BYTES // (2 * max(1, snapshot_bytes)))
