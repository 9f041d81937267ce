"""New entries for a waiver file's present text: what to put where, so that nothing else in it changes. Reads and writes no file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.closure.waivers import KEYS, Waiver
from llm4cov_agent.closure.waivers_toml import ReadTable, Table, header, parse, table_text
from llm4cov_agent.errors import Problem, has_errors


@dataclass(frozen=True, slots=True)
class Change:
    """Whole lines to put in place of others."""

    first: int
    """0-based line, counted at line feeds as TOML does."""
    last: int
    """Behind the last line that is replaced; the same as `first` to insert."""
    text: str
    reason_line: int
    """0-based line, within the text, of the first entry's reason."""


def new_file(top: str, entries: Iterable[Waiver], folder: Path) -> str:
    """Write a waiver file that stands in a folder. All entries have their digests."""
    return header(top) + "".join(f"\n{table_text(_table(entry, folder))}" for entry in entries)


def added_to(text: str, entries: Iterable[Waiver], path: Path) -> tuple[tuple[Change, ...], tuple[Problem, ...]]:
    """Say how to add entries to the text of a waiver file at `path`, from its end to its beginning.

    An entry for a point that has one takes its place, comments in it included, as a second one would not be looked at. Gives no
    change and the problems if the text can't be read.
    """
    tables, problems = parse(text.encode("utf-8", "replace"), path.name, KEYS)
    if has_errors(problems):
        return (), tuple(problems)
    lines, given, folder = text.split("\n"), tuple(entries), path.resolve().parent
    end = len(lines) - (lines[-1] == "")
    inserted: list[str] = []
    changes: list[Change] = []
    for entry in given:
        written = _table(entry, folder)
        block = table_text(written)
        at = list(written).index("reason") + 1
        old = next((table for table in tables if _is_about(table, written)), None)
        if old is None:
            inserted.append(block)
        elif old.line is None:
            return (), (Problem("has an entry for this point, in a form that only a person can change", file=path.name),)
        else:
            changes.append(Change(old.line - 1, _end_of(old, lines), block, at))
    if inserted:
        gap = "" if end == 0 or not lines[end - 1].strip() else "\n"
        # A last line without its end gets one first.
        gap = ("\n" if lines[-1] else "") + gap
        first = list(_table(given[0], folder)).index("reason") + 1 if not changes else 1
        changes.append(Change(len(lines) - 1, len(lines) - 1, gap + "\n".join(inserted), first + gap.count("\n")))
    return tuple(sorted(changes, key=lambda change: -change.first)), ()


def _table(entry: Waiver, folder: Path) -> Table:
    point = entry.point
    file = Path(os.path.relpath(Path(point.file), folder)).as_posix()
    table: Table = {"kind": point.kind.value, "file": file, "line": point.line, "column": point.column, "comment": point.comment}
    table["reason"] = entry.reason
    if entry.proof:
        table["proof"] = entry.proof
    table["source_digest"], table["design_digest"] = entry.source_digest, entry.design_digest
    return table


def _is_about(table: ReadTable, written: Table) -> bool:
    return all(table.values.get(key) == written[key] for key in ("kind", "file", "line", "column", "comment"))


def _end_of(table: ReadTable, lines: list[str]) -> int:
    """Give the line behind an entry: its last key ends it, and a value over several lines goes on to the next header or gap."""
    assert table.line is not None
    at = max((table.line, *table.lines.values()))
    while at < len(lines) and lines[at].strip() and not lines[at].lstrip().startswith(("[", "#")):
        at += 1
    return at
