"""Verilator's own C++ compiled once per set of files that models need, with the headers precompiled.

Compiling it takes longer than compiling most models, so it is kept in the build cache and shared by all of them. The
files of a set are compiled as one: their headers are most of the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from llm4cov_agent.digest import digest_json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.process import Limits, Outcome, run
from llm4cov_agent.judge.verilator import commands
from llm4cov_agent.judge.verilator.toolchain import Toolchain

_HEADER = "runtime.h"
_OBJECT = "runtime.o"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where the compiled parts lie, and what went wrong if they don't."""

    header: Path
    """For sources with the flags of every model."""
    searched_header: Path | None
    """For those of a model that runs for long; None if it was not asked for."""
    object: Path
    failure: Outcome | None


def needed_files(generated: Path) -> tuple[str, ...]:
    """Read from the generated makefile which runtime files a model needs."""
    text = (generated / f"{commands.PREFIX}_classes.mk").read_text()
    names: list[str] = []
    for group in re.findall(r"^VM_GLOBAL_\w+ \+= \\\n((?:\s+\w+ \\\n)*)", text, re.MULTILINE):
        names += re.findall(r"\w+", group)
    return tuple(sorted(set(names)))


@contextmanager
def runtime(
    cache: BuildCache,
    toolchain: Toolchain,
    names: tuple[str, ...],
    *,
    limits: Limits,
    is_searched: bool = False,
    cancel: Event | None = None,
) -> Iterator[Runtime]:
    """Give the compiled runtime files `names` while the block runs, compiling them if this machine has not yet."""
    failures: list[Outcome] = []
    with_vpi = "verilated_vpi" in names

    def make(folder: Path) -> bool:
        (folder / _HEADER).write_text(commands.RUNTIME_HEADER)
        (folder / "runtime.cpp").write_text("".join(f'#include "{name}.cpp"\n' for name in names))
        jobs = (
            commands.compile_source(toolchain, folder / "runtime.cpp", output=folder / _OBJECT, with_vpi=with_vpi),
            commands.compile_header(toolchain, folder / _HEADER, with_vpi=with_vpi),
        )
        with ThreadPoolExecutor(len(jobs)) as pool:
            outcomes = list(pool.map(lambda argv: run(argv, folder=folder, limits=limits, cancel=cancel), jobs))
        failures.extend(outcome for outcome in outcomes if not outcome.ok)
        return not failures

    def make_header(folder: Path) -> bool:
        (folder / _HEADER).write_text(commands.RUNTIME_HEADER)
        argv = commands.compile_header(toolchain, folder / _HEADER, with_vpi=False, is_searched=True)
        outcome = run(argv, folder=folder, limits=limits, cancel=cancel)
        failures.extend(() if outcome.ok else (outcome,))
        return outcome.ok

    key = "runtime-" + digest_json([toolchain.identity, list(names), list(commands.compile_flags(toolchain, with_vpi=with_vpi))])
    header_flags = list(commands.compile_header(toolchain, Path(), with_vpi=False, is_searched=True))
    header_key = "header-" + digest_json([toolchain.identity, header_flags])
    with ExitStack() as stack:
        folder = stack.enter_context(cache.entry(key, make, cancel=cancel))
        searched = stack.enter_context(cache.entry(header_key, make_header, cancel=cancel)) / _HEADER if is_searched else None
        yield Runtime(folder / _HEADER, searched, folder / _OBJECT, failures[0] if failures else None)
