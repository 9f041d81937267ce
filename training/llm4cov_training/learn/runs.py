"""Folders of runs that are not finished: what each learns from, and whether one is under way. Trains nothing.

NAME/run.json        what its rows were chosen from
NAME/examples.jsonl  the rows
NAME/lock            held by the process that is at work
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.durable import write_whole
from llm4cov_training.examples import EXAMPLES_NAME, Example, read_examples, write_examples

_RUN, _LOCK = "run.json", "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that was begun."""

    folder: Path
    chosen_from: str
    """As it was begun with."""
    examples: tuple[Example, ...]


def begin(folder: Path, chosen_from: str, examples: Sequence[Example]) -> None:
    """Write down what a run learns from, if that is not there yet. Raises OSError."""
    if not (folder / EXAMPLES_NAME).exists():
        write_whole(folder / _RUN, json.dumps({"chosen_from": chosen_from}) + "\n")
        write_examples(examples, folder / EXAMPLES_NAME)


def unfinished(folder: Path) -> Iterator[Unfinished]:
    """Give the runs in `folder`; those whose rows can't be read are passed over."""
    for path in sorted(folder.glob(f"*/{EXAMPLES_NAME}")):
        try:
            record = json.loads((path.parent / _RUN).read_text("utf-8"))
            rows, problems = read_examples(path)
        except (OSError, ValueError):
            continue
        if rows and not problems and isinstance(record, dict):
            yield Unfinished(folder=path.parent, chosen_from=str(record.get("chosen_from", "")), examples=rows)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a run while at work with it; False where another process does. It is let go of however this one ends."""
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_held(folder: Path) -> bool:
    """Say whether a process is at work with a run."""
    with held(folder) as free:
        return not free
