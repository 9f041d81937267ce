"""A student after a stage: the files it consists of, how it is asked, and how it learns on. Chooses no examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.errors import BadConfiguration, has_errors
from llm4cov_agent.loop.policies.adapters import GGUF_NAME
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings
from llm4cov_agent.loop.policies.model_file import label
from llm4cov_training.adapters.gguf_lora import BaseShape, write_gguf_lora
from llm4cov_training.adapters.gguf_model import write_trained_model
from llm4cov_training.examples import EXAMPLES_NAME, Example, read_examples, write_examples
from llm4cov_training.experiment.steps import Outcome, Steps, Stopped
from llm4cov_training.learn.recipe import Recipe
from llm4cov_training.learn.stopping import Stop
from llm4cov_training.learn.telling import Step
from llm4cov_training.learn.tokens import pack, tokens_of_example

_LINES = 8
"""Lines of progress in one stage, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """A model, and what it learned where that is an adapter."""

    name: str
    model: Path
    """GGUF."""
    adapter: Path | None = None
    """Folder with PEFT's files and the same as GGUF."""

    @property
    def digest(self) -> str:
        """Names it by the content of its files."""
        return label(self.model) + (f"+{label(self.adapter / GGUF_NAME)}" if self.adapter is not None else "")

    def backend(self, *, context_tokens: int, gpu_layers: int) -> BackendSettings:
        """How it is asked: one thread each, as there is a worker for each core."""
        return BackendSettings(
            kind=BackendKind.LLAMA,
            model=str(self.model),
            adapter=self.adapter / GGUF_NAME if self.adapter is not None else None,
            uses_learned=False,
            context_tokens=context_tokens,
            threads=1,
            gpu_layers=gpu_layers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a student is taught: a task that a process on each GPU does."""

    folder: Path
    student: Student
    recipe: Recipe
    tell: Callable[[str], None] = print
    """Takes a line for people; several processes can only print."""


def check_recipes(*recipes: Recipe) -> None:
    """Raise BadConfiguration where a step can't be shared out among the GPUs of this machine, hours before it is taken."""
    from llm4cov_training.learn.several import processes_here

    count = processes_here()
    for recipe in recipes:
        if recipe.batch * recipe.accumulation % count:
            step = f"A step of {recipe.batch} times {recipe.accumulation} packs can't be shared out among {count} GPUs."
            raise BadConfiguration(f"{step}\n  Choose batch and accumulation accordingly, or name fewer GPUs in CUDA_VISIBLE_DEVICES.")


def taught(steps: Steps, name: str, student: Student, rows: Sequence[Example], recipe: Recipe, *, cancel: Event) -> tuple[Student, Outcome]:
    """Teach a student some rows, as a step; gives the student that it becomes, and the record of the run.

    Raises BadConfiguration where it can't be taught, or WorkFailed by one of several processes, saying why, and Stopped.
    """
    from llm4cov_training.learn.several import on_each_gpu

    def make(folder: Path) -> Outcome:
        write_examples(rows, folder / EXAMPLES_NAME)
        course = Course(folder=folder, student=student, recipe=recipe)
        record = on_each_gpu(attend, course, cancel=cancel)
        if record is None:
            raise Stopped
        return record

    inputs: dict[str, Json] = {"student": student.digest, "recipe": recipe.to_json(), "examples": [one.digest for one in rows]}
    outcome = steps.do(name, {**inputs, "examples": digest_json(inputs["examples"])}, make)
    place = steps.folder / name
    if recipe.full:
        return Student(name=name, model=place / "model.gguf"), outcome
    return Student(name=name, model=student.model, adapter=place / "weights"), outcome


def attend(course: Course, cancel: Stop) -> Outcome | None:
    """Learn, in this process, and leave the portable files; one of several processes if there are several GPUs. None where it was stopped.

    Raises BadConfiguration where it can't be done.
    """
    from llm4cov_training.learn.train import load_base, train

    student, recipe = course.student, course.recipe
    rows, _ = read_examples(course.folder / EXAMPLES_NAME)
    model, tokenizer, control = load_base(student.model, recipe.precision, start=student.adapter)
    cut = (tokens_of_example(one.messages, one.completion, tokenizer, control) for one in rows)
    packs, too_long = pack(cut, sequence_tokens=recipe.sequence_tokens, seed=recipe.seed)
    config = model.config
    shape = BaseShape(
        model_type=config.model_type,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        num_key_value_heads=config.num_key_value_heads,
    )
    parameters = sum(one.numel() for one in model.parameters())

    def show(step: Step) -> None:
        if step.number == step.of or (step.number - 1) % max(1, step.of // _LINES) == 0:
            course.tell(f"  step {step.number} of {step.of}, loss {step.loss:.3f}, {step.left_s:.0f} s left")

    trained = train(model, packs, recipe, course.folder, on_step=show, cancel=cancel)
    if trained.stopped:
        return None
    if trained.weights is None:
        raise BadConfiguration("\n".join(str(problem) for problem in trained.problems))
    if trained.is_first:
        if recipe.full:
            problems = write_trained_model(trained.weights, student.model, shape, course.folder / "model.gguf")
        else:
            problems = write_gguf_lora(trained.weights, shape, trained.weights / GGUF_NAME)
        if has_errors(problems):
            raise BadConfiguration("\n".join(str(problem) for problem in problems))
    return {
        "examples": len(rows),
        "too_long": too_long,
        "packs": len(packs),
        "tokens": trained.tokens,
        "seconds": round(trained.seconds, 1),
        "tokens_per_s": round(trained.tokens / max(trained.seconds, 1e-6), 1),
        "parameters": parameters,
        "processes": trained.processes,
        "losses": [round(loss, 4) for loss in trained.losses],
    }
