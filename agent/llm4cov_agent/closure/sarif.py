"""Writes holes as a SARIF 2.1.0 log (OASIS), in the form that code scanning services take. Decides nothing about a hole."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from llm4cov_agent.closure.hole_docs import TITLES, documentation_url
from llm4cov_agent.closure.tell import Told
from llm4cov_agent.closure.words import MOST_RELATED, verdict_words
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Kind
from llm4cov_agent.judge.place import is_whole, lines_of, part_of

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def sarif_log(
    told: Iterable[Told],
    waived: Iterable[tuple[Told, str]],
    *,
    top: str,
    root: Path,
    cycles: int | None,
    succeeded: bool,
    problems: Iterable[Problem] = (),
    texts: Mapping[str, str],
) -> str:
    """Write a log with one run.

    `waived` has holes that are excluded, each with the reason; they are in the log as suppressed results. Files below `root` are named
    relative to it, as services that know a repository want them, others by an absolute URI. `texts` has the sources by path, for columns.
    """
    kinds = list(Kind)
    docs = documentation_url()
    driver: dict[str, Json] = {
        "name": "llm4cov-lsp",
        "version": importlib.metadata.version("llm4cov-lsp"),
        **({"informationUri": docs} if docs else {}),
        "rules": [_rule(kind) for kind in kinds],
    }
    rows = {path: lines_of(text) for path, text in texts.items()}
    results = [_result(one, None, kinds, root, cycles, rows) for one in told]
    results += [_result(one, reason, kinds, root, cycles, rows) for one, reason in waived]
    run: dict[str, Json] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"llm4cov-lsp/{top}/"},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository, or the folder that the command ran in."}}},
        "columnKind": "utf16CodeUnits",
        "invocations": [{"executionSuccessful": succeeded, "toolExecutionNotifications": [_notification(one, root) for one in problems]}],
        "results": list(results),
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def repository_root(folder: Path) -> Path:
    """Find the repository that a folder lies in; the folder itself if there is none."""
    start = folder.resolve()
    return next((one for one in (start, *start.parents) if (one / ".git").exists()), start)


def _rule(kind: Kind) -> Json:
    title, sentence = TITLES[kind]
    url = documentation_url(kind)
    return {
        "id": kind.value,
        "name": f"{kind.value.capitalize()}NotCovered",
        "shortDescription": {"text": title},
        "fullDescription": {"text": sentence},
        "help": {"text": f"{sentence} {url or ''}".rstrip()},
        **({"helpUri": url} if url else {}),
        "defaultConfiguration": {"level": "note"},
        "properties": {"tags": ["coverage"]},
    }


def _result(
    told: Told, waived_because: str | None, kinds: Sequence[Kind], root: Path, cycles: int | None, rows: Mapping[str, list[str]]
) -> Json:
    point, verdict = told.point, told.verdict
    words = verdict_words(verdict.kind.value, verdict.bound, cycles)
    place = _place(point.file, root, _region(rows.get(point.file, []), point.line, point.column, whole=is_whole(point.kind)))
    return {
        "ruleId": point.kind.value,
        "ruleIndex": kinds.index(point.kind),
        "level": "note",
        "message": {"text": f"{told.sentence} {words}"},
        "locations": [{"physicalLocation": place}],
        "relatedLocations": list(_related(told, root, rows)),
        "partialFingerprints": {"llm4covHole/v1": point.id},
        # A log in which some results have suppressions says of each whether it has.
        "suppressions": [{"kind": "external", "status": "accepted", "justification": waived_because}] if waived_because is not None else [],
        "properties": {
            "verdict": str(verdict),
            "reason": told.reason,
            "points": [one.point.id for one in told.holes],
            "instances": told.holes[0].hier.split(",") if told.holes[0].hier else [],
        },
    }


def _related(told: Told, root: Path, rows: Mapping[str, list[str]]) -> Iterator[Json]:
    file = told.point.file
    lines = rows.get(file, [])
    for number, (text, line) in enumerate(told.conditions[-MOST_RELATED:], 1):
        row = lines[line - 1] if line <= len(lines) else ""
        first = len(row) - len(row.lstrip())
        region: dict[str, Json] = {"startLine": line}
        if row.strip():
            region |= {"startColumn": _units(row[:first]) + 1, "endColumn": _units(row[: part_of(row, 1, whole=True)[1]]) + 1}
        yield {"id": number, "physicalLocation": _place(file, root, region), "message": {"text": f"needs {text}"}}


def _region(lines: Sequence[str], line: int, column: int, *, whole: bool) -> dict[str, Json]:
    if line > len(lines):
        return {"startLine": line}
    first, end = part_of(lines[line - 1], column, whole=whole)
    return {
        "startLine": line,
        "startColumn": _units(lines[line - 1][:first]) + 1,
        "endLine": line,
        "endColumn": _units(lines[line - 1][:end]) + 1,
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _place(file: str, root: Path, region: Mapping[str, Json] | None) -> dict[str, Json]:
    path = Path(file).absolute()
    resolved = path.resolve()
    if resolved.is_relative_to(root):
        # A relative URI: spaces and the like are written as in any other.
        base = root.as_uri().rstrip("/") + "/"
        location: dict[str, Json] = {"uri": resolved.as_uri().removeprefix(base), "uriBaseId": _ROOT}
    else:
        location = {"uri": path.as_uri()}
    return {"artifactLocation": location, **({"region": dict(region)} if region else {})}


def _notification(problem: Problem, root: Path) -> Json:
    text = problem.message if problem.hint is None else f"{problem.message}\n{problem.hint}"
    region: dict[str, Json] = {}
    if problem.line is not None:
        region = {"startLine": problem.line, **({"startColumn": problem.column} if problem.column is not None else {})}
    places: list[Json] = [{"physicalLocation": _place(problem.file, root, region)}] if problem.file is not None else []
    return {
        "level": _LEVELS[problem.severity.value],
        "message": {"text": text},
        "locations": places,
        **({"descriptor": {"id": problem.code}} if problem.code else {}),
    }
