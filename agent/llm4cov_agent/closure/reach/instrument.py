"""Turns coverage points into labelled `cover` statements in the design's own text. Knows no formal tool and runs nothing.

A point gets a condition only where it is certain what Verilator counts; everything else is named with a reason. A simulation
hits a point exactly if the statement's condition held, but for what Verilator counts while logic settles and at time 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.closure.reach.condition import Condition, Event, Instrumented
from llm4cov_agent.closure.reach.instrument_match import Bit, find_operand
from llm4cov_agent.closure.reach.instrument_printed import Printed, read_terms
from llm4cov_agent.closure.reach.instrument_text import Cover, write_covers
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.site_values import ExpressionSite, Place, Sites, Slot, Variant
from llm4cov_agent.rtl.elaborate.sites import read_sites

PREFIX = "llm4cov_p"
"""First characters of every label; an underscore is added until no source has it."""

_EDGES = {"0->1": Event.RISES, "1->0": Event.FALLS}
_WORDS = {"block": "block", "case": "case", "if": "if", "elsif": "if", "else": "else"}


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked at which slots, exactly one of which is reached whenever the question arises."""

    condition: str
    slots: tuple[Slot, ...]
    event: Event = Event.HOLDS


def instrument(design: Design, points: Iterable[CoveragePoint]) -> Instrumented:
    """Write a `cover` for each point that can be stated with certainty; the others come back in `unmapped`.

    A label stands once in the text and so once in every instance of its module. One that elaboration drops, with a
    generate branch or a constant `if`, can't be reached. The points are those of Verilator with its defaults.
    """
    asked = frozenset(points)
    expressions = (_place(point) for point in asked if point.kind is Kind.EXPR)
    return _Instrumenting(read_sites(design, expressions)).run(asked)


class _Instrumenting:
    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._prefix = PREFIX
        while any(self._prefix in text for text in sites.texts.values()):
            self._prefix += "_"
        self._labels: dict[tuple[Slot, str], str] = {}

    def run(self, points: frozenset[CoveragePoint]) -> Instrumented:
        conditions: dict[CoveragePoint, tuple[Condition, ...]] = {}
        unmapped: dict[CoveragePoint, str] = {}
        for point in sorted(points, key=lambda point: point.sort_key):
            asked = self._ask(point)
            if isinstance(asked, str):
                unmapped[point] = asked
            else:
                conditions[point] = tuple(Condition(self._label(slot, asked.condition), asked.event) for slot in asked.slots)
        covers = [Cover(label, condition, slot) for (slot, condition), label in self._labels.items()]
        return Instrumented(write_covers(self._sites.texts, covers), conditions, unmapped)

    def _label(self, slot: Slot, condition: str) -> str:
        # Both edges of a bit, and points that mean the same, share one statement.
        return self._labels.setdefault((slot, condition), f"{self._prefix}{len(self._labels)}")

    def _ask(self, point: CoveragePoint) -> _Question | str:
        """Give the question that a point is, or why there is none."""
        place = _place(point)
        if place.file not in self._sites.texts:
            return "lies in an include file"
        if point.line in self._sites.shifted_lines[place.file]:
            return "lies on a line with a macro or behind a /* */ comment, where columns mean nothing"
        match point.kind:
            case Kind.LINE:
                asked = self._statement(place, point.comment)
            case Kind.BRANCH:
                asked = self._choice(place, point.comment) if point.comment.startswith("cond_") else self._statement(place, point.comment)
            case Kind.EXPR:
                asked = self._expression(place, point.comment)
            case Kind.TOGGLE:
                asked = self._toggle(place, point.comment)
            case Kind.FSM:
                asked = self._machine(place, point.comment)
        if isinstance(asked, str):
            return asked if point.kind is Kind.TOGGLE else self._sites.refused.get(place, asked)
        if {slot.file for slot in asked.slots} != {place.file}:
            return "lies in a macro or an include file"
        return asked

    def _statement(self, place: Place, comment: str) -> _Question | str:
        slots = self._sites.statements.get((place, _WORDS.get(comment, "")))
        return _Question("1'b1", slots) if slots else "stands at no statement that is known"

    def _choice(self, place: Place, comment: str) -> _Question | str:
        site = self._sites.choices.get((place, comment))
        if site is None:
            return "stands at no '?:' that is known"
        parts = [f"(({text}) ? 1'b{int(chosen)} : 1'b{int(not chosen)})" for text, chosen in site.conditions]
        return _Question(" && ".join(parts), site.slots)

    def _expression(self, place: Place, comment: str) -> _Question | str:
        site = self._sites.expressions.get(place)
        terms = read_terms(comment)
        if site is None:
            return "stands at no expression that is known"
        if terms is None:
            return "is printed in a form that isn't known"
        matched = {variant: found for variant in site.variants if (found := _matched(terms, variant)) is not None}
        texts = set(matched.values())
        if len(texts) != 1:
            return "is printed in a form that fits no operand, or several"
        guard = _guard(site, list(matched))
        if guard is None:
            return "means different things in different instances"
        return _Question(guard + texts.pop(), site.slots)

    def _toggle(self, place: Place, comment: str) -> _Question | str:
        name, _, edge = comment.rpartition(":")
        bit = self._sites.bits.get((place, name))
        if edge not in _EDGES:
            return "is no single edge of a bit"
        if bit is None:
            return "is no bit that every instance declares alike in a module"
        condition = " && ".join([*(_equals(*constant) for constant in bit.constants), bit.text])
        return _Question(condition, (bit.slot,), _EDGES[edge])

    def _machine(self, place: Place, comment: str) -> _Question | str:
        """A state counts when a clock edge leads into it from another one."""
        path, _, event = comment.rpartition("::")
        if "->" in event:
            return "is a transition, which needs two states one after the other"
        if place in self._sites.copied_machines:
            return "is a state of one instance among several"
        state = self._sites.machines.get(place, {}).get(f"{path.rpartition('.')[2]}::{event}")
        return _Question(state.text, (state.slot,), Event.RISES) if state else "is a state of no enumerated type that is known"


def _place(point: CoveragePoint) -> Place:
    return Place(Path(point.file), point.line, point.column)


def _matched(terms: tuple[tuple[Printed, bool], ...], variant: Variant) -> str | None:
    """Write the terms in the source's words; None unless each is certainly an operand."""
    parts: list[str] = []
    for printed, is_true in terms:
        bit = find_operand(printed, variant.operands)
        if bit is None:
            return None
        parts.append(_condition(bit, is_true))
    return " && ".join(parts)


def _condition(bit: Bit, is_true: bool) -> str:
    text = bit.operand.text
    if not bit.operand.is_vector:
        return f"({text})" if is_true else f"!({text})"
    # Braces keep the width of what is inside from depending on what is outside.
    return f"((({{{text}}} >> {bit.index}) & 1'b1) == 1'b{int(is_true)})"


def _guard(site: ExpressionSite, matched: list[Variant]) -> str | None:
    """Restrict a condition to the elaborations that have it, by the constants in which they differ from the others."""
    others = [variant for variant in site.variants if variant not in matched]
    if not others:
        return ""
    constants = {variant.constants for variant in matched}
    if constants & {variant.constants for variant in others} or not all(constants):
        return None
    parts = sorted(" && ".join(_equals(*constant) for constant in one) for one in constants)
    return f"({' || '.join(parts)}) && " if len(parts) > 1 else f"{parts[0]} && "


def _equals(name: str, width: int, value: int) -> str:
    return f"({name} == {width}'h{value:x})"
