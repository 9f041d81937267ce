"""Exclusions as a file that people read, edit and keep under version control. Knows no coverage result and makes no decision to exclude.

The file is TOML: one `[[waiver]]` table for each point, sorted by file, line, column, kind and comment, with the digests of the RTL that it
was made for. What it was made for must still be there, or it is *reopened*: read, given back with a reason, and not applied.

- With a `proof`, an entry rests on the whole design: it is applied only while `design_digest` is the digest of the design (contents of all
  sources, includes and data files, their names and order, defines, parameter overrides, top) and `source_digest` that of its own file.
- Without, it is a person's judgement of the text at its place: it is applied only while `source_digest` is the digest of its own file.
  Other files, defines and parameters may change.
- An entry that has no such digest, or whose file is no part of the design, is reopened too: nothing says what it was made for.

Digests are compared with those in the `Design`, which were taken when it was elaborated, and not with what lies on the disk by now.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.closure.waivers_toml import Table, parse, render
from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import Exclusion
from llm4cov_agent.rtl.design import Design, DesignFile

MAX_BYTES = 16 * 1024 * 1024
KEYS = ("kind", "file", "line", "column", "comment", "reason", "proof", "source_digest", "design_digest")
"""Keys of an entry, in the order in which they are written."""
_OPTIONAL = frozenset({"proof", "source_digest", "design_digest"})
_NUMBERS = frozenset({"line", "column"})
_LINE_BREAK = re.compile(r"\r?\n|\r")


@dataclass(frozen=True, slots=True)
class Waiver(Exclusion):
    """An exclusion with what it rests on."""

    proof: str = ""
    """Text of a proof with the assumption that it rests on; empty for a person's judgement."""
    source_digest: str = ""
    """Digest of the point's file when it was made; empty means now, when it is written."""
    design_digest: str = ""
    """Digest of the design when it was made; empty means now, when it is written."""
    line: int | None = field(default=None, compare=False)
    """Where it stands in the file that it was read from, 1-based; None for one that was not."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """A waiver that is not applied."""

    waiver: Waiver
    reason: str
    """One sentence."""


def write_waivers(path: Path, design: Design, entries: Iterable[Exclusion]) -> tuple[Problem, ...]:
    """Write all entries, in place of what the file has; of two for one point the later one counts.

    Those that were read keep the digests that they were made with, so that writing a file again renews nothing. The same entries
    give the same bytes. The file is replaced at once or not at all: gives a problem if it can't be, and a warning for each entry
    without a reason.
    """
    name = display_path(path)
    given = tuple(entries)
    beside: Path | None = None
    try:
        target = path.resolve()
        text = waivers_text(target.parent, design, given)
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(target)
    except (OSError, RuntimeError) as error:
        # A loop of links is a RuntimeError.
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else str(error)
        return (Problem(f"can't be written: {why}", file=name),)
    nameless = [entry.point for entry in given if not entry.reason.strip()]
    text = "has no reason and will not be applied until it has one"
    return tuple(
        Problem(f"{point.kind.value} {point.comment} {text}", point.file, point.line, point.column, severity=Severity.WARNING)
        for point in nameless
    )


def waivers_text(folder: Path, design: Design, entries: Iterable[Exclusion]) -> str:
    """Render a waiver file that stands in a folder."""
    files = _files(design)
    tables: dict[tuple[str, int, int, str, str], Table] = {}
    for entry in entries:
        point, waiver = entry.point, entry if isinstance(entry, Waiver) else Waiver(entry.point, entry.reason)
        file = files.get(Path(point.file)) or files.get(Path(point.file).resolve())
        where = file.path if file is not None else Path(point.file)
        name = Path(os.path.relpath(where, folder.resolve())).as_posix()
        table: Table = {"kind": point.kind.value, "file": name, "line": point.line, "column": point.column, "comment": point.comment}
        table["reason"] = waiver.reason
        if waiver.proof:
            table["proof"] = waiver.proof
        table["source_digest"] = waiver.source_digest or (file.digest if file is not None else "")
        table["design_digest"] = waiver.design_digest or design.digest
        tables[name, point.line, point.column, point.kind.value, point.comment] = table
    title = " ".join(_LINE_BREAK.split(design.top))
    return render(title, [tables[key] for key in sorted(tables)])


def read_waivers(path: Path, design: Design) -> tuple[tuple[Waiver, ...], tuple[Reopened, ...], tuple[Problem, ...]]:
    """Read a waiver file: what is applied, what is reopened, and what is wrong with the file.

    An entry with an error is in neither list, and the others count all the same; in a file that can't be read, none does.
    """
    name = display_path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            return (), (), (Problem(f"is larger than {MAX_BYTES >> 20} MiB", file=name),)
        content = path.read_bytes()
    except OSError as error:
        return (), (), (Problem(f"can't be read: {error.strerror}", file=name),)
    document, problems = parse(content, name, KEYS)
    files = _files(design)
    accepted: dict[CoveragePoint, Waiver] = {}
    reopened: list[Reopened] = []
    seen: set[CoveragePoint] = set()
    for table in document:
        wrong = _wrong(table.values)
        if wrong is not None:
            key, message = wrong
            problems.append(Problem(message, file=name, line=table.line_of(key)))
            continue
        file, waiver = _waiver(path, table.values, files, table.line)
        if waiver.point in seen:
            text = "is a second entry for the same point and is not looked at"
            problems.append(Problem(text, file=name, line=table.line, severity=Severity.WARNING))
            continue
        seen.add(waiver.point)
        reason = _reason_to_reopen(waiver, file, design)
        if reason is None:
            accepted[waiver.point] = waiver
        else:
            reopened.append(Reopened(waiver, reason))
    return tuple(accepted.values()), tuple(reopened), tuple(problems)


def _files(design: Design) -> dict[Path, DesignFile]:
    return {file.path: file for file in design.files}


def _wrong(values: Mapping[str, object]) -> tuple[str, str] | None:
    """Give the key that makes a table unusable, with the reason."""
    for key in KEYS:
        if key not in values:
            if key in _OPTIONAL:
                continue
            return key, f"`{key}` is missing"
        value = values[key]
        if key in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                return key, f"`{key}` must be a whole number from 1 on"
        elif not isinstance(value, str):
            return key, f"`{key}` must be a text in quotes"
    kinds = [kind.value for kind in Kind]
    if values["kind"] not in kinds:
        return "kind", f"`kind` must be one of {', '.join(kinds)}"
    if not str(values["file"]) or "\0" in str(values["file"]):
        return "file", "`file` must be a path"
    if not str(values["reason"]).strip():
        return "reason", "`reason` is empty: say why the point doesn't count"
    return None


def _waiver(path: Path, values: Mapping[str, object], files: Mapping[Path, DesignFile], at: int | None) -> tuple[DesignFile | None, Waiver]:
    text = {key: str(values.get(key, "")) for key in KEYS}
    written = Path(os.path.normpath(path.resolve().parent / text["file"]))
    file = files.get(written)
    if file is None:
        try:
            file = files.get(written.resolve())
        except (OSError, RuntimeError):
            # A loop of links or a name that no file can have: then it is no file of the design.
            file = None
    where = str(file.path if file is not None else written)
    point = CoveragePoint(Kind(text["kind"]), where, int(text["line"]), int(text["column"]), text["comment"])
    return file, Waiver(point, text["reason"], text["proof"], text["source_digest"], text["design_digest"], at)


def _reason_to_reopen(waiver: Waiver, file: DesignFile | None, design: Design) -> str | None:
    if file is None:
        return "Its file is no part of the design."
    if not waiver.source_digest:
        return "It has no source_digest, so nothing says which text it was made for."
    if waiver.source_digest != file.digest:
        return "Its file has changed since it was made."
    if not waiver.proof:
        return None
    if not waiver.design_digest:
        return "It has a proof and no design_digest, so nothing says for which design it holds."
    if waiver.design_digest != design.digest:
        return "Its proof was made for another design: another file, a define, a parameter or the top has changed."
    return None
