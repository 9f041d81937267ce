"""Writes conditions as SystemVerilog text: negated, as one of several, shortened. Knows no meaning of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_LENGTH = 120
"""Characters of a source text that a person still reads in a sentence."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_OPERAND = r"[\w.$'\[\]:]+"
_NAME = re.compile(rf"!?\s*{_OPERAND}")
_RELATION = re.compile(rf"({_OPERAND})\s*(==|!=|<=|>=|<|>)\s*({_OPERAND})")
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_LISTED = 3


def shortened(text: str) -> str:
    """Take comments and line breaks out, and cut what is too long."""
    plain = " ".join(_COMMENT.sub(" ", text).split())
    return plain if len(plain) <= MAX_LENGTH else plain[: MAX_LENGTH - 3].rstrip() + "..."


def negated(text: str) -> str:
    """Turn a condition round, for values that are 0 or 1."""
    plain = " ".join(_COMMENT.sub(" ", text).split())
    if _NAME.fullmatch(plain):
        return plain[1:].lstrip() if plain.startswith("!") else f"!{plain}"
    relation = _RELATION.fullmatch(plain)
    if relation:
        return f"{relation[1]} {_OPPOSITE[relation[2]]} {relation[3]}"
    return f"!({plain})"


def alternatives(subject: str, operator: str, items: Sequence[str]) -> str:
    """Say that a subject is one of some items; without a subject, that one of the items is true."""
    if not subject:
        return " || ".join(items)
    if len(items) <= _LISTED and not any(item.lstrip().startswith("[") for item in items):
        return " || ".join(f"{subject} {operator} {item}" for item in items)
    return f"{subject} inside {{{', '.join(items)}}}"
