"""What an editor waits for at the start: the server's own process loads no tool, no store, no model and no command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"pyslang", "cocotb_tools", "pyosys", "bitwuzla", "sqlite_utils", "httpx", "typer", "rich", "numpy", "torch", "transformers"}
_LOADED = "; import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


def _loaded_by(statement: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", statement + _LOADED], capture_output=True, text=True, check=True, timeout=300)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_server_loads_nothing_that_only_its_worker_needs() -> None:
    loaded = _loaded_by("import llm4cov_lsp.serving, llm4cov_lsp.cli")
    assert {"pygls", "llm4cov_agent"} <= loaded
    assert not loaded & HEAVY


def test_what_is_left_out_is_what_the_worker_has() -> None:
    # Without this the list above could name things that nothing ever loads.
    loaded = _loaded_by("import llm4cov_lsp.worker")
    assert {"pyslang", "sqlite_utils"} <= loaded & HEAVY


@pytest.mark.parametrize("arguments", [[], ["--stdio"], ["serve"], ["serve", "--stdio"]])
def test_a_bad_setting_is_said_at_the_start(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_CACHE_SIZE", "much")
    command = [sys.executable, "-m", "llm4cov_lsp.cli", *arguments]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and "LLM4COV_CACHE_SIZE" in done.stderr and "Traceback" not in done.stderr
