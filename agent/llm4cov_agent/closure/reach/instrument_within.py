"""Instruments a design within a time: a large one in a child process, which can be ended. Decides nothing about points.

The front end can't be interrupted, and takes seconds for ten thousand lines.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import Event as CancelEvent

from llm4cov_agent.closure.reach.condition import Condition, Event, Instrumented
from llm4cov_agent.closure.reach.instrument import instrument
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.rtl.design import Design

_LARGE_BYTES = 60_000
"""Sources of less are instrumented in about the time that a child process takes to start."""


def instrument_within(
    design: Design, points: Iterable[CoveragePoint], *, limit_s: float, cancel: CancelEvent | None = None
) -> Instrumented | str:
    """Do what `instrument` does, or tell in a clause for a person why it was not done: `ran longer than its time limit`."""
    asked = sorted(points, key=lambda point: point.sort_key)
    if _source_bytes(design) < _LARGE_BYTES:
        try:
            return instrument(design, asked)
        except (RuntimeError, ValueError) as error:
            # What slang's binding raises for sources that it gives up on.
            return str(error)
    with scratch_folder() as folder:
        (folder / "asked.pickle").write_bytes(pickle.dumps((design, asked)))
        argv = (sys.executable, "-m", "llm4cov_agent.closure.reach.instrument_within")
        outcome = run(argv, folder=folder, limits=Limits(wall_s=limit_s, file_bytes=1 << 30), cancel=cancel)
        if not outcome.ok:
            return f"reading them {outcome.reason}"
        # What comes back was written beside untrusted text, so it is read as plain values.
        record = json.loads((folder / "instrumented.json").read_text())
    if "error" in record:
        return str(record["error"])
    return Instrumented(
        {Path(path): str(text) for path, text in record["texts"]},
        {asked[place]: tuple(Condition(label, Event(event)) for label, event in found) for place, found in record["conditions"]},
        {asked[place]: str(why) for place, why in record["unmapped"]},
    )


def _source_bytes(design: Design) -> int:
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in design.sources)
    return 0


def main() -> None:
    """Be the child process."""
    design, asked = pickle.loads(Path("asked.pickle").read_bytes())
    place = {point: number for number, point in enumerate(asked)}
    try:
        found = instrument(design, asked)
    except (RuntimeError, ValueError) as error:
        Path("instrumented.json").write_text(json.dumps({"error": str(error)}))
        return
    record = {
        "texts": [[str(path), text] for path, text in found.texts.items()],
        "conditions": [[place[point], [[one.label, one.event.value] for one in group]] for point, group in found.conditions.items()],
        "unmapped": [[place[point], why] for point, why in found.unmapped.items()],
    }
    Path("instrumented.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
