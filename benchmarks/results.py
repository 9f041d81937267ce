"""Where a benchmark's numbers go, with what they were measured on, and where a run that was cut short goes on from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm4cov_agent.digest import Json

FOLDER = Path(__file__).parent / "results"


class Rows:
    """Rows of one benchmark, written after each, so that a run that is cut short leaves what it measured, marked `partial`.

    A row has the keys `design` and `digest` among others. With `resumes`, rows that the file has already are taken over if they were
    made with equal options on an equal machine; `kept` gives those whose design did not change. Whether the tool did is not looked at.
    """

    def __init__(self, name: str, options: Mapping[str, Json], *, resumes: bool) -> None:
        self._name, self._options = name, dict(options)
        self._rows: dict[str, dict[str, Json]] = {}
        record = _read(name) if resumes else {}
        if record.get("options") == self._options and record.get("machine") == _machine():
            self._rows = {str(row["design"]): row for row in record["rows"]}

    def kept(self, design: str, digest: str) -> dict[str, Json] | None:
        """Give the row that there is of a design with this digest."""
        row = self._rows.get(design)
        return row if row is not None and row.get("digest") == digest else None

    def add(self, row: dict[str, Json]) -> None:
        """Take a row in and write all that there are."""
        self._rows[str(row["design"])] = row
        _write(self._name, {"partial": True, "options": self._options, "rows": self.all})

    @property
    def all(self) -> list[Json]:
        """The rows so far, in the order in which their designs were measured first."""
        return list(self._rows.values())

    def finish(self, summary: Mapping[str, Json]) -> None:
        """Write them with what they come to, and say where."""
        write(self._name, {"partial": False, "options": self._options, **summary, "rows": self.all})


def write(name: str, content: Mapping[str, Json], *, says: bool = True) -> Path:
    """Write a benchmark's record and say where."""
    path = _write(name, content)
    if says:
        print(f"\nwrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return path


def _machine() -> dict[str, Json]:
    return {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()}


def _path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _read(name: str) -> dict[str, Any]:
    path = _path(name)
    record = json.loads(path.read_text()) if path.is_file() else {}
    return record if isinstance(record, dict) else {}


def _write(name: str, content: Mapping[str, Json]) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = _path(name)
    # Beside its place first: who is cut short while writing must not take away what was there.
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"machine": _machine(), **content}, indent=1) + "\n")
    fresh.rename(path)
    return path
