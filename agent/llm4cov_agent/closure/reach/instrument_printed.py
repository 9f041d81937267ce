"""Reads expressions as Verilator prints them in the comments of its points. Knows no source and no other comment."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?P<size>\d+)'s?h(?P<digits>[0-9a-f]+))|(?P<decimal>\d+)"
    r"|(?P<name>\$?[A-Za-z_][\w$]*(?:(?:\.|::)[A-Za-z_][\w$]*)*)"
    r"|(?P<sign><<<|>>>|===|!==|==\?|!=\?|<->|->|<<|>>|==|!=|<=|>=|&&|\|\||~\^|\+:|[-+*/%&|^~!<>?:(){}\[\],]))"
)
_COMMENT = re.compile(r"\((?P<terms>.*)\) => [01]")
_OPERATORS = frozenset(
    {
        "+",
        "-",
        "*",
        "/",
        "%",
        "&",
        "|",
        "^",
        "~^",
        "==",
        "!=",
        "===",
        "!==",
        "==?",
        "!=?",
        ">=",
        ">",
        "<=",
        "<",
        "&&",
        "||",
        "<<",
        ">>",
        ">>>",
        "<<<",
    }
)
_PREFIXES = frozenset({"-", "~", "!", "&", "|", "^"})


@dataclass(frozen=True, slots=True)
class Printed:
    """An expression as printed: a name, number, operator, bit, range, part or concatenation."""

    kind: str
    text: str = ""
    children: tuple[Printed, ...] = ()
    width: int = 32
    value: int = 0


def read_terms(comment: str) -> tuple[tuple[Printed, bool], ...] | None:
    """Read the comment of an expression point, such as `(a==0 && (b < c)==1) => 0`; None if it has another form."""
    matched = _COMMENT.fullmatch(comment)
    if matched is None:
        return None
    terms: list[tuple[Printed, bool]] = []
    for text in split_terms(matched["terms"]):
        if not text.endswith(("==0", "==1")):
            return None
        printed = _Reader(text[:-3]).whole()
        if printed is None:
            return None
        terms.append((printed, text.endswith("1")))
    return tuple(terms)


def split_terms(text: str) -> list[str]:
    """Split at the `&&` outside of all brackets."""
    parts: list[str] = []
    depth = start = 0
    for index, character in enumerate(text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        if depth == 0 and text.startswith(" && ", index):
            parts.append(text[start:index])
            start = index + 4
    return [*parts, text[start:]]


class _Unreadable(Exception):
    """The text has a form that isn't known."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[re.Match[str]] = []
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                break
            self._tokens.append(token)
            position = token.end()
        self._is_whole = position == len(text)
        self._next = 0

    def whole(self) -> Printed | None:
        """Read all of the text."""
        try:
            printed = self._primary()
        except _Unreadable:
            return None
        return printed if self._is_whole and self._next == len(self._tokens) else None

    def _peek(self) -> str:
        return self._tokens[self._next].group().strip() if self._next < len(self._tokens) else ""

    def _take(self, expected: str | None = None) -> re.Match[str]:
        if self._next >= len(self._tokens) or (expected is not None and self._peek() != expected):
            raise _Unreadable
        self._next += 1
        return self._tokens[self._next - 1]

    def _primary(self) -> Printed:
        token = self._take()
        if token["number"]:
            printed = Printed("number", width=int(token["size"]), value=int(token["digits"], 16))
        elif token["decimal"]:
            printed = Printed("number", value=int(token["decimal"]))
        elif token["name"] and not token["name"].startswith("$"):
            printed = Printed("name", token["name"])
        elif token["sign"] == "(":
            printed = self._parenthesis()
        elif token["sign"] == "{":
            printed = self._braces()
        else:
            raise _Unreadable
        while self._peek() == "[":
            printed = self._selection(printed)
        return printed

    def _parenthesis(self) -> Printed:
        if self._peek() in _PREFIXES:
            operator = self._take()["sign"]
            printed = Printed("operator", operator, (self._primary(),))
        else:
            printed = self._primary()
            if self._peek() in _OPERATORS:
                operator = self._take()["sign"]
                printed = Printed("operator", operator, (printed, self._primary()))
        self._take(")")
        return printed

    def _braces(self) -> Printed:
        first = self._primary()
        if self._peek() == "{":
            # A replication; a plain concatenation is printed as one, too.
            self._take("{")
            inner = self._list()
            self._take("}")
            printed = Printed("concatenation", children=inner)
            return printed if first.value == 1 else Printed("repeat", children=(printed,), value=first.value)
        rest: tuple[Printed, ...] = ()
        if self._peek() == ",":
            self._take(",")
            rest = self._list()
        else:
            self._take("}")
        return Printed("concatenation", children=(first, *rest))

    def _list(self) -> tuple[Printed, ...]:
        found = [self._primary()]
        while self._peek() == ",":
            self._take(",")
            found.append(self._primary())
        self._take("}")
        return tuple(found)

    def _selection(self, base: Printed) -> Printed:
        self._take("[")
        first = self._primary()
        match self._peek():
            case ":":
                self._take(":")
                low = self._primary()
                printed = Printed("range", children=(base, first, low))
            case "+:":
                self._take("+:")
                printed = Printed("part", children=(base, first), width=self._primary().value)
            case _:
                printed = Printed("bit", children=(base, first))
        self._take("]")
        return printed
