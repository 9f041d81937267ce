"""Diagnostics of a document: holes as information, build and simulation errors as errors. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.workspace import PositionCodec

from llm4cov_agent.closure.hole_docs import documentation_url
from llm4cov_agent.closure.waived import CODE as WAIVER_CODE
from llm4cov_agent.closure.words import CONTRADICTED_PROOF, MOST_RELATED, verdict_words
from llm4cov_agent.judge.coverage import Kind
from llm4cov_agent.judge.holes import rank_of
from llm4cov_agent.judge.place import is_whole
from llm4cov_lsp.documents import Document
from llm4cov_lsp.positions import range_at
from llm4cov_lsp.records import ProblemRecord
from llm4cov_lsp.results import Held, PlacedHole, Results, as_asked, placed_holes
from llm4cov_lsp.settings import Settings
from llm4cov_lsp.wire import PROJECT_CODE, STORE_CODE

SOURCE = "llm4cov"
_STALE = "[stale: measured before the last change]"
_STALE_PROBLEM = "[stale: found before the last change]"
_SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}
MOST_PROBLEMS = 20


def diagnostics_of(
    document: Document, results: Results, settings: Settings, codec: PositionCodec, *, related: bool = True
) -> list[types.Diagnostic]:
    """List all diagnostics of an open document; `related` says whether the client shows places that belong to them."""
    found = list(_problems(document, results, codec))
    if settings.flag("diagnostics.enabled"):
        found += _holes(document, results, settings, codec, related=related)
    return found


def words_of(placed: PlacedHole) -> str:
    """Say what is known about a hole, in brackets."""
    return verdict_words(placed.hole.verdict, placed.hole.bound, placed.held.result.cycles)


def hole_range(placed: PlacedHole, document: Document, codec: PositionCodec) -> types.Range:
    """Give the present range of a hole."""
    whole = is_whole(Kind(placed.hole.kind))
    line = document.lines[placed.line]
    return range_at(line, placed.line, placed.hole.column, codec, whole=whole, bom=document.has_bom and placed.line == 0)


def problem_diagnostic(problem: ProblemRecord, line: int, range_: types.Range | None = None, *, stale: bool) -> types.Diagnostic:
    """Make the diagnostic of a build or simulation problem on a 0-based line."""
    mark = f" {_STALE_PROBLEM}" if stale else ""
    hint = f"\n{problem.hint}" if problem.hint else ""
    return types.Diagnostic(
        range=range_ or types.Range(types.Position(line, 0), types.Position(line, 1)),
        message=f"{problem.message}{mark}{hint}",
        severity=_SEVERITIES.get(problem.severity, types.DiagnosticSeverity.Information),
        source=SOURCE,
        code=problem.code,
    )


def placed_words(problem: ProblemRecord) -> str:
    """Say in a message what is wrong and where."""
    if problem.file is None:
        return problem.message
    line = f", line {problem.line}" if problem.line is not None else ""
    return f"{Path(problem.file).name}{line}: {problem.message}"


def project_words(problem: ProblemRecord) -> str:
    """Say what is wrong with a project's files in a message."""
    place = f"{problem.file}: " if problem.file else ""
    return f"{place}{problem.message}" + (f"\n{problem.hint}" if problem.hint else "")


def shown_problems(held: Held) -> Iterable[ProblemRecord]:
    """Give the problems of a design that are worth a diagnostic: what keeps a testbench from being measured, or makes it worthless."""
    failed = held.status != "ok"
    silent, always = (PROJECT_CODE, STORE_CODE), (WAIVER_CODE, CONTRADICTED_PROOF)
    worth = [
        one
        for one in held.problems
        if one.severity == "error" or (one.severity == "warning" and one.code not in silent and (failed or one.code in always))
    ]
    return worth[:MOST_PROBLEMS]


def _problems(document: Document, results: Results, codec: PositionCodec) -> Iterable[types.Diagnostic]:
    said: set[tuple[str, int]] = set()
    for held in results:
        own = held.request.file == str(document.path)
        digest = next((one.digest for one in held.rests_on if one.path == document.name), None)
        lines = document.saved if digest is not None and digest == document.saved_digest else None
        for problem in shown_problems(held):
            missing = problem.file is not None and problem.file != document.name and not Path(problem.file).is_file()
            if missing:
                # Such as a list or a waiver file that a setting names: it has no place of its own.
                problem = replace(problem, message=f"{problem.file}: {problem.message}", file=None)
            if problem.file != document.name and not (problem.file is None and own):
                continue
            line = None
            if problem.line is not None and problem.file is not None:
                line = lines.present(problem.line) if lines is not None else problem.line - 1
            elif own:
                line = next((module.first_line - 1 for module in document.modules if module.name == held.request.top), 0)
            else:
                line = 0
            if line is None or line >= len(document.lines) or (problem.message, line) in said:
                continue
            said.add((problem.message, line))
            place = range_at(document.lines[line], line, problem.column or 1, codec, whole=True, bom=document.has_bom and line == 0)
            yield problem_diagnostic(problem, line, place, stale=held.edited)


def _holes(document: Document, results: Results, settings: Settings, codec: PositionCodec, *, related: bool) -> list[types.Diagnostic]:
    kinds = settings.texts("diagnostics.kinds")
    shows_proved = settings.flag("diagnostics.unreachable")
    placed = [
        one for one in placed_holes(document, results) if one.hole.kind in kinds and (shows_proved or one.hole.verdict != "unreachable")
    ]
    # Holes come module by module; what a file has no room for is what tells least in all of them.
    placed.sort(key=lambda one: (one.hole.verdict == "unreachable", rank_of(Kind(one.hole.kind))))
    most = int(settings.number("diagnostics.maxPerFile"))
    found = [_hole(one, document, codec, related=related) for one in placed[:most]]
    if len(placed) > most:
        left = len(placed) - most
        text = f"... and {left} more hole{'s' * (left != 1)} in this file. The setting llm4cov.diagnostics.maxPerFile ({most}) shows more."
        line = min(one.line for one in placed)
        place = range_at(document.lines[line], line, 1, codec, whole=True)
        found.append(types.Diagnostic(range=place, message=text, severity=types.DiagnosticSeverity.Information, source=SOURCE))
    return found


def _hole(placed: PlacedHole, document: Document, codec: PositionCodec, *, related: bool) -> types.Diagnostic:
    hole = placed.hole
    docs = documentation_url(Kind(hole.kind))
    parts = [hole.sentence, words_of(placed), *([_STALE] if placed.stale else [])]
    return types.Diagnostic(
        range=hole_range(placed, document, codec),
        message=" ".join(parts),
        severity=types.DiagnosticSeverity.Information,
        source=SOURCE,
        code=hole.kind,
        code_description=types.CodeDescription(docs) if docs is not None else None,
        data={"hole": hole.id, "holes": list(hole.ids), "top": placed.held.request.top},
        related_information=([*_conditions(placed, document, codec), *_instances(placed, document)] or None) if related else None,
    )


def _conditions(placed: PlacedHole, document: Document, codec: PositionCodec) -> list[types.DiagnosticRelatedInformation]:
    """Point to the conditions on the way, innermost last; they lie in the same file."""
    uri = document.uri or uris.from_fs_path(str(document.path)) or ""
    lines = document.shown[placed.held.key]
    found = []
    for text, origin in placed.hole.conditions[-MOST_RELATED:]:
        line = lines.present(origin)
        if line is not None and line < len(document.lines):
            place = range_at(document.lines[line], line, 1, codec, whole=True)
            start = len(document.lines[line]) - len(document.lines[line].lstrip())
            place.start.character = codec.client_num_units(document.lines[line][:start])
            found.append(types.DiagnosticRelatedInformation(types.Location(uri, place), f"needs {text}"))
    return found


def _instances(placed: PlacedHole, document: Document) -> list[types.DiagnosticRelatedInformation]:
    """Point to where the instances are made that a hole stands for; the top is made by the testbench, which has no such place."""
    names = placed.hole.hier.split(",")
    found = []
    for path, result in placed.held.files.items():
        for one in result.declarations:
            # Its name is that below the top, with the module behind it in parentheses.
            name = one.name.partition(" (")[0]
            if one.kind == "instance" and any(hier == name or hier.endswith(f".{name}") for hier in names):
                line = document.shown[placed.held.key].present(one.line) if path == document.name else one.line - 1
                uri = document.uri if path == document.name else uris.from_fs_path(as_asked(path, placed.held.request))
                if line is not None and uri is not None:
                    place = types.Range(types.Position(line, 0), types.Position(line, 0))
                    found.append(types.DiagnosticRelatedInformation(types.Location(uri, place), f"in instance {one.name}"))
    return found[:MOST_RELATED]
