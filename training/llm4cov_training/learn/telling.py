"""What a run of learning says while it goes on, and before: values without any library of training. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass

from llm4cov_training.learn.evaluate import DesignScore


@dataclass(frozen=True, slots=True)
class Step:
    """How a step went."""

    number: int
    of: int
    loss: float
    """Mean over the tokens of the completions in it."""
    left_s: float
    """Seconds that the rest takes at the speed so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run would be."""

    examples: int
    too_long: int
    """Examples that no pack can hold."""
    packs: int
    steps: int
    train_s: float
    """Seconds of training, from the time that one pack took."""
    tokens_per_s: float


class Teller:
    """Is told how a run goes; does nothing."""

    def phase(self, words: str) -> None:
        """Say what is done next."""

    def step(self, step: Step) -> None:
        """Say how a step of training went."""

    def waits(self) -> bool:
        """Whether the next step of training, or the next design to judge on, should wait; asked after each."""
        return False

    def scored(self, who: str, score: DesignScore, of: int) -> None:
        """Say how one design went."""
