"""The design as a prompt shows it: code without comments, cut by relevance where it is long. Knows no instruction.

Comments never get into a prompt, so what they say can't instruct a model. Lines keep their numbers, as holes go by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from llm4cov_agent.loop.state import DesignText

_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MODULE = re.compile(r"^\s*(?:module|interface|package)\b")
_NEAR = 2
"""Lines on each side of a place where not all places have room."""
CHARACTERS_PER_TOKEN = 3
"""A low guess for code, so that a prompt that is counted to fit does fit, whatever the model."""


def tokens_of(text: str) -> int:
    """Guess tokens, the same for every model, for budgets and for nothing else; scripts full of numbers may take twice as many."""
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


def show_design(lines: Mapping[str, Sequence[str]], relevant: Sequence[tuple[str, int]], *, top: str, budget_tokens: int) -> str:
    """Write the files one after the other within a budget.

    `relevant` holds (file, 1-based line) of what matters, the most telling first. If not everything fits, module headers
    and as many lines around all of these places as fit are shown; if that is too much as well, as many places as fit.
    Each gap says how many lines it leaves out.
    """

    def written(places: Sequence[tuple[str, int]], reach: int) -> str:
        return _written(lines, _window(lines, places, reach, top))

    longest = max((len(content) for content in lines.values()), default=0)
    whole = _written(lines, {name: set(range(len(content))) for name, content in lines.items()})
    if tokens_of(whole) <= budget_tokens:
        return whole
    reach = _most(longest, lambda reach: tokens_of(written(relevant, reach)) <= budget_tokens)
    if reach is not None:
        return written(relevant, reach)
    places = list(dict.fromkeys(relevant))
    count = _most(len(places), lambda count: tokens_of(written(places[:count], _NEAR)) <= budget_tokens)
    return written(places[:count], _NEAR) if count else cut_lines(written((), 0), budget_tokens)


def _most(limit: int, fits: Callable[[int], bool]) -> int | None:
    """The largest of 0..limit that fits, if fitting ones come first; None if 0 does not."""
    low, high, best = 0, limit, None
    while low <= high:
        middle = (low + high) // 2
        if fits(middle):
            best, low = middle, middle + 1
        else:
            high = middle - 1
    return best


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


def _window(lines: Mapping[str, Sequence[str]], places: Sequence[tuple[str, int]], reach: int, top: str) -> dict[str, set[int]]:
    """Choose 0-based lines: headers of modules, and what is at most `reach` lines from a place, or from the top if there are no places."""
    by_file: dict[str, list[int]] = {}
    for name, place in places:
        by_file.setdefault(name, []).append(place)
    shown: dict[str, set[int]] = {}
    for name, content in lines.items():
        chosen: set[int] = set()
        for number, line in enumerate(content):
            if _MODULE.match(line):
                is_top = re.search(rf"\b{re.escape(top)}\b", line) is not None
                if is_top or name in by_file:
                    chosen |= _header(content, number)
                if is_top and not places:
                    chosen |= set(range(number, min(len(content), number + reach)))
        for place in by_file.get(name, ()):
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
                parts.extend(_gap(gap))
                gap = 0
                parts.append(line)
            else:
                gap += 1
        parts.extend(_gap(gap))
    return "\n".join(parts)


def _gap(count: int) -> tuple[str, ...]:
    return (f"// ... {count} line{'s' * (count != 1)} left out ...",) if count else ()
