"""How far a task is, in numbers that were seen: its round, the coverage so far, the seconds left. Knows nobody who shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llm4cov_agent.judge.coverage import Coverage, percent_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One look at a task. What is not known is None."""

    round: int | None = None
    """From 1."""
    rounds: int | None = None
    """How many there may be at most."""
    overall: float | None = None
    """Percent, of the best testbench so far or of all that a search has hit."""
    left_s: float | None = None
    """Seconds of the budget."""
    coverage: Callable[[], Coverage] | None = None
    """Gives what was hit so far, where that is known: 1 for a point that was hit and 0 for one that was not, never how often."""

    def words(self, gain: str = "") -> str:
        """Write it as `round 2/3, 91.4 % (+3.1), 40 s left`; `gain` stands behind the percentage."""
        parts = []
        if self.round is not None and self.rounds is not None and self.rounds > 1:
            parts.append(f"round {self.round}/{self.rounds}")
        if self.overall is not None:
            parts.append(f"{percent_text(self.overall)} %{gain}")
        if self.left_s is not None:
            # A budget is about: what it leaves to do beyond is not counted below zero.
            parts.append(f"{max(0.0, self.left_s):.0f} s left")
        return ", ".join(parts)


OnStanding = Callable[[Standing], None]
"""Called whenever there is something new to tell."""
