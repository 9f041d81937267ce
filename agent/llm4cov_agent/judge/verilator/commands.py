"""Verilator's and the compiler's command lines as pure functions of what is to be built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.judge.verilator.toolchain import Toolchain

PREFIX = "Vtop"
"""Name of the generated model class; fixed, so that one main program serves all."""

METRICS = ("line", "toggle", "expr", "fsm")
"""`--coverage-*` switches; `line` brings the branch points too."""

_DEFINES = (
    *("-DVERILATOR=1", "-DVM_COVERAGE=1", "-DVM_SC=0", "-DVM_TIMING=1"),
    *("-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
)

MAIN = """\
// Runs a Verilated testbench until it finishes or nothing is left to happen, then writes its coverage.
#include "verilated.h"
#include "verilated_cov.h"
#include "Vtop.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.coveragep()->forcePerInstance(true);  // Instances are added up when the file is read.
    Vtop top{&context, ""};
    while (!context.gotFinish()) {
        top.eval();
        if (!top.eventsPending()) break;
        context.time(top.nextTimeSlot());
    }
    top.final();
    context.coveragep()->write();
    return 0;
}
"""

RUNTIME_HEADER = """\
#include "verilated.h"
#include "verilated_cov.h"
#include "verilated_timing.h"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What Verilator is asked to translate."""

    top: str
    sources: tuple[Path, ...]
    """In compile order, the testbench first if it is SystemVerilog."""
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[tuple[str, str | None], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """Of the top; only where the design itself is the top (cocotb)."""
    with_vpi: bool = False
    """Whether signals are to be reached from outside (cocotb)."""


def verilate(toolchain: Toolchain, build: Build, *, metrics: Iterable[str], output: Path) -> tuple[str, ...]:
    """Translate to C++ in `output`, with Verilator's defaults but for warnings, which never stop it."""
    return (
        *(str(toolchain.verilator), "--cc", "--timing", "-Wno-fatal", "--prefix", PREFIX, "--top-module", build.top),
        *("--Mdir", str(output)),
        *(f"--coverage-{metric}" for metric in metrics),
        *(("--vpi", "--public-flat-rw") if build.with_vpi else ()),
        *(f"-I{folder}" for folder in build.include_dirs),
        *(f"-D{name}" if value is None else f"-D{name}={value}" for name, value in build.defines),
        *(f"-G{name}={value}" for name, value in build.parameters),
        *(str(source) for source in build.sources),
    )


def compile_flags(toolchain: Toolchain, *, with_vpi: bool) -> tuple[str, ...]:
    """Flags that the runtime, its precompiled header and every model share; gcc ignores a header made with others.

    cocotb's main program keeps the time itself, in `sc_time_stamp`; ours leaves it to the context. With the wrong one of
    the two, time stands still.
    """
    include = toolchain.root / "include"
    coroutines = () if "clang" in toolchain.compiler.name else ("-fcoroutines",)
    return (
        "-std=c++20",
        *coroutines,
        "-O0",
        "-w",
        "-pipe",
        f"-I{include}",
        f"-I{include / 'vltstd'}",
        *_DEFINES,
        *(() if with_vpi else ("-DVL_TIME_CONTEXT",)),
    )


_SEARCHED = ("-O1", "-fno-access-control")
"""Added for what runs in each cycle of a model that runs for long: one step of optimisation makes it about three times as fast."""


def compile_header(toolchain: Toolchain, header: Path, *, with_vpi: bool, is_searched: bool = False) -> tuple[str, ...]:
    """Precompile the runtime's headers beside `header`, for sources that are compiled with the same flags."""
    flags = (*compile_flags(toolchain, with_vpi=with_vpi), *(_SEARCHED if is_searched else ()))
    return (str(toolchain.compiler), *flags, "-x", "c++-header", str(header), "-o", f"{header}.gch")


def compile_source(
    toolchain: Toolchain, source: Path, *, output: Path, with_vpi: bool, header: Path | None = None, is_searched: bool = False
) -> tuple[str, ...]:
    """Compile one file, behind a precompiled header if one is given; generated files lie in the current folder."""
    flags = (*compile_flags(toolchain, with_vpi=with_vpi), *(_SEARCHED if is_searched else ()))
    return (
        *(str(toolchain.compiler), *flags, "-I.", *(("-include", str(header)) if header else ())),
        *("-c", str(source), "-o", str(output)),
    )


def link(toolchain: Toolchain, objects: Iterable[Path], *, output: Path, libraries: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Link a model with the runtime."""
    return (str(toolchain.compiler), "-s", *(str(item) for item in objects), *libraries, "-pthread", "-o", str(output))


def simulate(binary: Path, *, seed: int, coverage_file: str) -> tuple[str, ...]:
    """Run a model of `MAIN`'s; the seed is never 0, which would mean one that the system draws."""
    return (str(binary), f"+verilator+seed+{seed}", f"+verilator+coverage+file+{coverage_file}")
