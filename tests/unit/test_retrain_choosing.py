"""What `retrain` chooses from a user's store, and when it is due."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("pyverilog")
pytest.importorskip("rapidfuzz")

from llm4cov_agent.bench.keywords import SYSTEMVERILOG
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.loop.state import State
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.cli import retrain
from llm4cov_training.commands import learn
from llm4cov_training.commands.choosing import from_files, from_store, still_stand
from llm4cov_training.corpus.designs import Corpus, write_corpus
from llm4cov_training.corpus.similarity import structure_of
from llm4cov_training.corpus.split import FIXTURES, Side, side_of, texts_below
from llm4cov_training.examples import write_examples
from llm4cov_training.learn.telling import Forecast
from tests.unit.test_curation import made, put, saw, script, step
from tests.unit.test_examples import EXAMPLE


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """One that holds nothing out."""
    write_corpus(tmp_path / "corpus", Corpus(seed=1, designs=(), dropped=()), ())
    return tmp_path / "corpus"


def chosen(tmp_path: Path, corpus: Path, since: datetime | None = None) -> tuple[list[str], dict[str, int]]:
    rows, left_out = from_store(tmp_path / "t.db", corpus, since=since, most_reply_tokens=450)
    return [one.completion for one in rows], left_out


def test_a_store_that_is_not_there_or_empty_gives_nothing(tmp_path: Path, corpus: Path) -> None:
    assert chosen(tmp_path, corpus) == ([], {})
    with open_store(tmp_path / "t.db"):
        pass
    assert chosen(tmp_path, corpus) == ([], {})


def test_a_store_of_one_design_gives_its_best_whether_or_not_its_files_are_still_there(tmp_path: Path, corpus: Path) -> None:
    design = made(tmp_path, "adder")
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(design), script(3), saw(50)))
        put(store, step(State(design), script(8), saw(70)))
    (tmp_path / "adder.v").unlink()
    assert chosen(tmp_path, corpus) == ([script(8)], {"another one of its design and kind is better": 1})


def test_what_was_rejected_stands_in_nobodys_way(tmp_path: Path, corpus: Path) -> None:
    design = made(tmp_path, "adder")
    best = step(State(design), script(8), saw(70))
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(design), script(3), saw(50)))
        trajectory = store.begin(design, command="test")
        store.append(trajectory, best)
        assert best.after.testbench is not None
        store.reject(trajectory, best.after.testbench)
    assert chosen(tmp_path, corpus) == ([script(3)], {"you rejected it": 1})


def test_rows_from_files_go_past_what_is_held_out_too(tmp_path: Path, corpus: Path) -> None:
    """A fixture with all names changed is known by its structure, whatever digest its row claims."""
    text = dict(texts_below(FIXTURES))["debouncer"]
    renamed = re.sub(r"(?<![\w'`$])[a-z]\w*\b", lambda found: found[0] if found[0] in SYSTEMVERILOG else f"my_{found[0]}", text)
    assert renamed != text
    free = next(f"structure {number}" for number in range(99) if side_of(f"structure {number}") is Side.TRAIN)
    held = next(f"structure {number}" for number in range(999) if side_of(f"structure {number}") is Side.HELD_OUT)
    rows = [replace(EXAMPLE, structure=one) for one in (free, structure_of(renamed), held)]
    for name in ("new", "earlier"):
        write_examples(rows, tmp_path / f"{name}.jsonl")
    found, left_out = from_files([tmp_path / "new.jsonl", tmp_path / "earlier.jsonl"], corpus, earlier_share=3.0, seed=1)
    assert {one.structure for one in found} == {free} and left_out == {"held out": 4}


def test_a_run_that_was_stopped_goes_on_with_its_rows_as_long_as_they_stand(tmp_path: Path, corpus: Path) -> None:
    design = made(tmp_path, "adder")
    place = tmp_path / "t.db"
    assert not still_stand(place, corpus, [EXAMPLE])
    first = step(State(design), script(3), saw(50))
    with open_store(place) as store:
        trajectory = store.begin(design, command="test")
        store.append(trajectory, first)
    rows, _ = from_store(place, corpus, since=None, most_reply_tokens=450)
    # What is better came later: another choice, and no reason to throw away what was learned.
    with open_store(place) as store:
        put(store, step(State(design), script(8), saw(70)))
    assert chosen(tmp_path, corpus)[0] == [script(8)] and still_stand(place, corpus, rows)
    assert not still_stand(place, corpus, [*rows, EXAMPLE])
    held = next(f"structure {number}" for number in range(999) if side_of(f"structure {number}") is Side.HELD_OUT)
    assert not still_stand(place, corpus, [replace(rows[0], structure=held)])
    with open_store(place) as store:
        assert first.after.testbench is not None
        store.reject(trajectory, first.after.testbench)
    assert not still_stand(place, corpus, rows)


def test_since_looks_at_what_is_new_alone(tmp_path: Path, corpus: Path) -> None:
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(made(tmp_path, "adder")), script(3), saw(50)))
    now = datetime.now(UTC).replace(tzinfo=None)
    assert chosen(tmp_path, corpus, now - timedelta(hours=1)) == ([script(3)], {})
    assert chosen(tmp_path, corpus, now + timedelta(hours=1)) == ([], {"it is older than --since": 1})


def test_rows_whose_rtl_is_gone_from_the_store_are_counted_and_passed_over(tmp_path: Path, corpus: Path) -> None:
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(made(tmp_path, "adder")), script(3), saw(50)))
        put(store, step(State(made(tmp_path, "chooser")), "sequence a\n  drive go=1\n  hold 3\nend\n", saw(50)))
    connection = sqlite3.connect(tmp_path / "t.db")
    # Nothing of ours changes a row; a disk that fails may.
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    found = connection.execute("DELETE FROM blobs WHERE digest IN (SELECT blob FROM design_files WHERE name = 'chooser.v')").rowcount
    connection.commit()
    connection.close()
    assert found == 1
    assert chosen(tmp_path, corpus) == ([script(3)], {"its design is gone": 1})


def test_it_is_due_from_so_many_new_rounds_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "t.db"))
    design = made(tmp_path, "adder")
    with open_store(tmp_path / "t.db") as store:
        put(store, *(step(State(design), script(number), saw(50)) for number in range(1, learn.DUE_ROUNDS)))
    answer = CliRunner().invoke(retrain, ["--if-due"])
    assert answer.exit_code == 0 and f"{learn.DUE_ROUNDS - 1} rounds were stored since the last time" in answer.stderr
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(design), script(99), saw(50)))
    began: list[bool] = []
    # What would follow loads a model.
    monkeypatch.setattr(learn, "_has_stored", lambda: began.append(True))
    assert CliRunner().invoke(retrain, ["--if-due"]).exit_code == 2 and began == [True]


def test_what_takes_long_is_said_beforehand_with_the_reason() -> None:
    def plan(samples: int) -> Any:
        return SimpleNamespace(
            recipe=SimpleNamespace(epochs=3), held_out=(None,) * 12, evaluation=SimpleNamespace(samples=samples, rounds=1), examples=()
        )

    def found(train_s: float) -> Forecast:
        return Forecast(examples=50, too_long=0, packs=25, steps=19, train_s=train_s, tokens_per_s=40)

    assert learn._long(plan(2), found(3000), 4000) is None
    slow = learn._long(plan(2), found(9000), 1200)
    assert slow is not None and slow.startswith(
        "this takes about 2.8 h: 25 packs, 3 times each, at the 40 tokens/s of this machine; fewer epochs"
    )
    much = learn._long(plan(5), found(600), 9600)
    assert much is not None and "judging asks for 120 replies before and 120 after, 40 s each; --designs, --samples" in much


def test_what_retrain_can_not_do_is_refused_before_it_learns(tmp_path: Path) -> None:
    write_examples([EXAMPLE], tmp_path / "rows.jsonl")
    (tmp_path / "full.toml").write_text("full = true\n")
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    for options, words in (
        (["--model", str(tmp_path)], "is a folder"),
        (["--model", str(model), "--recipe", str(tmp_path / "full.toml")], "run_all"),
    ):
        answer = CliRunner().invoke(retrain, ["--examples", str(tmp_path / "rows.jsonl"), *options])
        assert isinstance(answer.exception, BadConfiguration) and words in str(answer.exception)
