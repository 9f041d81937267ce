"""What a progress bar says of a job: its round, its coverage so far, the seconds left, its phase. Promises nothing that was not seen."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from lsprotocol import types

from llm4cov_agent.judge.standing import Standing
from llm4cov_lsp.wire import Event, EventKind

LEAST_S = 0.2
"""A person reads no faster."""
TICK_S = 1.0
"""How often the seconds left are counted down while nothing else happens."""
_MOST_PERCENT = 99
_LEAST_GAIN = 0.05
"""Percent; less is not seen in the text."""


@dataclass(slots=True)
class Shown:
    """What a bar shows now."""

    phase: str = ""
    standing: Standing | None = None
    best: float | None = None
    """Percent of the best testbench that was judged."""
    gain: str = ""
    """What it, or the search since, added to the one before."""
    deadline: float | None = None
    """When the budget is used up, by the monotonic clock."""
    budget_s: float = 0.0
    percentage: int | None = None
    """How much of the budget is used up; never goes back. None where there is no budget."""
    token: types.ProgressToken | None = None
    said_at: float = 0.0

    @property
    def words(self) -> str:
        """The text of the bar, as `round 2/3, 91.4 % (+3.1), 40 s left: compiling the model`."""
        stands = self.standing.words(self.gain) if self.standing is not None else ""
        return f"{stands}: {self.phase}" if stands and self.phase else stands or self.phase


def took(shown: Shown, event: Event) -> bool:
    """Take an event; says whether the bar is worth showing anew.

    What begins is always shown, as nothing more may come for long; how far it got is told no more often than a person reads.
    """
    now, begins = monotonic(), event.kind is EventKind.ROUND
    if event.kind is EventKind.ROUND:
        if event.kept and event.overall is not None:
            shown.gain = f" (+{event.overall - shown.best:.1f})" if shown.best is not None and event.overall > shown.best else ""
            shown.best = event.overall
            if shown.standing is not None:
                shown.standing = Standing(
                    round=shown.standing.round, rounds=shown.standing.rounds, overall=event.overall, left_s=shown.standing.left_s
                )
    elif event.kind is EventKind.STANDING:
        if shown.best is None and event.overall is not None and event.number == 1 and shown.standing is None:
            # What there was before the first round.
            shown.best = event.overall
        if shown.best is not None and event.overall is not None and event.overall - shown.best >= _LEAST_GAIN:
            shown.gain = f" (+{event.overall - shown.best:.1f})"
        overall = event.overall if event.overall is not None else shown.best
        shown.standing = Standing(round=event.number or None, rounds=event.rounds or None, overall=overall, left_s=event.left_s)
        shown.deadline = now + event.left_s if event.left_s is not None else None
        shown.budget_s = event.budget_s
    elif event.kind is EventKind.PROGRESS:
        # Figures follow a colon.
        begins = event.words.partition(":")[0] != shown.phase.partition(":")[0]
        shown.phase = event.words
    else:
        return False
    if not begins and now - shown.said_at < LEAST_S:
        return False
    count_down(shown)
    return True


def count_down(shown: Shown) -> None:
    """Bring seconds left and percentage to now."""
    shown.said_at = now = monotonic()
    if shown.deadline is None or shown.standing is None:
        return
    left_s = shown.deadline - now
    standing = shown.standing
    shown.standing = Standing(round=standing.round, rounds=standing.rounds, overall=standing.overall, left_s=left_s)
    if shown.budget_s > 0:
        used = int(100 * (1 - left_s / shown.budget_s))
        shown.percentage = max(shown.percentage or 0, min(_MOST_PERCENT, max(0, used)))
