"""What a progress bar says of a job: its phase, its rounds, its coverage so far. Promises nothing that was not seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from lsprotocol import types

from llm4cov_agent.judge.coverage import percent_text
from llm4cov_lsp.wire import Event, EventKind

LEAST_S = 0.2
"""A person reads no faster."""


@dataclass(slots=True)
class Shown:
    """What a bar shows now."""

    words: str = ""
    best: float | None = None
    rounds: str = ""
    token: types.ProgressToken | None = None
    said_at: float = field(default=0.0)


def progress_of(shown: Shown, event: Event) -> str | None:
    """Take an event; gives the text to show, or None if there is nothing new worth it."""
    if event.kind is EventKind.ROUND:
        gain = f" (+{event.overall - shown.best:.1f})" if event.kept and event.overall is not None and shown.best is not None else ""
        shown.best = event.overall if event.kept and event.overall is not None else shown.best
        shown.rounds = f"round {event.number}, {percent_text(event.overall)} %{gain}"
        shown.words = shown.rounds
        return shown.words
    if event.kind is not EventKind.PROGRESS or monotonic() - shown.said_at < LEAST_S:
        return None
    shown.said_at = monotonic()
    shown.words = f"{shown.rounds}: {event.words}" if shown.rounds else event.words
    return shown.words
