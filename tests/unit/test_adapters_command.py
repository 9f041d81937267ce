"""`retrain adapters` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llm4cov_agent.loop.policies.adapters import Adapters
from llm4cov_training.cli import retrain


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adapters:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "trajectories.db"))
    registry = Adapters()
    for rank, name in enumerate(("0aa1", "0bb2"), 1):
        made = tmp_path / name
        made.mkdir()
        measured = {title: {"average_coverage_repaired": {"mean": 40.0 + rank + gain}} for title, gain in (("before", 0), ("after", 7))}
        manifest = {
            "base": "small@1",
            "designs": [],
            "made": f"2026-11-0{rank}T10:00:00+00:00",
            "data": {"examples": 12},
            "measured": measured,
        }
        registry.add(name, made, manifest)
    return registry


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(retrain, ["adapters", *words])
    return result.exit_code, result.stdout, result.stderr


def test_there_is_a_way_forth_and_back(registry: Adapters) -> None:
    assert run("promote", "0a")[0] == 0
    code, _, said = run("promote", "0bb2")
    assert code == 0 and "0bb2 is live for small@1" in said
    listed = json.loads(run("list", "--json")[1])["adapters"]
    assert [(one["id"], one["live"]) for one in listed] == [("0aa1", False), ("0bb2", True)]
    assert json.loads(run("roll-back", "--json")[1]) == {"was": "0bb2", "live": "0aa1", "base": "small@1"}
    code, _, said = run("roll-back")
    assert code == 0 and "the base itself is" in said
    code, _, said = run("roll-back")
    assert code == 2 and "nothing is live" in said


def test_a_table_tells_what_each_gained(registry: Adapters) -> None:
    registry.promote(registry.all()[0])
    code, table, _ = run("list")
    assert code == 0
    row = next(line for line in table.splitlines() if line.startswith("0aa1"))
    assert row.split() == ["0aa1", "2026-11-01", "10:00", "small@1", "12", "41.0", "48.0", "yes"]


def test_names_that_fit_none_or_several_are_said(registry: Adapters) -> None:
    assert "2 adapters begin with 0" in run("promote", "0")[2]
    code, _, said = run("remove", "zz")
    assert code == 2 and "there is no adapter zz" in said
    assert run("remove", "0a")[0] == 0 and [one.id for one in Adapters().all()] == ["0bb2"]


def test_nothing_learned_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "trajectories.db"))
    code, table, said = run("list")
    assert (code, table) == (0, "") and "nothing was learned yet" in said
