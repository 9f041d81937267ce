"""One cache of compiled models for all acceptance tests, so that a repeated run and parallel workers share the work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.verilator import Verilator, find_toolchain


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """The folder behind LLM4COV_CACHE_DIR; LLM4COV_TEST_CACHE names another one."""
    return Path(os.environ.get("LLM4COV_TEST_CACHE") or Path(tempfile.gettempdir()) / "llm4cov-test-cache")


@pytest.fixture(scope="session")
def simulator(cache_dir: Path) -> Verilator:
    """The real simulator on the shared cache, in the place where the command line keeps it."""
    return Verilator(find_toolchain(), BuildCache(cache_dir / "builds", max_bytes=4 << 30))
