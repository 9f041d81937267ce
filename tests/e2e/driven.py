"""Runs a real editor on a design, configured as the documentation says, with a home of its own; what a script in it told is the answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.conftest import PROGRAM

PAGE = Path(__file__).parents[2] / "docs" / "editors.md"


def snippets(language: str, page: Path = PAGE) -> list[str]:
    """List the blocks of a language in a page, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def home(folder: Path) -> dict[str, str]:
    """Give the environment of a person who has installed this program, and whose home is a folder of the test."""
    return {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": str(folder), "XDG_STATE_HOME": str(folder)}


def whatever_the_load(folder: Path) -> None:
    """Let a project be measured however busy the machine is that runs the tests."""
    file = folder / "llm4cov.toml"
    settings = file.read_text() if file.exists() else ""
    if "[background]" not in settings:
        file.write_text(settings + "\n[background]\nmaxLoad = 0\nonBattery = true\n")


def told(command: Sequence[str], answer: Path, environment: Mapping[str, str], folder: Path) -> tuple[dict[str, Any], str]:
    """Run an editor to its end: what its script wrote as JSON into a file, and what the editor printed as errors."""
    done = subprocess.run(command, env=os.environ | environment, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert answer.exists(), done.stdout + done.stderr
    found = dict(json.loads(answer.read_text()))
    assert "trouble" not in found, (found["trouble"], done.stderr)
    assert done.returncode == 0, done.stderr
    return found, done.stderr
