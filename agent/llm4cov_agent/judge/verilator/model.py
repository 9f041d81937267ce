"""From a build to a compiled model: translate, compile, link, with the fallback for state machines. Keeps nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from llm4cov_agent.errors import Problem, has_errors
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.process import Ending, Limits, Outcome, run
from llm4cov_agent.judge.simulator import Progress, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import commands
from llm4cov_agent.judge.verilator.messages import is_internal_error, read_compiler_errors, read_messages
from llm4cov_agent.judge.verilator.runtime import needed_files, runtime
from llm4cov_agent.judge.verilator.toolchain import Toolchain

BINARY = "model"
GENERATED = "generated"
_SMALL_MODEL_BYTES = 512 << 10
"""Generated C++ up to this size is compiled as one file; above, the pieces are spread over the processors."""
_SMALL_START_BYTES = 64 << 10
"""The same for code that runs once, beside code that is optimised: optimising a large one takes most of a build, for nothing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no model; `lasting` if the same build would fail the same way again."""

    status: RunStatus
    problems: tuple[Problem, ...]
    lasting: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A compiled model in the folder it was built in, or why there is none."""

    failure: Failure | None
    dropped: tuple[tuple[str, str], ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """One compilation."""

    path: Path
    is_optimised: bool


def build_model(
    build: commands.Build,
    *,
    folder: Path,
    toolchain: Toolchain,
    cache: BuildCache,
    limits: SimulationLimits,
    renamed: Mapping[Path, str],
    prepare: Callable[[Path], Path] | None = None,
    libraries: tuple[str, ...] = (),
    is_searched: bool = False,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> Model:
    """Build `folder/model`.

    `prepare` gets the folder of the generated code, may write into it, and gives the main program; None takes our own.
    `is_searched` is for a model that runs for long: optimised, with its internals open to the main program.
    """
    say = progress or (lambda _: None)
    say("translating the design")
    output = folder / GENERATED
    environment = {"VERILATOR_ROOT": str(toolchain.root)}
    bounds = Limits(wall_s=limits.build_s, memory_bytes=limits.memory_bytes, file_bytes=2 << 30, output_bytes=limits.output_bytes)
    dropped: tuple[tuple[str, str], ...] = ()
    metrics: tuple[str, ...] = commands.METRICS
    while True:
        argv = commands.verilate(toolchain, build, metrics=metrics, output=output)
        outcome = run(argv, folder=folder, limits=bounds, environment=environment, cancel=cancel)
        if outcome.ok or "fsm" not in metrics or not is_internal_error(outcome.output):
            break
        # State-machine coverage is experimental and breaks on ordinary code; the other metrics are worth having.
        metrics = tuple(metric for metric in metrics if metric != "fsm")
        dropped = (("fsm", "Verilator breaks on this design with --coverage-fsm (internal error); measured without it."),)
    messages = read_messages(outcome.output, renamed=renamed)
    if not outcome.ok:
        return Model(_failure(outcome, messages or (Problem(f"Verilator {outcome.reason}: {outcome.output.strip()[-300:]}"),)), dropped, ())
    say("compiling the model")
    units = _write_units(output, prepare(output) if prepare is not None else None, is_searched=is_searched)
    with runtime(cache, toolchain, needed_files(output), limits=bounds, is_searched=is_searched, cancel=cancel) as parts:
        if parts.failure is not None:
            return Model(_failure(parts.failure, read_compiler_errors(parts.failure.output)), dropped, ())
        jobs = [
            commands.compile_source(
                toolchain,
                unit.path,
                output=unit.path.with_suffix(".o"),
                with_vpi=build.with_vpi,
                # A header compiled with other flags would be read again as text, for nothing.
                header=parts.searched_header if unit.is_optimised else parts.header,
                is_searched=unit.is_optimised,
            )
            for unit in units
        ]
        with ThreadPoolExecutor(max(1, min(len(jobs), os.cpu_count() or 1))) as pool:
            outcomes = list(pool.map(lambda argv: run(argv, folder=output, limits=bounds, cancel=cancel), jobs))
        if all(one.ok for one in outcomes):
            objects = (*(unit.path.with_suffix(".o") for unit in units), parts.object)
            argv = commands.link(toolchain, objects, output=output / BINARY, libraries=libraries)
            outcomes.append(run(argv, folder=output, limits=bounds, cancel=cancel))
    broken = next((one for one in outcomes if not one.ok), None)
    if broken is not None:
        return Model(_failure(broken, read_compiler_errors(broken.output)), dropped, ())
    (output / BINARY).rename(folder / BINARY)
    return Model(None, dropped, messages)


def _failure(outcome: Outcome, problems: tuple[Problem, ...]) -> Failure:
    """Tell a refused build from one that met a limit."""
    if outcome.ending in (Ending.TIMED_OUT, Ending.CPU_LIMIT, Ending.CANCELLED):
        status = RunStatus.TIMED_OUT
        problems = (Problem(f"the build {outcome.reason}"),)
    else:
        status = RunStatus.BUILD_FAILED
        if not has_errors(problems):
            problems = (*problems, Problem(f"the build {outcome.reason}"))
    return Failure(status, problems, lasting=outcome.ending is Ending.EXITED)


def _write_units(output: Path, main: Path | None, *, is_searched: bool) -> list[_Unit]:
    """Gather the generated files into as few compilations as is fast, those that take longest first, with our main program among them."""
    generated = sorted(output.glob(f"{commands.PREFIX}*.cpp"))
    if main is None:
        main = output / "main.cpp"
        main.write_text(commands.MAIN)
    # Verilator names so what runs once: at the start, and when the points of the coverage file are made.
    start = [source for source in generated if source.stem.endswith("Slow")] if is_searched else []
    if _bytes(start) <= _SMALL_START_BYTES:
        start = []
    cycles = [source for source in generated if source not in start]
    groups = [*((group, is_searched) for group in _grouped(cycles)), *((group, False) for group in _grouped(start))]
    groups[0][0].append(main)
    units = []
    for rank, (group, is_optimised) in enumerate(groups):
        path = output / f"unit{rank}.cpp"
        # Verilator's own makefile joins generated files in this way; the macro keeps their includes working.
        path.write_text("#define VL_INCLUDE_OPT include\n" + "".join(f'#include "{source}"\n' for source in group))
        units.append(_Unit(path, is_optimised))
    return units


def _grouped(sources: list[Path]) -> list[list[Path]]:
    """Spread files over compilations of about the same size: one if they are small, else two for each processor."""
    count = 1 if _bytes(sources) <= _SMALL_MODEL_BYTES else 2 * (os.cpu_count() or 1)
    groups: list[list[Path]] = [[] for _ in range(min(count, len(sources)))]
    for source in sorted(sources, key=lambda source: -source.stat().st_size):
        min(groups, key=_bytes).append(source)
    return groups


def _bytes(sources: Iterable[Path]) -> int:
    return sum(source.stat().st_size for source in sources)
