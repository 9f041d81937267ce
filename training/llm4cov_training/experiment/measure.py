"""Measures contestants on held-out designs, one design of one contestant a task, on all cores. Judges as the loop does.

Scores are noted line by line as they are known, so a run that is stopped goes on with what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from cattrs.preconf.json import make_converter

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan
from llm4cov_agent.digest import Json
from llm4cov_agent.loop.policies.backends import BackendSettings
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.policies.model import ModelPolicy
from llm4cov_agent.loop.policies.random import RandomPolicy
from llm4cov_agent.loop.policy import Policy
from llm4cov_training.experiment.steps import Outcome, Steps, Stopped
from llm4cov_training.learn.evaluate import DesignScore, EvaluationPlan, score
from llm4cov_training.synthesis.roll import elaborated, opened_backend, worker_simulator
from llm4cov_training.work import Failed, Workers

_CONVERTER = make_converter()
_SCORES = "scores.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """Who is measured, and how."""

    name: str
    digest: str
    """Names who it is by what it is made of."""
    plan: EvaluationPlan
    backend: BackendSettings | None = None
    """None for closure alone, or for random inputs."""
    closure_s: float = 0.0
    """Seconds that closure has; 0 for random inputs, where there is no backend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A design that is judged on, with all that it takes, so that it can be done on any machine."""

    name: str
    top: str
    text: str
    digest: str
    """`Design.digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A task."""

    contestant: Contestant
    judged: Judged


def try_one(trial: Trial) -> DesignScore:
    """Try one design; what a worker does."""
    simulator = worker_simulator()
    contestant = trial.contestant
    policy: Policy
    if contestant.backend is not None:
        policy = ModelPolicy(opened_backend(contestant.backend), contestant.plan.model)
    elif contestant.closure_s:
        plan = ClosePlan(budget_s=contestant.closure_s, workers=1, proves=False, limits=contestant.plan.limits)
        policy = ClosurePolicy(simulator, plan, Language.SYSTEMVERILOG)
    else:
        policy = RandomPolicy(Language.SYSTEMVERILOG)
    judged = trial.judged
    with elaborated(judged.text, judged.top) as (design, problems):
        assert design is not None, problems
        found = score(policy, judged.name, design, simulator, contestant.plan)
    assert found is not None
    return found


def measured(
    steps: Steps,
    contestant: Contestant,
    designs: Sequence[Judged],
    workers: Workers,
    *,
    tell: Callable[[str], None],
    cancel: Event,
) -> tuple[DesignScore, ...]:
    """Measure one contestant, as a step. Raises Stopped."""

    def make(folder: Path) -> Outcome:
        file = folder / _SCORES
        done = {one.name for one in _read(file)}
        left = [Trial(contestant=contestant, judged=one) for one in designs if one.name not in done]
        with file.open("a", encoding="utf-8") as noted:
            for trial, found in workers.map(try_one, left, cancel=cancel):
                if isinstance(found, Failed):
                    raise RuntimeError(f"{contestant.name} can't be measured on {trial.judged.name}: {found.reason}")
                noted.write(_CONVERTER.dumps(found) + "\n")
                noted.flush()
        if cancel.is_set():
            raise Stopped
        return {"designs": len(designs)}

    plan = contestant.plan
    inputs: list[Json] = [contestant.digest, contestant.closure_s, repr(plan), [[one.name, one.digest] for one in designs]]
    steps.do(f"measured/{contestant.name}", inputs, make)
    order = {one.name: rank for rank, one in enumerate(designs)}
    found = _read(steps.folder / "measured" / contestant.name / _SCORES)
    direct = [sample.overall for one in found for sample in one.samples]
    tell(f"  {contestant.name}: {sum(direct) / len(direct):.1f} % direct")
    return tuple(sorted(found, key=lambda one: order[one.name]))


def _read(file: Path) -> list[DesignScore]:
    """Read whole lines; half of one is what a power cut leaves, and its design is measured again."""
    if not file.exists():
        return []
    found: dict[str, DesignScore] = {}
    for line in file.read_text("utf-8").splitlines():
        try:
            one = _CONVERTER.structure(json.loads(line), DesignScore)
        except ValueError:
            continue
        found[one.name] = one
    return list(found.values())
