"""No test writes into the store of the person who runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Commands that tests start inherit it too."""
    path = tmp_path_factory.mktemp("store") / "trajectories.db"
    before = os.environ.get("LLM4COV_STORE")
    os.environ["LLM4COV_STORE"] = str(path)
    yield path
    if before is None:
        del os.environ["LLM4COV_STORE"]
    else:
        os.environ["LLM4COV_STORE"] = before
