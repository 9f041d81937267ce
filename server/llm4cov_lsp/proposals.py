"""A testbench that was proposed and waits for the user's answer, however it came about. Knows no editor, and no place to put it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from llm4cov_agent.bench.provenance import unstamped
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_lsp.records import FileDigest, Result
from llm4cov_lsp.wire import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class GoesOn:
    """The testbench that a proposal goes on from."""

    testbench: Path
    overall: float | None
    reachable: float | None
    """What it covers; None if it does not run."""
    replaces: bool
    """Whether the proposal does all that it did, so that it may take its place; else it belongs beside it."""
    is_ours: bool
    """Whether nobody's own text is lost with it."""
    gained: int
    """Points that the proposal hits and it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposed testbench."""

    request: Request
    """What it answers."""
    text: str
    digest: str | None
    trajectory: str | None
    """Where it is stored; None if it is not."""
    overall: float | None
    reachable: float | None
    cycles: int | None
    ended: str
    """Why there is nothing better, in words."""
    rests_on: tuple[FileDigest, ...]
    goes_on: GoesOn | None = None
    """None: it was generated from nothing."""
    is_part: bool = False
    """Whether the user left some of it out."""

    @property
    def about(self) -> str:
        """What it is worth, in words."""
        if self.is_part:
            return "a part of what was proposed; it is measured when it is saved"
        covers, before = f"{percent_text(self.overall)} %", self.goes_on
        if before is None:
            return f"{covers} overall; {self.ended}"
        if not before.replaces:
            return f"hits {before.gained} points that {before.testbench.name} leaves, {covers} by itself"
        was = f"{percent_text(before.overall)} %" if before.overall is not None else "it did not run"
        return f"{covers} overall, before {was}; hits {before.gained} more points"

    def part(self, text: str) -> Proposal:
        """Give what a person left of it: a text that nobody measured, that no policy wrote, and that does not say it was."""
        return replace(self, text=unstamped(text), digest=None, trajectory=None, overall=None, reachable=None, cycles=None, is_part=True)


def proposal_of(request: Request, result: Result) -> Proposal | None:
    """Read the testbench that a job proposes; None if there is none."""
    if result.testbench_text is not None:
        return Proposal(
            request=request,
            text=result.testbench_text,
            digest=result.testbench_digest,
            trajectory=result.trajectory,
            overall=result.overall,
            reachable=result.reachable,
            cycles=result.cycles,
            ended=result.ended,
            rests_on=result.rests_on,
        )
    found = result.proposed
    if found is None or found.text is None or result.testbench is None:
        return None
    return Proposal(
        request=request,
        text=found.text,
        digest=found.digest,
        trajectory=found.trajectory,
        overall=found.overall,
        reachable=found.reachable,
        cycles=found.cycles,
        ended=found.ended,
        rests_on=result.rests_on,
        goes_on=GoesOn(
            testbench=Path(result.testbench),
            overall=result.overall,
            reachable=result.reachable,
            replaces=found.replaces,
            is_ours=found.is_ours,
            gained=found.gained,
        ),
    )
