"""Several processes that learn together, as with several GPUs: here on processors. Needs the extra `models`."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")

from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.loop.backend import Message, Role
from llm4cov_training.adapters.gguf_model import Shape
from llm4cov_training.examples import Example, write_examples
from llm4cov_training.experiment.fresh import write_fresh_base
from llm4cov_training.experiment.students import Course, Student, attend
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.several import on_each_gpu

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


def _refuse(task: str, cancel: Event | None) -> str:
    raise ValueError(f"no {task} here")


def test_what_goes_wrong_in_one_of_several_is_said() -> None:
    with pytest.raises(BadConfiguration, match=r"failed: .*no gpu here"):
        on_each_gpu(_refuse, "gpu", cancel=Event(), processes=2)
    with pytest.raises(ValueError, match="no gpu here"):
        on_each_gpu(_refuse, "gpu", cancel=Event(), processes=1)
