"""Finds the modules of a text and the lines that they stand on, without a parser: it has to answer while a person types.

Says where a module is, never whether it is right; the elaboration, in the worker, does that.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_NOISE = re.compile(r'//[^\n\r]*|/\*.*?\*/|"(?:\\.|[^"\\\n\r])*"', re.DOTALL)
_MODULE = re.compile(
    # The literal comes first, so that the text is searched for it and not tried at each word: this runs at each edit.
    r"module\b(?:(?<=\bendmodule)|(?:(?<=\bmodule)|(?<=\bmacromodule))\s+(?:(?:automatic|static)\s+)?(?P<name>[A-Za-z_][\w$]*))"
)
_NO_PORTS = re.compile(r"\s*(?:\(\s*\)\s*)?;")
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Module:
    """A module; lines are 1-based, the last one included."""

    name: str
    first_line: int
    last_line: int
    has_ports: bool
    """Without ports it is a testbench, and nothing can be generated for it."""


def modules_of(text: str) -> tuple[Module, ...]:
    """List the modules in the order of the text; one without `endmodule` goes on to the end."""
    return modules_in(without_noise(text))


def modules_in(plain: str) -> tuple[Module, ...]:
    """The same for a text without comments and quotes."""
    ends = [match.end() for match in _LINE_END.finditer(plain)]
    found: list[Module] = []
    opened: re.Match[str] | None = None

    def close(end: int) -> None:
        if opened is not None:
            has_ports = _NO_PORTS.match(plain, opened.end()) is None
            found.append(Module(opened["name"], _line(ends, opened.start("name")), _line(ends, end), has_ports))

    for match in _MODULE.finditer(plain):
        close(match.start())
        opened = match if match["name"] else None
    close(len(plain))
    return tuple(found)


def without_noise(text: str) -> str:
    """Put blanks in the place of comments and texts in quotes; line ends stay where they are."""
    return _NOISE.sub(_blank, text)


def _line(ends: list[int], offset: int) -> int:
    return bisect_right(ends, offset) + 1


def _blank(match: re.Match[str]) -> str:
    return "".join(one if one in "\r\n" else " " for one in match[0])
