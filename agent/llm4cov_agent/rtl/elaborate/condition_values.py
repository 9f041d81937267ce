"""Under which conditions places of a source are reached and signals assigned, as plain values. Knows no parser and no coverage."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from llm4cov_agent.rtl.elaborate.site_values import Place

MAX_CONE = 5_000
"""Signals that a search for inputs looks at, at most."""


class Part(Enum):
    """What a region of source hangs on."""

    IF = "if"
    CASE = "case"
    CHOICE = "choice"
    """A value of a `?:`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be true, as the source says it or turned round; the place is that of the `if`, of the item's `:`, or of what `?:` asks."""

    text: str
    place: Place
    written: str = ""
    """How a person finds it in the source: `if (a)`, the item `RUN`; empty where the text says it."""
    signals: tuple[str, ...] = ()
    """Names from the top down, such as `u_rx.count`, of what it reads, in all instances."""
    wanted: tuple[tuple[str, int], ...] = ()
    """(signal, value) of the constants that it compares signals with, those that must not be met too."""


@dataclass(frozen=True, slots=True)
class Region:
    """A piece of source, `start` to `end` (exclusive) in one file, that runs or counts only under a condition."""

    start: Place
    end: Place
    part: Part
    condition: Condition
    outer: int = -1
    """Index, among the regions of its file, of the innermost one around it; -1 if there is none."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment to a declared signal, or to a part of it."""

    place: Place
    text: str
    names: frozenset[str]
    """Identifiers in the assigned value."""
    value: int | None = None
    """Bit pattern that the whole signal gets, bit 0 being its index 0; None where that isn't a constant."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A signal of the source: its name there and its names from the top down, one for each instance."""

    name: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleText:
    """The text of a module with the prefixes of its instances' names: empty for the top, `u_rx.` for an instance."""

    start: Place
    end: Place
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All conditions of a design; empty where nothing could be read."""

    regions: Mapping[Path, tuple[Region, ...]] = field(default_factory=dict)
    """By file, in the order of their starts, an outer one before those in it."""
    own: Mapping[tuple[Place, str], Condition] = field(default_factory=dict)
    """By place and Verilator's word (if, else, case, cond_then, cond_else): what reaching it adds to what is around it."""
    declared: Mapping[Place, Declared] = field(default_factory=dict)
    assignments: Mapping[Place, tuple[Assignment, ...]] = field(default_factory=dict)
    """By the place of the declared name."""
    subjects: Mapping[Place, Place] = field(default_factory=dict)
    """By the place of a `case`: where the variable is declared that it dispatches on."""
    modules: tuple[ModuleText, ...] = ()
    feeds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Signal -> signals that its value depends on directly, data and conditions, clocks not."""
    inputs: frozenset[str] = frozenset()
    """Input and inout ports of the top."""

    def around(self, place: Place, parts: Collection[Part] = tuple(Part)) -> tuple[Condition, ...]:
        """Give the conditions under which a place is reached, outermost first."""
        regions = self.regions.get(place.file, ())
        at = place.line, place.column
        found: list[Condition] = []
        # Regions nest, so all that hold the place are around the last one that starts before it.
        index = bisect_right(regions, at, key=lambda region: (region.start.line, region.start.column)) - 1
        while index >= 0:
            region = regions[index]
            if at < (region.end.line, region.end.column) and region.part in parts:
                found.append(region.condition)
            index = region.outer
        return tuple(reversed(found))

    def own_at(self, place: Place, word: str) -> Condition | None:
        """Find the condition of a point; by the line alone where columns differ (macros) and only one can be meant."""
        exact = self.own.get((place, word))
        if exact is not None:
            return exact
        near = [one for (other, name), one in self.own.items() if name == word and (other.file, other.line) == (place.file, place.line)]
        return near[0] if len(near) == 1 else None

    def declared_at(self, place: Place, name: str) -> Place | None:
        """Find where a signal is declared; by its name in the file alone where only one can be meant."""
        if place in self.declared and self.declared[place].name == name:
            return place
        near = [other for other, one in self.declared.items() if one.name == name and other.file == place.file]
        return near[0] if len(near) == 1 else None

    def signals_named(self, place: Place, names: Iterable[str]) -> tuple[str, ...]:
        """Give the names from the top down of local names in the module at a place; those that are no signals are left out."""
        prefixes = [
            prefix
            for module in self.modules
            if module.start <= place < module.end and module.start.file == place.file
            for prefix in module.prefixes
        ]
        found = (prefix + name for name in dict.fromkeys(names) for prefix in prefixes)
        return tuple(path for path in found if path in self.feeds or path in self.inputs)

    def inputs_of(self, signals: Iterable[str]) -> Iterator[str]:
        """Give the input ports that signals depend on through any number of registers, the nearest first; looks no further than asked."""
        seen = dict.fromkeys(signals)
        waiting = list(seen)
        left = len(self.inputs)
        for name in waiting:
            if name in self.inputs:
                yield name
                left -= 1
            if not left:
                return
            for source in self.feeds.get(name, ()):
                if source not in seen and len(seen) < MAX_CONE:
                    seen[source] = None
                    waiting.append(source)
