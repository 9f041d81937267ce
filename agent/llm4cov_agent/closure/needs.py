"""From a coverage point to what must hold in the source for it to be hit. Knows no words for a person, no verdict and no run."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.closure.reach.instrument_printed import split_terms
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.fold import FALL, RISE
from llm4cov_agent.rtl.elaborate.condition_text import negated, shortened
from llm4cov_agent.rtl.elaborate.condition_values import Assignment, Condition, Conditions, Part
from llm4cov_agent.rtl.elaborate.site_values import Place

WORDS = {"elsif": "if"}
"""Verilator's words for one branch by ours, where they differ."""
_COMBINATION = re.compile(r"\((?P<terms>.*)\) => [01]")
_NAME = re.compile(r"(?<![\w$'])[A-Za-z_][\w$]*")
_BIT = re.compile(r"(?P<name>[A-Za-z_][\w$]*)(?:\[(?P<index>[0-9]{1,9})\])?")
_MACHINE = re.compile(r"(?:.*\.)?(?P<name>[^.]+)::(?:(?P<source>.*?)->)?(?P<target>.*?)(?:\[(?P<tag>\w+)\])?")
_LITERAL = re.compile(r"[0-9]+'h(?P<digits>[0-9a-fA-F]+)")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a point hangs on; all empty where nothing is known of its place."""

    chain: tuple[Condition, ...] = ()
    """What must hold, outermost first; for a signal or a state, what all `assignments` have in common."""
    own: Condition | None = None
    """The last of `chain` if the point is itself that condition's branch, item or value."""
    assignments: tuple[tuple[Assignment, tuple[Condition, ...]], ...] = ()
    """Assignments any of which can bring the wanted value, each with its own chain."""
    signals: tuple[str, ...] = ()
    """Names from the top down of all signals that matter, the innermost first."""


def needs_of(point: CoveragePoint, conditions: Conditions, resets: Collection[str] = ()) -> Needs:
    """Find what a point of any kind hangs on; `resets` are the input ports that reset, which tell a reset from other moves."""
    place = Place(Path(point.file), point.line, point.column)
    match point.kind:
        case Kind.LINE | Kind.BRANCH:
            return _branch(place, point.comment, conditions)
        case Kind.EXPR:
            return _expression(place, point.comment, conditions)
        case Kind.TOGGLE:
            return _toggle(place, point.comment, conditions)
        case Kind.FSM:
            return _machine(place, point.comment, conditions, resets)


def hangs_on_only(part: Condition, ports: Collection[str], conditions: Conditions) -> bool:
    """Say whether a condition depends on some of these input ports and on no others."""
    found = False
    for name in conditions.inputs_of(part.signals):
        if name not in ports:
            return False
        found = True
    return found


def is_negative(condition: Condition) -> bool:
    """Say whether a condition wants a value not to be there."""
    return condition.text.startswith("!") or "!=" in condition.text


def _branch(place: Place, comment: str, conditions: Conditions) -> Needs:
    own = conditions.own_at(place, WORDS.get(comment, comment))
    chain = conditions.around(own.place if own is not None else place)
    # A condition can be found by its line alone: then what is around it is asked at its own place.
    chain = (*chain, own) if own is not None else chain
    return Needs(chain, own, signals=_signals(chain))


def _expression(place: Place, comment: str, conditions: Conditions) -> Needs:
    # Verilator looks at an expression wherever its procedure, branch or loop runs: case items don't count.
    chain = conditions.around(place, (Part.IF,))
    matched = _COMBINATION.fullmatch(comment)
    if matched is None:
        return Needs(chain, signals=_signals(chain))
    text = " && ".join(_term(term) for term in split_terms(matched["terms"]))
    read = conditions.signals_named(place, _NAME.findall(matched["terms"]))
    chain = (*chain, Condition(shortened(text), place, "", read))
    return Needs(chain, signals=_signals(chain))


def _term(term: str) -> str:
    if term.endswith("==1"):
        return _bare(term[:-3])
    return negated(_bare(term[:-3])) if term.endswith("==0") else term


def _bare(term: str) -> str:
    """Take off the parentheses around all of a term."""
    return term[1:-1] if term.startswith("(") and term.endswith(")") and "(" not in term[1:-1] else term


def _toggle(place: Place, comment: str, conditions: Conditions) -> Needs:
    path, _, edge = comment.rpartition(":")
    bit = _BIT.fullmatch(path)
    # In `g[1].count[3]` or `request[0].addr[0]` only the place tells which part is the signal.
    at = conditions.declared.get(place)
    if at is not None and at.name in _NAME.findall(path or comment):
        declared: Place | None = place
    else:
        declared = conditions.declared_at(place, bit["name"]) if bit is not None else None
    if declared is None:
        return Needs()
    found = conditions.assignments.get(declared, ())
    if bit is not None and edge in (RISE, FALL):
        index, wanted = int(bit["index"] or 0), int(edge == RISE)
        found = tuple(one for one in found if one.value is None or index > 65_535 or one.value >> index & 1 == wanted)
    return _assigned(found, declared, conditions)


def _machine(place: Place, comment: str, conditions: Conditions, resets: Collection[str]) -> Needs:
    event = _MACHINE.fullmatch(comment)
    if event is None:
        return Needs()
    declared = conditions.subjects.get(place)
    if declared is None or conditions.declared.get(declared) is None or conditions.declared[declared].name != event["name"]:
        declared = conditions.declared_at(place, event["name"])
    if declared is None:
        return Needs()
    direct = conditions.assignments.get(declared, ())
    # In the style with two processes, the next state is a variable of its own.
    feeders = {other for one in direct for name in one.names if (other := conditions.declared_at(declared, name)) not in (None, declared)}
    every = [*direct, *(one for other in sorted(place for place in feeders if place) for one in conditions.assignments.get(other, ()))]
    found = [one for one in every if _gives(one, event["target"])]
    source, paths = event["source"], conditions.declared[declared].paths
    if source is not None and source != "ANY":
        found = [one for one in found if all(_allows(part, paths, source) for part in conditions.around(one.place))] or found
    else:
        found = [one for one in found if not any(_stays(part, paths, event["target"]) for part in conditions.around(one.place))] or found
    by_reset = [one for one in found if _is_reset(conditions.around(one.place), resets, conditions)]
    wanted = by_reset if event["tag"] == "reset" else [one for one in found if one not in by_reset]
    found = wanted or found
    return _assigned(found, declared, conditions)


def _is_reset(chain: Sequence[Condition], resets: Collection[str], conditions: Conditions) -> bool:
    return bool(chain) and all(hangs_on_only(part, resets, conditions) for part in chain)


def _gives(one: Assignment, state: str) -> bool:
    literal = _LITERAL.fullmatch(state)
    return one.value == int(literal["digits"], 16) if literal is not None else state in one.names


def _allows(condition: Condition, paths: Sequence[str], state: str) -> bool:
    """Say whether a condition can hold in a state; those on anything but the state variable and constants can."""
    named = _names_state(condition, paths, state)
    return named is None or named != is_negative(condition)


def _stays(condition: Condition, paths: Sequence[str], state: str) -> bool:
    """Say whether a condition holds in one state only: what it assigns doesn't lead there."""
    return len({value for _, value in condition.wanted}) == 1 and not is_negative(condition) and bool(_names_state(condition, paths, state))


def _names_state(condition: Condition, paths: Sequence[str], state: str) -> bool | None:
    """Say whether a condition on the state variable alone names a state; None for other conditions."""
    if not condition.signals or not set(condition.signals) <= set(paths) or not condition.wanted:
        return None
    literal = _LITERAL.fullmatch(state)
    if literal is not None:
        return any(value == int(literal["digits"], 16) for _, value in condition.wanted)
    return state in _NAME.findall(condition.text)


def _assigned(found: Sequence[Assignment], declared: Place, conditions: Conditions) -> Needs:
    chains = [conditions.around(one.place, (Part.IF, Part.CASE)) for one in found]
    common = tuple(part for part in chains[0] if all(part in chain for chain in chains[1:])) if chains else ()
    paths = conditions.declared[declared].paths
    inner = [signal for chain in chains for part in reversed(chain) for signal in part.signals]
    return Needs(common, None, tuple(zip(found, chains, strict=True)), tuple(dict.fromkeys((*_signals(common), *inner, *paths))))


def _signals(chain: Sequence[Condition]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(signal for part in reversed(chain) for signal in part.signals))
