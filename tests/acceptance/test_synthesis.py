"""Trajectories are made with the real simulator, by the command: stopped at any item and gone on with, by closure and by models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pyverilog")

from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policies.recorded import Completion, CompletionEnding, Request, record_line
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.state import Instruction, State, read_design_text
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.examples import read_examples
from llm4cov_training.synthesis import roll as rolling
from llm4cov_training.synthesis.items import Item, Kind, Speaker
from llm4cov_training.synthesis.lessons import Lesson

pytestmark = pytest.mark.acceptance

PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")


def environment(folder: Path, cache_dir: Path) -> dict[str, str]:
    return os.environ | {"LLM4COV_CACHE_DIR": str(cache_dir), "LLM4COV_STORE": str(folder / "own.db")}


def run(folder: Path, cache_dir: Path, *arguments: str, status: int = 0) -> str:
    ended = subprocess.run(
        [PROGRAM, "retrain", *arguments], cwd=folder, env=environment(folder, cache_dir), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == status and "Traceback" not in ended.stderr, ended
    return ended.stdout or ended.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Path:
    """A corpus of a few designs, and a store of what the teacher shows on three of them, made in two runs of which the first is killed."""
    made = tmp_path_factory.mktemp("synthesis")
    run(made, cache_dir, "corpus", "--count", "8", "--seed", "5", "--out", "corpus")
    arguments = ["synthesize", "--corpus", "corpus", "--store", "t.db", "--designs", "3", "--workers", "1"]
    child = subprocess.Popen([PROGRAM, "retrain", *arguments], cwd=made, env=environment(made, cache_dir), start_new_session=True)
    journal = made / "t.db.items.jsonl"
    ends = time.monotonic() + 240
    while not (journal.exists() and journal.read_text().count("\n") >= 1):
        assert time.monotonic() < ends and child.poll() is None
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    before = journal.read_text()
    record = json.loads(run(made, cache_dir, *arguments, "--json"))
    assert record["items"] == 3 and record["finished_before"] == before.count("\n") >= 1
    assert record["finished_before"] + record["finished_now"] == 3 and record["failed"] == 0
    assert journal.read_text().startswith(before)
    return made


def test_a_synthesis_that_was_killed_goes_on_and_does_nothing_twice(folder: Path, cache_dir: Path) -> None:
    arguments = ["synthesize", "--corpus", "corpus", "--store", "t.db", "--designs", "3", "--json"]
    again = json.loads(run(folder, cache_dir, *arguments))
    assert (again["finished_before"], again["finished_now"], again["transitions"]) == (3, 0, 0)
    with open_store(folder / "t.db", writable=False) as store:
        assert not store.verify()
        entries = [json.loads(line) for line in (folder / "t.db.items.jsonl").read_text().splitlines()]
        for entry in entries:
            assert len(store.transitions(entry["trajectory"])) == entry["transitions"] >= 3


def test_an_item_whose_transitions_were_lost_is_done_again(folder: Path, cache_dir: Path) -> None:
    (folder / "lost").mkdir()
    shutil.copy(folder / "t.db.items.jsonl", folder / "lost" / "t.db.items.jsonl")
    arguments = ["synthesize", "--corpus", "corpus", "--store", "lost/t.db", "--designs", "1", "--json"]
    record = json.loads(run(folder, cache_dir, *arguments))
    assert (record["finished_before"], record["finished_now"]) == (0, 1) and record["transitions"] >= 3


def test_teacher_replies_fit_and_cover_and_repair(folder: Path) -> None:
    with open_store(folder / "t.db", writable=False) as store:
        found = [one for summary in store.trajectories() for one in store.transitions(summary.id)]
    direct = [one for one in found if one.policy == "closure" and one.instruction is Instruction.GENERATE]
    assert {one.after.observation.status for one in direct if one.after.observation is not None} == {RunStatus.OK}
    assert all(one.after.observation is not None and (one.after.observation.overall or 0.0) > 60 for one in direct)
    assert all(len(one.proposal.reply) <= 1200 for one in found)
    fixed = [one for one in found if one.instruction is Instruction.FIX_REPLY]
    assert fixed and all(one.after.observation is not None and one.after.observation.status is RunStatus.OK for one in fixed)


def test_examples_come_of_it(folder: Path, cache_dir: Path) -> None:
    record = json.loads(run(folder, cache_dir, "curate", "--store", "t.db", "--corpus", "corpus", "--out", "rows.jsonl", "--json"))
    rows, problems = read_examples(folder / "rows.jsonl")
    assert not problems and len(rows) == record["examples"] >= 6 and record["designs"] == 3
    assert {one.instruction for one in rows} >= {"generate", "fix_reply"}
    left = [json.loads(line) for line in (folder / "rows.left.jsonl").read_text().splitlines()]
    assert len(left) + len(rows) == record["transitions"]
    again = json.loads(run(folder, cache_dir, "curate", "--store", "t.db", "--corpus", "corpus", "--out", "again.jsonl", "--json"))
    assert again["digest"] == record["digest"]
    assert (folder / "again.jsonl").read_bytes() == (folder / "rows.jsonl").read_bytes()


def test_designs_of_a_store_are_varied_beside_the_generated_ones(folder: Path, cache_dir: Path) -> None:
    said = run(folder, cache_dir, "corpus", "--count", "8", "--seed", "5", "--out", "varied", "--vary", "3", "--store", "t.db")
    assert "variants of 3 designs" in said
    listed = json.loads((folder / "varied" / "corpus.json").read_text())["designs"]
    varied = [one for one in listed if one["family"] == "variant"]
    assert len(listed) == 8 + len(varied) and len(varied) >= 3
    assert all((folder / "varied" / "designs" / f"{one['name']}.v").is_file() and one["side"] == "train" for one in varied)


def test_no_corpus_and_no_store_are_told(folder: Path, cache_dir: Path) -> None:
    assert "There is no corpus" in run(folder, cache_dir, "synthesize", "--corpus", "none", status=2)
    assert "no store" in run(folder, cache_dir, "curate", "--store", "none.db", status=2)
    assert "teacher, student or model" in run(folder, cache_dir, "synthesize", "--corpus", "corpus", "--policy", "poet", status=2)


ADDER = """module adder(input clk, input rst, input go, input [3:0] value, output reg [3:0] total);
  always @(posedge clk) if (rst) total <= 0; else if (go && value == 4'd11) total <= total + value;
endmodule
"""


def test_a_students_states_are_repaired_by_the_teacher(tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_CACHE_DIR", str(cache_dir))
    path = tmp_path / "adder.v"
    path.write_text(ADDER)
    design, _ = elaborate(FileSet(sources=(path,), top="adder"), search=False)
    assert design is not None
    lesson = Lesson(prompt_tokens=900)
    prompt = render_prompt(State(read_design_text(design)), Instruction.GENERATE, lesson.options)
    said = Completion(text="sequence idle\n  reset 2\n  hold 3\nend\n", ending=CompletionEnding.STOP, completion_tokens=20)
    (tmp_path / "said.jsonl").write_text(record_line(Request(messages=prompt, max_tokens=99), said) + "\n")
    speaker = Speaker(
        backend=BackendSettings(kind=BackendKind.RECORDED, model=str(tmp_path / "said.jsonl")), settings=ModelSettings(), rounds=0
    )
    item = Item(kind=Kind.STUDENT, name="adder", top="adder", text=ADDER, sample=0, seed=1, lesson=lesson, speaker=speaker)
    rolled = rolling.roll(item)
    student, repair = rolled.transitions
    assert (student.policy, repair.policy) == ("recorded", "closure") and repair.instruction is Instruction.RAISE_COVERAGE
    assert repair.state.testbench == student.after.testbench
    before, after = student.after.observation, repair.after.observation
    assert before is not None and after is not None and (after.overall or 0) > (before.overall or 0) + 20
    assert repair.after.stimulus is not None and student.after.stimulus is not None
    assert repair.after.stimulus.sequences[:1] == student.after.stimulus.sequences
    assert "idle" not in repair.proposal.reply
