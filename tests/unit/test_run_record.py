"""A run comes back from its files as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.run_record import RunRecord, read_record, write_record
from llm4cov_agent.judge.simulator import Run, RunStatus

RUN = Run(
    status=RunStatus.OK,
    problems=(
        Problem("one", file="a.sv", line=3, column=4, hint="do", severity=Severity.WARNING, code="X"),
        Problem("zw\xf6lf \u20ac"),
    ),
    dropped=(("fsm", "breaks"),),
    build_s=1.5,
    run_s=0.25,
    log="line\nline \N{REPLACEMENT CHARACTER}\n",
)


@pytest.mark.parametrize("coverage", [None, "", "# SystemC::Coverage-3\nC '\1page\2v_line/a' 3\n"])
def test_there_and_back(tmp_path: Path, coverage: str | None) -> None:
    assert write_record(tmp_path, RunRecord(RUN, coverage)) is True
    assert read_record(tmp_path) == RunRecord(replace(RUN, cached=True), coverage)


@pytest.mark.parametrize("status", list(RunStatus))
def test_every_status(tmp_path: Path, status: RunStatus) -> None:
    write_record(tmp_path, RunRecord(replace(RUN, status=status), None))
    record = read_record(tmp_path)
    assert record is not None and record.run.status is status


def test_a_folder_without_a_record(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "gone") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"status": "ok"}', '{"status": "odd"}', '{"status": 4}', "\x00"])
def test_a_broken_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert read_record(tmp_path) is None


@pytest.mark.parametrize("field", ["status", "problems", "dropped", "build_s", "run_s", "log"])
def test_a_record_that_lacks_a_field_is_none(tmp_path: Path, field: str) -> None:
    write_record(tmp_path, RunRecord(RUN, None))
    content = json.loads((tmp_path / "run.json").read_text())
    del content[field]
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert read_record(tmp_path) is None
