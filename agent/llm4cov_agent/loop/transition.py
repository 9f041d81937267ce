"""One step of the loop as a value: a state, what a policy made of it, and the state that the judge found. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.loop.policy import Proposal
from llm4cov_agent.loop.state import Instruction, State


class StopReason(Enum):
    """Why no further testbench was tried, in words for the user."""

    TARGET = "the target was reached"
    ROUNDS = "all rounds were done"
    BUDGET = "the time was used up"
    CANCELLED = "it was stopped"
    NO_ANSWER = "the model failed twice for the same reason"
    CLOSED = "every point was hit, proved unreachable, or tried in vain"
    UNUSABLE = "the policy can't work on this design"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """(state, proposal, state after): the unit that is stored, replayed and learned from."""

    number: int
    """Place in its rollout, from 0."""
    policy: str
    model: str | None
    seed: int
    instruction: Instruction
    state: State
    proposal: Proposal
    after: State
    """The proposal as judged, whether it was kept or not."""
    kept: bool
    """Whether the loop went on from `after`; else it went on from `state`."""
    judge_s: float
    loop_s: float
    """Seconds beside the policy's and the judge's own."""
    ended: StopReason | None = None
    """Why its rollout ended with it; None if it went on."""
    evaluation: Evaluation | None = None
    """The judge's own result, with the run behind it; not part of what is stored."""
