"""Trains an adapter on packed examples: one straight run, with checkpoints that it goes on from. Judges nothing.

A run that is stopped or killed at any moment and started again with the same recipe and examples ends with the same weights
as one that was not, on the same machine. The only module that trains.
"""

from __future__ import annotations

import math
import os
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError

from llm4cov_agent.durable import disk_problem, flush, put_in_place
from llm4cov_agent.errors import Problem, display_path
from llm4cov_agent.loop.policies.digits import split_digits
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.stopping import Stop, is_asked, wait_while
from llm4cov_training.learn.telling import Step
from llm4cov_training.learn.tokens import IGNORED, Pack

# What the libraries say to their own developers is no word for who waits for a run.
transformers.utils.logging.disable_progress_bar()
warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
warnings.filterwarnings("ignore", message="Could not find a config file", module="peft")

_COMPLETE = "complete"
"""A file that a checkpoint gets last: one without it was cut short."""
_CHECKPOINTS, _WEIGHTS = "checkpoints", "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a run came to."""

    weights: Path | None
    """Folder of the adapter (PEFT's format) or of the whole model; None if there is none yet."""
    losses: tuple[float, ...] = ()
    """Of every step of the whole run, those before it was resumed included."""
    tokens: int = 0
    """Tokens computed by this call, prompts included."""
    seconds: float = 0.0
    batch: int = 1
    """Packs at once in the end, which may be fewer than the recipe says where memory was short."""
    processes: int = 1
    """Processes that learned together, one for each GPU."""
    is_first: bool = True
    """Whether this one is the first of them, which writes the files."""
    problems: tuple[Problem, ...] = ()
    stopped: bool = False
    """Whether it was stopped before its end; the checkpoint is kept."""
    diverged: bool = False
    """Whether the loss was no number any more: going on would end in the same way."""


@dataclass(slots=True)
class _Watch(transformers.TrainerCallback):  # type: ignore[misc]
    """Reports steps, stops the run when asked or when the loss is no number, marks checkpoints as complete."""

    folder: Path
    on_step: Callable[[Step], None] | None
    cancel: Stop | None
    pause: Callable[[], bool] | None
    began: float = field(default_factory=time.monotonic)
    first_step: int | None = None
    losses: list[float] = field(default_factory=list)
    diverged: int | None = None

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if self.first_step is None:
            self.first_step = state.global_step
            self.began = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        self.losses.append(float(loss))
        if not state.is_world_process_zero and math.isfinite(loss):
            return
        if not math.isfinite(loss):
            self.diverged = state.global_step
            control.should_training_stop, control.should_save = True, False
        elif self.on_step is not None:
            done = state.global_step - (self.first_step or 0)
            left_s = (time.monotonic() - self.began) / max(1, done) * (state.max_steps - state.global_step)
            self.on_step(Step(state.global_step, state.max_steps, float(loss), left_s))

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        # What was waited says nothing of how long the rest takes.
        self.began += wait_while(self.pause, self.cancel)
        if _any_process(is_asked(self.cancel), args.device):
            control.should_training_stop = control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        # Each process writes a part of it.
        _together()
        if state.is_world_process_zero:
            place = self.folder / f"checkpoint-{state.global_step}"
            flush(place)
            (place / _COMPLETE).touch()
            flush(place / _COMPLETE)
        _together()


def load_base(path: Path, precision: Precision, *, start: Path | None = None) -> tuple[Any, Any, list[str]]:
    """Load a base model, with the adapter in `start` to learn on from if there is one: (model, tokenizer, its control tokens).

    Raises whatever the libraries raise for files that they can't read.
    """
    folder, more = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, **more)
    if more:
        split_digits(tokenizer)
    dtype = torch.bfloat16 if uses_bfloat16(precision) else torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=dtype, **more)
    if more:
        # It is unpacked now; as long as it is called quantised, the library refuses to train it.
        model.hf_quantizer, model.is_quantized = None, False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
    # With a cache, attention would not keep the examples of a pack apart.
    model.config.use_cache = False
    if start is not None:
        model = PeftModel.from_pretrained(model, start, is_trainable=True)
    control = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return model, tokenizer, control


def uses_bfloat16(precision: Precision) -> bool:
    """Say whether a run on this machine computes with 16 bits."""
    has = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision is Precision.BFLOAT16 or (precision is Precision.AUTO and has)


def train(
    model: Any,
    packs: Sequence[Pack],
    recipe: Recipe,
    folder: Path,
    *,
    on_step: Callable[[Step], None] | None = None,
    pause: Callable[[], bool] | None = None,
    cancel: Stop | None = None,
) -> Trained:
    """Train `model`, a base or a base with an adapter of an earlier stage, and leave the weights in `folder`.

    Between steps it waits for as long as `pause` says. Goes on from the last whole checkpoint in `folder`. Where memory is short, fewer
    packs are computed at once.
    """
    began = time.monotonic()
    if not packs:
        return Trained(weights=None, problems=(Problem("there is nothing to learn from: no example fits"),))
    transformers.set_seed(recipe.seed)
    if not recipe.full and not hasattr(model, "peft_config"):
        model = get_peft_model(model, _lora(recipe))
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    step = recipe.batch * recipe.accumulation
    if step % processes:
        hint = "Choose batch and accumulation so that their product can be shared out among them."
        problem = Problem(f"a step of {step} packs can't be shared out among {processes} processes", hint=hint)
        return Trained(weights=None, problems=(problem,), processes=processes)
    of_each = step // processes
    batch = _at_once(of_each, recipe.batch)
    # Where memory runs short after some steps, what they changed is undone before a smaller batch; there is none below one.
    first = [(one, one.detach().to("cpu", copy=True)) for one in model.parameters() if one.requires_grad] if batch > 1 else []
    while True:
        watch = _Watch(folder / _CHECKPOINTS, on_step, cancel, pause)
        trainer = _trainer(model, packs, replace(recipe, batch=batch, accumulation=of_each // batch), watch)
        last = _last_checkpoint(watch.folder)
        try:
            trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
        except (OSError, RuntimeError, MemoryError, SafetensorError) as error:
            if not _is_of_memory(error):
                full = _of_disk(error, folder)
                if full is None:
                    raise
                return Trained(weights=None, problems=(full,), batch=batch, seconds=time.monotonic() - began)
            if batch > 1 and processes == 1:
                batch = _at_once(of_each, batch // 2)
                torch.cuda.empty_cache()
                with torch.no_grad():
                    for one, before in first:
                        one.copy_(before)
                continue
            # Several processes would have to agree on it while one of them waits for the others.
            lower = "sequence_tokens" if batch == 1 else "batch, with more accumulation,"
            hint = f"Set {lower} lower in the recipe, or use a smaller base model."
            what = "one pack" if batch == 1 else f"{batch} packs at once"
            problem = Problem(f"memory does not suffice for {what} of {recipe.sequence_tokens} tokens", hint=hint)
            return Trained(weights=None, problems=(problem,), batch=batch, seconds=time.monotonic() - began)
        break
    losses = tuple(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    done = trainer.state.global_step - (watch.first_step or 0)
    tokens = round(done * step * sum(len(pack.ids) for pack in packs) / len(packs))
    seconds = time.monotonic() - began
    if watch.diverged is not None:
        hint = "Set learning_rate lower in the recipe; what was learned until then is not used."
        problem = Problem(f"the loss is no number any more since step {watch.diverged}", hint=hint)
        return Trained(weights=None, losses=losses, tokens=tokens, seconds=seconds, batch=batch, problems=(problem,), diverged=True)
    if trainer.state.global_step < trainer.state.max_steps:
        return Trained(weights=None, losses=losses, tokens=tokens, seconds=seconds, batch=batch, stopped=True)
    is_first = trainer.is_world_process_zero()
    try:
        weights = _save(trainer.model, folder) if is_first else folder / _WEIGHTS
    except (OSError, RuntimeError, SafetensorError) as error:
        full = _of_disk(error, folder)
        if full is None:
            raise
        return Trained(weights=None, losses=losses, tokens=tokens, seconds=seconds, batch=batch, problems=(full,))
    return Trained(
        weights=weights, losses=losses, tokens=tokens, seconds=seconds, batch=batch, processes=processes, is_first=bool(is_first)
    )


def _at_once(packs: int, most: int) -> int:
    """Give the largest number up to `most` that so many packs can be shared out in."""
    return next(count for count in range(min(packs, most), 0, -1) if packs % count == 0)


def _any_process(asked: bool, device: Any) -> bool:
    """Say whether any of the processes that learn together was asked to stop: all end after the same step, or they wait for ever."""
    if not torch.distributed.is_initialized():
        return asked
    found = torch.tensor([int(asked)], device=device)
    torch.distributed.all_reduce(found, op=torch.distributed.ReduceOp.MAX)
    return bool(found.item())


def _together() -> None:
    """Wait for the other processes that learn, if there are any."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def _is_of_memory(error: Exception) -> bool:
    """Say whether memory ran short; PyTorch has a class for that on a GPU alone."""
    has_class = isinstance(error, torch.cuda.OutOfMemoryError | MemoryError)
    return has_class or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _of_disk(error: Exception, folder: Path) -> Problem | None:
    """What a disk that takes no more comes to, which each library says in its own way; None for other errors."""
    if isinstance(error, OSError):
        return disk_problem(error)
    hint = "Make room, then start the same again: it goes on from the last whole checkpoint."
    if isinstance(error, SafetensorError) or any(words in str(error) for words in ("PytorchStreamWriter", "inline_container")):
        return Problem(f"the run can't be stored: {str(error).splitlines()[0][:200]}", file=display_path(folder), hint=hint)
    return None


def seconds_for_pack(model: Any, pack: Pack, recipe: Recipe) -> float:
    """Measure how long one pack takes, forwards and backwards; nothing is learned, and the model is as it was."""
    learner = model if recipe.full or hasattr(model, "peft_config") else get_peft_model(model, _lora(recipe))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learner.to(device)
    batch = {name: values.to(device) for name, values in _collate([_row(pack)]).items()}
    taken = []
    for _ in range(2):
        # The first also warms caches up.
        began = time.monotonic()
        learner(**batch).loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.monotonic() - began)
        learner.zero_grad(set_to_none=True)
    if learner is not model:
        learner.unload()
    return min(taken)


def _row(pack: Pack) -> dict[str, Sequence[int]]:
    return {"ids": pack.ids, "labels": pack.labels, "positions": pack.positions}


def _lora(recipe: Recipe) -> LoraConfig:
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        task_type="CAUSAL_LM",
    )


def _trainer(model: Any, packs: Sequence[Pack], recipe: Recipe, watch: _Watch) -> Any:
    on_gpu = torch.cuda.is_available()
    arguments = transformers.TrainingArguments(
        output_dir=str(watch.folder),
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        num_train_epochs=recipe.epochs,
        max_steps=recipe.most_steps or -1,
        max_grad_norm=recipe.most_gradient,
        bf16=uses_bfloat16(recipe.precision) and on_gpu,
        use_cpu=not on_gpu,
        save_strategy="steps",
        save_steps=recipe.save_every,
        save_total_limit=2,
        logging_steps=1,
        # A loss that is no number has to be seen.
        logging_nan_inf_filter=False,
        seed=recipe.seed,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=on_gpu,
    )
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=[_row(pack) for pack in packs],
        data_collator=_collate,
        callbacks=[watch],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def _collate(rows: Sequence[dict[str, Sequence[int]]]) -> dict[str, torch.Tensor]:
    """Make rows equally long: what is added begins a sequence of its own, and is not learned."""
    longest = max(len(row["ids"]) for row in rows)
    missing = [longest - len(row["ids"]) for row in rows]
    return {
        "input_ids": torch.tensor([[*row["ids"], *[0] * count] for row, count in zip(rows, missing, strict=True)]),
        "labels": torch.tensor([[*row["labels"], *[IGNORED] * count] for row, count in zip(rows, missing, strict=True)]),
        "position_ids": torch.tensor([[*row["positions"], *range(count)] for row, count in zip(rows, missing, strict=True)]),
    }


def _last_checkpoint(folder: Path) -> Path | None:
    """Find the newest whole checkpoint, and remove what was cut short."""
    found = {path: (path / _COMPLETE).exists() for path in folder.glob("checkpoint-*")}
    _together()
    if os.environ.get("RANK", "0") == "0":
        for path in (one for one, whole in found.items() if not whole):
            shutil.rmtree(path)
    _together()
    return max((path for path, whole in found.items() if whole), key=lambda path: int(path.name.partition("-")[2]), default=None)


def _save(model: Any, folder: Path) -> Path:
    """Leave the weights in one move, so that no half of them is ever found."""
    partial, weights = folder / f"{_WEIGHTS}.partial", folder / _WEIGHTS
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    shutil.rmtree(weights, ignore_errors=True)
    put_in_place(partial, weights)
    return weights
