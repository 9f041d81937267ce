"""Learning as a process: its command, how it is started, told and ended, and when by itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llm4cov_agent.judge.process import OwnProgram
from llm4cov_lsp.retraining import Ended, Retraining, is_due, keep_schedule, remember
from llm4cov_training.cli import retrain
from llm4cov_training.curation.mixing import mixed
from llm4cov_training.examples import Example

NOTHING = "there is nothing to learn from"


def test_with_nothing_stored_there_is_nothing_to_learn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "none.db"))
    answer = CliRunner().invoke(retrain, [])
    assert answer.exit_code == 2 and NOTHING in answer.stderr and "Generate and accept" in answer.stderr
    assert json.loads(CliRunner().invoke(retrain, ["--json"]).stdout)["status"] == "failed"
    assert list(tmp_path.iterdir()) == []


def test_by_itself_it_waits_until_it_is_worth_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "none.db"))
    answer = CliRunner().invoke(retrain, ["--if-due"])
    assert answer.exit_code == 0 and "nothing is stored yet" in answer.stderr


def test_the_program_itself_has_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "none.db"))
    lines: list[str] = []
    ended = asyncio.run(Retraining().run(if_due=False, on_line=lines.append))
    assert ended.status == 2 and NOTHING in ended.words and NOTHING in lines[0] and not ended.was_cancelled


def test_earlier_examples_are_mixed_in_by_their_share() -> None:
    new, earlier = [example(f"n{rank}") for rank in range(10)], [example(f"e{rank}") for rank in range(50)]
    rows = mixed(new, [earlier[:25], earlier[25:]], share=0.5, seed=1)
    assert rows[:10] == tuple(new) and len(rows) == 15 and set(rows[10:]) < set(earlier)
    assert rows == mixed(new, [earlier[:25], earlier[25:]], share=0.5, seed=1) != mixed(new, [earlier], share=0.5, seed=2)
    assert len(mixed(new, [earlier[:2]], share=0.5, seed=1)) == 12


def example(name: str) -> Example:
    return Example(
        transition=name,
        design="d",
        structure="s",
        top="t",
        instruction="generate",
        format="stimulus",
        stage=0,
        policy="closure",
        messages=(),
        completion="x",
    )


def _program(script: str) -> Callable[[bool], OwnProgram]:
    return lambda if_due: OwnProgram((sys.executable, "-u", "-c", script), merged=True)


def test_its_lines_are_told_as_they_come_with_what_it_says_of_errors() -> None:
    script = "import sys; print('epoch 1'); print('oh', file=sys.stderr); print(); sys.exit(5)"
    lines: list[str] = []
    ended = asyncio.run(Retraining(_program(script)).run(if_due=False, on_line=lines.append))
    assert lines == ["epoch 1", "oh"] and ended == Ended(5, "epoch 1\noh")


def test_it_is_cancelled_with_all_that_it_started(tmp_path: Path) -> None:
    script = (
        f"import subprocess, time; child = subprocess.Popen(['sleep', '60']); open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); "
        "print('begun'); time.sleep(60)"
    )

    async def inside() -> Ended:
        retraining = Retraining(_program(script))
        began = time.monotonic()
        ended = await retraining.run(if_due=False, on_line=lambda words: retraining.cancel())
        assert time.monotonic() - began < 10 and not retraining.is_running
        return ended

    assert asyncio.run(inside()).was_cancelled
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_due_once_a_period(tmp_path: Path) -> None:
    now = time.time()
    assert not is_due("off", tmp_path, now) and is_due("daily", tmp_path, now)
    remember(tmp_path / "state")
    assert not is_due("daily", tmp_path / "state", now + 10)
    assert is_due("daily", tmp_path / "state", now + 90_000) and not is_due("weekly", tmp_path / "state", now + 90_000)
    assert is_due("weekly", tmp_path / "state", now + 8 * 86_400)
    os.utime(tmp_path / "state/retrain-began", (now + 1e6, now + 1e6))
    assert is_due("daily", tmp_path / "state", now), "a time to come is none"


def _scheduled(
    tmp_path: Path, *, schedule: str = "daily", idle: bool = True, endings: list[Ended], seconds: float = 0.3
) -> tuple[int, list[str]]:
    runs = 0
    said: list[str] = []

    async def run() -> Ended:
        nonlocal runs
        runs += 1
        (tmp_path / "retrain-began").unlink()
        return endings[min(runs, len(endings)) - 1]

    async def inside() -> None:
        work: Awaitable[None] = keep_schedule(
            schedule=lambda: schedule, is_idle=lambda: idle, run=run, say=said.append, state_dir=tmp_path, look_s=0.01
        )
        try:
            await asyncio.wait_for(work, seconds)
        except TimeoutError:
            return

    asyncio.run(inside())
    return runs, said


def test_the_schedule_ends_with_the_first_failure_which_is_said_once(tmp_path: Path) -> None:
    runs, said = _scheduled(tmp_path, endings=[Ended(0, "learned"), Ended(-9, "", True), Ended(2, "not built")])
    assert runs == 3 and len(said) == 1 and "not built" in said[0]


@pytest.mark.parametrize(("schedule", "idle"), [("off", True), ("daily", False)])
def test_nothing_starts_that_is_not_wanted_or_while_something_is_done(tmp_path: Path, schedule: str, idle: bool) -> None:
    assert _scheduled(tmp_path, schedule=schedule, idle=idle, endings=[Ended(0, "")]) == (0, [])
