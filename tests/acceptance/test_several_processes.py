"""Several processes that learn together, as with several GPUs: here on processors. Needs the extra `models`."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")

from llm4cov_agent.errors import WorkFailed
from llm4cov_agent.loop.backend import Message, Role
from llm4cov_training.adapters.gguf_model import Shape
from llm4cov_training.examples import Example, write_examples
from llm4cov_training.experiment.fresh import write_fresh_base
from llm4cov_training.experiment.students import Course, Student, attend
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.several import on_each_gpu
from llm4cov_training.learn.stopping import Stop
from llm4cov_training.learn.telling import Step
from llm4cov_training.learn.tokens import Pack

pytestmark = pytest.mark.acceptance


def test_two_processes_learn_together_and_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without it, two processes with two threads each are slower than one.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = tmp_path / "tiny.gguf"
    shape = Shape(hidden=32, layers=1, heads=2, key_heads=1, inner=64, vocabulary=300)
    write_fresh_base(model, shape, ["You write stimulus. A counter. sequence a hold end"], seed=1)
    messages = (Message(Role.SYSTEM, "You write stimulus."), Message(Role.USER, "A counter."))
    rows = [
        Example(
            transition=str(number),
            design=str(number),
            structure=str(number),
            top="t",
            instruction="generate",
            format="stimulus",
            stage=0,
            policy="closure",
            messages=messages,
            completion=f"sequence a\n  hold {number}\nend\n",
        )
        for number in range(1, 9)
    ]
    recipe = Recipe(rank=4, learning_rate=2e-2, epochs=2, sequence_tokens=128, accumulation=2, precision=Precision.FLOAT32)
    losses = {}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        write_examples(rows, folder / "examples.jsonl")
        record = on_each_gpu(
            attend, Course(folder=folder, student=Student(name="base", model=model), recipe=recipe), cancel=Event(), processes=processes
        )
        assert record["processes"] == processes and (folder / "weights" / "adapter.gguf").exists()
        assert isinstance(record["losses"], list)
        losses[processes] = record["losses"]
    # A step is of as many examples, whoever computes them.
    assert len(losses[1]) == len(losses[2]) >= 4
    assert losses[2][-1] < losses[2][0] and losses[2][-1] == pytest.approx(losses[1][-1], rel=0.1)


def _learn(folder: Path, cancel: Stop) -> tuple[bool, int]:
    """Learn from eight packs; gives whether it was stopped, and how many steps are done."""
    from llm4cov_training.learn.train import load_base, train

    model, _, _ = load_base(folder.parent / "tiny.gguf", Precision.FLOAT32)
    packs = [Pack((5, 6, rank), (5, 6, rank), (0, 1, 2)) for rank in range(7, 15)]
    recipe = Recipe(rank=4, learning_rate=1e-2, epochs=8, accumulation=2, save_every=1000, precision=Precision.FLOAT32)

    def on_step(step: Step) -> None:
        if step.number == 3 and not (folder / "third").exists():
            (folder / "third").touch()
            # Stops are asked for from outside, at some time after this.
            time.sleep(0.5)

    done = train(model, packs, recipe, folder, on_step=on_step, cancel=cancel)
    return done.stopped, len(done.losses)


def test_a_stop_reaches_all_of_them_after_the_same_step_and_the_run_goes_on_to_equal_weights(tmp_path: Path) -> None:
    write_fresh_base(tmp_path / "tiny.gguf", Shape(hidden=32, layers=1, heads=2, key_heads=1, inner=64, vocabulary=300), ["a b c"], seed=1)
    weights = []
    for name in ("whole", "stopped"):
        folder = tmp_path / name
        folder.mkdir()
        cancel = Event()
        if name == "stopped":

            def ask(place: Path = folder / "third", asked: Event = cancel) -> None:
                while not place.exists():
                    time.sleep(0.02)
                asked.set()

            Thread(target=ask, daemon=True).start()
            stopped, steps = on_each_gpu(_learn, folder, cancel=cancel, processes=2)
            assert stopped and 3 <= steps < 32 and (folder / "checkpoints" / f"checkpoint-{steps}" / "complete").exists()
        assert on_each_gpu(_learn, folder, cancel=Event(), processes=2) == (False, 32)
        weights.append((folder / "weights" / "adapter_model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_step_that_can_not_be_shared_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llm4cov_training.learn.train import train

    monkeypatch.setenv("WORLD_SIZE", "3")
    done = train(None, [Pack((5,), (5,), (0,))], Recipe(full=True, batch=2, accumulation=2), tmp_path)
    assert done.weights is None and "a step of 4 packs can't be shared out among 3 processes" in done.problems[0].message


def _refuse(task: str, cancel: Stop) -> str:
    raise ValueError(f"no {task} here")


def test_what_goes_wrong_in_one_of_several_is_said() -> None:
    with pytest.raises(WorkFailed, match=r"^Process \d of 2 that learned together failed: ValueError: no gpu here$"):
        on_each_gpu(_refuse, "gpu", cancel=Event(), processes=2)
    with pytest.raises(ValueError, match="no gpu here"):
        on_each_gpu(_refuse, "gpu", cancel=Event(), processes=1)
