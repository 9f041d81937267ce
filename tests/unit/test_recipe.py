"""Recipes as TOML: what is read, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.errors import BadConfiguration
from llm4cov_training.learn.recipe import Precision, Recipe, read_recipe


def read(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "run.toml"
    path.write_text(text, "utf-8")
    return read_recipe(path)


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    recipe = read(tmp_path, 'epochs = 5\nprecision = "bfloat16"\ntargets = ["q_proj"]\nlearning_rate = 2e-4\n')
    assert (recipe.epochs, recipe.precision, recipe.targets, recipe.rank) == (5, Precision.BFLOAT16, ("q_proj",), Recipe().rank)
    assert recipe.digest != Recipe().digest and read(tmp_path, "") == Recipe()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rnak = 3", "rnak"),
        ("rank = 0", "rank should be at least 1"),
        ('rank = "many"', "rank"),
        ("learning_rate = 2.0", "learning_rate"),
        ('precision = "float8"', "precision"),
        ("targets = []", "targets"),
        ("rank = ", "not TOML"),
    ],
)
def test_what_can_not_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadConfiguration, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"absent\.toml"):
        read_recipe(tmp_path / "absent.toml")
