"""`retrain` as a user gives it: from a store to a verdict, with a real simulator and a tiny model. Needs the extra `models`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")
pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

from fixtures import loader

from llm4cov_agent.digest import digest_text
from llm4cov_agent.loop.policies.adapters import Adapters
from llm4cov_agent.loop.state import State
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.corpus.designs import Corpus, CorpusDesign, write_corpus
from llm4cov_training.corpus.similarity import structure_of
from llm4cov_training.corpus.split import Side
from tests.tiny_model import write_tiny_model
from tests.unit.test_curation import made, put, saw, script, step

pytestmark = pytest.mark.acceptance

PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")
RECIPE = 'rank = 4\nepochs = 2\nsequence_tokens = 4096\naccumulation = 1\nsave_every = 1\nprecision = "float32"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder: a store with one design, a base, a recipe and a corpus that holds one design out."""
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(made(tmp_path, "adder")), script(3), saw(50)))
    write_tiny_model(tmp_path / "tiny.gguf")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    text = "".join(path.read_text() for path in loader.design("half_adder").sources)
    held_out = CorpusDesign(
        name="half_adder",
        family="arithmetic",
        top="half_adder",
        digest=digest_text(text),
        structure=structure_of(text),
        side=Side.HELD_OUT,
        lines=text.count("\n"),
    )
    write_corpus(tmp_path / "learning" / "corpus", Corpus(seed=1, designs=(held_out,), dropped=()), [("half_adder", text)])
    return tmp_path


def command(*more: str) -> Sequence[str]:
    return (
        PROGRAM,
        "retrain",
        "--model",
        "tiny.gguf",
        "--recipe",
        "recipe.toml",
        "--samples",
        "1",
        "--rounds",
        "0",
        "--max-load",
        "0",
        *more,
    )


def run(home: Path, cache_dir: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*more), cwd=home, env=environment(home, cache_dir), capture_output=True, text=True, timeout=400, check=False
    )


def environment(home: Path, cache_dir: Path) -> dict[str, str]:
    return os.environ | {"LLM4COV_STORE": str(home / "t.db"), "LLM4COV_CACHE_DIR": str(cache_dir), "COLUMNS": "200"}


def test_from_a_store_to_a_verdict(home: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(home / "t.db"))
    first = run(home, cache_dir, "--dry-run")
    assert first.returncode == 0, first.stderr
    assert (
        "1 examples of 1 designs" in first.stderr and "tokens/s: about" in first.stderr and "on 1 held-out designs: about" in first.stderr
    )
    assert Adapters().all() == () and not (home / "learning" / "runs").exists()

    learned = run(home, cache_dir, "--json")
    assert learned.returncode == 0, learned.stderr
    record = json.loads(learned.stdout)
    assert record["status"] == "learned" and set(record["measured"]) == {"before", "after", "gain"}
    [adapter] = Adapters().all()
    assert adapter.id == record["adapter"] and adapter.gguf.exists() and len(adapter.designs) == 1
    assert (Adapters().live(adapter.base) is not None) == record["promoted"]


def test_a_stopped_run_goes_on_though_more_was_stored(home: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(home / "t.db"))
    (home / "recipe.toml").write_text(RECIPE.replace("epochs = 2", "epochs = 40"))
    with subprocess.Popen(command(), cwd=home, env=environment(home, cache_dir), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("step 1 of 40"):
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
    assert running.returncode == 130 and "the same command goes on from here" in rest
    [folder] = (home / "learning" / "runs").iterdir()
    with open_store(home / "t.db") as store:
        put(store, step(State(made(home, "chooser")), "sequence a\n  drive go=1\n  hold 3\nend\n", saw(60)))
    ended = run(home, cache_dir)
    assert ended.returncode == 0, ended.stderr
    assert "going on with the run that was stopped, of 1 examples" in ended.stderr and "measuring how fast" not in ended.stderr
    assert [one.id for one in Adapters().all()] == [folder.name] and not folder.exists()
    # What came later is for the next one.
    record = json.loads(run(home, cache_dir, "--dry-run", "--json").stdout)
    assert record["status"] == "dry_run" and record["examples"] == 2 and record["judge_s"] >= 1
