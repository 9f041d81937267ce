"""Deleting a design deletes what learning made of it, and names what learned from it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("pyverilog")
pytest.importorskip("rapidfuzz")

from llm4cov_agent.cli.trajectories import app as trajectories
from llm4cov_agent.digest import digest_text
from llm4cov_agent.loop.policies.adapters import Adapters
from llm4cov_agent.loop.state import State
from llm4cov_agent.trajectories.store import open_store
from llm4cov_lsp.stored import answer
from llm4cov_lsp.wire import Question, QuestionKind
from llm4cov_training.corpus.designs import Corpus, CorpusDesign, read_corpus, write_corpus
from llm4cov_training.corpus.split import HeldOut
from llm4cov_training.corpus.variants import variants
from llm4cov_training.learn.runs import begin, held
from tests.unit.test_curation import made, put, saw, script, step
from tests.unit.test_examples import EXAMPLE


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "t.db"))


def adapter(folder: Path, name: str, design: str) -> None:
    (folder / name).mkdir()
    (folder / name / "adapter.gguf").write_bytes(b"GGUF")
    Adapters().add(name, folder / name, {"base": "b", "designs": [design]})


def unfinished_run(learning: Path, name: str, design: str) -> Path:
    (learning / "runs" / name).mkdir(parents=True)
    begin(learning / "runs" / name, "the store", [replace(EXAMPLE, design=design)])
    return learning / "runs" / name


def test_variants_what_was_tried_on_them_and_unfinished_runs_go_with_their_design(tmp_path: Path) -> None:
    mine, other = made(tmp_path, "adder"), made(tmp_path, "chooser")
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(mine), script(3), saw(50)))
    found, _, problems = variants(mine, HeldOut((), held_out_percent=0.0), count=3, seed=1)
    assert found and not problems and all(one.design.origin == mine.design.digest for one in found)
    learning = tmp_path / "learning"
    kept = CorpusDesign(name="kept", family="counter", top="kept", digest="d", structure="s", side=found[0].design.side, lines=3)
    # One of them was rolled out; the store of learning knows its text, and not where it comes from.
    tried = made(tmp_path, "tried")
    listed = replace(found[0].design, name="tried", digest=digest_text(tried.sources[0].text))
    texts = [("kept", "module kept; endmodule\n"), ("tried", tried.sources[0].text), *((one.design.name, one.text) for one in found)]
    designs = (kept, listed, *(one.design for one in found))
    write_corpus(learning / "corpus", Corpus(seed=1, designs=designs, dropped=()), texts)
    with open_store(learning / "trajectories.db") as store:
        put(store, step(State(other), "sequence a\n  drive go=1\n  hold 3\nend\n", saw(50)))
        put(store, step(State(tried), script(4), saw(50)))
    for name, design in (("stopped", mine.design.digest), ("free", "sha256:other")):
        unfinished_run(learning, name, design)
    adapter(tmp_path, "knows", mine.design.digest)
    adapter(tmp_path, "knows-a-variant", tried.design.digest)
    adapter(tmp_path, "other", "sha256:0")

    said = CliRunner().invoke(trajectories, ["delete", "adder", "--yes", "--json"])

    assert said.exit_code == 0, said.output
    record = json.loads(said.stdout)
    assert record["adapters"] == ["knows", "knows-a-variant"] and record["problems"] == []
    assert record["copies"][:2] == ["1 unfinished run of learning", "what was tried on 1 variants"]
    assert len(record["copies"]) == 3 and record["copies"][2].startswith(f"{len(found) + 1} variants in ")
    assert [one.name for one in read_corpus(learning / "corpus").designs] == ["kept"]
    assert [path.name for path in (learning / "corpus" / "designs").iterdir()] == ["kept.v"]
    with open_store(learning / "trajectories.db", writable=False) as store:
        assert [one.top for one in store.designs()] == ["chooser"]
    assert [path.name for path in (learning / "runs").iterdir()] == ["free"]


def test_a_person_is_told_which_adapters_learned_from_it(tmp_path: Path) -> None:
    mine = made(tmp_path, "adder")
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(mine), script(3), saw(50)))
    adapter(tmp_path, "knows", mine.design.digest)
    adapter(tmp_path, "other", "sha256:0")
    said = CliRunner().invoke(trajectories, ["delete", "adder", "--yes"])
    assert said.exit_code == 0 and "knows learned from adder" in said.stderr and "other" not in said.stderr
    assert "retrain adapters remove" in said.stderr and "variants" not in said.stderr


def test_an_editor_is_told_too(tmp_path: Path) -> None:
    mine = made(tmp_path, "adder")
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(mine), script(3), saw(50)))
    adapter(tmp_path, "knows", mine.design.digest)
    told = answer(Question(kind=QuestionKind.DELETE, name="adder"))
    assert told["adapters"] == ["knows"] and told["copies"] == [] and "knows learned from adder" in str(told["problems"])


def test_a_run_that_is_under_way_is_left_and_told(tmp_path: Path) -> None:
    mine = made(tmp_path, "adder")
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(mine), script(3), saw(50)))
    folder = unfinished_run(tmp_path / "learning", "busy", mine.design.digest)
    with held(folder) as is_ours, held(folder) as again:
        assert is_ours and not again
        said = CliRunner().invoke(trajectories, ["delete", "adder", "--yes"])
    assert said.exit_code == 0 and "under way" in said.stderr and folder.exists()


def test_it_needs_nothing_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("llm4cov_training", "rapidfuzz", "pyverilog"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("rapidfuzz", "pyverilog"):
        monkeypatch.setitem(sys.modules, name, None)
    design = made(tmp_path, "adder")
    for has_corpus in (False, True):
        with open_store(tmp_path / "t.db") as store:
            put(store, step(State(design), script(3), saw(50)))
        if has_corpus:
            (tmp_path / "learning" / "corpus").mkdir(parents=True)
            (tmp_path / "learning" / "corpus" / "corpus.json").write_text("{}")
        said = CliRunner().invoke(trajectories, ["delete", "adder", "--yes"])
        assert said.exit_code == 0 and "deleted adder" in said.stderr, said.output
        assert ("rapidfuzz" in said.stderr) == has_corpus


def test_what_can_not_be_read_is_said_and_the_design_is_deleted(tmp_path: Path) -> None:
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(made(tmp_path, "adder")), script(3), saw(50)))
    (tmp_path / "learning" / "corpus").mkdir(parents=True)
    (tmp_path / "learning" / "corpus" / "corpus.json").write_text("[]")
    said = CliRunner().invoke(trajectories, ["delete", "adder", "--yes"])
    assert said.exit_code == 0 and "what learning made of it may be left" in said.stderr and "deleted adder" in said.stderr
    with open_store(tmp_path / "t.db", writable=False) as store:
        assert store.designs() == ()
