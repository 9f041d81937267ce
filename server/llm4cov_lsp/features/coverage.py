"""A result as the message that an editor with coverage of its own shows. Sends nothing."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_lsp.protocol import BranchMessage, CoverageMessage, DeclarationMessage, FileMessage, HoleMessage, TallyMessage
from llm4cov_lsp.records import FileResult, HoleRecord, Result
from llm4cov_lsp.results import as_asked
from llm4cov_lsp.wire import Request


def coverage_message(request: Request, result: Result, *, interim: bool, asked: bool) -> CoverageMessage:
    """Put a result, or what was hit so far, into a message."""
    return CoverageMessage(
        uri=_uri(request.file),
        top=request.top,
        kind=request.kind.value,
        interim=interim,
        asked=asked,
        testbench=_uri(result.testbench) if result.testbench is not None else None,
        status=result.status,
        overall=result.overall,
        reachable=result.reachable,
        cycles=result.cycles,
        seconds=result.seconds,
        problems=tuple(one.message for one in result.problems if one.severity == "error"),
        files=tuple(_file(one, as_asked(one.path, request)) for one in result.files),
    )


def tally_messages(result: FileResult) -> tuple[TallyMessage, ...]:
    """Add up a file's points by kind."""
    sums: dict[str, Tally] = {}
    for row in result.tallies:
        sums[row.kind] = sums.get(row.kind, Tally()) + Tally(row.covered, row.total, row.unreachable)
    return tuple(
        TallyMessage(kind=kind.value, covered=one.covered, total=one.total, unreachable=one.unreachable)
        for kind in Kind
        if (one := sums.get(kind.value)) is not None
    )


def hole_message(record: HoleRecord) -> HoleMessage:
    """Tell of a hole."""
    return HoleMessage(
        id=record.id,
        kind=record.kind,
        line=record.line,
        column=record.column,
        sentence=record.sentence,
        detail=record.detail,
        verdict=record.verdict,
        reason=record.reason,
        points=len(record.ids),
    )


def _file(result: FileResult, path: str) -> FileMessage:
    return FileMessage(
        uri=_uri(path),
        lines=result.counts,
        branches=tuple(
            BranchMessage(line=one.line, column=one.column, kind=one.kind, label=one.label, hits=one.hits, unreachable=one.unreachable)
            for one in result.branches
        ),
        declarations=tuple(
            DeclarationMessage(kind=one.kind, name=one.name, line=one.line, last_line=one.last_line, hits=one.hits)
            for one in result.declarations
        ),
        tallies=tally_messages(result),
        holes=tuple(hole_message(one) for one in result.holes),
    )


def _uri(path: str) -> str:
    return Path(path).as_uri()
