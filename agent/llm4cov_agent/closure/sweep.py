"""Chooses other values of a design's parameters under which points that are proved impossible can be hit. Runs no simulation.

A value is chosen for branches and generate blocks that it brings in, which the elaborated source shows; values that the
design refuses are told.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from llm4cov_agent.bench.text import as_identifier
from llm4cov_agent.closure.switched import Switched
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.rtl.elaborate.site_values import Place
from llm4cov_agent.rtl.elaborate.switches import Ground, Switches, read_switches
from llm4cov_agent.rtl.fileset import FileSet

MOST_CONFIGURATIONS = 4
MOST_VALUES = 8
"""Values of one parameter that are tried on the source."""
_MOST_CHOOSING_S = 30.0
_NAME = re.compile(r"(?<![\w$'.])[A-Za-z_][\w$]*")
_INTEGER = re.compile(r"-?[0-9]+")

Values = tuple[tuple[str, str], ...]
"""(parameter of the top, value as a Verilog literal), in the order of the source."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A design with other values of some parameters."""

    values: Values
    design: Design

    @property
    def name(self) -> str:
        """An identifier such as `KEEP_1__DEPTH_4`."""
        return "__".join(as_identifier(f"{name}_{value.replace('-', 'minus_')}") for name, value in self.values)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to try, best first, and what was refused."""

    configurations: tuple[Configuration, ...] = ()
    refused: tuple[Problem, ...] = ()
    """Values that the design can't be elaborated with."""
    fixed: tuple[str, ...] = ()
    """Parameters that were left alone because the user set them."""


@dataclass(slots=True)
class _Gain:
    """What a design with other values has that the first one lacks."""

    design: Design
    what: frozenset[CoveragePoint | Place] = field(default_factory=frozenset)


def choose(files: FileSet, design: Design, proved: Collection[CoveragePoint], *, most: int = MOST_CONFIGURATIONS) -> Choice:
    """Choose at most `most` configurations; `proved` are the points proved unreachable in `design`, which `files` gave."""
    return _Choosing(files, design, proved).choose(most)


def candidate_values(value: str, constants: Iterable[int | str]) -> Iterator[str]:
    """Give other values of a parameter, the likeliest first: the other boolean, what it is compared with, and neighbours."""
    tried = {value}
    compared = list(constants)
    if _INTEGER.fullmatch(value) is None:
        wishes = [f'"{one}"' for one in compared if isinstance(one, str) and one.isprintable() and '"' not in one and "\\" not in one]
    else:
        now, numbers = int(value), [one for one in compared if isinstance(one, int)]
        near = [one + step for step in (0, 1, -1) for one in numbers]
        flipped = [1 - now] if now in (0, 1) else []
        # Sizes and counts are seldom negative, and a design that is given one breaks rather than refuses it.
        wishes = [str(one) for one in (*flipped, *near, now + 1, now - 1, 0, 1) if one >= 0 or now < 0]
    for wish in wishes:
        if wish not in tried:
            tried.add(wish)
            yield wish


class _Choosing:
    def __init__(self, files: FileSet, design: Design, proved: Collection[CoveragePoint]) -> None:
        self._files, self._design = files, design
        self._switches = read_switches(design)
        self._switched = Switched(read_conditions(design), self._switches)
        self._around = {
            point: grounds for point in sorted(proved, key=lambda one: one.sort_key) if (grounds := self._switched.around(point))
        }
        self._proved = proved
        self._values = {one.name: one.value for one in design.parameters if not one.is_local}
        self._user = {name for name, _ in design.overrides}
        self._refused: dict[Values, Problem] = {}
        self._gains: dict[Values, _Gain] = {}
        self._deadline = time.monotonic() + _MOST_CHOOSING_S

    def choose(self, most: int) -> Choice:
        wanted = self._wanted()
        fixed = tuple(name for name in wanted if name in self._user)
        best = {name: self._try_values(name, wanted[name]) for name in wanted if name not in self._user}
        self._try_together({name: value for name, value in best.items() if value is not None})
        chosen = self._greedy(most)
        for name in self._mentioned() if len(chosen) < most else ():
            other = str(1 - int(self._values[name]))
            if all(name not in dict(one.values) for one in chosen) and self._tried(((name, other),)) is not None:
                chosen.append(Configuration(((name, other),), self._gains[((name, other),)].design))
        return Choice(tuple(chosen[:most]), tuple(self._refused.values()), fixed)

    def _wanted(self) -> dict[str, list[int | str]]:
        """Give the parameters behind what is switched off, those behind most first, with what they are compared with."""
        weights: dict[str, int] = {}
        constants: dict[str, dict[int | str, None]] = {}
        grounds = [ground for found in self._around.values() for ground in found]
        grounds += [ground for here, ground in self._switches.blocks.values() if not here]
        for ground in grounds:
            for name in ground.tops & self._values.keys():
                weights[name] = weights.get(name, 0) + 1
                constants.setdefault(name, {}).update(dict.fromkeys(ground.constants))
        order = list(self._values)
        names = sorted(weights, key=lambda name: (-weights[name], order.index(name)))
        return {name: list(constants[name]) for name in names}

    def _mentioned(self) -> Iterator[str]:
        """Give the booleans that proved points name themselves, as in `(KEEP != 0)==1`: the source can't tell what they would change."""
        for point in self._proved:
            if point.kind is Kind.EXPR:
                yield from (
                    name for name in _NAME.findall(point.comment) if self._values.get(name) in ("0", "1") and name not in self._user
                )

    def _try_values(self, name: str, constants: Sequence[int | str]) -> str | None:
        """Try values of one parameter until one brings in all that hangs on it; gives the best."""
        behind = {point for point, grounds in self._around.items() if any(name in ground.tops for ground in grounds)}
        blocks = {place for place, (here, ground) in self._switches.blocks.items() if not here and name in ground.tops}
        best: tuple[int, str | None] = (0, None)
        freed: set[CoveragePoint | Place] = set()
        for value, _ in zip(candidate_values(self._values[name], constants), range(MOST_VALUES), strict=False):
            gain = self._tried(((name, value),))
            if gain is not None and len(gain.what) > best[0]:
                best = (len(gain.what), value)
            freed |= gain.what if gain is not None else frozenset()
            if freed >= behind | blocks:
                break
        # One that brings in nothing alone may do so with another.
        first = next((value for value in candidate_values(self._values[name], constants) if ((name, value),) in self._gains), None)
        return best[1] or first

    def _try_together(self, best: Mapping[str, str]) -> None:
        """Try several parameters at once for points that none of them brings in alone."""
        freed = {what for gain in self._gains.values() for what in gain.what}
        for point, grounds in self._around.items():
            names = [name for name in self._values if any(name in ground.tops for ground in grounds)]
            if point not in freed and len(names) > 1 and all(name in best for name in names):
                gain = self._tried(tuple((name, best[name]) for name in names))
                freed |= gain.what if gain is not None else frozenset()

    def _tried(self, values: Values) -> _Gain | None:
        """Elaborate the design with other values; None where it can't be, or where the time is up."""
        if values in self._gains or values in self._refused or time.monotonic() > self._deadline:
            return self._gains.get(values)
        kept = [(name, value) for name, value in self._files.parameters if name not in dict(values)]
        files = replace(self._files, top=self._design.top, parameters=(*kept, *values))
        design, problems = elaborate(files)
        if design is None:
            first = next((one for one in problems if one.severity is Severity.ERROR), None)
            what = f"{written(values)} is not tried: {first.message if first is not None else 'the design can not be elaborated'}"
            self._refused[values] = replace(first or Problem(what), message=what, severity=Severity.NOTE, hint=None)
            return None
        switches = read_switches(design)
        switched = Switched(read_conditions(design), switches)
        points = (point for point in self._around if not switched.around(point))
        blocks = (place for place, (here, _) in switches.blocks.items() if here and not _is_here(self._switches, place))
        self._gains[values] = _Gain(design, frozenset((*points, *blocks)))
        return self._gains[values]

    def _greedy(self, most: int) -> list[Configuration]:
        chosen: list[Configuration] = []
        missing: set[CoveragePoint | Place] = {what for gain in self._gains.values() for what in gain.what}
        while missing and len(chosen) < most:
            values, gain = max(self._gains.items(), key=lambda item: (len(item[1].what & missing), -len(item[0])))
            chosen.append(Configuration(values, gain.design))
            missing -= gain.what
        return chosen


def written(values: Values) -> str:
    """Write values as a person does: `A = 1, B = 2`."""
    return ", ".join(f"{name} = {value}" for name, value in values)


def _is_here(switches: Switches, place: Place) -> bool:
    here, _ = switches.blocks.get(place, (False, Ground()))
    return here
