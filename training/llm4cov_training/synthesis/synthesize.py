"""A synthesis: items go to workers, what they come to goes into a store, and the journal says what is done. Prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Event

from llm4cov_agent.trajectories.store import Store
from llm4cov_training.synthesis.items import Item
from llm4cov_training.synthesis.journal import Entry, Journal
from llm4cov_training.synthesis.roll import Rolled, roll
from llm4cov_training.work import Failed, Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesized:
    """What a run of a synthesis came to."""

    items: int
    """Items in all."""
    before: int
    """Of them finished before."""
    done: int
    """Finished now."""
    failed: int
    """Finished now without a transition."""
    transitions: int
    """Stored now."""
    seconds: float


def synthesize(
    items: Iterable[Item],
    store: Store,
    journal: Journal,
    workers: Workers,
    *,
    told: Callable[[int], None] | None = None,
    cancel: Event | None = None,
) -> Synthesized:
    """Do what is not done yet. A cancel, or the end of this process, loses no more than the items that workers are at."""
    began = time.monotonic()
    listed = list(items)
    there = {summary.id: len(summary.rounds) for summary in store.trajectories()}
    left = [item for item in listed if not _is_done(journal.entries.get(item.digest), there)]
    before = len(listed) - len(left)
    done = failed = transitions = 0
    for item, rolled in workers.map(roll, left, cancel=cancel):
        entry = _stored(item, rolled, store)
        journal.add(entry)
        done += 1
        failed += entry.trajectory is None
        transitions += entry.transitions
        if told is not None:
            told(before + done)
    return Synthesized(
        items=len(listed), before=before, done=done, failed=failed, transitions=transitions, seconds=time.monotonic() - began
    )


def _is_done(entry: Entry | None, there: Mapping[str, int]) -> bool:
    """Whether an item is noted and its transitions are stored: after a power cut the store may lack the last of them."""
    return entry is not None and (entry.trajectory is None or there.get(entry.trajectory, 0) >= entry.transitions)


def _stored(item: Item, rolled: Rolled | Failed, store: Store) -> Entry:
    if isinstance(rolled, Failed):
        return Entry(item=item.digest, trajectory=None, transitions=0, seconds=0.0, reason=rolled.reason)
    if not rolled.transitions:
        reason = str(rolled.problems[0]) if rolled.problems else "nothing was found that could be driven"
        return Entry(item=item.digest, trajectory=None, transitions=0, seconds=rolled.seconds, reason=reason)
    command = f"retrain synthesize {item.kind.value} {item.name} sample {item.sample}"
    trajectory = store.begin(rolled.transitions[0].state.design, command=command)
    for transition in rolled.transitions:
        store.append(trajectory, transition)
    return Entry(item=item.digest, trajectory=trajectory, transitions=len(rolled.transitions), seconds=rolled.seconds)
