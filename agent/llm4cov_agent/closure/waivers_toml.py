"""The syntax of a waiver file: tables to TOML text, and back with their lines. Knows no design and no meaning of a key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Union

from llm4cov_agent.errors import Problem, Severity

VERSION = 1
_HEADER = """\
# Points that don't count in the code coverage of {top}, each with the reason why. Written by llm4cov-lsp.
#
# Edit it by hand as you like: reasons can be changed and entries be deleted; comments and order don't survive the next writing.
# `file` is relative to this file. An entry stops counting when its file changes (`source_digest`); one with a `proof` when
# anything in the design changes (`design_digest`).
"""
_NAME = "waiver"
_TABLE_LINE = re.compile(r"\s*\[\[\s*(?:waiver|\"waiver\"|'waiver')\s*\]\]")
_PLACE = re.compile(r"(?P<what>.*?) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_TO_ESCAPE = re.compile(r'[\x00-\x1f\x7f"\\\ud800-\udfff\ufeff\u0085\u2028\u2029]')

Table = dict[str, Union[str, int]]


@dataclass(frozen=True, slots=True)
class ReadTable:
    """One table as it was read; values are what TOML has, of any type."""

    values: Mapping[str, object]
    line: int | None = None
    """1-based line of its header; None where that can't be told."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Lines of its keys, as far as they can be told."""

    def line_of(self, key: str) -> int | None:
        """Give the line of a key, or of the table that lacks it."""
        return self.lines.get(key, self.line)


def render(top: str, tables: Iterable[Table]) -> str:
    """Write tables in the given order, keys in theirs."""
    return "\n".join([header(top), *(table_text(table) for table in tables)])


def header(top: str) -> str:
    """Write what stands above all tables."""
    return f"{_HEADER.format(top=_TO_ESCAPE.sub('?', top))}\nversion = {VERSION}\n"


def table_text(table: Table) -> str:
    """Write one table, keys in their order."""
    lines = [f"{key} = {value if isinstance(value, int) else _quoted(value)}\n" for key, value in table.items()]
    return f"[[{_NAME}]]\n{''.join(lines)}"


def parse(content: bytes, name: str, keys: Collection[str]) -> tuple[list[ReadTable], list[Problem]]:
    """Read the tables of a file that problems call `name`; keys other than the given ones are only warned of."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Problem("is not UTF-8 text", file=name, line=content[: error.start].count(b"\n") + 1)]
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Besides its own error, tomllib lets those of numbers with too many digits and of brackets nested too deeply through.
        return [], [_syntax_problem(error, text, name)]
    version = document.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        hint = "It may have been written by a later release."
        return [], [Problem(f"has version {version!r}, and only {VERSION} is known", file=name, line=_line_of(text, "version"), hint=hint)]
    found = document.get(_NAME, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        return [], [Problem(f"`{_NAME}` must be tables, each under [[{_NAME}]]", file=name, line=_line_of(text, _NAME) or 1)]
    tables = _with_lines(text, found)
    problems = [
        Problem(f"`{key}` is unknown here", file=name, line=_line_of(text, key), severity=Severity.WARNING)
        for key in document
        if key not in ("version", _NAME)
    ]
    for table in tables:
        for key in table.values:
            if key not in keys:
                problems.append(Problem(f"`{key}` is unknown here", file=name, line=table.line_of(key), severity=Severity.WARNING))
    return tables, problems


def _quoted(text: str) -> str:
    return f'"{_TO_ESCAPE.sub(lambda match: _escaped(match[0]), text)}"'


def _escaped(character: str) -> str:
    # Half a surrogate pair is no character, and TOML has no way to write it.
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return _SHORT.get(character, f"\\u{ord(character):04X}")


def _syntax_problem(error: Exception, text: str, name: str) -> Problem:
    message = str(error)
    placed = _PLACE.fullmatch(message)
    if placed is not None:
        return Problem(f"is no TOML: {placed['what']}", file=name, line=int(placed["line"]), column=int(placed["column"]))
    what = "brackets are nested too deeply" if isinstance(error, RecursionError) else message.removesuffix(" (at end of document)")
    return Problem(f"is no TOML: {what}", file=name, line=text.count("\n") + 1)


def _key_at(line: str) -> str | None:
    matched = re.match(r"\s*(?:\[+\s*)?[\"']?([\w-]+)[\"']?\s*(?:=|\.|\])", line)
    return matched[1] if matched else None


def _line_of(text: str, key: str) -> int | None:
    return next((number for number, line in enumerate(text.split("\n"), 1) if _key_at(line) == key), None)


def _with_lines(text: str, found: list[dict[str, object]]) -> list[ReadTable]:
    """Tell where the tables stand; nothing is told if they aren't written one under one header each."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines, 1) if _TABLE_LINE.match(line)]
    if len(starts) != len(found):
        return [ReadTable(values) for values in found]
    tables: list[ReadTable] = []
    for values, start, end in zip(found, starts, [*starts[1:], len(lines) + 1], strict=True):
        keys: dict[str, int] = {}
        for number in range(start + 1, end):
            key = _key_at(lines[number - 1])
            if key is not None:
                keys.setdefault(key, number)
        tables.append(ReadTable(values, start, keys))
    return tables
