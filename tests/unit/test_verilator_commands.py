"""Command lines as pure data."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.judge.verilator import commands
from llm4cov_agent.judge.verilator.toolchain import Toolchain

TOOLS = Toolchain(Path("/v/bin/verilator"), Path("/v"), "PATH", "5.48", Path("/usr/bin/g++"))
BUILD = commands.Build(
    top="tb",
    sources=(Path("/p/tb.sv"), Path("/p/my rtl/a.sv")),
    include_dirs=(Path("/p/inc"),),
    defines=(("SIM", None), ("W", "8"), ("EMPTY", "")),
)


def test_a_testbench_is_translated_with_verilators_defaults() -> None:
    assert commands.verilate(TOOLS, BUILD, metrics=commands.METRICS, output=Path("/o")) == (
        *("/v/bin/verilator", "--cc", "--timing", "-Wno-fatal", "--prefix", "Vtop", "--top-module", "tb", "--Mdir", "/o"),
        *("--coverage-line", "--coverage-toggle", "--coverage-expr", "--coverage-fsm"),
        *("-I/p/inc", "-DSIM", "-DW=8", "-DEMPTY=", "/p/tb.sv", "/p/my rtl/a.sv"),
    )


def test_metrics_can_be_left_out() -> None:
    argv = commands.verilate(TOOLS, BUILD, metrics=("line",), output=Path("/o"))
    assert [word for word in argv if word.startswith("--coverage")] == ["--coverage-line"]


def test_a_design_that_is_the_top_gets_parameters_and_vpi() -> None:
    build = commands.Build(top="a", sources=(Path("/p/a.sv"),), parameters=(("W", "8"), ("NAME", '"x"')), with_vpi=True)
    argv = commands.verilate(TOOLS, build, metrics=(), output=Path("/o"))
    assert argv[-5:] == ("--vpi", "--public-flat-rw", "-GW=8", '-GNAME="x"', "/p/a.sv")


def test_the_runtime_and_every_model_share_their_flags() -> None:
    """A precompiled header made with other flags would be ignored without a word."""
    flags = commands.compile_flags(TOOLS, with_vpi=False)
    source = commands.compile_source(TOOLS, Path("a.cpp"), output=Path("a.o"), with_vpi=False, header=Path("/c/runtime.h"))
    header = commands.compile_header(TOOLS, Path("/c/runtime.h"), with_vpi=False)
    assert source[1 : 1 + len(flags)] == header[1 : 1 + len(flags)] == flags
    assert header[-2:] == ("-o", "/c/runtime.h.gch")
    assert source[source.index("-include") + 1] == "/c/runtime.h"
    assert "-fcoroutines" in flags and "-I/v/include" in flags


def test_clang_knows_no_coroutine_flag() -> None:
    clang = Toolchain(Path("/v/bin/verilator"), Path("/v"), "PATH", "5.48", Path("/usr/bin/clang++"))
    assert "-fcoroutines" not in commands.compile_flags(clang, with_vpi=False)


def test_linking_puts_libraries_behind_objects() -> None:
    argv = commands.link(TOOLS, [Path("a.o"), Path("r.o")], output=Path("model"), libraries=("-lx",))
    assert argv.index("r.o") < argv.index("-lx")
    assert argv[-2:] == ("-o", "model")


def test_running_names_seed_and_coverage_file() -> None:
    assert commands.simulate(Path("/c/model"), seed=7, coverage_file="coverage.dat") == (
        *("/c/model", "+verilator+seed+7", "+verilator+coverage+file+coverage.dat"),
    )
