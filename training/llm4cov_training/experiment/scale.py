"""How large an experiment is, and what of it is done: a value that a TOML file holds. Does nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from llm4cov_training.adapters.gguf_model import Shape
from llm4cov_training.learn.recipe import Recipe
from llm4cov_training.synthesis.lessons import Lesson
from llm4cov_training.toml_values import read_value


class Ablation(Enum):
    """What one thing is done otherwise for, to see what it is worth."""

    RANDOM = "random"
    """Stage 1 with states drawn at random in place of the worst."""
    BEST = "best"
    """Stage 1 with the best states in place of the worst."""
    UNCURATED = "uncurated"
    """Stage 1 with as many examples, drawn from all that ran."""
    AT_ONCE = "at_once"
    """The examples of all stages learned together, from the base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusScale:
    """Which designs."""

    designs: int = 5000
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherScale:
    """What is shown for stage 0."""

    designs: int = 5000
    samples: int = 1
    lesson: Lesson = field(default_factory=Lesson)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentScale:
    """How the student is rolled out before each further stage, and how its states are repaired."""

    designs: int = 5000
    samples: int = 5
    rounds: int = 3
    """Repairs of its own after each first reply."""
    max_tokens: int = 900
    """Of a reply, as the model counts them: up to twice what `Lesson.reply_tokens` guesses, or what was learned is cut off."""
    temperature: float = 0.7
    stages: int = 2
    """Further stages after stage 0."""
    lesson: Lesson = field(default_factory=Lesson)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationScale:
    """How everything is measured on held-out designs."""

    designs: int = 100
    samples: int = 5
    rounds: int = 3
    full_designs: int = 100
    """Designs on which the `full` format is tried as well; 0 leaves it out."""
    full_samples: int = 5
    full_tokens: int = 1500
    pass_percent: float = 90.0
    closure_s: float = 10.0
    """Seconds of closure, where it is measured alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One experiment."""

    name: str
    corpus: CorpusScale = field(default_factory=CorpusScale)
    fresh: Shape | None = None
    """Size of a base with random weights; None takes the recipe's base."""
    teacher: TeacherScale = field(default_factory=TeacherScale)
    student: StudentScale = field(default_factory=StudentScale)
    first: Recipe = field(default_factory=Recipe)
    """Of stage 0, and of learning all at once."""
    later: Recipe = field(default_factory=Recipe)
    """Of the stages after it."""
    earlier_share: float = 0.3
    """Examples of earlier stages for each new one."""
    shows_full: bool = False
    """Whether what is learned directly is also shown as whole SystemVerilog files."""
    evaluation: EvaluationScale = field(default_factory=EvaluationScale)
    ablations: tuple[Ablation, ...] = tuple(Ablation)
    gpu_layers: int = 0
    """Layers on the GPU where the student is asked; -1 for all."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what does not go together. Raises ValueError."""
        if self.first.full != self.later.full:
            raise ValueError("first and later should both train all weights, or both an adapter")
        if self.fresh is not None and not self.first.full:
            raise ValueError("random weights alone teach an adapter nothing: a fresh base needs full = true")


def read_scale(path: Path) -> Scale:
    """Read a TOML file. Raises BadConfiguration naming what in it can't be used."""
    return read_value(path, Scale)
