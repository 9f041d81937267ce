"""Grows a corpus: generates designs, elaborates and simulates them, and leaves out the broken, the repeated and the held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from threading import Event

from llm4cov_agent.digest import digest_text
from llm4cov_agent.errors import WorkFailed
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.corpus.catalogue import Generated, generate
from llm4cov_training.corpus.designs import Corpus, CorpusDesign, Dropped
from llm4cov_training.corpus.icarus import is_installed, simulate
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
    simulated: bool
    """Whether it was, or would have been if nothing else were wrong with it."""


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

    The result depends on the two numbers and on the fixtures alone, not on how many workers there are, as long as what elaborates also
    simulates, which is tried where Icarus Verilog is installed. A cancel gives what there is.
    Raises WorkFailed where a worker could not do its part.
    """
    designs: list[CorpusDesign] = []
    dropped: list[Dropped] = []
    texts: dict[str, str] = {}
    seen: dict[str, str] = {}
    simulated = True
    for checked in _in_order(seed, count, workers, cancel):
        made, reason = checked.made, checked.reason
        simulated = simulated and checked.simulated
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
    return Corpus(seed=seed, simulated=simulated, designs=tuple(designs), dropped=tuple(dropped)), texts


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
            which = f"{batch.first} to {batch.first + batch.count - 1} of seed {seed}"
            raise WorkFailed(f"Designs {which} can't be made: {found.reason}.")
        ready[batch.first] = found
        while following in ready:
            yield from ready.pop(following)
            following += _BATCH


def check_batch(batch: Batch) -> tuple[Checked, ...]:
    """Generate and check some designs; what a worker does."""
    known = _fixtures()
    made = [generate(batch.seed, number) for number in range(batch.first, batch.first + batch.count)]
    reasons = [_unfit(one, known) for one in made]
    fit = [one for one, reason in zip(made, reasons, strict=True) if reason is None]
    found = dict(zip((one.name for one in fit), what_is_wrong([(one.text, one.top) for one in fit]), strict=True))
    simulated = is_installed()
    return tuple(
        Checked(one, structure_of(one.text), reason or found.get(one.name), simulated) for one, reason in zip(made, reasons, strict=True)
    )


def _unfit(made: Generated, fixtures: tuple[tuple[str, tuple[str, ...]], ...]) -> str | None:
    """What is wrong with a design by its text alone."""
    if not LEAST_LINES <= made.text.count("\n") <= MOST_LINES:
        return f"it has fewer than {LEAST_LINES} or more than {MOST_LINES} lines"
    like = most_like(words_of(made.text), fixtures)
    return f"it is like a held-out design ({like.name}, ROUGE-L {like.f1:.2f})" if like is not None else None


def what_is_wrong(texts: Sequence[tuple[str, str]]) -> tuple[str | None, ...]:
    """Why each text with its top is no design that can be driven, or None: elaborates and, where Icarus Verilog is installed, simulates."""
    reasons: list[str | None] = []
    designs: list[tuple[int, str, Design]] = []
    for number, (text, top) in enumerate(texts):
        with scratch_folder() as folder:
            path = folder / "design.v"
            path.write_text(text, encoding="utf-8")
            design, problems = elaborate(FileSet(sources=(path,), top=top), search=False)
        if design is None:
            reasons.append(f"it does not elaborate ({problems[0].message})")
        elif not design.driven_signals():
            reasons.append("it has no inputs")
        else:
            reasons.append(None)
            designs.append((number, text, design))
    if is_installed():
        for (number, _, _), reason in zip(designs, simulate([(text, design) for _, text, design in designs]), strict=True):
            reasons[number] = reason
    return tuple(reasons)


@cache
def _fixtures() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, words_of(text)) for name, text in fixture_texts())
