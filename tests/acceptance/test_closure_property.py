"""Generated designs: harness and judge count alike, and no point that was proved unreachable is hit by anything that was tried."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Drive, Hold, Repeat, Reset, Step, Stimulus, free_clocks
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.harness import Harness, Order, open_harness
from llm4cov_agent.closure.verdicts import Asked, ask, confirm
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)


@cache
def _design(path: Path) -> Design:
    design, problems = elaborate(FileSet(sources=(path,), top="top"))
    assert design is not None, [str(problem) for problem in problems]
    return design


# --- generated designs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A generated design as text; what its inputs and registers are is in there."""

    text: str


@st.composite
def _expressions(draw: st.DrawFn, names: dict[str, int], width: int, depth: int = 2) -> str:
    """An expression; its width is whatever the language makes of it."""
    kind = draw(st.sampled_from(("name", "constant", "binary", "choice", "not") if depth else ("name", "constant")))
    inner = _expressions(names, width, max(0, depth - 1))
    match kind:
        case "name":
            return draw(st.sampled_from(sorted(names)))
        case "constant":
            return f"{width}'d{draw(st.integers(0, (1 << width) - 1))}"
        case "binary":
            return f"({draw(inner)} {draw(st.sampled_from(('+', '-', '&', '|', '^')))} {draw(inner)})"
        case "choice":
            return f"({draw(_comparisons(names))} ? {draw(inner)} : {draw(inner)})"
        case _:
            return f"(~{draw(inner)})"


@st.composite
def _comparisons(draw: st.DrawFn, names: dict[str, int]) -> str:
    """A comparison, or two of them joined, with constants that the signal may never have."""
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(names)))
        operator = draw(st.sampled_from(("==", "!=", "<", ">=")))
        parts.append(f"{name} {operator} {names[name]}'d{draw(st.integers(0, (1 << names[name]) - 1))}")
    return f" {draw(st.sampled_from(('&&', '||')))} ".join(parts)


@st.composite
def _statements(draw: st.DrawFn, names: dict[str, int], target: str, depth: int, indent: str) -> list[str]:
    width = names[target]
    kind = draw(st.sampled_from(("if", "case", "assign") if depth else ("assign",)))
    inner = _statements(names, target, depth - 1, indent + "  ")
    match kind:
        case "if":
            lines = [f"{indent}if ({draw(_comparisons(names))}) begin", *draw(inner), f"{indent}end"]
            return [*lines, f"{indent}else begin", *draw(inner), f"{indent}end"] if draw(st.booleans()) else lines
        case "case":
            subject = draw(st.sampled_from(sorted(names)))
            values = draw(st.lists(st.integers(0, (1 << names[subject]) - 1), min_size=1, max_size=3, unique=True))
            lines = [f"{indent}case ({subject})"]
            for value in values:
                lines += [f"{indent}{names[subject]}'d{value}: begin", *draw(inner), f"{indent}end"]
            return [*lines, f"{indent}default: begin", *draw(inner), f"{indent}end", f"{indent}endcase"]
        case _:
            return [f"{indent}{target} <= {draw(_expressions(names, width))};"]


@st.composite
def made_designs(draw: st.DrawFn) -> Made:
    inputs = {f"x{rank}": draw(st.integers(1, 2)) for rank in range(draw(st.integers(1, 2)))}
    registers = {f"r{rank}": draw(st.integers(1, 3)) for rank in range(draw(st.integers(2, 3)))}
    names = inputs | registers
    reset = draw(st.sampled_from(("rst_n", "rst", "none")))
    asynchronous = reset != "none" and draw(st.booleans())
    ports = ["input logic clk"] + ([] if reset == "none" else [f"input logic {reset}"])
    ports += [f"input logic [{width - 1}:0] {name}" for name, width in inputs.items()]
    ports += [f"output logic [{width - 1}:0] {name}" for name, width in registers.items()] + ["output logic [1:0] y"]
    active = "!rst_n" if reset == "rst_n" else "rst"
    edge = f" or {'negedge rst_n' if reset == 'rst_n' else 'posedge rst'}" if asynchronous else ""
    lines = [f"module top({', '.join(ports)});"]
    for name in registers:
        body = draw(_statements(names, name, 2, "    "))
        if reset == "none":
            lines += [f"  initial {name} = {draw(st.integers(0, (1 << registers[name]) - 1))};"]
            lines += ["  always_ff @(posedge clk) begin", *body, "  end"]
        else:
            value = f"{registers[name]}'d{draw(st.integers(0, (1 << registers[name]) - 1))}"
            lines += [f"  always_ff @(posedge clk{edge})", f"    if ({active}) {name} <= {value};", "    else begin", *body, "    end"]
    lines += ["  always_comb begin", "    y = 2'd0;"]
    for rank in range(2):
        lines += [f"    if ({draw(_comparisons(registers))} && {draw(_comparisons(registers))})", f"      y = 2'd{rank + 1};"]
    lines += ["  end", "endmodule", ""]
    return Made("\n".join(lines))


# --- everything that could happen -------------------------------------------------------------------------------------


def _words(design: Design) -> list[Drive]:
    """All values that the inputs can have together, clocks left out."""
    clocks = {clock.port for clock in free_clocks(design)}
    driven = {signal: width for signal, width in design.driven_signals().items() if signal not in clocks}
    every = itertools.product(*(range(1 << width) for width in driven.values()))
    return [Drive(tuple(zip(driven, values, strict=True))) for values in every]


def _explorations(design: Design) -> list[tuple[Step, ...]]:
    """Runs that together do all sequences of two input words, and long random ones, from many places.

    Resets are inputs like others here, so that they come at any time, beside being given on their own.
    """
    words = _words(design)
    generator = random.Random(5)
    resets = {reset.port: reset.active_low for reset in design.resets}
    calm = [word for word in words if all(value == resets[signal] for signal, value in word.values if signal in resets)]
    runs: list[tuple[Step, ...]] = []
    for _ in range(24):
        start: list[Step] = [Reset(2), Hold(1)] if resets and generator.random() < 0.7 else []
        for _ in range(1500):
            # Mostly without a reset, or the far states would never be seen.
            word = generator.choice(calm if generator.random() < 0.97 else words)
            start += [word, Hold(1)]
        runs.append(tuple(start))
    for first in words:
        for prefix in range(4):
            steps: list[Step] = [Reset(2)] if resets and prefix % 2 else []
            for _ in range(prefix * 7):
                steps += [generator.choice(calm), Hold(1)]
            for second in words:
                steps += [first, Hold(1), second, Hold(1)]
            runs.append(tuple(steps))
    # Values that stay, for as long as anything of so few bits can take.
    runs += [(Reset(2), word, Repeat(4, (Hold(100),))) if resets else (word, Hold(600)) for word in words]
    return runs


def _steps(stimulus: Stimulus) -> tuple[Step, ...]:
    return tuple(step for sequence in stimulus.sequences for step in sequence.steps)


def _hit_by(harness: Harness, runs: Collection[tuple[Step, ...]]) -> set[CoveragePoint]:
    reports = harness.run([Order(steps, tells_all=True) for steps in runs], most_cycles=10**7)
    counters = frozenset().union(harness.at_power_up, *(report.counters for report in reports))
    return {point for counter in counters for point in harness.points[counter]}


def _judged(simulator: Verilator, design: Design, stimulus: Stimulus) -> tuple[set[CoveragePoint], set[CoveragePoint]]:
    """All points, and those that were hit."""
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, Language.SYSTEMVERILOG), limits=LIMITS))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    assert evaluation.run.coverage is not None
    return set(evaluation.run.coverage.hits), set(evaluation.run.coverage.covered())


def _ask(design: Design, points: Collection[CoveragePoint], cache_folder: Path) -> Asked:
    """With a cache of its own: a kept proof would hide what the engines say today."""
    return ask(design, points, cache=BuildCache(cache_folder / "builds", max_bytes=1 << 20), budget_s=20, depth=12)


def _proved(asked: Asked) -> set[CoveragePoint]:
    return {point for point, verdict in asked.verdicts.items() if verdict.kind is VerdictKind.UNREACHABLE}


def _assert_holds(design: Design, simulator: Verilator, folder: Path) -> Asked:
    """The harness counts as the judge does, no proof is contradicted, and every witness works."""
    clocks = free_clocks(design)
    stimulus = random_stimulus(design, seed=1, cycles=300)
    stimulus = Stimulus(design.top, 1, clocks, stimulus.sequences)
    points, judged = _judged(simulator, design, stimulus)
    with open_harness(design, simulator, clocks, workers=1, limits=LIMITS) as opened:
        assert opened.harness is not None, [str(problem) for problem in opened.problems]
        opened.harness.start()
        counted = {point for every in opened.harness.points.values() for point in every}
        assert counted == points, sorted(counted ^ points, key=lambda point: point.sort_key)
        harness = _hit_by(opened.harness, [_steps(stimulus)])
        assert harness == judged, sorted(harness ^ judged, key=lambda point: point.sort_key)
        seen = _hit_by(opened.harness, _explorations(design))
        asked = _ask(design, points, folder)
        wrong = _proved(asked) & seen
        assert not wrong, sorted(((point, asked.verdicts[point].reason) for point in wrong), key=lambda pair: pair[0].sort_key)
        confirmed = confirm(asked, design, simulator, limits=LIMITS)
        for point, witness in asked.witnesses:
            # One after the other they start from each other's ends, which only a reset makes the same as a start.
            if confirmed[point].kind is not VerdictKind.COVERED:
                assert not design.resets, point
                assert point in _hit_by(opened.harness, [_steps(witness)]), point
    return asked


@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    # Every example is compiled twice, so a failing one is shown as it is.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(made=made_designs())
def test_generated_designs(made: Made, simulator: Verilator, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("made")
    path = folder / "top.sv"
    path.write_text(made.text)
    print(made.text)
    _assert_holds(_design(path), simulator, folder)


# --- a dead point, and the same design with it alive ------------------------------------------------------------------

COUNTER = """\
module top(input logic clk, rst_n, go, output logic [2:0] n, output logic bad);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) n <= 3'd0;
    else if (n == 3'd5) n <= 3'd0;
    else if (go) n <= n + 3'd1;
  always_comb begin
    bad = 1'b0;
    if (n == 3'd7) bad = 1'b1; // here
  end
endmodule
"""
TWO_HOT = """\
module top(input logic clk, rst, input logic [1:0] a, output logic [3:0] s, output logic bad);
  always_ff @(posedge clk)
    if (rst) s <= 4'b0001;
    else if (a == 2'd1) s <= {s[2:0], s[3]};
    else if (a == 2'd2) s <= {s[0], s[3:1]};
  always_comb begin
    bad = 1'b0;
    case (s)
      4'b0110: bad = 1'b1; // here
      default: bad = 1'b0;
    endcase
  end
endmodule
"""
POWERED = """\
module top(input logic clk, input logic x, output logic q, output logic p);
  initial q = 1'b0;
  initial p = 1'b0;
  always_ff @(posedge clk) begin
    q <= x & q;
    if (q) p <= 1'b1; // here
  end
endmodule
"""
HANDSHAKE = """\
module inner(input logic clk, rst_n, start, output logic busy, done);
  logic [1:0] left;
  assign done = busy && left == 2'd0;
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin busy <= 1'b0; left <= 2'd0; end
    else if (start && !busy) begin busy <= 1'b1; left <= 2'd2; end
    else if (done) busy <= 1'b0;
    else if (busy) left <= left - 2'd1;
endmodule
module top(input logic clk, rst_n, start, output logic done, output logic [1:0] odd);
  logic busy;
  inner u(.clk, .rst_n, .start, .busy, .done);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) odd <= 2'd0;
    else if (done && !busy) odd <= 2'd1; // here
    else odd <= 2'd2;
endmodule
"""
MEMORY = """\
module top(input logic clk, rst_n, we, input logic [1:0] a, d, output logic [1:0] q, output logic bad);
  logic [1:0] mem [0:3];
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      for (int i = 0; i < 4; i++) mem[i] <= 2'd0;
    end else if (we && d != 2'd3) mem[a] <= d;
  assign q = mem[a];
  always_comb begin
    bad = 1'b0;
    if (q == 2'd3) bad = 1'b1; // here
  end
endmodule
"""
TWO_EDGES = """\
module top(input logic clk, rst_n, d, output logic up, down, bad);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) up <= 1'b0;
    else up <= d;
  always_ff @(negedge clk or negedge rst_n)
    if (!rst_n) down <= 1'b0;
    else down <= up & d;
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) bad <= 1'b0;
    else if (down && !up) bad <= 1'b1; // here
    else bad <= 1'b0;
endmodule
"""
OUT_OF_RANGE = """\
module top(input logic clk, rst_n, input logic [2:0] i, input logic d, output logic [4:0] v, output logic [1:0] y);
  logic [1:0] m [0:4];
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      v <= 5'b11111;
      for (int k = 0; k < 5; k++) m[k] <= 2'd3;
    end else begin
      v[i] <= d;
      if (d) m[i] <= 2'd2;
    end
  always_comb begin
    y = 2'd0;
    if (i > 3'd4 && v[i]) y = 2'd1;
    if (i > 3'd4 && m[i] != 2'd0) y = 2'd2;
    if (i == 3'd4 && v[i +: 2] == 2'd3) y = 2'd3;
    if (i <= 3'd4 && m[i] == 2'd1) y = 2'd1; // here
  end
endmodule
"""
UNUSUAL = """\
module top(input logic clk, rst_n, sft, input logic signed [2:0] a, input logic [2:0] b, output logic [2:0] q, y, output logic w);
  wire clear = rst_n & ~sft;
  always_ff @(posedge clk or negedge clear)
    if (!clear) q <= 3'd1;
    else if (b != 3'd3) q <= b;
  always @(a) w = a[0] & b[0];
  always_comb begin
    y = 3'd0;
    if (b == 3'd0 && (q / b) == 3'd0) y = 3'd1;
    if (b == 3'd0 && (q % b) == 3'd5) y = 3'd2;
    if ((a >>> 1) < -3'sd1 && b > 3'd6) y = 3'd3;
    if (a < b && a[2]) y = 3'd4;
    casez (q)
      3'b1??: y = y ^ 3'd1;
      3'b11?: y = 3'd6;
      default: y = y + 3'd1;
    endcase
    if (w && !b[0]) y = 3'd5;
    if (q == 3'd3) y = 3'd7; // here
  end
endmodule
"""
RESET_ONLY = """\
module top(input logic clk, rst_n, input logic [1:0] a, output logic [1:0] lost, y);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) lost <= 2'd2;
  always_comb begin
    y = a;
    if (lost == 2'd1 && a[1]) y = 2'd0; // here
  end
endmodule
"""
SWITCHED = """\
module top(input logic [2:0] a, output logic [2:0] y);
  localparam logic [1:0] MODE = 2'd0;
  always_comb begin
    for (int k = 0; k < 3; k++)
      if (a[k]) y[k] = a[2 - k];
      else y[k] = MODE[0];
    if (MODE[1]) y = 3'd0; // here
  end
endmodule
"""
CARRY = """\
module top(input logic [2:0] a, output logic [3:0] y);
  logic [3:0] carry;
  assign carry[0] = 1'b0;
  genvar g;
  generate
    for (g = 0; g < 3; g = g + 1) begin : chain
      assign carry[g + 1] = a[g] & ~carry[g];
    end
  endgenerate
  always_comb begin
    y = carry;
    if (carry[0] && a[1]) y = 4'd9; // here
  end
endmodule
"""
CALLED = """\
module top(input logic [2:0] a, output logic [2:0] y);
  localparam logic MODE = 1'b0;
  function automatic logic [2:0] turned(input logic [2:0] v);
    for (int k = 0; k < 3; k++) turned[k] = v[2 - k];
    if (v[0]) turned[0] = 1'b1; // here
  endfunction
  always_comb begin
    if (MODE) y = turned(a);
    else y = a;
  end
endmodule
"""
MUTANTS = (
    ("counter", COUNTER, ("n == 3'd5", "n == 3'd7"), ("n + 3'd1", "n - 3'd1"), ("if (!rst_n) n <= 3'd0", "if (!rst_n) n <= 3'd6")),
    ("two hot", TWO_HOT, ("4'b0001", "4'b0011"), ("{s[2:0], s[3]}", "{s[2:0], s[3] | s[2]}")),
    ("powered", POWERED, ("x & q", "x | q"), ("initial q = 1'b0", "initial q = 1'b1")),
    ("handshake", HANDSHAKE, ("busy && left", "left"), ("done && !busy", "done && busy")),
    ("memory", MEMORY, ("we && d != 2'd3", "we"), ("mem[a] <= d", "mem[a] <= d + 2'd1"), ("mem[i] <= 2'd0", "mem[i] <= 2'd3")),
    ("out of range", OUT_OF_RANGE, ("m[i] <= 2'd2", "m[i] <= 2'd1"), ("m[k] <= 2'd3", "m[k] <= 2'd1")),
    ("unusual", UNUSUAL, ("b != 3'd3", "b != 3'd2"), ("q <= 3'd1", "q <= 3'd3")),
    ("reset only", RESET_ONLY, ("2'd2", "2'd1"), ("lost <= 2'd2;", "lost <= 2'd2; else if (a == 2'd1) lost <= 2'd1;")),
    ("carry", CARRY, ("1'b0", "1'b1"), ("1'b0", "a[2] & a[0]")),
    ("called", CALLED, ("MODE = 1'b0", "MODE = 1'b1"), ("else y = a", "else y = turned(a) ^ a")),
    ("switched", SWITCHED, ("2'd0;\n", "2'd2;\n")),
    ("two edges", TWO_EDGES, ("up & d", "d"), ("down && !up", "!down && up")),
)

NOT_PROVED = ("two edges",)
"""Where the point is dead and the engines don't find out; its mutants must be told apart all the same."""


def _here(points: Collection[CoveragePoint], text: str) -> set[CoveragePoint]:
    """The points of the branch on the marked line that says it was entered."""
    (line,) = (number for number, words in enumerate(text.splitlines(), 1) if words.endswith("// here"))
    return {point for point in points if point.line == line and point.comment in ("if", "elsif", "case", "block")}


@pytest.mark.parametrize(
    ("name", "text", "mutations"), [(name, text, changes) for name, text, *changes in MUTANTS], ids=[item[0] for item in MUTANTS]
)
def test_a_mutant_loses_the_proof(name: str, text: str, mutations: list[tuple[str, str]], simulator: Verilator, tmp_path: Path) -> None:
    path = tmp_path / "top.sv"
    path.write_text(text)
    asked = _assert_holds(_design(path), simulator, tmp_path)
    here = _here(asked.verdicts, text)
    assert here
    if name not in NOT_PROVED:
        assert here <= _proved(asked), {point: asked.verdicts[point] for point in here}
    for rank, (old, new) in enumerate(mutations):
        assert text.count(old) == 1, (name, old)
        mutant = tmp_path / f"mutant{rank}" / "top.sv"
        mutant.parent.mkdir()
        mutant.write_text(text.replace(old, new))
        design = _design(mutant)
        points = {CoveragePoint(one.kind, str(mutant), one.line, one.column, one.comment) for one in here}
        asked = _ask(design, points, mutant.parent)
        assert not _proved(asked), (name, old, new)
        # It can in truth be reached, and the model checker finds how.
        confirmed = confirm(asked, design, simulator, limits=LIMITS)
        assert any(verdict.kind is VerdictKind.COVERED for verdict in confirmed.values()), (name, old, new, confirmed)


def test_a_kept_proof_is_not_believed_of_a_changed_file(tmp_path: Path) -> None:
    """The path stays, one byte of the text changes, and changes back."""
    path = tmp_path / "top.sv"
    lines = POWERED.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.endswith("// here"))
    point = CoveragePoint(Kind.LINE, str(path), line, lines[line - 1].index("if") + 1, "if")

    def written(text: str) -> Design:
        path.write_text(text)
        design, problems = elaborate(FileSet(sources=(path,), top="top"))
        assert design is not None, [str(problem) for problem in problems]
        return design

    original = written(POWERED)
    assert _proved(_ask(original, [point], tmp_path)) == {point}
    mutant = written(POWERED.replace("x & q", "x | q").replace("initial q = 1'b0", "initial q = 1'b1"))
    assert not _proved(_ask(mutant, [point], tmp_path))
    path.write_text(POWERED)
    assert not _proved(_ask(mutant, [point], tmp_path)), "what is on disk is not what was asked about"
    assert _proved(_ask(original, [point], tmp_path)) == {point}, "it was kept"
    mutant = written(POWERED.replace("x & q", "x | q").replace("initial q = 1'b0", "initial q = 1'b1"))
    assert not _proved(_ask(mutant, [point], tmp_path)), "nothing was kept under the wrong digest"
