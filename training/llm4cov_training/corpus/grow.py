"""Grows a corpus: generates designs, elaborates them, and leaves out the broken, the repeated and the held out. Runs no simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from threading import Event

from llm4cov_agent.digest import digest_text
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.corpus.catalogue import Generated, generate
from llm4cov_training.corpus.designs import Corpus, CorpusDesign, Dropped
from llm4cov_training.corpus.similarity import most_like, structure_of, words_of
from llm4cov_training.corpus.split import Side, fixture_texts, side_of
from llm4cov_training.work import Failed, Workers

MOST_LINES = 400
LEAST_LINES = 10
_BATCH = 25
"""Designs of one task: they take about a second."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A generated design and what is wrong with it."""

    made: Generated
    structure: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A task: some numbers of a seed."""

    seed: int
    first: int
    count: int


def grow(
    count: int, seed: int, workers: Workers, *, told: Callable[[int], None] | None = None, cancel: Event | None = None
) -> tuple[Corpus, dict[str, str]]:
    """Take the first `count` distinct designs of a seed; gives the list and the texts by name.

    The result depends on the two numbers and on the fixtures alone, not on how many workers there are. A cancel gives what there is.
    """
    designs: list[CorpusDesign] = []
    dropped: list[Dropped] = []
    texts: dict[str, str] = {}
    seen: dict[str, str] = {}
    for checked in _in_order(seed, count, workers, cancel):
        made, reason = checked.made, checked.reason
        if reason is None and checked.structure in seen:
            reason = f"it has the structure of another one ({seen[checked.structure]})"
        if reason is not None:
            dropped.append(Dropped(name=made.name, reason=reason))
            continue
        seen[checked.structure] = made.name
        texts[made.name] = made.text
        designs.append(
            CorpusDesign(
                name=made.name,
                family=made.family,
                top=made.top,
                digest=digest_text(made.text),
                structure=checked.structure,
                side=side_of(checked.structure),
                lines=made.text.count("\n"),
            )
        )
        if told is not None:
            told(len(designs))
        if len(designs) == count:
            break
    if cancel is None or not cancel.is_set():
        designs = _apart(designs, texts, workers)
    return Corpus(seed=seed, designs=tuple(designs), dropped=tuple(dropped)), texts


@dataclass(frozen=True, slots=True)
class Comparison:
    """A task: some designs, and the held-out ones."""

    texts: tuple[tuple[str, str], ...]
    held_out: tuple[tuple[str, str], ...]


def near(task: Comparison) -> tuple[str, ...]:
    """Names of the designs that are too like a held-out one; what a worker does."""
    known = [(name, words_of(text)) for name, text in task.held_out]
    return tuple(name for name, text in task.texts if most_like(words_of(text), known) is not None)


def _apart(designs: list[CorpusDesign], texts: dict[str, str], workers: Workers) -> list[CorpusDesign]:
    """Mark designs that are too like one that is held out."""
    held_out = tuple((one.name, texts[one.name]) for one in designs if one.side is Side.HELD_OUT)
    free = [one.name for one in designs if one.side is Side.TRAIN]
    batches = [tuple((name, texts[name]) for name in free[start : start + 10 * _BATCH]) for start in range(0, len(free), 10 * _BATCH)]
    tasks = [Comparison(batch, held_out) for batch in batches] if held_out else []
    alike = {name for _, found in workers.map(near, tasks) if not isinstance(found, Failed) for name in found}
    return [replace(one, side=Side.NEAR) if one.name in alike else one for one in designs]


def _in_order(seed: int, count: int, workers: Workers, cancel: Event | None) -> Iterator[Checked]:
    """Batches come as they are finished; they are given in the order of their numbers."""
    batches = (Batch(seed, first, _BATCH) for first in range(0, 100 * (count + _BATCH), _BATCH))
    ready: dict[int, tuple[Checked, ...]] = {}
    following = 0
    results = workers.map(check_batch, batches, cancel=cancel)
    for batch, found in results:
        if isinstance(found, Failed):
            raise RuntimeError(f"designs {batch.first} to {batch.first + batch.count - 1} of seed {seed} can't be made: {found.reason}")
        ready[batch.first] = found
        while following in ready:
            yield from ready.pop(following)
            following += _BATCH


def check_batch(batch: Batch) -> tuple[Checked, ...]:
    """Generate and check some designs; what a worker does."""
    known = _fixtures()
    return tuple(_check(generate(batch.seed, number), known) for number in range(batch.first, batch.first + batch.count))


def _check(made: Generated, fixtures: tuple[tuple[str, tuple[str, ...]], ...]) -> Checked:
    structure = structure_of(made.text)
    lines = made.text.count("\n")
    if not LEAST_LINES <= lines <= MOST_LINES:
        return Checked(made, structure, f"it has fewer than {LEAST_LINES} or more than {MOST_LINES} lines")
    reason = elaboration_problem(made.text, made.top)
    if reason is None:
        like = most_like(words_of(made.text), fixtures)
        reason = f"it is like a held-out design ({like.name}, ROUGE-L {like.f1:.2f})" if like is not None else None
    return Checked(made, structure, reason)


def elaboration_problem(text: str, top: str) -> str | None:
    """Why a text is no design that can be driven; None if it is one."""
    with scratch_folder() as folder:
        path = folder / "design.v"
        path.write_text(text, encoding="utf-8")
        design, problems = elaborate(FileSet(sources=(path,), top=top), search=False)
    if design is None:
        return f"it does not elaborate ({problems[0].message})"
    if not design.driven_signals():
        return "it has no inputs"
    return None


@cache
def _fixtures() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, words_of(text)) for name, text in fixture_texts())
