"""Runs worth going on from, as a tree that grows from power-up, and the choice among them. Runs nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random as Generator

from llm4cov_agent.bench.stimulus import Step


@dataclass(slots=True)
class Entry:
    """A stretch of steps that begins where its parent ended; its number is that of the snapshot of its end."""

    number: int
    parent: int
    """0 for power-up."""
    steps: tuple[Step, ...]
    origin: str
    way: str
    cycles: int
    """From power-up to its end."""
    news: frozenset[int]
    """Counters that no earlier run had hit."""
    picks: int = 0
    children: int = 0
    """Kept entries that go on from here."""


@dataclass(slots=True)
class Corpus:
    """All entries; those from power-up on to one are its path."""

    most_cycles: int
    """Entries that lie deeper are not gone on from: a testbench has to run through all of a path."""
    is_chain: bool = False
    """Whether each entry goes on from the one before: without a reset there is no way back in a testbench."""
    entries: dict[int, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take an entry up."""
        self.entries[entry.number] = entry
        if entry.parent in self.entries:
            self.entries[entry.parent].children += 1

    def path(self, number: int) -> list[Entry]:
        """Entries from power-up to this one."""
        found: list[Entry] = []
        while number in self.entries:
            found.append(self.entries[number])
            number = found[-1].parent
        return found[::-1]

    def pick(self, generator: Generator) -> Entry | None:
        """Choose where to go on: mostly late finds that were seldom tried, now and then the first one or any.

        The energy of an entry falls with the times it was picked without a find, so that a search doesn't stay where
        nothing comes any more (the schedule of AFLFast, Boehme et al., CCS 2016, in its simplest form).
        """
        usable = [entry for entry in self.entries.values() if entry.cycles < self.most_cycles]
        if not usable:
            return None
        if self.is_chain:
            chosen = next(reversed(self.entries.values()))
            return chosen if chosen.cycles < self.most_cycles else None
        chance = generator.random()
        if chance < 0.2:
            chosen = usable[0]
        elif chance < 0.3:
            chosen = generator.choice(usable)
        else:
            weights = [
                (1 + 4 * bool(entry.news)) * (1 + entry.children) * (1 + rank / len(usable)) / (1 + entry.picks) ** 0.7
                for rank, entry in enumerate(usable)
            ]
            chosen = generator.choices(usable, weights)[0]
        chosen.picks += 1
        return chosen
