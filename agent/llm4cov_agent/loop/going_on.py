"""Goes on from a testbench that exists: betters it, mends it, or reaches one point more. Prints, stores and writes nothing.

A testbench whose stimulus is known is one of ours: its sequences are kept, and the result may take its place. One that a person
wrote may check what we can't see, so closure never rewrites it: what it leaves goes into a further testbench beside it. Only a
language model that writes whole files is given a person's text to change.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.errors import Problem, Severity, has_errors
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus
from llm4cov_agent.judge.standing import OnStanding
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.generate import OnTransition, Outcome, Plan, PolicyName, generate
from llm4cov_agent.loop.observe import observe
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_agent.loop.state import State, read_design_text
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.conditions import read_conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A testbench that exists."""

    job: Job
    stimulus: Stimulus | None
    """What it was rendered from, fit for the design as it is now; None where that isn't known, as of one that a person wrote."""
    problems: tuple[Problem, ...] = ()
    """What was noticed while reading it; with errors it is not built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneOn:
    """What came of it."""

    before: Evaluation
    """Of the testbench that was there."""
    outcome: Outcome | None
    """A testbench that is worth having; None if none was found."""
    replaces: bool = True
    """Whether it does all that the one before did, so that it may take its place; else it belongs beside it."""
    gained: frozenset[CoveragePoint] = frozenset()
    """Points that it hits and the one before does not."""
    verdict: Verdict | None = None
    """About the point that was asked for, if it was not reached."""


def go_on(
    design: Design,
    simulator: Verilator,
    plan: Plan,
    present: Present,
    *,
    point: str | None = None,
    on_transition: OnTransition | None = None,
    progress: Progress | None = None,
    on_standing: OnStanding | None = None,
    cancel: Event | None = None,
) -> tuple[GoneOn | None, tuple[Problem, ...]]:
    """Better the present testbench, or mend it if it doesn't build or run; with the id of a `point`, reach that one point.

    None with the reasons if the plan's policies can't work on it.
    """
    began = time.monotonic()
    job = present.job
    try:
        text = read_design_text(design)
    except OSError as error:
        return None, (Problem(f"can't be read any more: {error.strerror}", file=str(error.filename)),)
    before = _judged(present, simulator, progress, cancel)
    works = before.status is RunStatus.OK
    aim = next((hole.point for hole in before.holes if hole.point.id == point), None) if point is not None else None
    if point is not None:
        # Reaching one point is what proofs and the search are for, whoever wrote the rest.
        plan = replace(plan, policy=PolicyName.CLOSURE, finish=None, proves=True, rounds=None)
        if not works:
            return None, (*before.problems, Problem("the testbench does not run, so what it misses is not known; repair it first"))
        if aim is None:
            return GoneOn(before=before, outcome=None), (Problem("the point is hit by now", severity=Severity.NOTE),)
    plan = replace(plan, language=job.testbench.language)
    stimulus, problems = present.stimulus, _left_out(plan, present)
    if stimulus is None:
        refusal = _refusal(plan, works, job.testbench.language)
        if refusal is not None:
            return None, (*before.problems, refusal)
    takes_text = stimulus is None and plan.policy.is_model
    if takes_text:
        # The stimulus language can't say what a person wrote.
        plan = replace(plan, finish=None, model=replace(plan.model, options=replace(plan.model.options, format=ReplyFormat.FULL)))
    replaces = takes_place(plan, present)
    start = State(text)
    if replaces:
        start = State(text, job.testbench, stimulus, observe(before, text, read_conditions(design)))
    missed = frozenset(hole.point for hole in before.holes)
    wanted = frozenset([aim]) if aim is not None else missed if not replaces else None
    plan = replace(plan, wanted=wanted, budget_s=max(plan.budget_s / 2, plan.budget_s - (time.monotonic() - began)))
    outcome, found = generate(
        design,
        simulator,
        plan,
        start=start,
        on_transition=on_transition,
        progress=progress,
        on_standing=on_standing,
        cancel=cancel,
    )
    problems = (*problems, *found)
    if outcome is None:
        return GoneOn(before=before, outcome=None, replaces=replaces), problems
    after = frozenset(hole.point for hole in outcome.evaluation.holes)
    verdict = _verdict(aim, outcome) if aim is not None and aim in after else None
    gained = missed - after if outcome.evaluation.status is RunStatus.OK else frozenset()
    lost = after - missed if works else frozenset()
    if aim is not None:
        useful = aim not in after and outcome.evaluation.status is RunStatus.OK
    else:
        useful = outcome.evaluation.rank > before.rank if replaces else bool(gained)
    return (
        GoneOn(
            before=before,
            outcome=outcome if useful else None,
            replaces=replaces and not (aim is not None and lost),
            gained=gained,
            verdict=verdict,
        ),
        problems,
    )


def _judged(present: Present, simulator: Verilator, progress: Progress | None, cancel: Event | None) -> Evaluation:
    if has_errors(present.problems):
        run = Run(status=RunStatus.BUILD_FAILED, coverage=None, problems=present.problems)
        return Evaluation(run=run, problems=run.problems, tallies={}, holes=(), cycles=None)
    return evaluate(simulator, present.job, progress=progress, cancel=cancel)


def takes_place(plan: Plan, present: Present) -> bool:
    """Whether a better testbench may take the place of the present one; else it belongs beside it."""
    return present.stimulus is not None or plan.policy.is_model


def _left_out(plan: Plan, present: Present) -> tuple[Problem, ...]:
    """Say what of the plan is not done with a testbench whose stimulus isn't known."""
    if present.stimulus is None and plan.policy.is_model and plan.finish is not None:
        what = f"{plan.finish.value} does not go on from there: the testbench's stimulus is not known"
        return (Problem(what, severity=Severity.NOTE),)
    return ()


def _refusal(plan: Plan, works: bool, language: Language) -> Problem | None:
    """Say why a testbench whose stimulus isn't known can't be gone on from."""
    if plan.policy.is_model and language is not Language.SYSTEMVERILOG:
        hint = "Take closure, which adds a further testbench to a working one."
        return Problem("a model changes SystemVerilog testbenches only", hint=hint)
    if not works and not plan.policy.is_model:
        hint = "Repairing a testbench that a person wrote needs a model: choose one as the policy, or mend what the messages name."
        return Problem("the testbench does not run, and its stimulus is not known", hint=hint)
    return None


def _verdict(aim: CoveragePoint, outcome: Outcome) -> Verdict:
    verdicts: Mapping[CoveragePoint, Verdict] = outcome.closed.verdicts if outcome.closed is not None else {}
    return verdicts.get(aim, Verdict(VerdictKind.UNKNOWN, "Neither the search nor the model checker found a way within the time."))
