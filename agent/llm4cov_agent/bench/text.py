"""What the renderers share as writers of text: free names, safe comments, wrapped lists. Knows no language and no design."""

from __future__ import annotations

import re
from collections.abc import Iterable

COLUMNS = 100
"""Where generated lines are wrapped if they can be."""

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def is_simple(name: str) -> bool:
    """Say whether a name is an identifier in Verilog and Python alike, keywords aside."""
    return _SIMPLE.match(name) is not None


def plain_name(name: str) -> str:
    """Take the escape off a Verilog name: `\\foo+bar ` is `foo+bar`."""
    return name.removeprefix("\\").rstrip()


def as_identifier(name: str) -> str:
    """Make an identifier of any name: what does not belong becomes an underscore, runs of them one."""
    text = re.sub(r"[^A-Za-z0-9_]+", "_", plain_name(name)).strip("_") or "x"
    return f"_{text}" if text[0].isdigit() else text


def as_comment(sentence: str) -> str:
    """Make a text safe as the rest of a comment line: one line, printable, not read as a directive of a tool."""
    text = " ".join("".join(char if char.isprintable() else " " for char in sentence).split())
    return f"- {text}" if re.match(r"(verilator|synopsys|synthesis|pragma|type:|noqa)", text, re.IGNORECASE) else text.rstrip("\\ ")


def wrap(items: Iterable[str], *, indent: str, separator: str = ", ", end: str = "") -> list[str]:
    """Fill lines with items, wrapped at `COLUMNS`; a line that goes on ends in the separator, the last one in `end`."""
    lines: list[str] = []
    line = indent
    for item in items:
        if line != indent and len(line) + len(item) + 1 > COLUMNS:
            lines.append(line.rstrip())
            line = indent
        line += item + separator
    if line != indent:
        lines.append(line[: len(line) - len(separator)] + end)
    return lines


def paragraph(sentence: str, *, prefix: str) -> list[str]:
    """Wrap a sentence into comment lines that each begin with `prefix`; none for an empty one."""
    return [] if not sentence.strip() else wrap(as_comment(sentence).split(" "), indent=prefix, separator=" ")


def testbench_name(top: str, modules: Iterable[str], variant: str = "") -> str:
    """Name the testbench of a top module, or a variant of it, so that no module of the design has the name."""
    wish = f"tb_{as_identifier(top)}" + (f"__{variant}" if variant else "")
    return Names(plain_name(module) for module in modules).pick(wish)


class Names:
    """Hands out names that are still free; the same requests in the same order give the same names."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = set(reserved)

    def reserve(self, *names: str) -> None:
        """Keep names from being handed out."""
        self._taken.update(names)

    def is_free(self, name: str) -> bool:
        """Say whether nobody has the name."""
        return name not in self._taken

    def pick(self, wish: str) -> str:
        """Hand out `wish`, or where it is taken `wish_2`, `wish_3`, ..."""
        name, rank = wish, 1
        while name in self._taken:
            rank += 1
            name = f"{wish}_{rank}"
        self._taken.add(name)
        return name
