"""Builds a model around a main program of someone else's, for runs without a testbench. Knows not what that program does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.run_record import RunRecord, read_record, write_record
from llm4cov_agent.judge.simulator import Progress, Run, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import commands
from llm4cov_agent.judge.verilator.model import BINARY, GENERATED, Model, build_model
from llm4cov_agent.judge.verilator.simulator import Verilator
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.source import changed_files

_SHELL_FOLDER = "shell"
PREFIX = commands.PREFIX
"""Name of the model's class and of its files."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program in a folder that stays while it is used, or why there is none."""

    binary: Path
    folder: Path
    """What `prepare` left in `kept` lies here."""
    dropped: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]
    """Errors if there is no binary."""
    build_s: float
    """How long this call took for it."""
    made_s: float
    """How long it took when it was built, which may have been earlier."""


@contextmanager
def build_program(
    verilator: Verilator,
    design: Design,
    *,
    shell_name: str,
    shell_text: str,
    prepare: Callable[[Path], Path],
    kept: tuple[str, ...],
    inputs: Json,
    limits: SimulationLimits,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> Iterator[Program]:
    """Give the program of a design inside a shell module while the block runs, building it if it is not in the cache.

    `prepare` writes the main program beside the generated code and gives its path; files that it names `kept` stay with
    the program. `inputs` is all that decides what it writes. Raises `Cancelled` as the cache does.
    """
    toolchain = verilator.toolchain
    built: list[Model] = []
    started = time.monotonic()

    def make(folder: Path) -> bool:
        began = time.monotonic()
        shell = folder / _SHELL_FOLDER / f"{shell_name}.sv"
        shell.parent.mkdir()
        shell.write_text(shell_text, encoding="utf-8")
        model = build_model(
            _build(design, shell_name, shell),
            folder=folder,
            toolchain=toolchain,
            cache=verilator.cache,
            limits=limits,
            renamed={shell: shell.name},
            prepare=prepare,
            is_searched=True,
            progress=progress,
            cancel=cancel,
        )
        built.append(model)
        if model.failure is None:
            for name in kept:
                (folder / GENERATED / name).rename(folder / name)
            shutil.rmtree(folder / GENERATED)
            write_record(folder, RunRecord(Run(status=RunStatus.OK, dropped=model.dropped, build_s=time.monotonic() - began), None))
        return model.failure is None and not changed_files((file.path, file.digest) for file in design.files)

    build = _build(design, shell_name, Path(shell_name))
    flags = [
        *commands.verilate(toolchain, build, metrics=commands.METRICS, output=Path()),
        *commands.compile_source(toolchain, Path(), output=Path(), with_vpi=False, is_searched=True),
    ]
    states: list[Json] = [[str(file.path), file.digest] for file in design.files if file.role != "data"]
    key = "program-" + digest_json([toolchain.identity, flags, states, shell_text, inputs])
    with verilator.cache.entry(key, make, cancel=cancel) as folder:
        failure = built[0].failure if built else None
        record = read_record(folder) if failure is None else None
        yield Program(
            binary=folder / BINARY,
            folder=folder,
            dropped=record.run.dropped if record is not None else (),
            problems=failure.problems if failure is not None else (),
            build_s=time.monotonic() - started,
            made_s=record.run.build_s if record is not None else 0.0,
        )


def _build(design: Design, name: str, shell: Path) -> commands.Build:
    return commands.Build(top=name, sources=(shell, *design.sources), include_dirs=design.include_dirs, defines=design.defines)
