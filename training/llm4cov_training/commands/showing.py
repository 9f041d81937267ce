"""Shows how learning goes: a bar with the time left on a terminal, and lines, of which a program shows the last. Decides nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from llm4cov_training.learn.evaluate import DesignScore
from llm4cov_training.learn.telling import Step, Teller

_LINE_S = 20.0
"""Seconds between lines of progress where there is no terminal."""


@contextlib.contextmanager
def shown(console: Console, reason_to_wait: Callable[[], str | None]) -> Iterator[Teller]:
    """Give what a run tells to; `reason_to_wait` is asked after each step."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield _Shown(console, bars, reason_to_wait)


def span(seconds: float) -> str:
    """Say about how long."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Shown(Teller):
    def __init__(self, console: Console, bars: Progress, reason_to_wait: Callable[[], str | None]) -> None:
        self._console, self._bars, self._reason = console, bars, reason_to_wait
        self._bar = bars.add_task("", total=None, left="")
        self._said_s = 0.0
        self._waits: str | None = None
        self._scored = 0
        self._began_s = time.monotonic()

    def phase(self, words: str) -> None:
        self._scored, self._began_s = 0, time.monotonic()
        self._bars.reset(self._bar, description=words, total=None, left="")
        self._say(words)

    def step(self, step: Step) -> None:
        left = f"{span(step.left_s)} left"
        self._bars.update(self._bar, completed=step.number, total=step.of, left=f"loss {step.loss:.3f}, {left}", refresh=True)
        if self._is_time(step.number in (1, step.of)):
            self._say(f"step {step.number} of {step.of}, loss {step.loss:.3f}, {left}")

    def waits(self) -> bool:
        reason = self._reason()
        if reason is not None and reason != self._waits:
            self._say(f"waiting: {reason}")
        self._waits = reason
        return reason is not None

    def scored(self, who: str, score: DesignScore, of: int) -> None:
        self._scored += 1
        left = span((time.monotonic() - self._began_s) / self._scored * (of - self._scored))
        self._bars.update(self._bar, completed=self._scored, total=of, left=f"{left} left", refresh=True)
        if self._is_time(False):
            best = max(one.overall_in_the_end for one in score.samples)
            self._say(f"{who}: {score.name} {best:.1f} %, {self._scored} of {of}, {left} left")

    def _is_time(self, always: bool) -> bool:
        """On a terminal the bar says it."""
        return not self._console.is_terminal and (always or time.monotonic() - self._said_s > _LINE_S)

    def _say(self, text: str) -> None:
        self._said_s = time.monotonic()
        self._console.print(text, highlight=False, soft_wrap=True)
