"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM4COV_CACHE_DIR", "LLM4COV_CACHE_SIZE", "LLM4COV_STORE"):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    config = read_config()
    assert config.cache_dir.is_absolute() and config.cache_dir.name == "llm4cov-lsp"
    assert config.cache_bytes == 2 << 30


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1024", 1024),
        ("4K", 4096),
        ("500M", 500 << 20),
        ("2g", 2 << 30),
        (" 3 GB ".replace(" G", "G"), 3 << 30),
        ("", 2 << 30),
        ("  ", 2 << 30),
    ],
)
def test_sizes(monkeypatch: pytest.MonkeyPatch, text: str, count: int) -> None:
    monkeypatch.setenv("LLM4COV_CACHE_SIZE", text)
    assert read_config().cache_bytes == count


@pytest.mark.parametrize("text", ["much", "-1", "1.5G", "G", "3T", "1e9", "0x10", "2GG"])
def test_a_size_that_is_none_names_the_variable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LLM4COV_CACHE_SIZE", text)
    with pytest.raises(BadConfiguration, match=r"LLM4COV_CACHE_SIZE.*500M"):
        read_config()


def test_a_relative_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compilers run in folders of their own and would look for it there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM4COV_CACHE_DIR", "cache")
    assert read_config().cache_dir == tmp_path / "cache"


def test_the_store_is_in_the_data_folder_or_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_config().store.is_absolute() and read_config().store.name == "trajectories.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM4COV_STORE", "mine.db")
    assert read_config().store == tmp_path / "mine.db"
