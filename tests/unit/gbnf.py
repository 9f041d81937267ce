"""Draws texts from a GBNF grammar, to see what a decoder under the grammar could write."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Union

TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[a-z][a-z0-9-]*|\{\d+(?:,\d+)?\}|[?*+|()])')


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Class:
    chars: str


@dataclass(frozen=True)
class Rule:
    name: str


@dataclass(frozen=True)
class Times:
    part: Part
    least: int
    most: int


@dataclass(frozen=True)
class Row:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Any:
    ways: tuple[Part, ...]


Part = Union[Text, Class, Rule, Times, Row, Any]


def read(grammar: str) -> dict[str, Part]:
    rules: dict[str, Part] = {}
    for line in grammar.splitlines():
        name, body = line.split(" ::= ", 1)
        assert name not in rules
        tokens, place = [], 0
        while body[place:].strip():
            match = TOKEN.match(body, place)
            assert match is not None, body[place : place + 40]
            tokens.append(match[1])
            place = match.end()
        rules[name], rest = _any(tokens)
        assert not rest, rest
    return rules


def _any(tokens: list[str]) -> tuple[Part, list[str]]:
    ways: list[Part] = []
    while True:
        parts: list[Part] = []
        while tokens and tokens[0] not in "|)":
            part, tokens = _one(tokens)
            parts.append(part)
        ways.append(Row(tuple(parts)))
        if not tokens or tokens[0] == ")":
            return Any(tuple(ways)), tokens
        tokens = tokens[1:]


def _one(tokens: list[str]) -> tuple[Part, list[str]]:
    first, tokens = tokens[0], tokens[1:]
    part: Part
    if first == "(":
        part, tokens = _any(tokens)
        assert tokens[0] == ")"
        tokens = tokens[1:]
    elif first[0] == '"':
        part = Text(_plain(first[1:-1]))
    elif first[0] == "[":
        inner = _plain(first[1:-1])
        assert not inner.startswith("^")
        ranges = re.findall(r"(.)-(.)|(.)", inner, re.DOTALL)
        part = Class("".join("".join(map(chr, range(ord(low), ord(high) + 1))) if low else one for low, high, one in ranges))
    else:
        part = Rule(first)
    bounds = {"?": (0, 1), "*": (0, 8), "+": (1, 8)}
    if tokens and (tokens[0] in bounds or tokens[0][0] == "{"):
        if tokens[0] in bounds:
            least, most = bounds[tokens[0]]
        else:
            numbers = [int(number) for number in tokens[0][1:-1].split(",")]
            least, most = numbers[0], numbers[-1]
        return Times(part, least, most), tokens[1:]
    return part, tokens


def _plain(text: str) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(
        r"\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8})|(.))",
        lambda match: chr(int(match[1] or match[2] or match[3], 16)) if match[4] is None else escapes.get(match[4], match[4]),
        text,
    )


def draw(rules: dict[str, Part], generator: random.Random, *, longest: bool = False) -> str:
    """Draw a text; with `longest`, all that may be repeated is, and characters are the last of their class."""

    def go(part: Part) -> str:
        match part:
            case Text():
                return part.text
            case Class():
                return part.chars[-1] if longest else generator.choice(part.chars)
            case Rule():
                return go(rules[part.name])
            case Row():
                return "".join(map(go, part.parts))
            case Any():
                return go(part.ways[-1] if longest and len(part.ways) < 4 else generator.choice(part.ways))
            case Times():
                count = part.most if longest else generator.randint(part.least, part.most)
                return "".join(go(part.part) for _ in range(count))

    return go(rules["root"])
