"""Does one item: what a worker runs. Stores nothing, so that workers may be anywhere."""

from __future__ import annotations

import atexit
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
from llm4cov_agent.loop.state import State, read_design_text
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.curation.sampling import sampled
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
    with scratch_folder() as folder:
        path = folder / f"{item.top}.v"
        path.write_text(item.text, encoding="utf-8")
        design, problems = elaborate(FileSet(sources=(path,), top=item.top), search=False)
        if design is None:
            return Rolled(transitions=(), problems=problems)
        start = State(read_design_text(design))
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
        if shown:
            yield from teacher.with_stand_in(start, item.seed, shown[0].proposal.reply)
        return
    assert item.speaker is not None
    spoken = list(_spoken(item, item.speaker, start, simulator))
    yield from spoken
    if item.kind is Kind.STUDENT:
        for state in sampled([one.after for one in spoken], lambda state: state):
            yield from teacher.repaired(state, item.seed)


def _spoken(item: Item, speaker: Speaker, start: State, simulator: Verilator) -> Iterator[Transition]:
    """Roll a model out from the beginning."""
    backend: Backend = _backend(speaker.backend)
    if speaker.rules:
        backend = WithRules(backend, speaker.rules)
    settings = replace(speaker.settings, options=item.lesson.options)
    plan = RolloutPlan(rounds=1 + speaker.rounds, seed=item.seed, limits=item.lesson.limits)
    yield from rollout(start, ModelPolicy(backend, settings), simulator, plan)


@cache
def worker_simulator() -> Verilator:
    """The simulator of this process, with the user's cache of builds."""
    config = read_config()
    return Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))


@cache
def _backend(settings: BackendSettings) -> Backend:
    # A model takes long to load, so each worker keeps the one that it was asked with.
    backend = open_backend(settings)
    atexit.register(backend.close)
    return backend
