"""Puts an evaluation into the values that an editor shows: holes in sentences, tallies by line, counts. Decides no verdict."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.closure.tell import Told, tell
from llm4cov_agent.closure.waived import WaivedHole
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.lcov import line_counts
from llm4cov_agent.judge.wording import missed_words
from llm4cov_agent.rtl.design import Design
from llm4cov_lsp.per_instance import by_file, lines_apart, root_of, signals_of
from llm4cov_lsp.records import FileResult, HoleRecord, LineTally, ProblemRecord, WaivedRecord
from llm4cov_lsp.shapes import branches_of, declarations_of

_SETTINGS = (
    ("with -y", "in the setting llm4cov.files.libraryDirs"),
    ("with -I", "in the setting llm4cov.files.includeDirs"),
    ("`--run-s`", "The setting llm4cov.simulation.runSeconds"),
    (", or a value with -G", ", or a value in the setting llm4cov.files.parameters (`MODULE.NAME=VALUE`)"),
)


def problem_records(problems: Iterable[Problem]) -> tuple[ProblemRecord, ...]:
    """Write problems with absolute paths without links; the agent names files relative to the current folder."""
    return tuple(
        ProblemRecord(
            message=one.message,
            severity=one.severity.value,
            file=os.path.realpath(one.file) if one.file is not None else None,
            line=one.line,
            column=one.column,
            hint=_in_an_editor(one.hint),
            code=one.code,
        )
        for one in problems
    )


def files_of(
    design: Design,
    evaluation: Evaluation,
    nearest: Mapping[str, NearestApproach] | None = None,
    waived: Iterable[WaivedHole] = (),
    earlier: Mapping[str, NearestApproach] | None = None,
) -> tuple[FileResult, ...]:
    """Give each file of the design that has points what it got.

    `nearest` is of the search that this evaluation ended, and a part of what is said of holes; `earlier` is of one before, and told apart.
    """
    coverage = evaluation.run.coverage
    if coverage is None or not evaluation.tallies:
        return ()
    proved = {hole.point for hole in evaluation.holes if hole.verdict.kind is VerdictKind.UNREACHABLE}
    holes: dict[str, list[HoleRecord]] = {}
    for told in tell(design, coverage, evaluation.holes, nearest, earlier=earlier):
        holes.setdefault(told.point.file, []).append(_record(told))
    excluded: dict[str, list[WaivedRecord]] = {}
    for one in waived:
        excluded.setdefault(one.hole.point.file, []).append(_waived_record(one))
    return tuple(_with_instances(design, coverage, proved, _files(design, coverage, proved, holes, excluded)))


def _in_an_editor(hint: str | None) -> str | None:
    """Name settings where the agent names options of the command line."""
    if hint is None:
        return None
    for option, setting in _SETTINGS:
        hint = hint.replace(option, setting)
    return hint


def files_so_far(design: Design, coverage: Coverage) -> tuple[FileResult, ...]:
    """Give each file what was hit of it so far, without holes."""
    return _files(design, coverage, frozenset(), {}, {})


def _files(
    design: Design,
    coverage: Coverage,
    proved: Collection[CoveragePoint],
    holes: Mapping[str, list[HoleRecord]],
    waived: Mapping[str, list[WaivedRecord]],
) -> tuple[FileResult, ...]:
    digests = {str(file.path): file.digest for file in design.files}
    tallies: dict[str, dict[tuple[int, Kind], Tally]] = {}
    points: dict[str, list[tuple[CoveragePoint, int]]] = {}
    for point, hits in coverage.hits.items():
        rows = tallies.setdefault(point.file, {})
        points.setdefault(point.file, []).append((point, hits))
        key = (point.line, point.kind)
        rows[key] = rows.get(key, Tally()) + Tally(int(hits > 0), 1, int(not hits and point in proved))
    texts = {file: _text_of(file) for file in tallies if file in digests}
    return tuple(
        FileResult(
            path=file,
            digest=digests[file],
            counts=tuple(line_counts(coverage, file).items()),
            tallies=tuple(
                LineTally(line=line, kind=kind.value, covered=one.covered, total=one.total, unreachable=one.unreachable)
                for (line, kind), one in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1].value))
            ),
            branches=tuple(branches_of(points[file], texts[file].splitlines(), proved)),
            declarations=tuple(declarations_of(design, coverage, file, texts[file])),
            holes=tuple(holes.get(file, ())),
            waived=tuple(waived.get(file, ())),
        )
        for file, rows in sorted(tallies.items())
        if file in digests
    )


def _with_instances(
    design: Design, coverage: Coverage, proved: Collection[CoveragePoint], files: Iterable[FileResult]
) -> Iterator[FileResult]:
    apart = by_file(coverage)
    hiers = dict.fromkeys(hier for instances in apart.values() for hier in instances)
    root = root_of(hiers)
    names = {hier: design.top if hier == root else hier.removeprefix(f"{root}.") for hier in hiers}
    points: dict[str, list[tuple[CoveragePoint, int]]] = {}
    for point, hits in coverage.hits.items():
        points.setdefault(point.file, []).append((point, hits))
    for one in files:
        instances = apart.get(one.path, {})
        yield replace(
            one,
            apart=tuple(lines_apart(coverage, instances, names)),
            signals=tuple(signals_of(points[one.path], instances, names, proved)),
        )


def _text_of(file: str) -> str:
    """Read a source for its labels; what is gone by now has none."""
    try:
        return Path(file).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _record(told: Told) -> HoleRecord:
    return HoleRecord(
        id=told.point.id,
        ids=tuple(hole.point.id for hole in told.holes),
        comments=tuple(hole.point.comment for hole in told.holes),
        kind=told.point.kind.value,
        line=told.point.line,
        column=told.point.column,
        sentence=told.sentence,
        detail=told.detail,
        verdict=told.verdict.kind.value,
        reason=told.reason,
        bound=told.verdict.bound,
        hier=told.holes[0].hier,
        conditions=told.conditions,
        earlier=told.earlier,
    )


def _waived_record(one: WaivedHole) -> WaivedRecord:
    point = one.hole.point
    return WaivedRecord(
        id=point.id,
        kind=point.kind.value,
        line=point.line,
        words=missed_words(point),
        reason=one.waiver.reason,
        proof=one.waiver.proof,
        file=str(one.path),
    )
