"""Variants of a user's Verilog-2005 design: other names, other parameters, other codes of states, small mutations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any

from llm4cov_agent.bench.keywords import SYSTEMVERILOG
from llm4cov_agent.digest import digest_text
from llm4cov_agent.errors import Problem
from llm4cov_agent.loop.state import DesignText
from llm4cov_training.corpus.designs import CorpusDesign, Dropped
from llm4cov_training.corpus.grow import what_is_wrong
from llm4cov_training.corpus.similarity import structure_of
from llm4cov_training.corpus.split import HeldOut, Side, text_of_design
from llm4cov_training.corpus.verilog.read import parse
from llm4cov_training.corpus.verilog.tree import mutate, names_in, parameters, rename, state_constants
from llm4cov_training.corpus.verilog.write import text_of
from llm4cov_training.corpus.words import CLOCKS, RESETS_HIGH, RESETS_LOW, SYNONYMS

_MOST_PARAMETER = 64
_WORDS = tuple(word for words in SYNONYMS.values() for word in words if len(word) > 1)


class Change(Enum):
    """What is changed."""

    RENAME = "rename"
    WIDTH = "width"
    ENCODE = "encode"
    MUTATE = "mutate"


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant as text."""

    design: CorpusDesign
    text: str


def variants(
    design: DesignText, held_out: HeldOut, *, count: int, seed: int
) -> tuple[tuple[Variant, ...], tuple[Dropped, ...], tuple[Problem, ...]]:
    """Make up to `count` variants that elaborate and simulate, and say why the others were dropped.

    A design that is held out, or is not Verilog-2005, has none; the problems say so.
    """
    text, top = text_of_design(design), design.design.top
    reason = held_out.reason(text)
    if reason is not None:
        return (), (), (Problem(f"`{top}` has no variants: {reason}"),)
    tree, problems = parse(text)
    if tree is None:
        return (), (), tuple(Problem(f"`{top}` has no variants: {one.message}", hint=one.hint) for one in problems)
    made: list[Variant] = []
    dropped: list[Dropped] = []
    seen = {digest_text(text)}
    for number in range(count):
        name = f"{top}_variant_{number:03d}"
        outcome = _variant(text, design, Random(f"{seed}:{top}:{number}"))
        if isinstance(outcome, str):
            dropped.append(Dropped(name=name, reason=outcome))
            continue
        new_top, new_text = outcome
        structure = structure_of(new_text)
        found = held_out.reason(new_text) or what_is_wrong([(new_text, new_top)])[0]
        if found is None and digest_text(new_text) in seen:
            found = "it is the same as another one"
        if found is not None:
            dropped.append(Dropped(name=name, reason=found))
            continue
        seen.add(digest_text(new_text))
        listed = CorpusDesign(
            name=name,
            family="variant",
            top=new_top,
            digest=digest_text(new_text),
            structure=structure,
            side=Side.TRAIN,
            lines=new_text.count("\n"),
            origin=design.design.digest,
        )
        made.append(Variant(listed, new_text))
    return tuple(made), tuple(dropped), ()


def _variant(text: str, design: DesignText, rng: Random) -> tuple[str, str] | str:
    """Change a fresh tree in one to four ways; (top, text), or why there is nothing to change."""
    tree, _ = parse(text)
    resets = frozenset(reset.port for reset in design.design.resets)
    changed = [change for change in rng.sample(list(Change), rng.randint(1, len(Change))) if _apply(change, tree, rng, resets)]
    names = _new_names(tree, design, rng) if Change.RENAME in changed else {}
    rename(tree, names)
    if not changed:
        return "there is nothing in it that could be changed that way"
    return names.get(design.design.top, design.design.top), text_of(tree)


def _apply(change: Change, tree: Any, rng: Random, resets: frozenset[str]) -> bool:
    """Change a tree, but for its names; says whether there was something to change."""
    match change:
        case Change.RENAME:
            return True
        case Change.WIDTH:
            found = parameters(tree)
            for _, value, put in found:
                put(
                    rng.choice(
                        [other for other in (value - 1, value + 1, value * 2, value // 2) if 1 <= other <= _MOST_PARAMETER] or [value]
                    )
                )
            return bool(found)
        case Change.ENCODE:
            groups = state_constants(tree)
            for literals in groups:
                values = [literal.value for literal in literals]
                rng.shuffle(values)
                for literal, value in zip(literals, values, strict=True):
                    literal.value = value
            return bool(groups)
        case Change.MUTATE:
            done = [mutate(tree, rng, resets) for _ in range(rng.randint(1, 3))]
            return any(done)


def _new_names(tree: Any, design: DesignText, rng: Random) -> dict[str, str]:
    """Another name for each identifier; clocks and resets get such as a reader knows for one."""
    known = {clock.port: CLOCKS for clock in design.design.clocks}
    known |= {reset.port: RESETS_LOW if reset.active_low else RESETS_HIGH for reset in design.design.resets}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for old in names_in(tree):
        new = _free(rng.choice(known.get(old, _WORDS)), taken)
        names[old] = new.upper() if old.isupper() and old not in known else new
        taken.add(names[old])
    return names


def _free(wanted: str, taken: set[str]) -> str:
    return next(name for name in _numbered(wanted) if name not in taken and name.upper() not in taken and name not in SYSTEMVERILOG)


def _numbered(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted}_{number}"
        number += 1
