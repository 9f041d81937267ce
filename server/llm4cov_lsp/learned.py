"""What was learned, and the way back: asks `llm4cov-lsp retrain adapters`, a process of its own. Trains nothing and reads no adapter."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.process import OwnProgram
from llm4cov_lsp.protocol import AdapterMessage, LearningMessage, as_json

Start = Callable[[tuple[str, ...]], OwnProgram]


def start_command(words: tuple[str, ...]) -> OwnProgram:
    """Start `llm4cov-lsp retrain adapters` with this interpreter."""
    return OwnProgram((sys.executable, "-m", "llm4cov_lsp.cli", "retrain", "adapters", *words, "--json"), merged=True)


async def adapters(*, schedule: str, running: bool, start: Start = start_command) -> dict[str, Json]:
    """List the adapters, the newest first, with when learning begins by itself and whether it runs now."""
    record = await _ask(("list",), start)
    if "error" in record:
        return record
    found = tuple(_adapter(one) for one in reversed(record["adapters"]))
    answer = as_json(LearningMessage(adapters=found, schedule=schedule, running=running))
    assert isinstance(answer, dict)
    return answer


async def roll_back(base: str = "", *, start: Start = start_command) -> dict[str, Json]:
    """Take the last promotion back; `base` where adapters of several base models are live."""
    return await _ask(("roll-back", *(["--base", base] if base else [])), start)


async def _ask(words: tuple[str, ...], start: Start) -> dict[str, Any]:
    """Run the command to its end; what it refuses is under `error`, in its own words."""
    program = await asyncio.to_thread(start, words)
    try:
        text = await asyncio.to_thread(lambda: b"".join(program.lines()).decode("utf-8", "replace"))
        status = await asyncio.to_thread(program.wait)
    finally:
        program.end()
    # What a library warns of comes before the record.
    begin = text.find("{")
    try:
        record = json.loads(text[begin:]) if status == 0 and begin >= 0 else None
    except ValueError:
        record = None
    return record if isinstance(record, dict) else {"error": text.strip() or f"`retrain adapters {words[0]}` ended with {status}."}


def _adapter(record: dict[str, Any]) -> AdapterMessage:
    measured, gain = record.get("measured") or {}, (record.get("measured") or {}).get("gain") or {}
    return AdapterMessage(
        id=record["id"],
        base=record["base"],
        made=record.get("made") or "",
        live=record["live"],
        examples=(record.get("data") or {}).get("examples"),
        before=_mean(measured.get("before")),
        after=_mean(measured.get("after")),
        gain_low=gain.get("low"),
        gain_high=gain.get("high"),
    )


def _mean(estimates: Any) -> float | None:
    return ((estimates or {}).get("average_coverage_repaired") or {}).get("mean")
