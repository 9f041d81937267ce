"""The words of a line of the stimulus language, and the numbers among them. Knows no verb and no design."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

MOST_DECIMAL_DIGITS = 4000
"""Python refuses to read longer ones, as that takes quadratic time; hexadecimal has no such limit."""

_TOKEN = re.compile(
    r"""(?P<comment>(?:\#|//).*)
    | (?P<escaped>\\\S+)
    | (?P<number>\d*'[sS]?[bBoOdDhH][0-9a-zA-Z_?]+ | '[01] | 0[xX][0-9a-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+ | \d[\d_]*)
    | (?P<name>[A-Za-z_][A-Za-z0-9_$]*(?:::[A-Za-z_][A-Za-z0-9_$]*)*)
    | (?P<mark>==|!=|<=|[^\s])""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_SIZED = re.compile(r"(?P<size>\d*)'[sS]?(?P<base>[bBoOdDhH])(?P<digits>[0-9a-zA-Z_?]+)\Z", re.ASCII)
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16, "x": 16}


class Kind(Enum):
    """What sort of word a token is."""

    NAME = "name"
    NUMBER = "number"
    MARK = "mark"
    COMMENT = "comment"
    END = "end of line"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark, or the rest of the line from a `#` on."""

    kind: Kind
    text: str
    """As written, but for names in Verilog's escaped form, which lose the backslash."""
    column: int
    """1-based."""


@dataclass(frozen=True, slots=True)
class NotANumber:
    """Why a literal has no value."""

    reason: str


def tokens_of(line: str) -> list[Token]:
    """Cut a line into tokens; the last one is of kind END. Takes time linear in the line's length."""
    found: list[Token] = []
    for match in _TOKEN.finditer(line):
        group = match.lastgroup
        if group is None:
            continue
        text, column = match[group], match.start(group) + 1
        if group == "escaped":
            found.append(Token(Kind.NAME, text[1:], column))
        else:
            found.append(Token(Kind(group), text, column))
    found.append(Token(Kind.END, "", len(line.rstrip()) + 1))
    return found


def number_of(text: str, width: int | None = None) -> int | NotANumber:
    """Read a literal: decimal, 0x, 0b, 0o, or Verilog's, with or without a size. `'1` is all ones in `width` bits."""
    if text in ("'0", "'1"):
        return 0 if text == "'0" else (1 << (width or 1)) - 1
    sized = _SIZED.match(text)
    if sized:
        base, digits = _BASES[sized["base"].lower()], sized["digits"]
        if re.search("[xXzZ?]", digits):
            return NotANumber("x and z can't be driven or waited for")
    elif text[:2].lower() in ("0x", "0b", "0o"):
        base, digits = _BASES[text[1].lower()], text[2:]
    else:
        base, digits = 10, text
    digits = digits.replace("_", "")
    if base == 10 and len(digits) > MOST_DECIMAL_DIGITS:
        return NotANumber("the number is too long")
    try:
        value = int(digits, base)
    except ValueError:
        return NotANumber(f"`{shortened(text)}` is not a number")
    if sized and sized["size"]:
        size = int(sized["size"][:9])
        if value.bit_length() > size:
            return NotANumber(f"`{shortened(text)}` has more than the {size} bits that it says")
    return value


def shortened(text: str, most: int = 40) -> str:
    """Make a word of any length and content fit for a message."""
    printable = "".join(char if char.isprintable() else "?" for char in text[: most + 1])
    return printable if len(text) <= most else f"{printable[: most - 3]}..."
