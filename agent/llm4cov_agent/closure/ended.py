"""Where a design may end the simulation by itself, for messages about runs that it ended. Runs nothing, proves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.rtl.design import Design

_OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
_CALL = re.compile(r"\$(?:finish|stop|fatal)\b")
_MOST_NAMED = 3

Place = tuple[str, int, int, str]
"""(file as the user would write it, line, column, name of the system task)."""


def ending_calls(design: Design, *, names: Iterable[str] = ("$finish", "$stop", "$fatal")) -> tuple[Place, ...]:
    """List calls that end the simulation in the design's sources, whether or not they are ever reached."""
    wanted, found = set(names), []
    for file in design.files:
        if file.role not in ("source", "library", "include"):
            continue
        try:
            text = file.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            # The file went away meanwhile: then there is nothing to name.
            continue
        # Comments and strings become blanks, so that places stay what they are.
        plain = _OPAQUE.sub(lambda part: re.sub(r"[^\n]", " ", part.group()), text)
        for call in _CALL.finditer(plain):
            if call.group() in wanted:
                line = plain.count("\n", 0, call.start()) + 1
                found.append((display_path(file.path), line, call.start() - plain.rfind("\n", 0, call.start()), call.group()))
    return tuple(found)


def problem_of_ending(design: Design, message: str, hint: str, *, severity: Severity) -> Problem:
    """Say that runs ended and where that may come from: at the place itself if there is only one."""
    places = ending_calls(design)
    if len(places) == 1:
        file, line, column, name = places[0]
        return Problem(f"{message}, by `{name}`", file=file, line=line, column=column, hint=hint, severity=severity)
    if places:
        named = ", ".join(f"`{name}` at {file}:{line}" for file, line, _, name in places[:_MOST_NAMED])
        more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
        hint = f"It may be {named}{more}. {hint}"
    return Problem(message, hint=hint, severity=severity)
