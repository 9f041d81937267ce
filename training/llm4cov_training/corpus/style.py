"""How a design is written: its names, its clock and reset, its literals. Every choice comes from one random generator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random

from llm4cov_training.corpus.words import CLOCKS, RESETS_HIGH, RESETS_LOW, SYNONYMS


class ResetKind(Enum):
    """When a reset acts."""

    ASYNC = "async"
    SYNC = "sync"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Affixes:
    """What names of ports and registers begin or end with."""

    input: str
    output: str
    register: str


_AFFIXES = (
    Affixes("{}", "{}", "{}"),
    Affixes("{}", "{}", "{}_reg"),
    Affixes("{}_i", "{}_o", "{}_q"),
    Affixes("i_{}", "o_{}", "r_{}"),
    Affixes("{}_in", "{}_out", "{}_r"),
    Affixes("in_{}", "out_{}", "{}_ff"),
)


class Style:
    """The choices of one design; what it draws depends on the generator and on the order of the calls."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.clock = rng.choice(CLOCKS)
        self.reset_kind = rng.choices((ResetKind.ASYNC, ResetKind.SYNC, ResetKind.NONE), (55, 38, 7))[0]
        self.reset_low = rng.random() < 0.55
        self.reset = rng.choice(RESETS_LOW if self.reset_low else RESETS_HIGH)
        self.affixes = rng.choice(_AFFIXES)
        self.ansi = rng.random() < 0.8
        self.upper_states = rng.random() < 0.8
        self.indent = rng.choice((2, 2, 4, 3))
        self.base = rng.choice("ddhhb")
        self.sized_zero = rng.random() < 0.6
        self.short_blocks = rng.random() < 0.4
        """Whether single assignments go without `begin` and `end`."""
        self.compares_bits = rng.random() < 0.3
        """Whether single bits are compared with `== 1'b1`."""

    def word(self, concept: str) -> str:
        """One of the words for a concept; the concept itself where there are none."""
        return self.rng.choice(SYNONYMS.get(concept, (concept,)))

    def chance(self, probability: float) -> bool:
        """Draw true so often."""
        return self.rng.random() < probability

    def one_of(self, *values: int) -> int:
        """Draw one of some numbers."""
        return self.rng.choice(values)

    def value(self, width: int) -> int:
        """Draw a value that is neither 0 nor all ones where the width allows it."""
        return self.rng.randint(1, (1 << width) - 2) if width > 1 else self.rng.randint(0, 1)
