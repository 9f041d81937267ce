"""Verilog text as tokens with their places, and where brackets and statements end. Knows no meaning of a statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<skip>//[^\n]*|/\*.*?\*/|\(\*(?!\s*\)).*?\*\)|\s+)|(?P<string>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<word>\\\S+|[A-Za-z_$][\w$]*)|(?P<macro>`[\w$`]+)|(?P<number>\d*\s*'\s*[sS]?[bodhBODH]\s*[\w?]+|\d[\w.]*|'[01xzXZ])"
    r"|(?P<op><<<=|>>>=|<<=|>>=|<=|>=|===|!==|==|!=|&&|\|\||\+\+|--|->|::|[-+*/%&|^]=|.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `kind` is `string`, `word`, `macro`, `number` or `op`, lines and columns are 1-based."""

    kind: str
    text: str
    line: int
    column: int


def read_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text without comments, attributes and the directives that stand for no statement."""
    line, line_start, position = 1, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        kind, part = match.lastgroup or "op", match.group()
        if kind == "macro" and part[1:] in (
            "define",
            "ifdef",
            "ifndef",
            "elsif",
            "undef",
            "include",
            "timescale",
            "default_nettype",
            "line",
        ):
            end = (
                re.compile(r"(?:[^\\\n]|\\.|\\\n)*", re.DOTALL).match(text, position)
                if part[1:] in ("define", "include", "timescale", "line")
                else None
            )
            part = end.group().split("\n")[0] if end and part[1:] != "define" else end.group() if end else part
            kind = "skip"
        elif kind == "macro" and part[1:] in ("else", "endif", "resetall", "celldefine", "endcelldefine", "begin_keywords", "end_keywords"):
            kind = "skip"
        if kind != "skip":
            yield Token(kind, part, line, position - line_start + 1)
        breaks = part.count("\n")
        if breaks:
            line += breaks
            line_start = position + part.rindex("\n") + 1
        position += len(part)


def closing_or_end(tokens: list[Token], position: int) -> int:
    """Position of the bracket that closes the one here, or behind the last token if there is none."""
    try:
        return closing(tokens, position)
    except IndexError:
        return len(tokens)


def closing(tokens: list[Token], position: int) -> int:
    """Position of the bracket that closes the one here. Raises IndexError if there is none."""
    depth = 0
    while True:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(tokens[position].text, 0) if tokens[position].kind == "op" else 0
        if depth == 0:
            return position
        position += 1


def statement_end(tokens: list[Token], position: int) -> int:
    """Position of the last token of the statement that begins here."""
    while tokens[position].text in ("unique", "unique0", "priority") or (
        tokens[position].kind == "word" and tokens[position + 1].text == ":" and tokens[position].text != "default"
    ):
        position += 1 if tokens[position].text in ("unique", "unique0", "priority") else 2
    text = tokens[position].text
    if text in ("begin", "case", "casez", "casex", "fork"):
        depth = 0
        while True:
            depth += {"begin": 1, "case": 1, "casez": 1, "casex": 1, "fork": 1, "end": -1, "endcase": -1, "join": -1}.get(
                tokens[position].text, 0
            )
            if depth == 0:
                break
            position += 1
        if tokens[position + 1].text == ":" and tokens[position + 2].kind == "word":
            position += 2
        return position
    if text in ("if", "for", "while", "repeat", "foreach"):
        position = statement_end(tokens, closing(tokens, position + 1) + 1)
        if text == "if" and position + 1 < len(tokens) and tokens[position + 1].text == "else":
            return statement_end(tokens, position + 2)
        return position
    if text in ("@", "#"):
        after = closing(tokens, position + 1) + 1 if tokens[position + 1].text == "(" else position + 2
        return statement_end(tokens, after)
    while tokens[position].text != ";":
        position = closing(tokens, position) + 1 if tokens[position].text in ("(", "{", "[") else position + 1
    return position
