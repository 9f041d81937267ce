"""Steps of a long run, each in a folder of its own: what is finished with the same inputs is passed over. Knows no learning.

FOLDER/NAME/inputs.json     what it was begun with
FOLDER/NAME/step.json       the same with its outcome and its seconds; there once the step is finished
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.durable import write_whole

Outcome = Mapping[str, Json]
_INPUTS, _DONE = "inputs.json", "step.json"


class Stopped(Exception):
    """The run was asked to stop; the same call goes on from there."""


class Steps:
    """The steps of one run."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Nothing is made yet. `tell` takes a line for people."""
        self.folder, self._tell = folder, tell
        self.seconds: dict[str, float] = {}
        """Of each step that this run came by, those of earlier calls included."""

    def do(self, name: str, inputs: Json, make: Callable[[Path], Outcome]) -> Outcome:
        """Do a step, or give its outcome if it is done. What was begun with other inputs is thrown away.

        `make` gets the step's folder with what an earlier call left in it. Raises whatever it raises.
        """
        place, wanted = self.folder / name, digest_json(inputs)
        record = _read(place / _DONE)
        if record.get("digest") == wanted:
            self._tell(f"{name}: done before")
        else:
            if _read(place / _INPUTS).get("digest") != wanted:
                shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True, exist_ok=True)
            _write(place / _INPUTS, {"digest": wanted, "inputs": inputs})
            self._tell(f"{name}: begun at {datetime.now(UTC):%H:%M:%S}")
            began = time.monotonic()
            made = dict(make(place))
            record = {"digest": wanted, "seconds": round(time.monotonic() - began, 1), "outcome": made, "inputs": inputs}
            _write(place / _DONE, record)
            self._tell(f"{name}: {record['seconds']:.0f} s")
        seconds, outcome = record["seconds"], record["outcome"]
        assert isinstance(seconds, float | int) and isinstance(outcome, dict)
        self.seconds[name] = float(seconds)
        return outcome


def _read(path: Path) -> dict[str, Json]:
    """Give what a file holds; nothing where it is missing or was cut short."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(path: Path, record: Mapping[str, Json]) -> None:
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
