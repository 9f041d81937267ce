"""Verilator as a `Simulator`: what a job is built from, what is kept of it, how a run is read. Scores nothing."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.digest import digest_json
from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.judge import cocotb_runtime, process
from llm4cov_agent.judge.build_cache import BuildCache, Cancelled
from llm4cov_agent.judge.coverage_dat import read_coverage
from llm4cov_agent.judge.process import Ending, Limits, Outcome
from llm4cov_agent.judge.run_record import RunRecord, read_record, write_record
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus
from llm4cov_agent.judge.verilator import commands
from llm4cov_agent.judge.verilator.messages import read_run_errors
from llm4cov_agent.judge.verilator.model import BINARY, GENERATED, Model, build_model
from llm4cov_agent.judge.verilator.toolchain import Toolchain
from llm4cov_agent.rtl.design import DesignFile
from llm4cov_agent.rtl.source import changed_files

_COVERAGE_FILE = "coverage.dat"
_LOG_END_CHARACTERS = 4000
_MOST_PRINTED_PROBLEMS = 20
_TESTBENCH_FOLDER = "testbench"
_TESTBENCH = "<testbench>"
"""Stands for the testbench's file in what is kept: the same text may lie elsewhere the next time."""


@dataclass(frozen=True, slots=True)
class Verilator:
    """Builds and runs jobs with one toolchain, keeping models and runs in one cache."""

    toolchain: Toolchain
    cache: BuildCache
    use_kept_runs: bool = True
    """Whether a run that was measured before is read back instead of made again."""

    @property
    def name(self) -> str:
        """Its name in reports."""
        return "verilator"

    def version(self) -> str:
        """Version and origin in one line."""
        return f"Verilator {self.toolchain.version} ({self.toolchain.origin})"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        """Build and run a job, or read back what the same job gave before."""
        model_key = "model-" + digest_json(_model_inputs(job, self.toolchain))
        run_key = "run-" + digest_json([model_key, job.testbench.digest, job.seed, _states(job, ("data",))])
        if self.use_kept_runs and (place := self.cache.find(run_key)) is not None and (kept := read_record(place)) is not None:
            return _named(_with_coverage(kept, job), job)
        try:
            record, lasting = self._measure(job, model_key, progress, cancel)
        except Cancelled:
            return _cancelled()
        changed = _changed_files(job)
        if changed:
            problem = Problem("changed while it was being measured", file=display_path(changed[0]), hint="Run the command again.")
            return Run(status=RunStatus.RUN_FAILED, problems=(problem,))
        if lasting:
            with suppress(Cancelled), self.cache.entry(run_key, lambda folder: write_record(folder, record), cancel=cancel):
                pass
        return _named(_with_coverage(record, job), job)

    def _measure(self, job: Job, key: str, progress: Progress | None, cancel: Event | None) -> tuple[RunRecord, bool]:
        """Build and run; the second value says whether the same job would give the same again."""
        built: list[Model] = []
        started = time.monotonic()

        def make(folder: Path) -> bool:
            model = self._build(job, folder, progress, cancel)
            built.append(model)
            if model.failure is None:
                _remove_intermediates(folder)
                warnings = tuple(warning for warning in model.warnings if warning.file == _TESTBENCH)
                write_record(folder, RunRecord(Run(status=RunStatus.OK, problems=warnings, dropped=model.dropped), None))
            return model.failure is None and not _changed_files(job)

        with self.cache.entry(key, make, cancel=cancel) as folder:
            build_s = time.monotonic() - started
            failure = built[0].failure if built else None
            if failure is not None:
                run = Run(status=failure.status, problems=failure.problems, dropped=built[0].dropped, build_s=build_s)
                return RunRecord(run, None), failure.lasting
            if progress is not None:
                progress("running the testbench")
            record, lasting = _simulate(job, folder / BINARY, cancel)
            about_model = read_record(folder)
        if about_model is None:
            raise AssertionError("a kept model has its record beside it")
        problems = (*record.run.problems, *about_model.run.problems)
        run = replace(record.run, dropped=about_model.run.dropped, build_s=build_s, problems=problems)
        return RunRecord(run, record.coverage_text), lasting

    def _build(self, job: Job, folder: Path, progress: Progress | None, cancel: Event | None) -> Model:
        testbench = job.testbench
        renamed: dict[Path, str] = {}
        if testbench.language is Language.SYSTEMVERILOG:
            path = folder / _TESTBENCH_FOLDER / testbench.file_name
            path.parent.mkdir()
            path.write_text(testbench.text, encoding="utf-8")
            renamed[path] = _TESTBENCH
            build = _systemverilog_build(job, path)
            prepare: Callable[[Path], Path] | None = None
            libraries: tuple[str, ...] = ()
        else:
            build = _cocotb_build(job)
            prepare, libraries = (lambda _: cocotb_runtime.main_source()), cocotb_runtime.link_flags()
        return build_model(
            build,
            folder=folder,
            toolchain=self.toolchain,
            cache=self.cache,
            limits=job.limits,
            renamed=renamed,
            prepare=prepare,
            libraries=libraries,
            progress=progress,
            cancel=cancel,
        )


def _systemverilog_build(job: Job, testbench: Path) -> commands.Build:
    design = job.design
    reads_includes = any(file.role == "include" for file in job.testbench_files)
    beside = (job.testbench.path.resolve().parent,) if job.testbench.path is not None and reads_includes else ()
    return commands.Build(
        top=job.testbench.name,
        sources=(testbench, *design.sources),
        include_dirs=(*beside, *design.include_dirs),
        defines=design.defines,
    )


def _cocotb_build(job: Job) -> commands.Build:
    design = job.design
    return commands.Build(
        top=design.top,
        sources=design.sources,
        include_dirs=design.include_dirs,
        defines=design.defines,
        parameters=design.overrides,
        with_vpi=True,
    )


def _model_inputs(job: Job, toolchain: Toolchain) -> list[str | list[list[str]] | list[str]]:
    """Everything that decides what the compiled model does; a cocotb test is not part of its model."""
    if job.testbench.language is Language.COCOTB:
        build, text = _cocotb_build(job), ""
    else:
        build, text = _systemverilog_build(job, Path(job.testbench.file_name)), job.testbench.digest
    flags = [
        *commands.verilate(toolchain, build, metrics=commands.METRICS, output=Path()),
        *commands.compile_flags(toolchain, with_vpi=build.with_vpi),
        commands.MAIN,
    ]
    return [toolchain.identity, flags, _states(job, ("source", "library", "include")), text]


def _states(job: Job, roles: tuple[str, ...]) -> list[list[str]]:
    return [[str(file.path), file.digest] for file in (*job.design.files, *job.testbench_files) if file.role in roles]


def _changed_files(job: Job) -> list[Path]:
    """Files that are no longer what the design says; a result made from them would be kept under a wrong digest."""
    return changed_files((file.path, file.digest) for file in (*job.design.files, *job.testbench_files))


def _remove_intermediates(folder: Path) -> None:
    """Keep only the program: the generated code is many times its size."""
    shutil.rmtree(folder / GENERATED)
    shutil.rmtree(folder / _TESTBENCH_FOLDER, ignore_errors=True)


def _simulate(job: Job, binary: Path, cancel: Event | None) -> tuple[RunRecord, bool]:
    limits = Limits(
        wall_s=job.limits.run_s,
        memory_bytes=job.limits.memory_bytes,
        file_bytes=job.limits.file_bytes,
        output_bytes=job.limits.output_bytes,
    )
    argv = commands.simulate(binary, seed=job.seed, coverage_file=_COVERAGE_FILE)
    environment: dict[str, str] = {}
    with scratch_folder() as folder:
        beside = (job.testbench.path.resolve().parent,) if job.testbench.path is not None else ()
        link_data((*job.design.files, *job.testbench_files), folder, roots={*(one.parent for one in job.design.sources), *beside})
        is_cocotb = job.testbench.language is Language.COCOTB
        if is_cocotb:
            (folder / f"{job.testbench.name}.py").write_text(job.testbench.text, encoding="utf-8")
            environment = cocotb_runtime.environment(module=job.testbench.name, toplevel=job.design.top, folder=folder, seed=job.seed)
            argv = (*argv, "--coverage-per-instance")
        outcome = process.run(argv, folder=folder, limits=limits, environment=environment, cancel=cancel)
        results: tuple[Problem, ...] = ()
        if is_cocotb and outcome.ok:
            found = cocotb_runtime.read_results(folder, printed=outcome.output, module=job.testbench.name)
            results = tuple(replace(one, file=_TESTBENCH) for one in found)
        written = folder / _COVERAGE_FILE
        text = written.read_text(errors="replace") if written.is_file() else None
    run = _read_run(job, outcome, results, text)
    return RunRecord(run, text), outcome.ending is Ending.EXITED


def _read_run(job: Job, outcome: Outcome, results: tuple[Problem, ...], coverage_text: str | None) -> Run:
    # A running model names files without their folders.
    renamed = {Path(source.name): display_path(source) for source in job.design.sources} | {Path(job.testbench.file_name): _TESTBENCH}
    printed = (*read_run_errors(outcome.output, renamed=renamed), *results)
    if outcome.ending in (Ending.TIMED_OUT, Ending.CPU_LIMIT):
        status = RunStatus.TIMED_OUT
        hint = "Does it reach `$finish`, or for cocotb, does every coroutine return? `--run-s` allows more time."
        problems: tuple[Problem, ...] = (Problem(f"the testbench {outcome.reason} ({job.limits.run_s:g} s)", file=_TESTBENCH, hint=hint),)
    elif outcome.ending is Ending.CANCELLED:
        return _cancelled()
    elif not outcome.ok or results:
        status = RunStatus.RUN_FAILED
        # A limit that was met explains more than what was printed before; a bare exit status explains less.
        met_limit = outcome.ending is not Ending.EXITED
        ended = (Problem(f"the testbench {outcome.reason}", file=_TESTBENCH),) if met_limit or not printed else ()
        problems = (*ended, *printed[:_MOST_PRINTED_PROBLEMS])
    elif coverage_text is None:
        status, problems = RunStatus.NO_COVERAGE, (Problem("the run wrote no coverage", file=_TESTBENCH),)
    else:
        # Messages that did not end the simulation leave a run that counts, and are passed on.
        warnings = tuple(replace(problem, severity=Severity.WARNING) for problem in printed[:_MOST_PRINTED_PROBLEMS])
        status, problems = RunStatus.OK, warnings
    return Run(status=status, problems=problems, run_s=outcome.seconds, log=_log(outcome.output, job.testbench.file_name))


def _log(output: str, file_name: str) -> str:
    """Keep the end of what was printed; `$finish` names the testbench by the folder of its build, which differs each time."""
    folders = rf"(?:/[^/\s]{{1,255}}){{1,40}}/{_TESTBENCH_FOLDER}/(?={re.escape(file_name)}\b)"
    return re.sub(folders, "", output[-_LOG_END_CHARACTERS:])


def _with_coverage(record: RunRecord, job: Job) -> Run:
    if record.coverage_text is None:
        return record.run
    coverage, problems = read_coverage(record.coverage_text, root=Path.cwd(), keep=set(job.design.sources) | _includes(job))
    run = replace(record.run, coverage=coverage, problems=(*record.run.problems, *problems))
    if run.status is RunStatus.OK and (coverage is None or not coverage.hits):
        problem = Problem("no point of the design was measured", hint="Does the testbench instantiate the design?", file=_TESTBENCH)
        return replace(run, status=RunStatus.NO_COVERAGE, problems=(*run.problems, problem))
    return run


def _includes(job: Job) -> set[Path]:
    return {file.path for file in job.design.files if file.role == "include"}


def link_data(files: Iterable[DesignFile], folder: Path, *, roots: set[Path]) -> None:
    """Lay memory images where a run looks for them: by the names that a source below the current folder or a root could use."""
    for file in files:
        if file.role != "data":
            continue
        below = (root for root in {Path.cwd(), *roots} if file.path.is_relative_to(root))
        names = {Path(file.path.name), *(file.path.relative_to(root) for root in below)}
        for name in sorted(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                (folder / name).symlink_to(file.path)


def _testbench_name(job: Job) -> str:
    return display_path(job.testbench.path) if job.testbench.path is not None else job.testbench.file_name


def _named(run: Run, job: Job) -> Run:
    """Put the testbench's own name where what was kept has the stand-in."""
    name = _testbench_name(job)
    return replace(run, problems=tuple(replace(one, file=name) if one.file == _TESTBENCH else one for one in run.problems))


def _cancelled() -> Run:
    return Run(status=RunStatus.TIMED_OUT, problems=(Problem("the run was cancelled"),))
