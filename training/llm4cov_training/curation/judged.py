"""Whether a transition taught something: decided by what the simulator said of it, never by its words. Knows no store."""

from __future__ import annotations

from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.state import Observation
from llm4cov_agent.loop.transition import Transition

LEAST_GAIN = 1.0
"""Points of overall coverage that an improvement has to be more than."""


def reason_to_drop(transition: Transition) -> str | None:
    """Why a transition is not to be learned from; None if it is: it simulated, and fixed a failure or raised coverage without loss."""
    before, after = transition.state.observation, transition.after.observation
    if after is None or after.status is not RunStatus.OK:
        return "its outcome did not simulate"
    if before is not None and before.status is not RunStatus.OK:
        return None
    gain = (after.overall or 0.0) - ((before.overall or 0.0) if before is not None else 0.0)
    if gain <= LEAST_GAIN:
        return "it raised coverage by one point or less"
    if before is not None and (fallen := _fallen(before, after)):
        return f"it lost coverage of the metric {fallen}"
    return None


def _fallen(before: Observation, after: Observation) -> str:
    for kind, tally in before.tallies.items():
        new = after.tallies.get(kind)
        if new is None or (new.total == tally.total and new.covered < tally.covered) or new.total < tally.total:
            return kind.value
    return ""
