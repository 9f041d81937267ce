"""A chain of transitions of one rollout, and how the user took it. Knows no database."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.digest import digest_text
from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_agent.loop.transition import Transition

HUMAN = "human"
"""The policy of a transition that the user made by editing."""


class Answer(Enum):
    """What the user said to a testbench."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDONE = "undone"
    """An earlier acceptance was taken back."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One answer of the user to a testbench of a trajectory."""

    answer: Answer
    testbench: str
    """Digest of the testbench."""
    reason: str
    """In the user's words; empty where none were given."""
    at: str
    """When, in UTC, as ISO 8601."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What was in a file before an accepted testbench went into it."""

    place: str
    """Names the file without telling where it lies: what `place_of` gives."""
    text: str | None
    """None: there was no file."""


def place_of(path: Path) -> str:
    """Name a file so that it is known again, and its path is not told."""
    return digest_text(os.path.realpath(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """A rollout as it was stored."""

    id: str
    design: str
    """Digest of the design, as `Design.digest`."""
    top: str
    command: str
    """What began it, such as `generate`."""
    began: str
    """When, in UTC, as ISO 8601."""
    transitions: tuple[Transition, ...]
    acceptances: tuple[Acceptance, ...]
    """Oldest first."""

    @property
    def accepted(self) -> frozenset[str]:
        """Digests of the testbenches that stand as accepted."""
        return standing(self.acceptances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One transition in a few words, read without making its design again."""

    number: int
    digest: str
    policy: str
    model: str | None
    instruction: str
    kept: bool
    ended: str | None
    status_before: str | None
    status: str | None
    """How the run ended; None if the reply held no testbench."""
    before: Mapping[Kind, Tally]
    after: Mapping[Kind, Tally]
    prompt_tokens: int | None
    completion_tokens: int | None
    policy_s: float
    judge_s: float
    testbench: str | None
    """Digest of the testbench that was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A trajectory in a few words."""

    id: str
    design: str
    top: str
    command: str
    began: str
    rounds: tuple[Round, ...]
    acceptances: tuple[Acceptance, ...]


def standing(acceptances: Iterable[Acceptance]) -> frozenset[str]:
    """Digests of the testbenches whose last answer is that they are accepted."""
    last = {one.testbench: one.answer for one in acceptances}
    return frozenset(testbench for testbench, answer in last.items() if answer is Answer.ACCEPTED)
