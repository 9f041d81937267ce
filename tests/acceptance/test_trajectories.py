"""The store through the command line, with transitions that the real judge made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.loop.policy import PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.rollout import judge
from llm4cov_agent.loop.state import State, instruction_for, read_design_text
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import open_store

pytestmark = pytest.mark.acceptance

FIXTURES = ("fifo_sync", "half_adder")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, simulator: Verilator) -> Path:
    """A store with a rollout of two rounds of each of two designs."""
    place = tmp_path_factory.mktemp("store") / "store.db"
    with open_store(place) as store:
        for name in FIXTURES:
            design = read_design_text(loader.design(name))
            trajectory = store.begin(design, command="generate --api-key sk-0123456789")
            state = State(design)
            for number, cycles in enumerate((8, 400)):
                stimulus = random_stimulus(design.design, seed=number + 1, cycles=cycles)
                testbench = render(stimulus, design.design, Language.SYSTEMVERILOG)
                options = PromptOptions(format=ReplyFormat.FULL)
                proposal = Proposal(testbench=testbench, stimulus=stimulus, reply=f"\x1b[31m{name} {number}", options=options)
                after, _ = judge(state, proposal, simulator, SimulationLimits())
                transition = Transition(
                    **{"number": number, "policy": "llama", "model": "made-up", "seed": 1, "instruction": instruction_for(state)},
                    **{"state": state, "proposal": proposal, "after": after, "kept": True, "judge_s": 1.0, "loop_s": 0.0},
                )
                store.append(trajectory, transition)
                state = after
            assert state.testbench is not None
            store.accept(trajectory, state.testbench)
    return place


def command(path: Path, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).parent / "llm4cov-lsp"), "trajectories", *arguments, "--store", str(path)]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(words, capture_output=True, text=True, input=answer, env=environment, timeout=120, check=False)


def test_a_stored_rollout_is_judged_to_the_same_digests(path: Path, simulator: Verilator) -> None:
    """From the store alone: the designs are made again elsewhere, and what was proposed is judged again."""
    with open_store(path) as store:
        summary = store.trajectories()[0]
        found = store.transitions(summary.id)
        again = store.begin(found[0].state.design, command="replay")
        state = found[0].state
        for one in found:
            after, evaluation = judge(state, one.proposal, simulator, SimulationLimits())
            assert evaluation is not None
            digest = store.append(again, replace(one, state=state, after=after, judge_s=0.1))
            assert digest == summary.rounds[one.number].digest
            state = after
        assert store.verify() == ()
        assert len(store.trajectories()) == len(FIXTURES) + 1


def test_list_and_show(path: Path) -> None:
    listed = json.loads(command(path, "list", "--json").stdout)["trajectories"]
    assert [one["top"] for one in listed][:2] == list(FIXTURES)
    assert "sk-0123" not in json.dumps(listed)
    text = command(path, "list").stdout
    assert all(name in text for name in FIXTURES) and "llama made-up" in text
    name = listed[0]["id"]
    text = command(path, "show", name[:10]).stdout
    assert "raise_coverage" in text and "accepted (round 1)" in text
    before, after = (one["after"] for one in listed[0]["rounds"])
    assert after > before


def test_show_a_round_with_its_testbench_and_prompt(path: Path) -> None:
    name = json.loads(command(path, "list", "--json").stdout)["trajectories"][0]["id"]
    text = command(path, "show", name, "--round", "1", "--prompt").stdout
    assert "module tb_fifo_sync" in text and "[user]" in text and "Coverage:" in text
    # What a model wrote can't steer the terminal.
    assert "\x1b" not in text and "\\x1b[31mfifo_sync 1" in text
    record = json.loads(command(path, "show", name, "--round", "1", "--json").stdout)
    assert record["reply"] == "\x1b[31mfifo_sync 1" and record["accepted"] is True
    wrong = command(path, "show", name, "--round", "9")
    assert wrong.returncode == 2 and "2 rounds" in wrong.stderr


def test_export_is_flat_and_of_constant_types(path: Path, tmp_path: Path) -> None:
    done = command(path, "export", "-o", str(tmp_path / "rows.jsonl"))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len(rows) >= 4 and len({tuple(row) for row in rows}) == 1
    for column in rows[0]:
        assert len({type(row[column]) for row in rows if row[column] is not None}) <= 1, column
    first = rows[0]
    source = loader.design("fifo_sync").files[0].path
    assert first["files"] == [{"name": source.name, "role": "source", "text": source.read_text()}]
    assert first["before_status"] is None and first["after_status"] == "ok" and first["after_metrics"]["line"]["total"] > 0
    only = command(path, "export", "--design", "half_adder").stdout.splitlines()
    assert {json.loads(line)["top"] for line in only} == {"half_adder"}
    assert command(path, "export", "-o", str(tmp_path / "rows.jsonl")).returncode == 2


def test_the_export_loads_as_a_data_set(path: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the `datasets` library is not installed")
    command(path, "export", "-o", str(tmp_path / "rows.jsonl"))
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "rows.jsonl"), cache_dir=str(tmp_path), split="train")
    assert loaded[0]["top"] == "fifo_sync" and loaded[0]["files"][0]["name"] == "fifo_sync.sv"


def test_verify_and_delete(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    assert command(copy, "verify").returncode == 0
    refused = command(copy, "delete", "half_adder", answer="n\n")
    assert refused.returncode == 2 and "nothing was deleted" in refused.stderr
    assert b"module half_adder" in copy.read_bytes()
    done = command(copy, "delete", "half_adder", "--yes")
    assert done.returncode == 0 and "2 transitions" in done.stderr
    assert b"half_adder" not in b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert json.loads(command(copy, "verify", "--json").stdout)["ok"] is True
    unknown = command(copy, "delete", "half_adder", "--yes")
    assert unknown.returncode == 2 and "fifo_sync" in unknown.stderr
    content = bytearray(copy.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = b"\xa5" * 3000
    copy.write_bytes(content)
    broken = command(copy, "verify")
    assert broken.returncode == 1 and "Traceback" not in broken.stderr


@pytest.mark.parametrize("name", ["list", "verify", "export"])
def test_a_store_that_is_none_is_told(tmp_path: Path, name: str) -> None:
    missing = command(tmp_path / "none.db", name)
    assert missing.returncode == 2 and "there is no store" in missing.stderr
    (tmp_path / "text.db").write_text("hello\n" * 500)
    wrong = command(tmp_path / "text.db", name)
    assert wrong.returncode == 2 and "not an SQLite file" in wrong.stderr and "Traceback" not in wrong.stderr
