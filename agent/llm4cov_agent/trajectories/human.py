"""Stores what a person made of an accepted testbench by hand, where it covers more. Measures nothing and prints nothing.

An acceptance counts for one design, by its digest: once the RTL, a macro or a parameter changes, nothing is an edit of it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.bench.testbench import Testbench
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import Problem, Severity, StoreUnusable
from llm4cov_agent.judge.evaluator import Evaluation, with_verdicts
from llm4cov_agent.judge.simulator import DEFAULT_SEED, Job, RunStatus
from llm4cov_agent.loop.judging import proofs_of
from llm4cov_agent.loop.observe import observe
from llm4cov_agent.loop.state import State
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.trajectories.store import NotAccepted, Store, open_store

_BUSY_S = 2.0
"""How long to wait for other writers: a measurement must not hang on the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEdit:
    """An edit that was stored."""

    trajectory: str
    round: int
    testbench: str
    """Digest of the new testbench."""
    before: float
    """Overall coverage of the accepted testbench, in percent."""
    after: float


def keep_edit(
    design: Design, job: Job, evaluation: Evaluation, *, path: Path | None = None
) -> tuple[HumanEdit | None, tuple[Problem, ...]]:
    """Store a measured testbench as an edit of the one that stands as accepted for its design, if it covers more.

    Left alone is what the loop could not go through again from the store alone: a testbench that reads other files, or another seed
    than the loop's. Gives a warning at most if the store (`path`, by default the user's own) can't be used.
    """
    if evaluation.status is not RunStatus.OK or job.testbench_files or job.seed != DEFAULT_SEED:
        return None, ()
    if path is None and not read_config().store.exists():
        return None, ()
    try:
        with open_store(path, writable=False, busy_s=_BUSY_S) as store:
            return _keep(store, design, job.testbench, evaluation), ()
    except StoreUnusable as error:
        hint = "What was measured is not affected."
        message = f"whether this is an edit of an accepted testbench is not known: {error}"
        return None, (Problem(message, hint=hint, severity=Severity.WARNING),)


def _keep(store: Store, design: Design, testbench: Testbench, evaluation: Evaluation) -> HumanEdit | None:
    holder = store.accepted_for(design.digest)
    # What a policy wrote for this design is no one's edit, wherever the file came from.
    if holder is None or store.is_of_design(design.digest, testbench.text):
        return None
    accepted = store.state_of(holder, design)
    before, after = accepted.observation.overall if accepted.observation is not None else None, evaluation.overall
    if after is None or (before is not None and after <= before):
        return None
    # What was proved for the accepted testbench holds for the design.
    judged = with_verdicts(evaluation, proofs_of(accepted))
    seen = observe(judged, accepted.design, read_conditions(design))
    try:
        digest = store.human_edit(holder.trajectory, accepted, State(accepted.design, testbench, None, seen))
    except NotAccepted:
        # Someone took the acceptance back meanwhile.
        return None
    now = store.accepted_for(design.digest)
    if digest is None or now is None:
        return None
    return HumanEdit(trajectory=now.trajectory, round=now.round, testbench=testbench.digest, before=before or 0.0, after=after)
