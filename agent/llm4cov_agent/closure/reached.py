"""What a run's coverage tells about conditions: which was the first that never held. Where it can't tell, nothing is said."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from llm4cov_agent.closure.needs import WORDS, is_negative
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.fold import FALL, RISE, fold_toggles
from llm4cov_agent.rtl.elaborate.condition_values import Condition, Conditions, Region
from llm4cov_agent.rtl.elaborate.site_values import Place

_OTHERS = {"if": (1, "else"), "else": (-1, "if"), "cond_then": (1, "cond_else"), "cond_else": (-1, "cond_then")}
"""Where the other way out of a condition is counted: how many columns away, and under which word."""
_BIT = re.compile(r"(?P<name>[A-Za-z_][\w$]*)(?:\[(?P<index>[0-9]{1,5})\])?:(?P<edge>0->1|1->0)")
_MOST_BITS = 64

Key = tuple[Place, str]


@dataclass(frozen=True, slots=True)
class Missed:
    """The first condition on a way that never held."""

    condition: Condition
    words: str
    """What is known of it: `never true` where it was asked, else what was not done."""
    was_asked: bool
    """Whether it is certain that it was false, and not merely that it was never come to."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The counts of a run, by the places of conditions. Made by `reached_of`."""

    conditions: Conditions
    _counts: Mapping[CoveragePoint, int] = field(repr=False)
    _hits: Mapping[Key, int] = field(repr=False)
    """By place and word, in all instances together; what the simulator doesn't count is missing."""
    _executed: Mapping[Path, Sequence[tuple[int, int]]] = field(repr=False)
    """Line and column, sorted, of all that was executed."""
    _keys: Mapping[Condition, tuple[Key, ...]] = field(repr=False)
    _edges: Mapping[tuple[Place, int], Mapping[str, int]] = field(repr=False)
    """By the place of a declared name and a bit: how often it rose and fell."""

    def first_missed(self, chain: Sequence[Condition]) -> Missed | None:
        """Find the first condition, outermost first, that never held; None where coverage doesn't tell which it is."""
        for part in chain:
            if self._held(part) is False:
                if self._was_asked(part):
                    return Missed(part, "never true", True)
                # Without a sign that it was asked, something around it may be what never held, even if it is not in the chain.
                is_first = all(self._held(outer) for outer in self.conditions.around(part.place))
                return Missed(part, _not_done(self._keys[part]), False) if is_first else None
        return None

    def never_came_up(self, point: CoveragePoint) -> bool:
        """Say whether a point is the fall of a bit that never rose either."""
        name, _, edge = point.comment.rpartition(":")
        rise = replace(point, comment=f"{name}:{RISE}")
        return point.kind is Kind.TOGGLE and edge == FALL and self._counts.get(rise) == 0

    def never_rose(self, part: Condition) -> tuple[str, ...]:
        """Name the bits, folded, that one value a condition wants has set and that stayed as they were in all instances."""
        if is_negative(part) or len({value for _, value in part.wanted}) != 1 or len(part.signals) != len(part.wanted):
            return ()
        points: list[CoveragePoint] = []
        for place, declared in self.conditions.declared.items():
            value = next((value for signal, value in part.wanted if signal in declared.paths), None)
            if value is not None:
                points += self._still(place, declared.name, value)
        return tuple(one.signal for one in fold_toggles(points))

    def _still(self, place: Place, name: str, value: int) -> Iterator[CoveragePoint]:
        for bit in range(min(_MOST_BITS, value.bit_length())):
            edges = self._edges.get((place, bit))
            # A bit that fell was set before, so that it is not what is missing.
            if value >> bit & 1 and edges is not None and RISE in edges and not any(edges.values()):
                written = f"{name}[{bit}]" if (place, 1) in self._edges else name
                yield CoveragePoint(Kind.TOGGLE, str(place.file), place.line, place.column, f"{written}:{RISE}")

    def _held(self, part: Condition) -> bool | None:
        """Say whether a condition ever held where it stands; None where the simulator doesn't count that."""
        keys = self._keys.get(part, ())
        counts = [self._hits[key] for key in keys if key in self._hits]
        if counts:
            return any(counts)
        if self._has_run_in(part):
            return True
        # An `else` that goes on with `if` has no count of its own: one of the ways out of that `if` is taken with it.
        begins = {(region.start, "if") for region in self._regions_of(part)}
        if len(begins) != 1 or not all(word == "else" for _, word in keys):
            return None
        ways = [self.conditions.own.get(key) for begin in begins for key in (begin, _other_way(begin))]
        return False if all(way is not None and self._held(way) is False for way in ways) else None

    def _was_asked(self, part: Condition) -> bool:
        """Say whether the other way out of a condition was taken."""
        for key in self._keys.get(part, ()):
            other = self.conditions.own.get(_other_way(key))
            if other is not None and (self._hits.get(_other_way(key)) or self._has_run_in(other)):
                return True
        return False

    def _has_run_in(self, part: Condition) -> bool:
        """Say whether anything was executed in the text that hangs on a condition."""
        for region in self._regions_of(part):
            executed = self._executed.get(region.start.file, ())
            first = bisect_left(executed, (region.start.line, region.start.column))
            if first < len(executed) and executed[first] < (region.end.line, region.end.column):
                return True
        return False

    def _regions_of(self, part: Condition) -> Iterator[Region]:
        for file in {place.file for place, _ in self._keys.get(part, ())}:
            yield from (region for region in self.conditions.regions.get(file, ()) if region.condition == part)


def reached_of(coverage: Coverage, conditions: Conditions) -> Reached:
    """Sort a run's coverage by the places that conditions have."""
    hits: dict[Key, int] = {}
    executed: dict[Path, set[tuple[int, int]]] = {}
    edges: dict[tuple[Place, int], dict[str, int]] = {}
    files: dict[str, Path] = {}
    for point, count in coverage.hits.items():
        place = Place(files.setdefault(point.file, Path(point.file)), point.line, point.column)
        if point.kind in (Kind.LINE, Kind.BRANCH):
            key = place, WORDS.get(point.comment, point.comment)
            hits[key] = hits.get(key, 0) + count
            if count:
                executed.setdefault(place.file, set()).add((point.line, point.column))
        elif point.kind is Kind.TOGGLE:
            bit = _BIT.fullmatch(point.comment)
            declared = conditions.declared.get(place)
            if bit is not None and declared is not None and declared.name == bit["name"]:
                counted = edges.setdefault((place, int(bit["index"] or 0)), {RISE: 0, FALL: 0})
                counted[bit["edge"]] += count
    keys: dict[Condition, tuple[Key, ...]] = {}
    for own_key, condition in conditions.own.items():
        keys[condition] = (*keys.get(condition, ()), own_key)
    return Reached(conditions, coverage.hits, hits, {file: sorted(places) for file, places in executed.items()}, keys, edges)


def _other_way(key: Key) -> Key:
    place, word = key
    moved, other = _OTHERS.get(word, (0, ""))
    return Place(place.file, place.line, place.column + moved), other


def _not_done(keys: Sequence[Key]) -> str:
    return "never chosen" if any(word == "case" for _, word in keys) else "never taken"
