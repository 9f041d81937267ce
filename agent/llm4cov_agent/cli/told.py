"""What `cover` says about holes in the editor's words: as lines, as JSON and as a SARIF log. Knows no option."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from llm4cov_agent.cli.measure import Measured, name_of
from llm4cov_agent.closure.sarif import repository_root, sarif_log
from llm4cov_agent.closure.tell import Told, tell
from llm4cov_agent.closure.waived import WaivedHole
from llm4cov_agent.closure.words import verdict_words
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.rtl.source import read_source


def told_of(measured: Measured) -> list[Told]:
    """Tell the holes of a measured testbench, most telling first."""
    coverage = measured.evaluation.run.coverage
    return list(tell(measured.job.design, coverage, measured.evaluation.holes)) if coverage is not None else []


def sentences(measured: Measured) -> Iterator[str]:
    """Yield a line for each hole."""
    for one in told_of(measured):
        yield f"{name_of(one.point.file)}:{one.point.line}: {_message(one, measured)}"


def told_json(measured: Measured) -> dict[str, Json]:
    """Build the key that says what an editor says: `ids` are those of the holes that one message is about."""
    return {
        "told": [
            {
                "ids": [hole.point.id for hole in one.holes],
                "kind": one.point.kind.value,
                "file": name_of(one.point.file),
                "line": one.point.line,
                "verdict": str(one.verdict),
                "sentence": one.sentence,
                "message": _message(one, measured),
            }
            for one in told_of(measured)
        ]
    }


def waived_json(waived: Sequence[WaivedHole], counted: float | None) -> dict[str, Json]:
    """Build the key that says what was excluded; `overall` is the percentage of what was not."""
    return {
        "waived": {
            "proved": sum(one.is_proved for one in waived),
            "judged": sum(not one.is_proved for one in waived),
            "overall": counted,
            "points": [
                {
                    "id": one.hole.point.id,
                    "kind": one.hole.point.kind.value,
                    "file": name_of(one.hole.point.file),
                    "line": one.hole.point.line,
                    "reason": one.waiver.reason,
                    "proof": one.waiver.proof or None,
                }
                for one in waived
            ],
        }
    }


def sarif_of(measured: Measured, waived: Iterable[WaivedHole]) -> str:
    """Write the log of a measured testbench."""
    design, evaluation = measured.job.design, measured.evaluation
    texts = {str(path): source.text for path in design.sources if (source := read_source(path)[0]) is not None}
    return sarif_log(
        told_of(measured),
        _told_waived(measured, waived),
        top=design.top,
        root=repository_root(Path.cwd()),
        cycles=evaluation.cycles,
        succeeded=evaluation.status is RunStatus.OK,
        problems=measured.problems,
        texts=texts,
    )


def _told_waived(measured: Measured, waived: Iterable[WaivedHole]) -> Iterator[tuple[Told, str]]:
    """Yield excluded holes with their reasons; those that share one are told together."""
    coverage = measured.evaluation.run.coverage
    by_reason: dict[tuple[str, str], list[WaivedHole]] = {}
    for one in waived:
        by_reason.setdefault((one.waiver.reason, one.waiver.proof), []).append(one)
    for (reason, proof), members in by_reason.items():
        if coverage is not None:
            ground = f"{reason} ({proof})" if proof else f"{reason} (by judgement, without a proof)"
            for told in tell(measured.job.design, coverage, [one.hole for one in members]):
                yield told, ground


def _message(told: Told, measured: Measured) -> str:
    return f"{told.sentence} {verdict_words(told.verdict.kind.value, told.verdict.bound, measured.evaluation.cycles)}"
