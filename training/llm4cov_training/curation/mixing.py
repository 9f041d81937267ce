"""Mixes examples of earlier stages into a later one. Judges none of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from llm4cov_training.examples import Example


def mixed(new: Sequence[Example], earlier: Sequence[Sequence[Example]], *, share: float, seed: int) -> tuple[Example, ...]:
    """Put a share of earlier stages' examples beside the new ones, so that what was learned is not lost; drawn by the seed."""
    pool = [one for group in earlier for one in group]
    count = min(len(pool), round(share * len(new)))
    return (*new, *Random(seed).sample(pool, count))
