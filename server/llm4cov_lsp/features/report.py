"""What is known and stored of a design as the message that a report is made of. Measures nothing and reads no store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_lsp.features.coverage import hole_message, tally_messages
from llm4cov_lsp.protocol import (
    MOST_HOLES,
    BitMessage,
    InstanceMessage,
    PortMessage,
    ReportFileMessage,
    ReportMessage,
    RoundMessage,
    TallyMessage,
    TrajectoryMessage,
)
from llm4cov_lsp.records import FileResult, InstanceRecord, PortRecord
from llm4cov_lsp.results import Held, as_asked, is_current


def report_message(uri: str, top: str, held: Held | None, trajectories: Iterable[Any], *, version: str) -> ReportMessage:
    """Put together what is known of a design; `trajectories` are records as `trajectories list --json` has them, oldest first."""
    result = held.result if held is not None else None
    return ReportMessage(
        uri=Path(held.request.file).as_uri() if held is not None else uri,
        top=top,
        version=version,
        testbench=Path(result.testbench).as_uri() if result is not None and result.testbench is not None else None,
        status=result.status if result is not None else None,
        stale=held is not None and (held.outdated or not is_current(held.rests_on)),
        overall=result.overall if result is not None else None,
        reachable=result.reachable if result is not None else None,
        cycles=result.cycles if result is not None else None,
        seconds=result.seconds if result is not None else 0.0,
        files=tuple(_file(one, as_asked(one.path, held.request)) for one in held.result.files) if held is not None else (),
        instances=tuple(_instance(one) for one in (result.instances if result is not None else ())),
        ports=tuple(_port(one) for one in (result.ports if result is not None else ())),
        trajectories=tuple(_trajectory(one) for one in trajectories),
    )


def _file(result: FileResult, path: str) -> ReportFileMessage:
    return ReportFileMessage(
        uri=Path(path).as_uri(),
        tallies=tally_messages(result),
        excluded=len(result.waived),
        holes=tuple(hole_message(one) for one in result.holes[:MOST_HOLES]),
        left_out=max(0, len(result.holes) - MOST_HOLES),
    )


def _instance(record: InstanceRecord) -> InstanceMessage:
    tallies = tuple(
        TallyMessage(kind=one.kind, covered=one.covered, total=one.total, unreachable=one.unreachable) for one in record.tallies
    )
    return InstanceMessage(path=record.path, module=record.module, tallies=tallies)


def _port(record: PortRecord) -> PortMessage:
    bits = tuple(
        BitMessage(label=one.label, rose=one.rose, fell=one.fell, never_rises=one.never_rises, never_falls=one.never_falls)
        for one in record.bits
    )
    return PortMessage(name=record.name, direction=record.direction, line=record.line, bits=bits, left_out=record.left_out)


def _trajectory(record: Any) -> TrajectoryMessage:
    answers = [one["answer"] for one in record["acceptances"]]
    return TrajectoryMessage(
        id=record["id"],
        design=record["design"],
        command=record["command"],
        began=record["began"],
        answer=answers[-1] if answers else "",
        rounds=tuple(_round(one) for one in record["rounds"]),
    )


def _round(record: Any) -> RoundMessage:
    tallies = {kind: Tally(**record["metrics"][kind.value]) for kind in Kind if kind.value in record["metrics"]}
    asked = [count for count in (record["prompt_tokens"], record["completion_tokens"]) if count is not None]
    return RoundMessage(
        number=record["round"] + 1,
        policy=record["policy"],
        model=record["model"],
        status=record["status"],
        before=record["before"],
        after=record["after"],
        kept=record["kept"],
        covered_before=record["covered_before"],
        covered=record["covered"],
        tallies=tuple(
            TallyMessage(kind=kind.value, covered=one.covered, total=one.total, unreachable=one.unreachable)
            for kind, one in tallies.items()
        ),
        seconds=record["policy_s"] + record["judge_s"],
        tokens=sum(asked) if asked else None,
    )
