"""A testbench as it is handed to the user: with the line that says how it was made. What the loop goes on from has none."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from llm4cov_agent.bench.provenance import Provenance, stamped
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.loop.generate import Outcome
from llm4cov_agent.loop.transition import Transition


def delivered(outcome: Outcome) -> str:
    """Give the text of an outcome's testbench, with who made it, from which seed, and what it covered."""
    return with_provenance(outcome.testbench.text, _policies(outcome.transitions), outcome.seed, outcome.evaluation)


def with_provenance(text: str, policies: Iterable[str], seed: int, evaluation: Evaluation) -> str:
    """Write into a testbench who made it, from which seed, and what it covered."""
    parts = [f"{kind.value} {percent_text(tally.percent)}" for kind, tally in evaluation.tallies.items()]
    coverage = f"{percent_text(evaluation.overall)} % ({', '.join(parts)})" if parts else ""
    made = Provenance(version=importlib.metadata.version("llm4cov-lsp"), policies=tuple(policies), seed=seed, coverage=coverage)
    return stamped(text, made)


def _policies(transitions: Iterable[Transition]) -> tuple[str, ...]:
    """Name who proposed what was kept, in that order."""
    made = [f"{one.policy} with {one.model}" if one.model is not None else one.policy for one in transitions if one.kept]
    return tuple(dict.fromkeys(made)) or ("closure",)
