"""`cover` and `holes`: measure a testbench that exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.cli import options as given
from llm4cov_agent.cli.console import ExitStatus, leave, print_problems, results
from llm4cov_agent.cli.design import refuse
from llm4cov_agent.cli.measure import Measured, exit_status, measure, name_of, prove, record_json
from llm4cov_agent.cli.options import FileOptions
from llm4cov_agent.cli.points import explanations, leave_out, save_proofs
from llm4cov_agent.cli.told import sarif_of, sentences, told_json, waived_json
from llm4cov_agent.closure.reasons import reasons
from llm4cov_agent.closure.waived import WaivedHole, overall_without
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem, display_path
from llm4cov_agent.judge import report
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.lcov import to_lcov
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.rtl.source import read_source


def cover(
    tb: given.TestbenchPath,
    files: given.Files = None,
    top: given.Top = None,
    lists: given.Lists = None,
    own_lists: given.OwnLists = None,
    includes: given.Includes = None,
    defines: given.Defines = None,
    parameters: given.Parameters = None,
    library_dirs: given.LibraryDirs = None,
    library_files: given.LibraryFiles = None,
    seed: given.Seed = 1,
    run_s: given.RunSeconds = 120.0,
    lcov: Annotated[
        Path | None, typer.Option("--lcov", help="Write line and branch coverage in lcov's format.", show_default=False)
    ] = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Write the holes as a SARIF log.", show_default=False)] = None,
    waivers: given.Waivers = None,
    min_percent: Annotated[
        float | None,
        typer.Option(
            "--min",
            min=0,
            max=100,
            help="Exit with status 1 below this overall percentage, of the points that no waiver excludes.",
            show_default=False,
        ),
    ] = None,
    explains: Annotated[
        bool, typer.Option("--explain", help="Say of each hole what an editor's diagnostic says; with --json under `told`.")
    ] = False,
    instances: Annotated[bool, typer.Option("--instances", help="Show each instance too.")] = False,
    store: given.EditStore = None,
    no_store: given.NoEditStore = False,
    as_json: given.AsJson = False,
) -> None:
    """Measure the coverage of a testbench, with the simulator's own numbers."""
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
    for option, output in (("--lcov", lcov), ("--sarif", sarif)):
        if output is not None and output.is_dir():
            hint = f"{option} takes the name of the file to write."
            refuse((Problem("is a folder", file=str(output), hint=hint),), top=top, as_json=as_json)
    measured = measure(file_options, tb, seed=seed, run_s=run_s, store=store, no_store=no_store, as_json=as_json)
    waived: tuple[WaivedHole, ...] = ()
    if waivers:
        measured, waived = leave_out(measured, waivers, as_json=as_json)
    evaluation = measured.evaluation
    counted = overall_without(evaluation.tallies, (one.hole.point.kind for one in waived))
    if lcov is not None and evaluation.run.coverage is not None:
        _write(lcov, to_lcov(evaluation.run.coverage, name_of=str), measured, as_json=as_json)
    if sarif is not None:
        _write(sarif, sarif_of(measured, waived), measured, as_json=as_json)
    if as_json:
        more = (waived_json(waived, counted) if waivers else {}) | (told_json(measured) if explains else {})
        _print_record(measured, tb, seed, more)
    elif evaluation.status is RunStatus.OK:
        console = results()
        report.write(console, report.coverage_table(evaluation.tallies, dropped=evaluation.run.dropped))
        if waived:
            console.print(f"{percent_text(counted)} % overall of what is not excluded", highlight=False, soft_wrap=True)
        if instances and evaluation.run.coverage is not None:
            report.write(console, report.instance_table(evaluation.run.coverage))
        if explains:
            for line in sentences(measured):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
    status = exit_status(evaluation, measured.problems, min_percent=min_percent, counted=counted)
    if status is ExitStatus.TARGET_MISSED and not as_json:
        of_what = " of what is not excluded" * bool(waived)
        print_problems([Problem(f"overall coverage{of_what} {percent_text(counted)} % is below the target of {min_percent:g} %")])
    leave(status)


def holes(
    tb: given.TestbenchPath,
    files: given.Files = None,
    top: given.Top = None,
    lists: given.Lists = None,
    own_lists: given.OwnLists = None,
    includes: given.Includes = None,
    defines: given.Defines = None,
    parameters: given.Parameters = None,
    library_dirs: given.LibraryDirs = None,
    library_files: given.LibraryFiles = None,
    seed: given.Seed = 1,
    run_s: given.RunSeconds = 120.0,
    whole_file: Annotated[bool, typer.Option("--whole-file", help="Show all of each file, not only around holes.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="Most entries shown for a file.")] = 20,
    proves: Annotated[bool, typer.Option("--prove", help="Prove what can't be reached, and find how the rest can.")] = False,
    budget_s: Annotated[
        float, typer.Option("--budget-s", min=1, max=86_400, callback=given.a_number, help="Seconds for --prove, about.")
    ] = 60.0,
    explains: Annotated[
        bool, typer.Option("--explain", help="Say for each hole what has to hold for it, and which inputs decide.")
    ] = False,
    waivers: given.Waivers = None,
    write_waivers_to: Annotated[
        Path | None,
        typer.Option("--write-waivers", help="With --prove: write what was proved unreachable to this file.", show_default=False),
    ] = None,
    store: given.EditStore = None,
    no_store: given.NoEditStore = False,
    as_json: given.AsJson = False,
) -> None:
    """Show the source of a design with what a testbench never reached."""
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
    measured = measure(file_options, tb, seed=seed, run_s=run_s, store=store, no_store=no_store, as_json=as_json)
    waived: tuple[WaivedHole, ...] = ()
    if waivers:
        measured, waived = leave_out(measured, waivers, as_json=as_json)
    if proves and measured.evaluation.holes:
        found = len(measured.problems)
        measured = prove(measured, budget_s=budget_s)
        if not as_json:
            print_problems(measured.problems[found:])
    if write_waivers_to is not None:
        save_proofs(measured, write_waivers_to, as_json=as_json)
    evaluation = measured.evaluation
    if as_json:
        counted = overall_without(evaluation.tallies, (one.hole.point.kind for one in waived))
        more = waived_json(waived, counted) if waivers else {}
        _print_record(replace(measured, evaluation=reasons(evaluation, measured.job.design)), tb, seed, more)
    elif evaluation.status is RunStatus.OK and evaluation.run.coverage is not None:
        console = results()
        texts = {str(path): source.text for path in measured.job.design.sources if (source := read_source(path)[0]) is not None}
        if evaluation.holes or whole_file:
            shown = report.annotated_source(
                evaluation.run.coverage, evaluation.holes, texts, name_of=name_of, whole_file=whole_file, most_holes=most
            )
            report.write(console, shown)
        else:
            console.print("no holes: every point was hit" if not waived else "no holes: every point was hit or is excluded")
        if explains and evaluation.holes:
            for line in explanations(measured.job.design, evaluation, most=most):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
    leave(exit_status(evaluation, measured.problems, min_percent=None))


def _write(path: Path, text: str, measured: Measured, *, as_json: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse((Problem(f"can't be written: {error.strerror}", file=str(path)),), top=measured.job.design.top, as_json=as_json)


def _print_record(measured: Measured, tb: Path, seed: int, more: Mapping[str, Json]) -> None:
    record_json(
        measured.job.design,
        measured.evaluation,
        testbench=display_path(tb),
        seed=seed,
        seconds=measured.seconds,
        problems=measured.problems,
        more=more,
    )
