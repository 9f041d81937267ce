"""From examples to a live adapter, with a real simulator and a tiny model with random weights. Needs the extra `models`."""

from __future__ import annotations

import copy
import functools
import json
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")
pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

from fixtures import loader

from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.adapters import GGUF_NAME, Adapters
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings, open_backend
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policies.model_file import label
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.state import Instruction, State, read_design_text
from llm4cov_training.corpus.similarity import structure_of
from llm4cov_training.corpus.split import text_of_design
from llm4cov_training.examples import Example
from llm4cov_training.learn import relearn as relearning
from llm4cov_training.learn.evaluate import DesignScore, EvaluationPlan
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.relearn import Plan, forecast, relearn
from llm4cov_training.learn.telling import Step, Teller
from llm4cov_training.learn.train import load_base
from tests.tiny_model import write_tiny_model


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a tokenizer out of GGUF takes longer than all that is learned here."""
    monkeypatch.setattr(relearning, "load_base", lambda path, precision, start=None: copy.deepcopy(load_once(path, precision, start=start)))


load_once = functools.cache(load_base)
OPTIONS = PromptOptions(budget_tokens=400)


def example(name: str, completion: str) -> Example:
    design = loader.design(name)
    messages = render_prompt(State(read_design_text(design)), Instruction.GENERATE, OPTIONS)
    return Example(
        transition=f"sha256:{name}",
        design=design.digest,
        structure=structure_of(text_of_design(read_design_text(design))),
        top=design.top,
        instruction="generate",
        format=ReplyFormat.STIMULUS.value,
        stage=0,
        policy="closure",
        messages=messages,
        completion=completion,
    )


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    held_out = loader.design("half_adder")
    return Plan(
        base=write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf"),
        recipe=Recipe(
            rank=4, learning_rate=2e-2, epochs=2, sequence_tokens=1400, accumulation=1, save_every=1, precision=Precision.FLOAT32
        ),
        examples=(example("debouncer", "sequence a\n  hold 3\nend\n"), example("gray_code_counter", "sequence b\n  hold 4\nend\n")),
        held_out=(("half_adder", read_design_text(held_out)),),
        user_designs=frozenset({"sha256:mine"}),
        evaluation=EvaluationPlan(samples=1, rounds=0, model=ModelSettings(options=OPTIONS, max_tokens=24, temperature=0.0)),
    )


class Log(Teller):
    def __init__(self, stop_at: str = "", cancel: Event | None = None) -> None:
        self.lines: list[str] = []
        self.stop_at, self.cancel = stop_at, cancel

    def _say(self, text: str) -> None:
        self.lines.append(text)
        if self.cancel is not None and self.stop_at and text.startswith(self.stop_at):
            self.cancel.set()

    def phase(self, words: str) -> None:
        self._say(words)

    def step(self, step: Step) -> None:
        self._say(f"step {step.number}")

    def scored(self, who: str, score: DesignScore, of: int) -> None:
        self._say(f"scored {who} {score.name}")


def test_a_forecast_says_what_a_run_would_be(plan: Plan) -> None:
    found, problems = forecast(plan)
    assert problems == () and found is not None
    assert (found.examples, found.too_long) == (2, 0) and found.steps == 2 * found.packs
    assert found.train_s > 0 and found.tokens_per_s > 10


def test_a_stopped_run_goes_on_until_the_adapter_is_kept(plan: Plan, simulator: Verilator, tmp_path: Path) -> None:
    adapters = Adapters(tmp_path / "adapters")
    for stop_at in ("step 1", "scored base"):
        cancel = Event()
        log = Log(stop_at, cancel)
        outcome = relearn(plan, simulator, adapters, tmp_path / "runs", tell=log, cancel=cancel)
        assert outcome.stopped == (stop_at == "step 1") or outcome.adapter is None
        assert adapters.all() == ()
    log = Log()
    outcome = relearn(plan, simulator, adapters, tmp_path / "runs", tell=log)
    assert outcome.problems == () and outcome.adapter is not None
    # Nothing that was done is done again: all steps were behind a checkpoint, and the base was measured.
    assert not [line for line in log.lines if line.startswith(("step", "scored base"))]
    assert list((tmp_path / "runs").iterdir()) == []
    manifest = json.loads((outcome.adapter.folder / "manifest.json").read_text("utf-8"))
    assert (manifest["base"], manifest["designs"]) == (label(plan.base), ["sha256:mine"])
    assert len(manifest["losses"]) == 2 * forecast_packs(plan) and manifest["data"]["by_stage"] == {"0": 2}
    assert outcome.promoted == (adapters.live(label(plan.base)) is not None)
    # The same again is nothing new.
    again = relearn(plan, simulator, adapters, tmp_path / "runs")
    assert again.adapter == outcome.adapter and "nothing is new" in again.problems[0].message
    # What is live is what both local backends load, without being told.
    adapters.promote(outcome.adapter)
    monkey = pytest.MonkeyPatch()
    monkey.setenv("LLM4COV_STORE", str(tmp_path / "trajectories.db"))
    try:
        for kind in (BackendKind.LLAMA, BackendKind.TRANSFORMERS):
            backend = open_backend(BackendSettings(kind=kind, model=str(plan.base), context_tokens=2048))
            try:
                assert "+" in backend.model
            finally:
                backend.close()
    finally:
        monkey.undo()


def forecast_packs(plan: Plan) -> int:
    found, _ = forecast(plan)
    assert found is not None
    return found.packs


def test_a_held_out_design_is_never_learned_from(plan: Plan, simulator: Verilator, tmp_path: Path) -> None:
    mixed = replace(plan, examples=(*plan.examples, example("half_adder", "sequence c\n  hold 1\nend\n")))
    with pytest.raises(ValueError, match="held out"):
        relearn(mixed, simulator, Adapters(tmp_path / "adapters"), tmp_path / "runs")


def test_a_plan_is_named_by_where_it_starts_and_scores_by_how_they_were_judged(plan: Plan, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / GGUF_NAME).write_bytes(b"GGUF")
    start = Adapters(tmp_path / "adapters").add("first", weights, {"base": label(plan.base), "designs": []})
    assert replace(plan, start=start).digest != plan.digest
    others = (
        replace(plan, evaluation=replace(plan.evaluation, samples=2)),
        replace(plan, held_out=(("half_adder", read_design_text(loader.design("alu"))),)),
    )
    assert {one.digest for one in others} == {plan.digest} and plan.judging not in {one.judging for one in others}


def test_what_can_not_be_learned_is_said(plan: Plan, simulator: Verilator, tmp_path: Path) -> None:
    adapters = Adapters(tmp_path / "adapters")
    empty = relearn(replace(plan, examples=()), simulator, adapters, tmp_path / "runs")
    assert "nothing to learn from" in empty.problems[0].message
    short = replace(plan, recipe=replace(plan.recipe, sequence_tokens=16))
    assert "longer than a pack" in relearn(short, simulator, adapters, tmp_path / "runs").problems[0].message
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF nonsense")
    assert "can't be loaded" in relearn(replace(plan, base=broken), simulator, adapters, tmp_path / "runs").problems[0].message
    assert adapters.all() == ()
