"""`generate`: make a testbench, measure it, write it."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.cli import model_options as models
from llm4cov_agent.cli import options as given
from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_problems, progress, results
from llm4cov_agent.cli.design import load_design, open_simulator, refuse
from llm4cov_agent.cli.measure import exit_status, record_json
from llm4cov_agent.cli.options import FileOptions
from llm4cov_agent.cli.output import problems_of_output, write_output
from llm4cov_agent.cli.recording import Recorder, Tape
from llm4cov_agent.cli.rounds import round_line, rounds_json
from llm4cov_agent.cli.sweep import FIRST_SHARE, SweepPlan, print_sweep, problems_of_sweep, sweep
from llm4cov_agent.cli.testbench import read_present
from llm4cov_agent.closure.approaches import keep_approaches
from llm4cov_agent.closure.nearest import nearest_of
from llm4cov_agent.closure.reasons import reasons
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem, display_path
from llm4cov_agent.judge import report
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus, SimulationLimits
from llm4cov_agent.loop.delivery import delivered
from llm4cov_agent.loop.generate import Outcome, PolicyName, Watched, undrivable
from llm4cov_agent.loop.generate import generate as generate_testbench
from llm4cov_agent.loop.going_on import GoneOn, Present, go_on
from llm4cov_agent.loop.planning import BUDGET_S, MODEL_BUDGET_S, ModelOptions
from llm4cov_agent.loop.policies.backends import DEFAULT_CONTEXT_TOKENS
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE, GrammarMode
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.design import Design


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
    present: Annotated[
        Path | None, typer.Option("--from", help="Testbench to go on from: better it, or mend it if it fails.", show_default=False)
    ] = None,
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
    record: models.Record = None,
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
        record=record,
    )
    budget_s = within_s if within_s is not None else MODEL_BUDGET_S if asked.takes_model(policy) else BUDGET_S
    begun = _read_present(present, design, seed=seed, run_s=run_s, store=store, as_json=as_json) if present is not None else None
    if begun is not None:
        language = begun.job.testbench.language
    beside = begun is not None and not policy.is_model and begun.stimulus is None
    target = output or Path(f"tb_{design.top}{'_more' if beside else ''}.{'sv' if language is Language.SYSTEMVERILOG else 'py'}")
    refusals = (
        *asked.problems(policy, language, cycles=cycles),
        *undrivable(design),
        *problems_of_output(target, force=force),
        *(problems_of_output(record, force=force, option="--record") if record is not None else ()),
        *([Problem("is named by --record too", file=str(target))] if record is not None and record.resolve() == target.resolve() else []),
        *(problems_of_sweep(policy is PolicyName.CLOSURE) if sweeps else ()),
        *((Problem("--sweep can't begin with --from"),) if sweeps and begun is not None else ()),
    )
    if refusals:
        refuse(refusals, top=design.top, as_json=as_json)
    plan = asked.plan(
        policy,
        language,
        seed=seed,
        rounds=rounds,
        budget_s=budget_s * FIRST_SHARE if sweeps else budget_s,
        cycles=cycles,
        target_percent=100.0 if min_percent is None else min_percent,
        proves=proves,
        limits=SimulationLimits(run_s=run_s),
    )
    tape = Tape(record) if record is not None else None
    if tape is not None:
        plan = replace(plan, on_completion=tape.record)
    simulator = open_simulator()
    # Earlier turns are no part of a state, so what a model did with them could not be replayed.
    recorder = None if no_store or keeps_history else Recorder(store, command=shlex.join(sys.argv[1:]))

    def on_transition(transition: Transition) -> None:
        if recorder is not None:
            recorder.record(transition)
        _tell(transition)

    with interruptible() as stopped, progress(steps=rounds or 1 if policy is PolicyName.RANDOM else 2) as say:
        watched: Watched = {"on_transition": on_transition, "progress": say, "on_standing": say.stand, "cancel": stopped}
        gone = None
        if begun is None:
            outcome, found = generate_testbench(design, simulator, plan, **watched)
        else:
            gone, found = go_on(design, simulator, plan, begun, **watched)
            outcome = gone.outcome if gone is not None else None
    if recorder is not None:
        recorder.close()
        found = (*found, *([recorder.problem] if recorder.problem is not None else []))
    if tape is not None and tape.problem is not None:
        found = (*found, tape.problem)
    if outcome is None and stopped.is_set():
        messages().print("stopped before there was anything to write")
        leave(ExitStatus.INTERRUPTED)
    if gone is not None and outcome is None:
        assert present is not None
        _leave_as_it_is(design, gone, (*loaded.problems, *found), present, seed=seed, started=started, as_json=as_json)
    if outcome is None:
        refuse((*loaded.problems, *found) if as_json else found, top=design.top, as_json=as_json)
    evaluation = outcome.evaluation
    kept = write_output(target, delivered(outcome))
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
    nearest = nearest_of(outcome.closed.nearest, design) if outcome.closed is not None else None
    if nearest is not None and gone is None:
        keep_approaches(design, nearest, outcome.testbench.text, simulator.cache)
    if as_json:
        more: dict[str, Json] = {
            "rounds": rounds_json(outcome.transitions),
            "trajectory": recorder.trajectory if recorder is not None else None,
            **(swept.to_json() if swept is not None else {}),
        }
        problems = (*problems, *(swept.problems if swept is not None else ()))
        explained = reasons(evaluation, design, nearest)
        seconds = time.monotonic() - started
        record_json(design, explained, testbench=display_path(target), seed=outcome.seed, seconds=seconds, problems=problems, more=more)
    else:
        print_problems((*found, *evaluation.problems))
        _print_outcome(design, outcome, target, kept)
        if gone is not None and present is not None:
            _print_gain(gone, present)
        if swept is not None:
            print_sweep(swept, language)
    if outcome.reason is StopReason.CANCELLED:
        leave(ExitStatus.INTERRUPTED)
    judged = evaluation if swept is None else replace(evaluation, tallies=swept.tallies)
    leave(exit_status(judged, problems, min_percent=min_percent))


def _read_present(path: Path, design: Design, *, seed: int, run_s: float, store: Path | None, as_json: bool) -> Present:
    present, problems = read_present(path, design, store=store, seed=seed, limits=SimulationLimits(run_s=run_s))
    if present is None:
        refuse(problems, top=design.top, as_json=as_json)
    return present


def _leave_as_it_is(
    design: Design, gone: GoneOn, problems: tuple[Problem, ...], path: Path, *, seed: int, started: float, as_json: bool
) -> NoReturn:
    """End the command: nothing better than the testbench that is there was found, and nothing was written."""
    before, seconds = gone.before, time.monotonic() - started
    problems = (*problems, *before.problems)
    if as_json:
        record_json(design, before, testbench=display_path(path), seed=seed, seconds=seconds, problems=problems)
    else:
        print_problems(problems)
        covers = f", which covers {percent_text(before.overall)} %" if before.overall is not None else ""
        text = f"nothing better was found than {display_path(path)}{covers}; nothing was written"
        messages().print(text, highlight=False, soft_wrap=True)
    leave(exit_status(before, problems, min_percent=None))


def _print_gain(gone: GoneOn, path: Path) -> None:
    hits = f"it hits {len(gone.gained)} points that {display_path(path)} does not"
    if gone.replaces:
        was = f"{percent_text(gone.before.overall)} %" if gone.before.overall is not None else "did not run"
        text = f"{hits}; that one {'covers ' + was if gone.before.overall is not None else was}"
    else:
        text = f"{hits}; run both, as it repeats nothing that {display_path(path)} does"
    messages().print(text, highlight=False, soft_wrap=True)


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
