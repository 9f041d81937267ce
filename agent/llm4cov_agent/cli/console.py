"""What commands print and how they end: results to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterable, Iterator
from enum import IntEnum
from threading import Event
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge import report
from llm4cov_agent.judge.standing import Standing

PHASES = ("reading the design", "translating the design", "compiling the model", "running the testbench")


class ExitStatus(IntEnum):
    """The contract with whoever calls us."""

    DONE = 0
    TARGET_MISSED = 1
    BAD_INPUT = 2
    TOOL_MISSING = 3
    INTERRUPTED = 130


def results() -> Console:
    """The console of results; made when needed, so that a redirected standard output is seen."""
    return Console(file=sys.stdout, markup=False)


def messages() -> Console:
    """The console of messages and progress."""
    return Console(file=sys.stderr, stderr=True, markup=False)


def print_problems(problems: Iterable[Problem]) -> None:
    """Print problems for a person."""
    console = messages()
    for problem in problems:
        report.write(console, report.problem_text(problem))


def print_json(record: Json) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(json.dumps(record, indent=2) + "\n")
    sys.stdout.flush()


def leave(status: ExitStatus) -> NoReturn:
    """End the command."""
    raise typer.Exit(int(status))


@contextlib.contextmanager
def interruptible() -> Iterator[Event]:
    """Turn the first Ctrl-C (or a TERM) into an event that long work looks at; a second Ctrl-C ends at once."""
    stopped = Event()

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Bar:
    """A bar that shows the phase it is told, and how far a task stands."""

    def __init__(self, bars: Progress, steps: int) -> None:
        self._bars = bars
        self._task = bars.add_task("starting", total=steps * len(PHASES), standing="")

    def __call__(self, phase: str) -> None:
        """Show a phase; those of `PHASES` move the bar."""
        if phase not in PHASES:
            self._bars.update(self._task, description=phase)
            return
        before = self._bars.tasks[0].completed
        done = int(before) // len(PHASES) * len(PHASES)
        rank = PHASES.index(phase)
        if done + rank < before:
            done += len(PHASES)
        self._bars.update(self._task, description=phase, completed=done + rank)

    def stand(self, standing: Standing) -> None:
        """Show round, coverage so far and seconds left."""
        self._bars.update(self._task, standing=standing.words())


@contextlib.contextmanager
def progress(*, steps: int = 1) -> Iterator[Bar]:
    """Show a bar and the current phase on a terminal; nothing elsewhere. `steps` testbenches are measured in all."""
    console = messages()
    texts = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.fields[standing]}"))
    with Progress(SpinnerColumn(), *texts, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Bar(bars, steps)
