"""Forgets a design wherever this program keeps something of it, and names what learned from it. Knows no part that keeps copies.

Parts that make copies of stored designs say so by an entry point of the group `llm4cov_lsp.copies`: a function that takes the store's path
and a `Design.digest`, deletes the copies and gives `Copies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.loop.policies.adapters import Adapters
from llm4cov_agent.trajectories.erase import Erased
from llm4cov_agent.trajectories.store import Store

_GROUP = "llm4cov_lsp.copies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Copies of a design that were deleted."""

    words: tuple[str, ...] = ()
    """What they were, such as `20 variants in learning/corpus`."""
    designs: frozenset[str] = frozenset()
    """Digests (`Design.digest`) under which something may have learned from them."""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What became of a design that was forgotten."""

    erased: Erased
    copies: tuple[str, ...]
    adapters: tuple[str, ...]
    """Names of those that learned from it or from a copy; what they learned is not undone."""
    problems: tuple[Problem, ...]

    def told(self, top: str) -> tuple[Problem, ...]:
        """Give the problems for a person, with a warning where something learned from the design with this top."""
        if not self.adapters:
            return self.problems
        they = "they" if len(self.adapters) > 1 else "it"
        what = f"{', '.join(self.adapters)} learned from {top}, and what {they} learned is not undone"
        hint = "`llm4cov-lsp retrain adapters remove NAME` deletes an adapter; `llm4cov-lsp retrain` then learns from what is left."
        return (*self.problems, Problem(what, hint=hint, severity=Severity.WARNING))


def forget(store: Store, design: str) -> Forgotten:
    """Forget a design (a `Design.digest`): the copies first, so that what is interrupted can be asked for again."""
    copies = [entry.load()(store.path, design) for entry in entry_points(group=_GROUP)]
    erased = store.delete(design)
    digests = frozenset({design}).union(*(one.designs for one in copies))
    adapters = tuple(one.id for one in Adapters().learned_from(digests))
    return Forgotten(
        erased=erased,
        copies=tuple(words for one in copies for words in one.words),
        adapters=adapters,
        problems=(*erased.problems, *(problem for one in copies for problem in one.problems)),
    )
