"""What decides a training run beside its examples: a value that a TOML file holds. Knows no library of training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.digest import Json, digest_json
from llm4cov_training.toml_values import read_value


class Precision(Enum):
    """What the weights and the arithmetic of a run are made of."""

    AUTO = "auto"
    """bfloat16 on a GPU that has it, else 32 bits."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training run. The defaults are for a model of 135 million parameters on two cores."""

    base: str = ""
    """GGUF file or folder of the base model; empty for the default model."""
    full: bool = False
    """Whether all weights are trained; else a LoRA adapter is."""
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Modules that the adapter is attached to."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup: float = 0.05
    """Share of the steps in which the rate rises; then it falls along a cosine."""
    epochs: int = 3
    most_steps: int | None = None
    """Steps at most; None for as many as the epochs have."""
    sequence_tokens: int = 2048
    """Tokens of a pack. Examples are packed into as few as possible, and those that are longer are left out."""
    batch: int = 1
    """Packs that are computed at once, on each device."""
    accumulation: int = 4
    """Batches of a step."""
    most_gradient: float = 1.0
    save_every: int = 20
    """Steps between checkpoints."""
    seed: int = 1
    precision: Precision = Precision.AUTO

    def __post_init__(self) -> None:
        """Refuse what no run can be made of. Raises ValueError."""
        for name in ("rank", "alpha", "epochs", "sequence_tokens", "batch", "accumulation", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} should be at least 1, not {getattr(self, name)}")
        if self.most_steps is not None and self.most_steps < 1:
            raise ValueError(f"most_steps should be at least 1, not {self.most_steps}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning_rate should lie between 0 and 1, not {self.learning_rate}")
        if not (0 <= self.warmup < 1 and 0 <= self.dropout < 1):
            raise ValueError("warmup and dropout should be at least 0 and below 1")
        if not self.targets and not self.full:
            raise ValueError("targets should name the modules that an adapter is attached to")

    def to_json(self) -> dict[str, Json]:
        """Give the recipe as JSON, each field by its name."""
        return {**asdict(self), "targets": list(self.targets), "precision": self.precision.value}

    @property
    def digest(self) -> str:
        """Digest of all fields."""
        return digest_json(self.to_json())


def read_recipe(path: Path) -> Recipe:
    """Read a TOML file. Raises BadConfiguration naming what in it can't be used."""
    return read_value(path, Recipe)
