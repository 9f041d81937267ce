"""The design as a prompt shows it: code without comments, cut by relevance where it is long. Knows no instruction.

Comments never get into a prompt, so what they say can't instruct a model. Lines keep their numbers, as holes go by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llm4cov_agent.loop.state import DesignText

_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MODULE = re.compile(r"^\s*(?:module|interface|package)\b")
CHARACTERS_PER_TOKEN = 3
"""A low guess for code, so that a prompt that is counted to fit does fit, whatever the model."""


def tokens_of(text: str) -> int:
    """Count tokens, the same for every model: a guess on the safe side, for budgets and for nothing else."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def without_comments(text: str) -> str:
    """Take comments out of Verilog text; line breaks inside them stay, so that lines keep their numbers."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if found.startswith('"') else " " + "\n" * found.count("\n")

    return "\n".join(line.rstrip() for line in _COMMENT.sub(blank, text).split("\n"))


def code_lines(design: DesignText) -> dict[str, tuple[str, ...]]:
    """The lines of each file that a simulator compiles or includes, without comments, by the file's short name."""
    return {
        source.name: tuple(without_comments(source.text).split("\n"))
        for source in design.sources
        if source.role in ("source", "library", "include")
    }


def fence_for(text: str) -> str:
    """A fence that the text does not contain, so that the text can't end its own block."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)


def show_design(lines: Mapping[str, Sequence[str]], relevant: Mapping[str, Sequence[int]], *, top: str, budget_tokens: int) -> str:
    """Write the files one after the other within a budget.

    `relevant` holds 1-based line numbers, by file, that matter most (holes). If not everything fits, module headers and
    as many lines around the relevant ones as fit are shown, and each gap says how many lines it leaves out.
    """
    whole = _written(lines, {name: set(range(len(content))) for name, content in lines.items()})
    if tokens_of(whole) <= budget_tokens:
        return whole
    low, high = 0, max((len(content) for content in lines.values()), default=0)
    best = _written(lines, _window(lines, {}, 0, top))
    while low <= high:
        reach = (low + high) // 2
        text = _written(lines, _window(lines, relevant, reach, top))
        if tokens_of(text) <= budget_tokens:
            best, low = text, reach + 1
        else:
            high = reach - 1
    return best if tokens_of(best) <= budget_tokens else cut_lines(best, budget_tokens)


def cut_lines(text: str, budget_tokens: int) -> str:
    """Keep whole lines from the beginning within a budget, and say how many were left out."""
    if tokens_of(text) <= budget_tokens:
        return text
    lines = text.split("\n")
    room = budget_tokens * CHARACTERS_PER_TOKEN - len("... 1000000 more lines left out")
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, f"... {len(lines) - len(kept)} more lines left out"])


def _window(lines: Mapping[str, Sequence[str]], relevant: Mapping[str, Sequence[int]], reach: int, top: str) -> dict[str, set[int]]:
    """Choose 0-based lines: the headers of modules, and what is at most `reach` lines from a relevant one (or from the top's header)."""
    shown: dict[str, set[int]] = {}
    has_relevant = any(relevant.values())
    for name, content in lines.items():
        chosen: set[int] = set()
        for number, line in enumerate(content):
            if _MODULE.match(line):
                header = _header(content, number)
                is_top = re.search(rf"\b{re.escape(top)}\b", line) is not None
                if is_top or reach:
                    chosen |= header
                if is_top and not has_relevant:
                    chosen |= set(range(number, min(len(content), number + reach)))
        for place in relevant.get(name, ()):
            chosen |= set(range(max(0, place - 1 - reach), min(len(content), place + reach)))
        shown[name] = chosen
    return shown


def _header(content: Sequence[str], start: int) -> set[int]:
    """The lines of a module's header, to its first semicolon."""
    for number in range(start, len(content)):
        if ";" in content[number]:
            return set(range(start, number + 1))
    return {start}


def _written(lines: Mapping[str, Sequence[str]], shown: Mapping[str, set[int]]) -> str:
    parts: list[str] = []
    for name, content in lines.items():
        parts.append(f"// file {name}")
        gap = 0
        for number, line in enumerate(content):
            if not line.strip():
                continue
            if number in shown[name]:
                if gap:
                    parts.append(f"// ... {gap} lines left out ...")
                gap = 0
                parts.append(line)
            else:
                gap += 1
        if gap:
            parts.append(f"// ... {gap} lines left out ...")
    return "\n".join(parts)
