"""Rows to learn from, written and read."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.loop.backend import Message, Role
from llm4cov_training.examples import Example, read_examples, write_examples

EXAMPLE = Example(
    transition="sha256:1",
    design="sha256:2",
    structure="sha256:3",
    top="fifo",
    instruction="generate",
    format="stimulus",
    stage=0,
    policy="closure",
    messages=(Message(Role.SYSTEM, "You write stimulus."), Message(Role.USER, "Ünïcode\u2028 and\nlines")),
    completion="hold 3\n",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert write_examples([EXAMPLE, EXAMPLE], tmp_path / "rows.jsonl") == 2
    assert read_examples(tmp_path / "rows.jsonl") == ((EXAMPLE, EXAMPLE), ())
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write_examples([EXAMPLE], file)
    file.write_text(file.read_text("utf-8") + '{"design": 3}\nnonsense\n', "utf-8")
    found, problems = read_examples(file)
    assert found == (EXAMPLE,) and [problem.line for problem in problems] == [2, 3]
