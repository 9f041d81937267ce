"""Training on a tiny model with random weights: what is learned, and what a run that is cut short leaves. Needs the extra `models`."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")
pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

import torch
from safetensors.torch import load_file

from llm4cov_agent.loop.backend import Message, Role
from llm4cov_training.adapters.gguf_lora import BaseShape, write_gguf_lora
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.telling import Step
from llm4cov_training.learn.tokens import Pack, Tokens, pack, tokens_of_example
from llm4cov_training.learn.train import Trained, load_base, train
from tests.tiny_model import HEADS, KEY_HEADS, LAYERS, write_tiny_model

RECIPE = Recipe(
    rank=4,
    alpha=8,
    learning_rate=2e-2,
    epochs=20,
    most_steps=12,
    sequence_tokens=192,
    accumulation=2,
    save_every=4,
    precision=Precision.FLOAT32,
)
COMPLETIONS = ("reset 4\nset enable 1\nhold 20", "random 50 data", "set load 1\nhold 1\nset load 0", "repeat 3 { set up 1\nhold 2 }")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="module")
def base(tiny: Path) -> tuple[Any, Any, list[str]]:
    torch.set_num_threads(1)
    return load_base(tiny, Precision.FLOAT32)


@pytest.fixture
def model(base: tuple[Any, Any, list[str]]) -> Any:
    return copy.deepcopy(base[0])


@pytest.fixture(scope="module")
def examples(base: tuple[Any, Any, list[str]]) -> list[Tokens]:
    _, tokenizer, control = base
    asks = [
        (Message(Role.SYSTEM, "You write stimulus."), Message(Role.USER, f"Design {rank} of <|im_end|> counters.")) for rank in range(4)
    ]
    return [tokens_of_example(ask, text, tokenizer, control) for ask, text in zip(asks, COMPLETIONS, strict=True)]


@pytest.fixture(scope="module")
def packs(examples: list[Tokens]) -> tuple[Pack, ...]:
    found, too_long = pack([*examples, *examples], sequence_tokens=RECIPE.sequence_tokens, seed=1)
    assert too_long == 0 and 1 < len(found) < 8
    return found


@pytest.fixture(scope="module")
def whole(base: tuple[Any, Any, list[str]], packs: tuple[Pack, ...], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(copy.deepcopy(base[0]), packs, RECIPE, tmp_path_factory.mktemp("whole"))


def test_only_completions_are_learned_and_control_tokens_of_a_prompt_are_text(
    examples: list[Tokens], base: tuple[Any, Any, list[str]]
) -> None:
    tokenizer = base[1]
    end = tokenizer.eos_token_id
    for example, text in zip(examples, COMPLETIONS, strict=True):
        assert tokenizer.decode(example.completion) == text + "<|im_end|>"
        # The template ends two turns before the reply; the words of the user that look like an end are no third.
        assert example.prompt.count(end) == 2
    [one], _ = pack(examples[:1], sequence_tokens=1000, seed=1)
    assert [label for label in one.labels if label != -100] == list(examples[0].completion)


def test_numbers_are_cut_as_the_portable_model_cuts_them(base: tuple[Any, Any, list[str]], tiny: Path) -> None:
    import llama_cpp

    text = "sequence a\n  random 1250 data={0x5a,17}:25%\n  hold  40\nend\nx <= 12'd2047; // 3.14"
    portable = llama_cpp.Llama(str(tiny), vocab_only=True, verbose=False)
    assert base[1].encode(text, add_special_tokens=False) == portable.tokenize(text.encode(), add_bos=False, special=True)


def test_examples_in_a_pack_do_not_see_each_other(examples: list[Tokens], model: Any) -> None:
    [together], _ = pack(examples, sequence_tokens=1000, seed=1)

    def logits(one: Pack) -> torch.Tensor:
        with torch.inference_mode():
            return model(input_ids=torch.tensor([one.ids]), position_ids=torch.tensor([one.positions])).logits[0]

    alone = {example.completion: logits(pack([example], sequence_tokens=1000, seed=1)[0][0]) for example in examples}
    starts = [place for place, position in enumerate(together.positions) if position == 0] + [len(together.ids)]
    found = logits(together)
    assert len(starts) == 5
    for start, end in pairwise(starts):
        example = next(one for one in examples if (*one.prompt, *one.completion) == together.ids[start:end])
        torch.testing.assert_close(found[start:end], alone[example.completion], rtol=1e-4, atol=1e-4)


def test_the_loss_falls_as_it_was_recorded(whole: Trained) -> None:
    assert whole.problems == () and whole.weights is not None and len(whole.losses) == RECIPE.most_steps
    assert whole.losses[-1] < 0.7 * whole.losses[0]
    assert whole.losses == pytest.approx(RECORDED, rel=0.02)


def test_a_run_that_is_stopped_goes_on_to_the_same_weights(
    whole: Trained, base: tuple[Any, Any, list[str]], packs: tuple[Pack, ...], tmp_path: Path
) -> None:
    cancel = Event()

    def stop(step: Step) -> None:
        if step.number == 6:
            cancel.set()

    stopped = train(copy.deepcopy(base[0]), packs, RECIPE, tmp_path, on_step=stop, cancel=cancel)
    assert stopped.stopped and stopped.weights is None
    # What a power cut leaves behind: a checkpoint that was being written.
    (tmp_path / "checkpoints" / "checkpoint-9").mkdir()
    resumed = train(copy.deepcopy(base[0]), packs, RECIPE, tmp_path)
    assert resumed.losses == whole.losses
    assert whole.weights is not None and resumed.weights is not None
    one, other = (load_file(folder / "adapter_model.safetensors") for folder in (whole.weights, resumed.weights))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_that_is_no_number_ends_the_run_without_weights(model: Any, packs: tuple[Pack, ...], tmp_path: Path) -> None:
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    trained = train(model, packs, RECIPE, tmp_path)
    assert trained.weights is None and not (tmp_path / "weights").exists()
    assert "no number" in trained.problems[0].message


def test_short_memory_makes_smaller_batches_then_a_message(
    whole: Trained, base: tuple[Any, Any, list[str]], packs: tuple[Pack, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = copy.deepcopy(base[0])
    forward, limit = type(model).forward, 1

    def scarce(self: Any, *args: Any, **more: Any) -> Any:
        if more["input_ids"].shape[0] > limit:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return forward(self, *args, **more)

    monkeypatch.setattr(type(model), "forward", scarce)
    recipe = replace(RECIPE, batch=2, accumulation=1)
    trained = train(model, packs, recipe, tmp_path / "one")
    assert trained.batch == 1 and trained.weights is not None
    assert trained.losses[-1] == pytest.approx(whole.losses[-1], rel=0.05)
    # Where it runs short in mid-run, what was learned until then is undone, and the smaller batches begin from the base.
    model, limit, calls = copy.deepcopy(base[0]), 2, 0

    def scarcer(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1 and more["input_ids"].shape[0] > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return forward(self, *args, **more)

    monkeypatch.setattr(type(model), "forward", scarcer)
    late = train(model, packs, replace(recipe, save_every=1000), tmp_path / "late")
    assert calls > 2 and late.batch == 1 and late.losses == pytest.approx(trained.losses, rel=1e-4)
    monkeypatch.setattr(type(model), "forward", scarce)
    limit = 0
    model = copy.deepcopy(base[0])
    trained = train(model, packs, recipe, tmp_path / "two")
    assert trained.weights is None and "memory" in trained.problems[0].message


def test_an_adapter_says_the_same_in_both_backends(whole: Trained, tiny: Path, model: Any, examples: list[Tokens], tmp_path: Path) -> None:
    import llama_cpp
    from peft import PeftModel

    assert whole.weights is not None
    shape = BaseShape(model_type="llama", num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS)
    file = tmp_path / "adapter.gguf"
    assert write_gguf_lora(whole.weights, shape, file) == ()
    model = PeftModel.from_pretrained(model, whole.weights).eval()
    # Random weights have near ties, which a cache of 16 bits would decide otherwise.
    precise = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}
    plain = llama_cpp.Llama(str(tiny), n_ctx=512, n_threads=1, verbose=False, **precise)
    adapted = llama_cpp.Llama(str(tiny), n_ctx=512, n_threads=1, lora_path=str(file), verbose=False, **precise)
    changed = 0
    for example in examples:
        ids = torch.tensor([example.prompt])
        with torch.inference_mode():
            expected = model.generate(ids, max_new_tokens=16, do_sample=False, eos_token_id=-1, pad_token_id=0)[0][ids.shape[1] :].tolist()
        found = [token for token, _ in zip(adapted.generate(list(example.prompt), top_k=1, temp=0.0), range(16), strict=False)]
        assert found == expected
        adapted.reset()
        changed += found != [token for token, _ in zip(plain.generate(list(example.prompt), top_k=1, temp=0.0), range(16), strict=False)]
        plain.reset()
    assert changed == len(examples)


def test_what_gguf_can_not_hold_is_refused(whole: Trained, tmp_path: Path) -> None:
    assert whole.weights is not None
    shape = BaseShape(model_type="mamba", num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS)
    [problem] = write_gguf_lora(whole.weights, shape, tmp_path / "adapter.gguf")
    assert "mamba" in problem.message and not (tmp_path / "adapter.gguf").exists()


RECORDED = (11.49, 11.49, 10.473, 9.744, 9.058, 8.447, 7.979, 7.634, 7.345, 7.125, 6.989, 6.923)
"""The rate is 0 in the first step, so the second has the same loss."""
