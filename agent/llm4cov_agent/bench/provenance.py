"""A line in the header of a testbench that says how it was made. What is judged, stored and learned from is the text without it.

The line takes the place of an empty comment line, so that no other line moves, and says nothing of the time:
equal work gives an equal line.
Texts that we did not render have no such place, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from llm4cov_agent.bench.text import as_comment

_BEGIN = "Made by llm4cov-lsp "
_HEADER_LINES = 12
"""A long name of a design makes the header's first sentence longer."""
_EMPTY = re.compile(r"(?P<sign>//|#)")
_STAMP = re.compile(rf"(?P<sign>//|#) {_BEGIN}.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a testbench was made."""

    version: str
    """Of this program."""
    policies: tuple[str, ...]
    """Who proposed what is in it, with the model where one was asked."""
    seed: int
    coverage: str
    """What it covered when it was judged, in words; empty if it was not."""


def stamped(text: str, provenance: Provenance) -> str:
    """Write how a testbench was made into its header."""
    covered = f"; covered {provenance.coverage} when it was made" if provenance.coverage else ""
    words = f"{_BEGIN}{provenance.version}, {' and '.join(provenance.policies)}, seed {provenance.seed}{covered}."
    return _with_line(unstamped(text), _EMPTY, lambda sign: f"{sign} {as_comment(words)}")


def unstamped(text: str) -> str:
    """Take that line out again, whatever it says."""
    return _with_line(text, _STAMP, lambda sign: sign)


def _with_line(text: str, wanted: re.Pattern[str], written: Callable[[str], str]) -> str:
    """Write the first such line of a header anew. A header's lines are comments, and the first one says that it is a testbench."""
    lines = text.split("\n", _HEADER_LINES)
    if not re.match(r"(//|#) Testbench of\b", lines[0]):
        return text
    for at, line in enumerate(lines[1:_HEADER_LINES], 1):
        if not line.startswith(("//", "#")):
            break
        found = wanted.fullmatch(line)
        if found is not None:
            return "\n".join([*lines[:at], written(found["sign"]), *lines[at + 1 :]])
    return text
