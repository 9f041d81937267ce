"""Puts an evaluation into the values that an editor shows: holes in sentences, tallies by line, counts. Decides no verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from llm4cov_agent.closure.explain import Explanation, explain
from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.closure.reached import reached_of
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.fold import fold_toggles
from llm4cov_agent.judge.holes import Hole, VerdictKind, rank_holes
from llm4cov_agent.judge.lcov import line_counts
from llm4cov_agent.judge.wording import folded_words, missed_words
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_lsp.shapes import branches_of, declarations_of
from llm4cov_lsp.wire import FileResult, HoleRecord, LineTally, ProblemRecord

MOST_EXPLAINED = 300
"""Holes of a design that are explained; each costs time, and nobody reads more."""


def problem_records(problems: Iterable[Problem]) -> tuple[ProblemRecord, ...]:
    """Write problems with absolute paths; the agent names files relative to the current folder."""
    return tuple(
        ProblemRecord(
            message=one.message,
            severity=one.severity.value,
            file=str(Path(one.file).absolute()) if one.file is not None else None,
            line=one.line,
            column=one.column,
            hint=one.hint,
            code=one.code,
        )
        for one in problems
    )


def files_of(design: Design, evaluation: Evaluation, nearest: Mapping[str, NearestApproach] | None = None) -> tuple[FileResult, ...]:
    """Give each file of the design that has points what it got."""
    coverage = evaluation.run.coverage
    if coverage is None or not evaluation.tallies:
        return ()
    proved = {hole.point for hole in evaluation.holes if hole.verdict.kind is VerdictKind.UNREACHABLE}
    holes: dict[str, list[HoleRecord]] = {}
    for file, record in _records(design, evaluation, coverage, nearest):
        holes.setdefault(file, []).append(record)
    return _files(design, coverage, proved, holes)


def files_so_far(design: Design, coverage: Coverage) -> tuple[FileResult, ...]:
    """Give each file what was hit of it so far, without holes."""
    return _files(design, coverage, frozenset(), {})


def _files(
    design: Design, coverage: Coverage, proved: Collection[CoveragePoint], holes: Mapping[str, list[HoleRecord]]
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
        )
        for file, rows in sorted(tallies.items())
        if file in digests
    )


def _text_of(file: str) -> str:
    """Read a source for its labels; what is gone by now has none."""
    try:
        return Path(file).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _records(
    design: Design, evaluation: Evaluation, coverage: Coverage, nearest: Mapping[str, NearestApproach] | None
) -> Iterator[tuple[str, HoleRecord]]:
    """Yield (file, hole), most telling first; toggles of one declaration that share edges and verdict are one."""
    conditions = read_conditions(design)
    reached = reached_of(coverage, conditions)
    explained = 0
    for group, words in _groups(evaluation.holes):
        hole = group[0]
        explanation = Explanation(f"{words} (line {hole.point.line}).", detail=f"**{words}**")
        if explained < MOST_EXPLAINED:
            explained += 1
            explanation = explain(hole, design, conditions, nearest, reached)
        sentence, detail = explanation.sentence, explanation.detail
        if len(group) > 1:
            own = missed_words(hole.point)
            sentence, detail = sentence.replace(own, words, 1), detail.replace(own, words, 1)
        yield (
            hole.point.file,
            HoleRecord(
                id=hole.point.id,
                ids=tuple(one.point.id for one in group),
                kind=hole.point.kind.value,
                line=hole.point.line,
                column=hole.point.column,
                sentence=sentence,
                detail=detail,
                verdict=hole.verdict.kind.value,
                reason=hole.verdict.reason if hole.verdict.kind is not VerdictKind.UNKNOWN else "",
                bound=hole.verdict.bound,
                hier=hole.hier,
                conditions=explanation.conditions,
            ),
        )


def _groups(holes: Iterable[Hole]) -> Iterator[tuple[tuple[Hole, ...], str]]:
    """Yield holes that are told as one, with the words for what was missed."""
    ranked = rank_holes(holes)
    toggles: dict[tuple[str, str, str], list[Hole]] = {}
    for proved in (False, True):
        part = [hole for hole in ranked if (hole.verdict.kind is VerdictKind.UNREACHABLE) is proved]
        for hole in part:
            if hole.point.kind is not Kind.TOGGLE:
                yield (hole,), missed_words(hole.point)
        toggles.clear()
        for hole in part:
            if hole.point.kind is Kind.TOGGLE:
                toggles.setdefault((str(hole.verdict), hole.verdict.reason, hole.hier), []).append(hole)
        for members in toggles.values():
            by_point = {hole.point: hole for hole in members}
            for folded in fold_toggles(by_point):
                # The edge from 0 to 1 says more than the way back.
                points = sorted(folded.points(), key=lambda point: (point.comment.endswith("1->0"), point.sort_key))
                yield tuple(by_point[point] for point in points), folded_words(folded)
