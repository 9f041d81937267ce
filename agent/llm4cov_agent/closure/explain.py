"""Explains a hole: what was never seen, what would have to hold for it, and which inputs that hangs on.

Knows no run, no simulator and no editor: how near a run came and what it reached are given, and markdown is the only format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.closure.needs import Needs, hangs_on_only, is_negative, needs_of
from llm4cov_agent.closure.reached import Missed, Reached
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import NOT_TRIED, Hole, VerdictKind
from llm4cov_agent.judge.wording import missed_words
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.condition_values import Condition, Conditions

MAX_INPUTS = 8
MAX_ASSIGNMENTS = 8
MAX_IN_SENTENCE = 4
"""Conditions that one sentence names; the innermost ones say most."""
_BRANCHES = {
    "if": "Branch {written} at line {line} was never taken",
    "else": "Branch `else` of {written} at line {line} was never taken",
}
_LINES = {
    "if": "The part of {written} at line {line} was never executed",
    "elsif": "The part of {written} at line {line} was never executed",
    "else": "The `else` part of {written} at line {line} was never executed",
    "case": "Case item {written} at line {line} was never chosen",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person is told about one hole."""

    sentence: str
    """One sentence for a diagnostic, with code in backticks and a full stop."""
    needs: str = ""
    """The part of it behind the colon, without the full stop; empty where nothing is known."""
    conditions: tuple[tuple[str, int], ...] = ()
    """(text, line) of what must hold, outermost first, resets included."""
    nearest: tuple[str, ...] = ()
    """How near runs came to values that the conditions want, one text each."""
    earlier: tuple[str, ...] = ()
    """The same of an earlier search, each with its condition; no part of the sentence, as that is about the present run."""
    inputs: tuple[str, ...] = ()
    """Input ports of the top that the conditions depend on, at most MAX_INPUTS, the nearest first; clocks and resets only alone."""
    detail: str = ""
    """Several lines of markdown for a hover."""


def explain(
    hole: Hole,
    design: Design,
    conditions: Conditions,
    nearest: Mapping[str, NearestApproach] | None = None,
    reached: Reached | None = None,
    earlier: Mapping[str, NearestApproach] | None = None,
) -> Explanation:
    """Explain one hole; of a place that isn't known, only what was missed is said. The keys of `nearest` and `earlier` don't matter.

    `reached` tells which condition was the first that never held.
    """
    resets = {reset.port for reset in design.resets}
    needs = needs_of(hole.point, conditions, resets)
    near = {part: text for part in needs.chain if (text := _nearest(part, design, tuple((nearest or {}).values())))}
    missed = reached.first_missed(needs.chain) if reached is not None else None
    # What holds in the present run is no news of an earlier one.
    unmet = needs.chain[needs.chain.index(missed.condition) :] if missed is not None else needs.chain
    before = [(part, text) for part in unmet if (text := _nearest(part, design, tuple((earlier or {}).values())))]
    remarks = {part: [text] for part, text in near.items()}
    if reached is not None and missed is not None:
        remarks[missed.condition] = [*_missed(missed, needs, reached, missed.condition in near), *remarks.get(missed.condition, ())]
    sequential = resets | {clock.port for clock in design.clocks}
    last = needs.chain[-1] if needs.chain and not needs.assignments else None
    key = missed.condition if missed is not None else None
    matter = [part for part in needs.chain if part in (last, key) or not hangs_on_only(part, resets, conditions)]
    shown = matter[-MAX_IN_SENTENCE:]
    if key is not None and key in matter and key not in shown:
        shown = [key, *shown[1:]]
    left_out = len(matter) - len(shown)
    behind = tuple(islice(conditions.inputs_of(needs.signals), MAX_INPUTS + len(sequential) + 1))
    inputs = tuple(name for name in behind if name not in sequential) or behind
    subject = _subject(hole.point, needs)
    proved = hole.verdict.kind is VerdictKind.UNREACHABLE
    sentence = subject + " and is proved unreachable" * proved
    clauses = list(_clauses(hole.point, needs, shown, left_out, remarks, "would need" if proved else "needs"))
    if reached is not None and reached.never_came_up(hole.point):
        clauses.insert(0, "it never rose either")
    if needs.own is not None and not needs.own.signals:
        clauses.append("only parameters and constants decide it")
    elif inputs and not proved:
        clauses.append(_inputs_clause(hole.point, needs, inputs, conditions))
    sentence += f": {'; '.join(clauses)}." if clauses else "."
    return Explanation(
        sentence=sentence,
        needs="; ".join(clauses),
        conditions=tuple((part.text, part.place.line) for part in needs.chain),
        nearest=tuple(dict.fromkeys(near.values())),
        earlier=tuple(dict.fromkeys(f"{code(part.text)}: {text}" for part, text in before)),
        inputs=inputs[:MAX_INPUTS],
        detail="\n".join(_detail(hole, subject, needs, remarks, inputs)),
    )


def code(text: str) -> str:
    """Set text as code in markdown, backticks in it included."""
    plain = " ".join(text.split())
    if "`" not in plain:
        return f"`{plain}`"
    fence = "`" * (max(len(run) for run in "".join(c if c == "`" else " " for c in plain).split()) + 1)
    return f"{fence} {plain} {fence}"


def _subject(point: CoveragePoint, needs: Needs) -> str:
    words = {Kind.BRANCH: _BRANCHES, Kind.LINE: _LINES}.get(point.kind, {}).get(point.comment)
    if words is not None and needs.own is not None and needs.own.written:
        return words.format(written=code(needs.own.written), line=point.line)
    missed = " ".join(missed_words(point).split()).replace("fsm ", "FSM ", int(point.kind is Kind.FSM))
    # A signal's name keeps its case at the beginning of a sentence.
    return f"{missed if point.kind is Kind.TOGGLE else missed[:1].upper() + missed[1:]} (line {point.line})"


def _nearest(part: Condition, design: Design, approaches: Sequence[NearestApproach]) -> str:
    """Say how near runs came to what a condition wants; nothing where it wants a value not to be there."""
    if is_negative(part):
        return ""
    found = [one for one in approaches if one.distance > 0 and (one.signal, one.wanted) in part.wanted]
    if not found:
        return ""
    best = min(found, key=lambda one: (one.distance, one.signal, one.wanted))
    wanted = _value(design, best.signal, best.wanted)
    if best.seen is None:
        return f"nearest: {best.distance} away from {wanted}"
    return f"nearest: {_value(design, best.signal, best.seen)} of {wanted}"


def _value(design: Design, signal: str, value: int) -> str:
    names = (state.name for machine in design.machines if machine.signal == signal for state in machine.states if state.value == value)
    return next(names, str(value))


def _missed(missed: Missed, needs: Needs, reached: Reached, has_nearest: bool) -> Iterator[str]:
    bits = reached.never_rose(missed.condition) if not has_nearest else ()
    still = f", {_listed(bits)} never rose" if bits else ""
    # That the hole's own branch was not taken is what the sentence begins with.
    if missed.condition != needs.own or missed.was_asked or still:
        yield missed.words + still


def _clauses(
    point: CoveragePoint, needs: Needs, shown: Sequence[Condition], more: int, remarks: Mapping[Condition, Sequence[str]], verb: str
) -> Iterator[str]:
    if shown:
        parts = [_condition(part, remarks, point.line) for part in shown]
        chain = parts[0] if len(parts) == 1 else f"{', then '.join(parts[:-1])} and then {parts[-1]}"
        yield f"{verb} {chain}" + (f" inside {more} other condition{'s' * (more != 1)}" if more else "")
    if len(needs.assignments) == 1:
        one = needs.assignments[0][0]
        yield f"assigned by {code(one.text)} (line {one.place.line})"
    elif needs.assignments:
        lines = sorted({one.place.line for one, _ in needs.assignments})
        listed = ", ".join(str(line) for line in lines[:MAX_ASSIGNMENTS]) + ", ..." * (len(lines) > MAX_ASSIGNMENTS)
        yield f"assigned at line{'s' * (len(lines) != 1)} {listed}"


def _condition(part: Condition, remarks: Mapping[Condition, Sequence[str]], line: int) -> str:
    found = [*([f"line {part.place.line}"] if part.place.line != line else []), *remarks.get(part, ())]
    return code(part.text) + (f" ({', '.join(found)})" if found else "")


def _inputs_clause(point: CoveragePoint, needs: Needs, inputs: Sequence[str], conditions: Conditions) -> str:
    if point.kind is Kind.TOGGLE and not needs.assignments and set(needs.signals) <= conditions.inputs:
        return "it is an input of the top, so no stimulus drove it so"
    return f"driven by input{'s' * (len(inputs) != 1)} {_listed(inputs)}"


def _listed(inputs: Sequence[str]) -> str:
    return ", ".join(code(name) for name in inputs[:MAX_INPUTS]) + " and others" * (len(inputs) > MAX_INPUTS)


def _detail(hole: Hole, subject: str, needs: Needs, remarks: Mapping[Condition, Sequence[str]], inputs: Sequence[str]) -> Iterator[str]:
    yield f"**{subject}**"
    if needs.chain:
        yield ""
        yield "Must hold, outermost first:" if not needs.assignments else "Must hold for every assignment below, outermost first:"
        yield ""
        for number, part in enumerate(needs.chain, 1):
            yield f"{number}. {_condition(part, remarks, 0)}"
    if needs.assignments:
        yield ""
        yield "Assigned by:"
        yield ""
        for one, chain in needs.assignments[:MAX_ASSIGNMENTS]:
            further = [code(part.text) for part in chain if part not in needs.chain]
            yield f"- {code(one.text)} (line {one.place.line})" + (f" under {', '.join(further)}" if further else "")
        if len(needs.assignments) > MAX_ASSIGNMENTS:
            yield f"- and {len(needs.assignments) - MAX_ASSIGNMENTS} more"
    if inputs:
        yield ""
        yield f"Hangs on inputs: {_listed(inputs)}."
    if hole.verdict != NOT_TRIED:
        yield ""
        yield f"Verdict: {hole.verdict}. {hole.verdict.reason}".rstrip()
