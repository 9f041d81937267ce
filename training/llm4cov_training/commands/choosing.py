"""Which examples `retrain` learns from: rows that were given, or what helped in the user's own store. Trains nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from llm4cov_agent.cli.console import print_problems
from llm4cov_agent.errors import BadConfiguration, display_path
from llm4cov_agent.trajectories.store import open_store
from llm4cov_agent.trajectories.trajectory import Answer, Summary
from llm4cov_training.commands.folders import counted
from llm4cov_training.corpus.designs import held_out_texts
from llm4cov_training.corpus.split import HeldOut, fixture_texts
from llm4cov_training.curation.curate import CurationPlan, curate
from llm4cov_training.curation.mixing import mixed
from llm4cov_training.examples import Example, read_examples

Chosen = tuple[tuple[Example, ...], dict[str, int]]
"""Rows, and how many were left out for which reason."""


def from_files(paths: Sequence[Path], corpus: Path, *, earlier_share: float, seed: int) -> Chosen:
    """Read rows: the first file's are new, the others' of earlier stages; what is held out is left out, wherever it comes from.

    Raises BadConfiguration for a file that can't be read.
    """
    held_out = HeldOut((*fixture_texts(), *held_out_texts(corpus)))
    groups: list[tuple[Example, ...]] = []
    reasons: dict[str, int] = {}
    for path in paths:
        try:
            rows, problems = read_examples(path)
        except OSError as error:
            raise BadConfiguration(f"--examples {display_path(path)}: {error.strerror}.") from None
        print_problems(problems[:5])
        fit = tuple(one for one in rows if held_out.reason_of_structure(one.structure) is None)
        for reason, count in (("no example", len(problems)), ("held out", len(rows) - len(fit))):
            if count:
                reasons[reason] = reasons.get(reason, 0) + count
        groups.append(fit)
    return mixed(groups[0], groups[1:], share=earlier_share, seed=seed), reasons


def from_store(place: Path, corpus: Path, *, since: datetime | None, most_reply_tokens: int) -> Chosen:
    """Choose from a store what helped, was not rejected and was not tried before `since` (UTC)."""
    if not place.exists():
        return (), {}
    held_out = HeldOut((*fixture_texts(), *held_out_texts(corpus)))
    with open_store(place, writable=False) as store:
        summaries = store.trajectories()
        without = {digest: "you rejected it" for one in summaries for digest in _rejected(one)}
        if since is not None:
            old = (one for one in summaries if one.began < since.isoformat())
            without |= {each.digest: "it is older than --since" for one in old for each in one.rounds}
        with counted("trajectories", len(summaries)) as told:
            made = curate(store, held_out, CurationPlan(most_reply_tokens=most_reply_tokens), without=without, told=told)
    reasons: dict[str, int] = {}
    for left in made.left:
        reason = left.reason.split(" (")[0]
        reasons[reason] = reasons.get(reason, 0) + 1
    return tuple(made.examples), reasons


def still_stand(place: Path, corpus: Path, rows: Sequence[Example]) -> bool:
    """Say whether none of these rows, chosen from a store before, was deleted or rejected since, or is held out now."""
    if not place.exists():
        return False
    held_out = HeldOut((*fixture_texts(), *held_out_texts(corpus)))
    with open_store(place, writable=False) as store:
        summaries = store.trajectories()
    rejected = {digest for one in summaries for digest in _rejected(one)}
    stored = {each.digest for one in summaries for each in one.rounds} - rejected
    return all(one.transition in stored and held_out.reason_of_structure(one.structure) is None for one in rows)


def _rejected(summary: Summary) -> Iterator[str]:
    """Digests of the transitions that led to a testbench whose last answer is that it was rejected."""
    last = {one.testbench: one.answer for one in summary.acceptances}
    for one in summary.rounds:
        if one.testbench is not None and last.get(one.testbench) is Answer.REJECTED:
            yield one.digest
