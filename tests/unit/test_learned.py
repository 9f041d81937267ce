"""What was learned as the editor's server tells it: asked of the command itself, with a registry of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from llm4cov_agent.judge.process import OwnProgram
from llm4cov_agent.loop.policies.adapters import Adapters
from llm4cov_lsp.learned import Start, adapters, roll_back


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adapters:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "trajectories.db"))
    registry = Adapters()
    for name, after in (("0aa1", 47.0), ("0bb2", None)):
        made = tmp_path / name
        made.mkdir()
        measured: dict[str, Any] = {}
        if after is not None:
            measured = {when: {"average_coverage_repaired": {"mean": mean}} for when, mean in (("before", 41.0), ("after", after))}
            measured["gain"] = {"mean": 6.0, "low": 1.5, "high": 9.5}
        manifest = {"base": "small@1", "designs": [], "made": "2026-11-01T10:00:00+00:00", "data": {"examples": 12}, "measured": measured}
        registry.add(name, made, manifest)
    return registry


def test_adapters_are_told_with_what_they_gained_and_taken_back(registry: Adapters) -> None:
    registry.promote(registry.all()[0])

    async def inside() -> None:
        told: Any = await adapters(schedule="weekly", running=False)
        assert (told["schedule"], told["running"]) == ("weekly", False)
        newest, oldest = told["adapters"]
        assert (newest["id"], newest["live"], newest["before"], newest["after"], newest["gainLow"]) == ("0bb2", False, None, None, None)
        assert oldest == {
            "id": "0aa1",
            "base": "small@1",
            "made": "2026-11-01T10:00:00+00:00",
            "live": True,
            "examples": 12,
            "before": 41.0,
            "after": 47.0,
            "gainLow": 1.5,
            "gainHigh": 9.5,
        }
        assert await roll_back("small") == {"was": "0aa1", "live": None, "base": "small@1"}
        refused = await roll_back()
        assert "nothing is live" in str(refused["error"])

    asyncio.run(inside())


def test_what_the_command_says_beside_its_record_does_no_harm() -> None:
    def printing(script: str) -> Start:
        return lambda words: OwnProgram((sys.executable, "-c", script), merged=True)

    quiet = "print('a warning'); print('{\"adapters\": []}')"
    assert asyncio.run(adapters(schedule="off", running=True, start=printing(quiet)))["adapters"] == []
    for script in ("import sys; sys.exit(7)", "print('{')", "print('[1]')"):
        assert "error" in asyncio.run(adapters(schedule="off", running=True, start=printing(script)))
