"""How a job is watched in the worker: its words, rounds and standing go to the server, its transitions to the store. Knows no LSP."""

from __future__ import annotations

import time
from threading import Event
from typing import Protocol

from llm4cov_agent.cli.recording import Recorder
from llm4cov_agent.judge.standing import Standing
from llm4cov_agent.loop.generate import Watched
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.design import Design
from llm4cov_lsp.records import Result
from llm4cov_lsp.told import files_so_far
from llm4cov_lsp.wire import EventKind, Request

WATCH_S = 0.5
"""Least time between two looks at the coverage so far."""


class Tell(Protocol):
    """Says how a job goes."""

    def __call__(
        self,
        kind: EventKind,
        *,
        words: str = "",
        number: int = 0,
        overall: float | None = None,
        kept: bool = False,
        rounds: int = 0,
        left_s: float | None = None,
        budget_s: float = 0.0,
        result: Result | None = None,
    ) -> None:
        """Say one thing; the keywords are those of `wire.Event`."""


def watched(request: Request, design: Design, tell: Tell, recorder: Recorder | None, cancel: Event) -> Watched:
    """Make what `generate` and `go_on` call."""

    def on_transition(transition: Transition) -> None:
        if recorder is not None:
            recorder.record(transition)
        seen = transition.after.observation
        overall = seen.overall if seen is not None else None
        tell(EventKind.ROUND, number=transition.number + 1, overall=overall, kept=transition.kept)

    looks = _Looks(design, tell) if request.tells_coverage else None

    def on_standing(standing: Standing) -> None:
        tell(
            EventKind.STANDING,
            number=standing.round or 0,
            rounds=standing.rounds or 0,
            overall=standing.overall,
            left_s=standing.left_s,
            budget_s=request.budget_s,
        )
        if looks is not None:
            looks.take(standing)

    return {
        "on_transition": on_transition,
        "progress": lambda words: tell(EventKind.PROGRESS, words=words),
        "on_standing": on_standing,
        "cancel": cancel,
    }


class _Looks:
    """Tells what was hit so far, as often as a person can follow it and only where it is more than before."""

    def __init__(self, design: Design, tell: Tell) -> None:
        self._design, self._tell = design, tell
        self._told_at, self._covered = 0.0, -1

    def take(self, standing: Standing) -> None:
        if standing.coverage is None or time.monotonic() - self._told_at < WATCH_S:
            return
        coverage = standing.coverage()
        covered = len(coverage.covered())
        if covered != self._covered:
            self._told_at, self._covered = time.monotonic(), covered
            files = files_so_far(self._design, coverage)
            self._tell(EventKind.COVERAGE, result=Result(top=self._design.top, status="running", overall=standing.overall, files=files))
