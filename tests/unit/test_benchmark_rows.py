"""A benchmark that is cut short leaves what it measured, and is resumed only with equal options on designs that did not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks import results
from benchmarks.closure import from_nothing_s

from llm4cov_agent.closure.close import Closed
from llm4cov_agent.digest import Json

OPTIONS: dict[str, Json] = {"budget_s": 9.0}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


def written(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "one.json").read_text())
    return record


def test_each_row_is_written_and_the_record_marked_partial_until_it_is_finished(folder: Path) -> None:
    rows = results.Rows("one", OPTIONS, resumes=False)
    rows.add({"design": "a", "digest": "1", "hit": 3})
    assert written(folder)["partial"] is True and [row["design"] for row in written(folder)["rows"]] == ["a"]
    rows.add({"design": "b", "digest": "2", "hit": 4})
    rows.finish({"median": 3.5})
    assert written(folder)["partial"] is False and written(folder)["median"] == 3.5
    assert [row["design"] for row in written(folder)["rows"]] == ["a", "b"]


def test_a_resumed_run_takes_over_rows_of_equal_options_and_unchanged_designs() -> None:
    results.Rows("one", OPTIONS, resumes=False).add({"design": "a", "digest": "1", "hit": 3})
    resumed = results.Rows("one", OPTIONS, resumes=True)
    assert resumed.kept("a", "1") == {"design": "a", "digest": "1", "hit": 3}
    assert resumed.kept("a", "other bytes") is None and resumed.kept("b", "1") is None
    assert results.Rows("one", {"budget_s": 8.0}, resumes=True).kept("a", "1") is None
    assert results.Rows("one", OPTIONS, resumes=False).kept("a", "1") is None


def test_seconds_count_the_compilation_once() -> None:
    kept = Closed(stimulus=None, verdicts={}, compile_s=20.0, opened_s=0.1)
    made = Closed(stimulus=None, verdicts={}, compile_s=20.0, opened_s=20.2)
    assert from_nothing_s(kept, 5.1) == pytest.approx(25.0)
    assert from_nothing_s(made, 25.2) == pytest.approx(25.2)
