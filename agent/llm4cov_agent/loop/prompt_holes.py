"""Holes as a prompt shows them: compact, the most telling first, cut to a budget between lines. Knows no instruction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from llm4cov_agent.judge.coverage import Kind
from llm4cov_agent.judge.fold import fold_toggles
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.wording import folded_words, missed_words
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.loop.state import Missed, Observation

_MOST_CONDITIONS = 4
"""Conditions of one hole that are shown, the innermost ones."""
_SOURCE_CHARACTERS = 120
_TITLES = {
    Kind.FSM: "State machine",
    Kind.BRANCH: "Branches",
    Kind.LINE: "Lines",
    Kind.EXPR: "Expressions",
    Kind.TOGGLE: "Bits that never toggled",
}
"""In the order of `rank_holes`: control before data."""


def open_holes(observation: Observation) -> tuple[Missed, ...]:
    """Holes that a testbench may still hit."""
    return tuple(hole for hole in observation.holes if hole.verdict is not VerdictKind.UNREACHABLE)


def show_holes(holes: Sequence[Missed], lines: Mapping[str, Sequence[str]], *, budget_tokens: int) -> str:
    """Write holes per kind, each line with its source text and what must hold; says how many there was no room for."""
    shown: list[str] = []
    left = budget_tokens - tokens_of("(1000000 more points are not listed)\n")
    listed = 0
    for kind, title in _TITLES.items():
        of_kind = [hole for hole in holes if hole.point.kind is kind]
        if not of_kind:
            continue
        entries = list(_toggles(of_kind) if kind is Kind.TOGGLE else _points(of_kind, lines))
        heading = f"{title} ({len(of_kind)}):"
        if left < tokens_of(f"{heading}\n{entries[0][0]}\n"):
            break
        shown.append(heading)
        left -= tokens_of(heading + "\n")
        for text, count in entries:
            cost = tokens_of(text + "\n")
            if cost > left:
                break
            shown.append(text)
            left -= cost
            listed += count
    if listed < len(holes):
        shown.append(f"({len(holes) - listed} more points are not listed)")
    return "\n".join(shown)


def _points(holes: Sequence[Missed], lines: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int]]:
    several = len({hole.point.file for hole in holes}) > 1
    for hole in holes:
        point = hole.point
        content = lines.get(point.file, ())
        source = " ".join(content[point.line - 1].split())[:_SOURCE_CHARACTERS] if point.line <= len(content) else ""
        place = f"{point.file} line {point.line}" if several else f"line {point.line}"
        text = f"- {place}: {missed_words(point)}"
        if source:
            text += f" | {source}"
        if hole.conditions:
            text += f" | needs {' and '.join(' '.join(one.split()) for one in hole.conditions[-_MOST_CONDITIONS:])}"
        yield text, 1


def _toggles(holes: Sequence[Missed]) -> Iterator[tuple[str, int]]:
    for folded in fold_toggles(hole.point for hole in holes):
        yield f"- {folded_words(folded)}", sum(1 for _ in folded.points())
