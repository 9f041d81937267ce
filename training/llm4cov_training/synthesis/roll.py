"""Does one item: what a worker runs. Stores nothing, so that workers may be anywhere."""

from __future__ import annotations

import atexit
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from llm4cov_agent.config import read_config
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.backend import Backend
from llm4cov_agent.loop.policies.backends import BackendSettings, open_backend
from llm4cov_agent.loop.policies.model import ModelPolicy
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import DesignText, State, read_design_text
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.curation.sampling import has_failed, is_improvable, sampled
from llm4cov_training.synthesis.items import Item, Kind, Speaker
from llm4cov_training.synthesis.lessons import Teacher
from llm4cov_training.synthesis.rules import WithRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """What an item came to."""

    transitions: tuple[Transition, ...]
    problems: tuple[Problem, ...] = ()
    """Why there are none."""
    seconds: float = 0.0


def roll(item: Item) -> Rolled:
    """Do an item."""
    began = time.monotonic()
    with elaborated(item.text, item.top) as (design, problems):
        if design is None:
            return Rolled(transitions=(), problems=problems)
        start = State(design)
        made = tuple(replace(one, number=number, evaluation=None) for number, one in enumerate(_transitions(item, start)))
    return Rolled(transitions=made, seconds=time.monotonic() - began)


def _transitions(item: Item, start: State) -> Iterator[Transition]:
    simulator = worker_simulator()
    teacher = Teacher(simulator, item.lesson)
    if item.kind is Kind.TEACHER:
        shown = []
        for transition in teacher.taught(start, item.seed):
            shown.append(transition)
            yield transition
        if shown and item.lesson.stands_in:
            yield from teacher.with_stand_in(start, item.seed, shown[0].proposal.reply)
        return
    assert item.speaker is not None
    spoken = list(_spoken(item, item.speaker, start, simulator))
    yield from spoken
    if item.kind is Kind.STUDENT:
        states = [one.after for one in spoken]
        some = sampled(states, lambda state: state)
        for state in [one for one in states if is_improvable(one) or has_failed(one)] if item.lesson.repairs_all else some:
            yield from teacher.repaired(state, item.seed)


def _spoken(item: Item, speaker: Speaker, start: State, simulator: Verilator) -> Iterator[Transition]:
    """Roll a model out from the beginning."""
    backend: Backend = opened_backend(speaker.backend)
    if speaker.rules:
        backend = WithRules(backend, speaker.rules)
    settings = replace(speaker.settings, options=item.lesson.options)
    plan = RolloutPlan(rounds=1 + speaker.rounds, seed=item.seed, limits=item.lesson.limits)
    yield from rollout(start, ModelPolicy(backend, settings), simulator, plan)


@contextlib.contextmanager
def elaborated(text: str, top: str) -> Iterator[tuple[DesignText | None, tuple[Problem, ...]]]:
    """A design from its text alone, with a file that is there as long as it is used."""
    with scratch_folder() as folder:
        path = folder / f"{top}.v"
        path.write_text(text, encoding="utf-8")
        design, problems = elaborate(FileSet(sources=(path,), top=top), search=False)
        yield (read_design_text(design) if design is not None else None), problems


@cache
def worker_simulator() -> Verilator:
    """The simulator of this process, with the user's cache of builds."""
    config = read_config()
    return Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))


def opened_backend(settings: BackendSettings) -> Backend:
    """The model that this process was asked with last, or another in its place: it takes long to load, so it is kept."""
    if settings not in _OPENED:
        for backend in _OPENED.values():
            backend.close()
        _OPENED.clear()
        _OPENED[settings] = open_backend(settings)
        atexit.register(_OPENED[settings].close)
    return _OPENED[settings]


_OPENED: dict[BackendSettings, Backend] = {}
