"""What was tried last for a design and what of it was taken, in the worker process: just now, or as the store has it. Stores nothing."""

from __future__ import annotations

from collections.abc import Iterable

from llm4cov_agent.closure.approaches import Approaches
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import Llm4covError
from llm4cov_agent.judge.coverage import overall
from llm4cov_agent.judge.simulator import Job
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.trajectories.store import open_store
from llm4cov_lsp.records import AttemptRecord

MOST_ATTEMPTS = 3
_BUSY_S = 1.0
"""How long to wait for others who write to the store; a remark is worth no more."""


def attempts_at(design: Design) -> tuple[AttemptRecord, ...]:
    """Read the last rounds for this very design, newest first; none where there is no store or it can't be read."""
    try:
        if not read_config().store.exists():
            return ()
        with open_store(writable=False, busy_s=_BUSY_S) as store:
            latest = store.latest(design.digest, most=MOST_ATTEMPTS)
    except Llm4covError:
        # Measuring needs no store, and what keeps one from being read is said where something is to be stored.
        return ()
    found: list[AttemptRecord] = []
    for trajectory in latest:
        answers = {one.testbench: one.answer.value for one in trajectory.acceptances}
        for one in reversed(trajectory.rounds):
            found.append(
                AttemptRecord(
                    policy=one.policy,
                    model=one.model,
                    number=one.number + 1,
                    before=overall(one.before),
                    after=overall(one.after),
                    kept=one.kept,
                    answer=answers.get(one.testbench or "", ""),
                    began=trajectory.began,
                )
            )
    return tuple(found[:MOST_ATTEMPTS])


def stands_accepted(text: str) -> bool:
    """Say whether a testbench of this text stands as accepted; not if the store can't be read."""
    try:
        if not read_config().store.exists():
            return False
        with open_store(writable=False, busy_s=_BUSY_S) as store:
            return any(one.accepted for one in store.holders(text))
    except Llm4covError:
        return False


def attempts_of(transitions: Iterable[Transition]) -> tuple[AttemptRecord, ...]:
    """Tell of the rounds of a generation that just ended, newest first."""
    found: list[AttemptRecord] = []
    for one in transitions:
        before, after = one.state.observation, one.after.observation
        found.append(
            AttemptRecord(
                policy=one.policy,
                model=one.model,
                number=one.number + 1,
                before=before.overall if before is not None else None,
                after=after.overall if after is not None else None,
                kept=one.kept,
            )
        )
    return tuple(reversed(found[-MOST_ATTEMPTS:]))


def searched_words(searched: Approaches | None, job: Job) -> str:
    """Give `Result.searched`: whose search is spoken of."""
    if searched is None:
        return ""
    return "this" if searched.is_of(job.testbench.text) else "other"
