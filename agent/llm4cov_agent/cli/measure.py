"""Measures one testbench for `cover` and `holes`, and prints what both print. Knows no option of either."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_json, print_problems, progress
from llm4cov_agent.cli.design import load_design, open_simulator, refuse
from llm4cov_agent.cli.options import FileOptions
from llm4cov_agent.cli.testbench import read_job
from llm4cov_agent.closure.proved_before import why_no_verdict
from llm4cov_agent.closure.verdicts import WITNESS_CYCLES, ask, confirm, keep_verdicts
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem, Severity, display_path, has_errors
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.evaluator import Evaluation, evaluate, with_verdicts
from llm4cov_agent.judge.export import result_json
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.trajectories.human import keep_edit


@dataclass(frozen=True, slots=True)
class Measured:
    """A testbench, its evaluation, and how long the whole took."""

    job: Job
    evaluation: Evaluation
    problems: tuple[Problem, ...]
    seconds: float


def measure(options: FileOptions, path: Path, *, seed: int, run_s: float, store: Path | None, no_store: bool, as_json: bool) -> Measured:
    """Read, build and run; ends the command if the input is bad. An edit of an accepted testbench that covers more is stored."""
    started = time.monotonic()
    loaded = load_design(options, as_json=as_json)
    job, problems = read_job(path, loaded.design, seed=seed, limits=SimulationLimits(run_s=run_s))
    if job is None:
        refuse((*loaded.problems, *problems) if as_json else problems, top=loaded.design.top, as_json=as_json)
    simulator = open_simulator()
    with interruptible() as stopped, progress() as say:
        evaluation = evaluate(simulator, job, progress=say, cancel=stopped)
    problems = (*problems, *evaluation.problems)
    if stopped.is_set():
        messages().print("stopped; nothing was measured")
        leave(ExitStatus.INTERRUPTED)
    edit, unkept = (None, ()) if no_store else keep_edit(loaded.design, job, evaluation, path=store)
    problems = (*problems, *unkept)
    if edit is not None:
        gain = f"{percent_text(edit.after)} % where the accepted testbench had {percent_text(edit.before)} %"
        messages().print(
            f"your edit covers {gain}; stored as round {edit.round} of trajectory {edit.trajectory}", highlight=False, soft_wrap=True
        )
    if not as_json:
        print_problems(problem for problem in problems if problem.severity is not Severity.NOTE)
        if evaluation.status is RunStatus.RUN_FAILED and evaluation.run.log.strip():
            messages().print(_log_end(evaluation.run.log), highlight=False, markup=False, style="dim")
    return Measured(job, evaluation, (*loaded.problems, *problems), time.monotonic() - started)


def prove(measured: Measured, *, budget_s: float) -> Measured:
    """Give each hole of a measured testbench a verdict; Ctrl-C keeps what is known by then.

    It is about the design as it was given: of a testbench that may make another one of it, a warning says so.
    """
    started = time.monotonic()
    simulator = open_simulator()
    job, evaluation = measured.job, measured.evaluation
    with interruptible() as stopped, progress() as say:
        say("proving what can't be reached")
        points = [hole.point for hole in evaluation.holes]
        asked = ask(job.design, points, cache=simulator.cache, budget_s=budget_s, depth=WITNESS_CYCLES, cancel=stopped)
        say("confirming what can")
        verdicts = confirm(asked, job.design, simulator, limits=job.limits, cancel=stopped)
        keep_verdicts(job.design, simulator.cache, verdicts)
    judged = with_verdicts(evaluation, verdicts)
    why = why_no_verdict(job)
    warnings = (Problem(why, hint="Parameters can be given with -G.", severity=Severity.WARNING),) if why is not None else ()
    problems, seconds = (*measured.problems, *warnings), measured.seconds + time.monotonic() - started
    return replace(measured, evaluation=judged, problems=problems, seconds=seconds)


def record_json(
    design: Design,
    evaluation: Evaluation,
    *,
    testbench: str | None,
    seed: int,
    seconds: float,
    problems: Iterable[Problem],
    more: Mapping[str, Json] | None = None,
) -> None:
    """Print the contract's JSON object; `more` are keys beside the contract's."""
    print_json(
        result_json(
            top=design.top,
            status=evaluation.status,
            testbench=testbench,
            seed=seed,
            seconds=seconds,
            cycles=evaluation.cycles,
            tallies=evaluation.tallies,
            holes=evaluation.holes,
            dropped=evaluation.run.dropped,
            problems=problems,
            name_of=name_of,
        )
        | dict(more or {})
    )


def name_of(path: str) -> str:
    """Write a point's file as the user would."""
    return display_path(Path(path))


def exit_status(
    evaluation: Evaluation, problems: Iterable[Problem], *, min_percent: float | None, counted: float | None = None
) -> ExitStatus:
    """Decide how a command ends that measured something; `counted` is the percentage that has to reach the target, overall by default."""
    if evaluation.status is not RunStatus.OK or has_errors(problems):
        return ExitStatus.BAD_INPUT
    if min_percent is not None and ((evaluation.overall if counted is None else counted) or 0.0) < min_percent:
        return ExitStatus.TARGET_MISSED
    return ExitStatus.DONE


def _log_end(log: str, lines: int = 15) -> str:
    return "\n".join(["last output of the run:", *(f"  {line}" for line in log.strip().splitlines()[-lines:])])
