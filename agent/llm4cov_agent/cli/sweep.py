"""`generate --sweep`: a further testbench for each choice of parameters that hits what no other can. Chooses none itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.cli.console import interruptible, messages, print_problems, progress, results
from llm4cov_agent.cli.options import FileOptions, read_file_options
from llm4cov_agent.cli.output import problems_of_output, write_output
from llm4cov_agent.closure.close import MOST_CYCLES, ClosePlan, close
from llm4cov_agent.closure.sweep import Configuration, choose, written
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.judge import report
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally, overall, percent_text
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.export import score_json
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import Job, Progress, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.delivery import with_provenance
from llm4cov_agent.rtl.design import Design

FIRST_SHARE = 0.5
"""How much of the budget goes to the parameters as they are given; the rest is shared by the others."""
_LEAST_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """How far to go."""

    budget_s: float
    """For all further configurations together."""
    seed: int
    cycles: int | None
    language: Language
    proves: bool
    limits: SimulationLimits
    folder: Path
    force: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """A configuration and what came of it."""

    configuration: Configuration
    evaluation: Evaluation | None = None
    path: Path | None = None
    """Of the testbench; None where it hits nothing new or could not be measured."""
    beyond: int = 0
    """Points that it hits and no other configuration does."""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """All configurations, the given one not among `further`."""

    first: Evaluation
    further: tuple[Swept, ...]
    tallies: dict[Kind, Tally]
    """Of all configurations together; a point is unreachable if it was proved so in each that has it."""
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Json]:
        """Give the keys that stand beside those of the contract."""
        return {"configurations": [_json(one) for one in self.further], "union": score_json(self.tallies)}


def sweep(options: FileOptions, design: Design, first: Evaluation, plan: SweepPlan, simulator: Verilator) -> Sweep:
    """Close further configurations and write a testbench for each that hits something new; Ctrl-C ends it with what there is."""
    files, _ = read_file_options(options)
    proved = [hole.point for hole in first.holes if hole.verdict.kind is VerdictKind.UNREACHABLE]
    if files is None or first.run.coverage is None:
        return Sweep(first, (), dict(first.tallies), ())
    deadline = time.monotonic() + plan.budget_s
    with interruptible() as stopped, progress(steps=1) as say:
        say("looking for parameters that switch code off")
        choice = choose(files, design, proved)
        problems = [
            *choice.refused,
            *(Problem(f"{name} is not swept, as -G sets it", severity=Severity.NOTE) for name in choice.fixed),
        ]
        done: list[Swept] = []
        covered = set(first.run.coverage.covered())
        for rank, configuration in enumerate(choice.configurations):
            if stopped.is_set():
                break
            share_s = max(_LEAST_S, (deadline - time.monotonic()) / (len(choice.configurations) - rank))
            one = _swept(configuration, plan, share_s, covered, simulator, _prefixed(say, configuration), stopped)
            done.append(one)
            if one.evaluation is not None and one.evaluation.run.coverage is not None and one.path is not None:
                covered |= one.evaluation.run.coverage.covered()
    return Sweep(first, tuple(_counted(first, done)), _union(first, done), tuple(problems))


def problems_of_sweep(policy_is_closure: bool) -> tuple[Problem, ...]:
    """Say why there can be no sweep."""
    hint = "Leave out --policy, or --sweep."
    return () if policy_is_closure else (Problem("--sweep goes with the closure policy only", hint=hint),)


def print_sweep(swept: Sweep, language: Language) -> None:
    """Tell a person what came of it."""
    # The elaborator's own name for why a value is refused tells a person nothing that the text doesn't.
    print_problems(replace(problem, code=None) for problem in swept.problems)
    console = messages()
    for one in swept.further:
        console.print(_sentence(one), highlight=False, soft_wrap=True)
        if language is Language.COCOTB and one.path is not None:
            given = " ".join(f"-G {name}={value}" for name, value in one.configuration.values)
            console.print(f"  its runner sets the parameters; `cover` and `holes` take them as {given}", highlight=False, soft_wrap=True)
    if not swept.further:
        console.print("no other parameter value was found that could bring in more points", highlight=False)
    if any(one.path is not None for one in swept.further):
        results().print("\nall configurations together")
        report.write(results(), report.coverage_table(swept.tallies, dropped=()))


def _swept(
    configuration: Configuration,
    plan: SweepPlan,
    budget_s: float,
    covered: set[CoveragePoint],
    simulator: Verilator,
    say: Progress,
    stopped: Event,
) -> Swept:
    design = configuration.design
    limits = ClosePlan(seed=plan.seed, budget_s=budget_s, cycles=plan.cycles or MOST_CYCLES, proves=plan.proves, limits=plan.limits)
    suffix = "sv" if plan.language is Language.SYSTEMVERILOG else "py"
    refusals = problems_of_output(plan.folder / f"tb_{design.top}__{configuration.name}.{suffix}", force=plan.force)
    if refusals:
        return Swept(configuration, problem=refusals[0])
    closed = close(design, simulator, limits, progress=say, cancel=stopped)
    if closed.stimulus is None:
        return Swept(configuration, problem=next(iter(closed.problems), Problem("it can't be compiled")))
    testbench = render(closed.stimulus, design, plan.language, variant=configuration.name)
    job = Job(design=design, testbench=testbench, limits=plan.limits)
    evaluation = evaluate(simulator, job, verdicts=closed.verdicts, progress=say, cancel=stopped)
    if evaluation.status is not RunStatus.OK or evaluation.run.coverage is None:
        found = next((one for one in evaluation.problems if one.severity is Severity.ERROR), Problem(evaluation.status.label))
        return Swept(configuration, evaluation, problem=found)
    if evaluation.run.coverage.covered() <= covered:
        return Swept(configuration, evaluation)
    path = plan.folder / testbench.file_name
    write_output(path, with_provenance(testbench.text, ("closure",), plan.seed, evaluation))
    return Swept(configuration, evaluation, path)


def _prefixed(say: Progress, configuration: Configuration) -> Progress:
    return lambda phase: say(f"{written(configuration.values)}: {phase}")


def _counted(first: Evaluation, done: Sequence[Swept]) -> Iterator[Swept]:
    """Say of each configuration what it hits beyond all others."""
    for one in done:
        others = [first, *(other.evaluation for other in done if other is not one and other.path is not None and other.evaluation)]
        elsewhere = {point for other in others if other.run.coverage is not None for point in other.run.coverage.covered()}
        coverage = one.evaluation.run.coverage if one.evaluation is not None and one.path is not None else None
        beyond = len(coverage.covered() - elsewhere) if coverage is not None else 0
        yield Swept(one.configuration, one.evaluation, one.path, beyond, one.problem)


def _union(first: Evaluation, done: Iterable[Swept]) -> dict[Kind, Tally]:
    parts = [first, *(one.evaluation for one in done if one.evaluation is not None and one.path is not None)]
    whole = Coverage({})
    proved: set[CoveragePoint] = set()
    open_points: set[CoveragePoint] = set()
    for part in parts:
        if part.run.coverage is not None:
            whole = whole + part.run.coverage
        for hole in part.holes:
            (proved if hole.verdict.kind is VerdictKind.UNREACHABLE else open_points).add(hole.point)
    return whole.tallies(proved - open_points)


def _sentence(one: Swept) -> str:
    what = written(one.configuration.values)
    if one.problem is not None:
        return f"{what}: skipped: {one.problem}"
    if one.evaluation is None or one.path is None:
        return f"{what}: hits nothing new, not written"
    cycles = f", {one.evaluation.cycles} cycles" if one.evaluation.cycles is not None else ""
    alone = percent_text(overall(one.evaluation.tallies))
    points = f"{one.beyond} point{'s' * (one.beyond != 1)} that no other configuration hits"
    return f"{what}: wrote {display_path(one.path)}{cycles}: {points}; {alone} % by itself"


def _json(one: Swept) -> Json:
    evaluation = one.evaluation
    return {
        "parameters": dict(one.configuration.values),
        "status": evaluation.status.label if evaluation is not None else RunStatus.BUILD_FAILED.label,
        "testbench": display_path(one.path) if one.path is not None else None,
        "cycles": evaluation.cycles if evaluation is not None else None,
        **score_json(evaluation.tallies if evaluation is not None else {}),
        "beyond": one.beyond,
        "reason": _sentence(one),
    }
