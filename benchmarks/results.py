"""Where a benchmark's numbers go, with what they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from llm4cov_agent.digest import Json

FOLDER = Path(__file__).parent / "results"


def write(name: str, content: Mapping[str, Json]) -> Path:
    """Write a benchmark's record and say where."""
    FOLDER.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()}
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, **content}, indent=1) + "\n")
    print(f"\nwrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return path
