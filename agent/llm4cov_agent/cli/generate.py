"""`generate`: make a testbench, measure it, write it."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.cli import model_options as models
from llm4cov_agent.cli import options as given
from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_problems, progress, results
from llm4cov_agent.cli.design import load_design, open_simulator, refuse
from llm4cov_agent.cli.measure import exit_status, record_json
from llm4cov_agent.cli.model_options import ModelOptions
from llm4cov_agent.cli.options import FileOptions
from llm4cov_agent.cli.output import problems_of_output, write_output
from llm4cov_agent.cli.recording import Recorder
from llm4cov_agent.cli.rounds import round_line, rounds_json
from llm4cov_agent.cli.sweep import FIRST_SHARE, SweepPlan, print_sweep, problems_of_sweep, sweep
from llm4cov_agent.closure.nearest import nearest_of
from llm4cov_agent.closure.reasons import reasons
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import display_path
from llm4cov_agent.judge import report
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus, SimulationLimits
from llm4cov_agent.loop.generate import Outcome, Plan, PolicyName, undrivable
from llm4cov_agent.loop.generate import generate as generate_testbench
from llm4cov_agent.loop.policies.backends import DEFAULT_CONTEXT_TOKENS
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE, GrammarMode
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.design import Design

BUDGET_S = 60.0
MODEL_BUDGET_S = 300.0
"""A small model takes half a minute for a reply on two cores."""


def generate(
    files: given.Files = None,
    top: given.Top = None,
    lists: given.Lists = None,
    own_lists: given.OwnLists = None,
    includes: given.Includes = None,
    defines: given.Defines = None,
    parameters: given.Parameters = None,
    library_dirs: given.LibraryDirs = None,
    library_files: given.LibraryFiles = None,
    output: Annotated[Path | None, typer.Option("-o", help="File to write; tb_TOP.sv or tb_TOP.py by default.", show_default=False)] = None,
    language: Annotated[Language, typer.Option("--lang", help="Language of the testbench.")] = Language.SYSTEMVERILOG,
    policy: Annotated[PolicyName, typer.Option("--policy", help="Who proposes stimuli.")] = PolicyName.CLOSURE,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            min=0,
            help="Most rounds of the search; random testbenches that are tried; repairs after a model's first reply.",
            show_default=False,
        ),
    ] = None,
    within_s: Annotated[
        float | None,
        typer.Option(
            "--budget-s",
            min=0,
            max=86_400,
            callback=given.a_number,
            help="Seconds in all, about: 60, or 300 if a model is asked.",
            show_default=False,
        ),
    ] = None,
    cycles: Annotated[
        int | None,
        typer.Option(
            "--cycles", min=1, max=5_000_000, help="Clock cycles of a testbench: 200000 at most, 2000 if random.", show_default=False
        ),
    ] = None,
    proves: Annotated[
        bool, typer.Option("--prove/--no-prove", help="Whether what the search leaves is proved unreachable or reached.")
    ] = True,
    min_percent: Annotated[
        float | None, typer.Option("--min", min=0, max=100, help="Target: stop there, exit with status 1 below.", show_default=False)
    ] = None,
    sweeps: Annotated[
        bool, typer.Option("--sweep", help="Try other parameter values too, and write a testbench for each that hits more.")
    ] = False,
    seed: given.Seed = 1,
    run_s: given.RunSeconds = 120.0,
    finish: models.Finish = None,
    model: models.Model = "",
    adapter: models.Adapter = None,
    endpoint: models.Endpoint = "",
    key_variable: models.KeyVariable = DEFAULT_KEY_VARIABLE,
    server_grammar: models.ServerGrammar = GrammarMode.NONE,
    reply_format: models.Format = ReplyFormat.STIMULUS,
    max_tokens: models.MaxTokens = 1024,
    prompt_tokens: models.PromptTokens = 3000,
    context_tokens: models.ContextTokens = DEFAULT_CONTEXT_TOKENS,
    temperature: models.Temperature = 0.7,
    gpu_layers: models.GpuLayers = 0,
    threads: models.Threads = None,
    thinks: models.Thinking = None,
    keeps_history: models.History = False,
    store: Annotated[
        Path | None, typer.Option("--store", help="File that keeps what was tried; the user's own by default.", show_default=False)
    ] = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep nothing of what was tried.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists, keeping a copy of it.")] = False,
    as_json: given.AsJson = False,
) -> None:
    """Generate a testbench, measure its coverage, and write it to a file."""
    started = time.monotonic()
    file_options = FileOptions(
        files=files,
        top=top,
        lists=lists,
        own_lists=own_lists,
        includes=includes,
        defines=defines,
        parameters=parameters,
        library_dirs=library_dirs,
        library_files=library_files,
    )
    loaded = load_design(file_options, as_json=as_json)
    design = loaded.design
    suffix = "sv" if language is Language.SYSTEMVERILOG else "py"
    target = output or Path(f"tb_{design.top}.{suffix}")
    takes_model = policy.is_model or (finish is not None and finish.is_model)
    budget_s = within_s if within_s is not None else MODEL_BUDGET_S if takes_model else BUDGET_S
    asked = ModelOptions(
        finish=finish,
        model=model,
        adapter=adapter,
        endpoint=endpoint,
        key_variable=key_variable,
        server_grammar=server_grammar,
        reply_format=reply_format,
        max_tokens=max_tokens,
        prompt_tokens=prompt_tokens,
        context_tokens=context_tokens,
        temperature=temperature,
        gpu_layers=gpu_layers,
        threads=threads,
        thinks=thinks,
        keeps_history=keeps_history,
    )
    refusals = (
        *asked.problems(policy, language, cycles=cycles),
        *undrivable(design),
        *problems_of_output(target, force=force),
        *(problems_of_sweep(policy is PolicyName.CLOSURE) if sweeps else ()),
    )
    if refusals:
        refuse(refusals, top=design.top, as_json=as_json)
    plan = Plan(
        policy=policy,
        finish=finish,
        seed=seed,
        rounds=rounds,
        budget_s=budget_s * FIRST_SHARE if sweeps else budget_s,
        cycles=cycles,
        language=language,
        target_percent=100.0 if min_percent is None else min_percent,
        proves=proves,
        limits=SimulationLimits(run_s=run_s),
        backend=asked.backend(policy),
        model=asked.settings(),
        keeps_history=keeps_history,
    )
    simulator = open_simulator()
    # Earlier turns are no part of a state, so what a model did with them could not be replayed.
    recorder = None if no_store or keeps_history else Recorder(store, command=shlex.join(sys.argv[1:]))

    def on_transition(transition: Transition) -> None:
        if recorder is not None:
            recorder.record(transition)
        _tell(transition)

    with interruptible() as stopped, progress(steps=rounds or 1 if policy is PolicyName.RANDOM else 2) as say:
        outcome, found = generate_testbench(design, simulator, plan, on_transition=on_transition, progress=say, cancel=stopped)
    if recorder is not None:
        recorder.close()
        found = (*found, *([recorder.problem] if recorder.problem is not None else []))
    if outcome is None and stopped.is_set():
        messages().print("stopped before there was anything to write")
        leave(ExitStatus.INTERRUPTED)
    if outcome is None:
        refuse((*loaded.problems, *found) if as_json else found, top=design.top, as_json=as_json)
    evaluation = outcome.evaluation
    kept = write_output(target, outcome.testbench.text)
    problems = (*loaded.problems, *found, *evaluation.problems)
    swept = None
    if sweeps and outcome.reason is not StopReason.CANCELLED:
        further = SweepPlan(
            budget_s=started + budget_s - time.monotonic(),
            seed=seed,
            cycles=cycles,
            language=language,
            proves=proves,
            limits=plan.limits,
            folder=target.parent,
            force=force,
        )
        swept = sweep(file_options, design, evaluation, further, simulator)
    if as_json:
        more: dict[str, Json] = {
            "rounds": rounds_json(outcome.transitions),
            "trajectory": recorder.trajectory if recorder is not None else None,
            **(swept.to_json() if swept is not None else {}),
        }
        problems = (*problems, *(swept.problems if swept is not None else ()))
        nearest = nearest_of(outcome.closed.nearest, design) if outcome.closed is not None else None
        explained = reasons(evaluation, design, nearest)
        seconds = time.monotonic() - started
        record_json(design, explained, testbench=display_path(target), seed=outcome.seed, seconds=seconds, problems=problems, more=more)
    else:
        print_problems((*found, *evaluation.problems))
        _print_outcome(design, outcome, target, kept)
        if swept is not None:
            print_sweep(swept, language)
    if outcome.reason is StopReason.CANCELLED:
        leave(ExitStatus.INTERRUPTED)
    judged = evaluation if swept is None else replace(evaluation, tallies=swept.tallies)
    leave(exit_status(judged, problems, min_percent=min_percent))


def _tell(transition: Transition) -> None:
    """Say how a round went; of the deterministic policies only where there are several."""
    if transition.model is not None or transition.number > 0:
        messages().print(round_line(transition), highlight=False, soft_wrap=True)


def _print_outcome(design: Design, outcome: Outcome, target: Path, kept: Path | None) -> None:
    evaluation = outcome.evaluation
    if evaluation.status is RunStatus.OK:
        report.write(results(), report.coverage_table(evaluation.tallies, dropped=evaluation.run.dropped))
    console = messages()
    measured = "" if evaluation.status is RunStatus.OK else ", not measured"
    cycles = f", {evaluation.cycles} cycles" if evaluation.cycles is not None else ""
    console.print(f"wrote {display_path(target)}{cycles}, seed {outcome.seed}{measured}", highlight=False, soft_wrap=True)
    if kept is not None:
        console.print(f"the file that was there is now {display_path(kept)}", highlight=False, soft_wrap=True)
    if len(outcome.transitions) > 1:
        console.print(f"best of {len(outcome.transitions)} testbenches; ended because {outcome.reason.value}", highlight=False)
    closed = outcome.closed
    open_holes = [hole for hole in evaluation.holes if hole.verdict.kind is not VerdictKind.UNREACHABLE]
    if closed is not None and closed.runs:
        rate = closed.runs / max(closed.search_s, 0.001)
        console.print(
            f"searched {closed.runs} stimuli of {closed.cycles} cycles in all ({rate:.0f} stimuli/s), proofs took {closed.prove_s:.0f} s; "
            f"{len(evaluation.holes) - len(open_holes)} points proved unreachable, {len(open_holes)} left",
            highlight=False,
            soft_wrap=True,
        )
        if closed.lost:
            hint = "the search hit them, but the testbench has no room for them; --cycles allows more"
            console.print(f"{closed.lost} points are not in the testbench: {hint}", highlight=False, soft_wrap=True)
    if evaluation.holes:
        files = " ".join(display_path(source) for source in design.sources)
        proves = "" if closed is None else " --prove"
        console.print(
            f"{len(evaluation.holes)} points were not hit; see them with\n"
            f"  llm4cov-lsp holes {files} --top {design.top} --tb {display_path(target)}{proves}",
            highlight=False,
            soft_wrap=True,
        )
