"""Closure with the real tools: the harness counts what the judge counts, and `generate` comes to an end on every design it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fixtures import loader

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Step, Stimulus, problems_of
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import MOST_CYCLES, Closed, ClosePlan, close
from llm4cov_agent.closure.harness import Ending, Harness, Order, Target, open_harness
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits, Simulator
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)
"""A loaded machine is no reason to fail."""
PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")


def _judged(simulator: Simulator, design: Design, stimulus: Stimulus, language: Language = Language.SYSTEMVERILOG) -> set[CoveragePoint]:
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, language), limits=LIMITS))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    assert evaluation.run.coverage is not None
    return set(evaluation.run.coverage.covered())


def _cycles(simulator: Simulator, design: Design, stimulus: Stimulus) -> int:
    cycles = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, Language.SYSTEMVERILOG), limits=LIMITS)).cycles
    assert cycles is not None
    return cycles


def _steps(stimulus: Stimulus) -> tuple[Step, ...]:
    return tuple(step for sequence in stimulus.sequences for step in sequence.steps)


def _in_harness(simulator: Verilator, design: Design, stimulus: Stimulus) -> set[CoveragePoint]:
    with open_harness(design, simulator, stimulus.clocks, workers=1, limits=LIMITS) as opened:
        assert opened.harness is not None, [str(problem) for problem in opened.problems]
        harness = opened.harness
        harness.start()
        # The second order starts from power-up again, so whatever the first one left behind would show.
        first, second = harness.run([Order(_steps(stimulus), tells_all=True)] * 2, most_cycles=10**7)
        assert first == second and first.ending is Ending.DONE
        return {point for counter in first.counters | harness.at_power_up for point in harness.points[counter]}


def _assert_same(harness: Collection[CoveragePoint], judge: Collection[CoveragePoint]) -> None:
    only_harness = sorted(set(harness) - set(judge), key=lambda point: point.sort_key)
    only_judge = sorted(set(judge) - set(harness), key=lambda point: point.sort_key)
    assert not only_harness and not only_judge, (only_harness[:5], only_judge[:5])


@pytest.mark.parametrize("name", loader.names())
def test_harness_and_judge_agree_about_the_witness(name: str, simulator: Verilator) -> None:
    design, stimulus = loader.design(name), replace(loader.load(name).witness(), seed=1)
    _assert_same(_in_harness(simulator, design, stimulus), _judged(simulator, design, stimulus))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if not rank % 4 else pytest.mark.slow) for rank, name in enumerate(loader.names())]
)
def test_harness_and_judge_agree_about_random_inputs(name: str, simulator: Verilator) -> None:
    design = loader.design(name)
    stimulus = replace(random_stimulus(design, seed=3, cycles=2000), seed=1)
    _assert_same(_in_harness(simulator, design, stimulus), _judged(simulator, design, stimulus))


CLOSED = ("divider", "sequence_lock", "traffic_light", "vending_machine")


@cache
def _closed(simulator: Verilator, name: str) -> Closed:
    return close(loader.design(name), simulator, ClosePlan(budget_s=45, rounds=1500, workers=2, limits=LIMITS))


@pytest.mark.parametrize("name", CLOSED)
def test_closure_hits_what_can_be_hit_and_proves_nothing_of_it(name: str, simulator: Verilator) -> None:
    fixture, design = loader.load(name), loader.design(name)
    closed = _closed(simulator, name)
    assert closed.stimulus is not None, [str(problem) for problem in closed.problems]
    assert not closed.problems and not problems_of(closed.stimulus, design)
    assert _cycles(simulator, design, closed.stimulus) <= MOST_CYCLES
    hit = _judged(simulator, design, closed.stimulus)
    assert set(fixture.reachable) <= hit
    proved = {point for point, verdict in closed.verdicts.items() if verdict.kind is VerdictKind.UNREACHABLE}
    can_be_hit = hit | set(fixture.reachable) | _judged(simulator, design, fixture.witness())
    assert not proved & can_be_hit, sorted(point.comment for point in proved & can_be_hit)
    if fixture.unreachable_complete:
        assert proved <= set(fixture.unreachable), sorted(point.comment for point in proved - set(fixture.unreachable))


def test_the_same_seed_gives_the_same_testbench_on_any_number_of_processes(simulator: Verilator) -> None:
    design = loader.design("sequence_lock")

    def text(workers: int, seed: int) -> str:
        plan = ClosePlan(seed=seed, budget_s=600, rounds=6, proves=False, workers=workers, limits=LIMITS)
        closed = close(design, simulator, plan)
        assert closed.stimulus is not None
        return render(closed.stimulus, design, Language.SYSTEMVERILOG).text

    first = text(2, 1)
    assert text(2, 1) == first
    assert text(1, 1) == first
    assert text(2, 2) != first


def test_with_rounds_given_the_speed_of_the_machine_decides_nothing(simulator: Verilator, monkeypatch: pytest.MonkeyPatch) -> None:
    design, start = loader.design("sequence_lock"), Harness.start

    def text(cycles_per_s: float) -> tuple[str, int]:
        def slowed(harness: Harness, targets: Sequence[Target] = (), *, seed: int = 1) -> None:
            start(harness, targets, seed=seed)
            harness.cycles_per_s = cycles_per_s

        monkeypatch.setattr(Harness, "start", slowed)
        closed = close(design, simulator, ClosePlan(budget_s=600, rounds=6, proves=False, workers=2, limits=LIMITS))
        assert closed.stimulus is not None
        return render(closed.stimulus, design, Language.SYSTEMVERILOG).text, closed.cycles

    # At ten cycles per second a try would be held to 1,000 cycles.
    assert text(10.0) == text(float("inf"))


def test_both_languages_cover_the_same_with_what_closure_found(simulator: Verilator) -> None:
    design, closed = loader.design("vending_machine"), _closed(simulator, "vending_machine")
    assert closed.stimulus is not None
    assert _judged(simulator, design, closed.stimulus) == _judged(simulator, design, closed.stimulus, Language.COCOTB)


def test_a_tight_limit_on_cycles_is_kept(simulator: Verilator) -> None:
    design = loader.design("divider")
    closed = close(design, simulator, ClosePlan(budget_s=20, rounds=4, proves=False, cycles=60, limits=LIMITS))
    assert closed.stimulus is not None
    assert _cycles(simulator, design, closed.stimulus) <= 60


@dataclass(frozen=True)
class Odd:
    """A design out of the ordinary. Lines that end in `// alive` are reached by some inputs, those in `// dead` by none."""

    name: str
    text: str
    says: tuple[str, ...] = ()
    """Words of the refusal; empty if a testbench has to be written."""
    hits: bool = True
    """Whether the testbench has to hit what is alive."""
    budget_s: float = 5.0
    is_slow: bool = False


def _large(blocks: int) -> str:
    """About five lines a block."""
    lines = ["module top(input logic clk, rst_n, input logic [7:0] d, output logic [7:0] q);"]
    lines += [f"  logic [7:0] r{number};" for number in range(blocks + 1)]
    lines += ["  assign r0 = d;", f"  assign q = r{blocks};"]
    for number in range(blocks):
        lines += [
            "  always_ff @(posedge clk or negedge rst_n)",
            f"    if (!rst_n) r{number + 1} <= 8'd0;",
            f"    else if (r{number} == 8'd{number % 200}) r{number + 1} <= r{number} + 8'd1;",
            f"    else r{number + 1} <= r{number};",
        ]
    return "\n".join([*lines, "endmodule", ""])


ODD = (
    Odd(
        "combinational loop",
        """\
module top(input logic a, b, output logic q, qn);
  assign q = ~(a & qn);
  assign qn = ~(b & q);
  logic seen;
  always_comb begin
    seen = 0;
    if (!q) seen = 1; // alive
  end
endmodule
""",
    ),
    Odd(
        "loop that does not settle",
        """\
module top(input logic clk, en, d, output logic q, other);
  wire ring;
  assign ring = en ? ~ring : d;
  assign q = ring;
  always_ff @(posedge clk)
    if (d) other <= ~other; // alive
    else other <= d;
endmodule
""",
    ),
    Odd(
        "inner loop that never ends",
        """\
module top(input logic clk, input logic [3:0] x, output logic [5:0] n);
  logic [5:0] i;
  always_ff @(posedge clk) begin
    i = 0;
    if (x != 4'd11)
      n <= 6'd1; // alive
    else
      while (i != 6'd1) i = i + 6'd2;
  end
endmodule
""",
        hits=False,
    ),
    Odd(
        "no inputs",
        """\
module top(output logic [3:0] q);
  assign q = 4'd5;
endmodule
""",
    ),
    Odd(
        "clock and nothing else",
        """\
module top(input logic clk, output logic [3:0] q);
  initial q = 0;
  always_ff @(posedge clk)
    if (q == 4'd12) q <= 0; // alive
    else q <= q + 1;
endmodule
""",
    ),
    Odd(
        "memory of four megabytes",
        """\
module top(input logic clk, we, input logic [21:0] a, input logic [7:0] d, output logic [7:0] q, output logic hit);
  logic [7:0] mem [0:4194303];
  always_ff @(posedge clk) begin
    if (we) mem[a] <= d;
    q <= mem[a];
    if (q == 8'h5a) hit <= 1; // alive
    else hit <= 0;
  end
endmodule
""",
        hits=False,
    ),
    Odd(
        "latch",
        """\
module top(input logic en, input logic [3:0] d, output logic [3:0] q, output logic nine);
  always_latch
    if (en) q = d; // alive
  always_comb begin
    nine = 0;
    if (q == 4'd9 && !en) nine = 1; // alive
  end
endmodule
""",
    ),
    Odd(
        "inout",
        """\
module top(input logic clk, oe, input logic [3:0] d, inout wire [3:0] pad, output logic [3:0] seen);
  assign pad = oe ? d : 4'bz;
  always_ff @(posedge clk)
    if (!oe && pad == 4'd6) seen <= 4'd1; // alive
    else seen <= pad;
endmodule
""",
    ),
    Odd(
        "DPI import",
        """\
module top(input logic clk, input int a, output int y);
  import "DPI-C" function int twice(input int value);
  always_ff @(posedge clk) y <= twice(a);
endmodule
""",
        says=("twice",),
    ),
    Odd(
        "initial with delays",
        """\
module top(input logic clk, input logic d, output logic q, late);
  initial begin
    late = 0;
    #37 late = 1; // alive
  end
  always_ff @(posedge clk)
    if (late && d) q <= ~q; // alive
    else q <= 0;
endmodule
""",
    ),
    Odd(
        "black box",
        "module top(input logic clk, d, output logic q);\n  vendor_cell u(.clk(clk), .d(d), .q(q));\nendmodule\n",
        says=("vendor_cell",),
    ),
    Odd(
        "depends on X",
        """\
module top(input logic clk, rst, d, output logic [2:0] q, output logic known);
  logic [2:0] never_set;
  always_ff @(posedge clk)
    if (rst) q <= 0;
    else if (q === 3'bxxx) q <= 3'd7;
    else q <= {q[1:0], d};
  always_ff @(posedge clk) begin
    known <= 1;
    if ((q[0] ^ never_set[0]) === 1'bx) known <= 0;
    casex (q)
      3'b1x0: known <= 0; // alive
      default: known <= 1;
    endcase
  end
endmodule
""",
    ),
    Odd("ten thousand lines", _large(2000), budget_s=20.0, hits=False, is_slow=True),
    Odd(
        "$finish in the design",
        """\
module top(input logic clk, rst_n, input logic [1:0] d, output logic [3:0] n);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) n <= 0;
    else if (d == 2'd3) begin
      n <= n + 1;
      if (n == 4'd9) $finish;
    end else if (n == 4'd8) n <= 4'd1; // alive
endmodule
""",
    ),
    Odd(
        "$finish at power-up",
        "module top(input logic clk, d, output logic q);\n  initial $finish;\n  always_ff @(posedge clk) q <= d;\nendmodule\n",
    ),
    Odd(
        "$fatal in the design",
        """\
module top(input logic clk, rst_n, input logic [3:0] d, output logic [3:0] q);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) q <= 0;
    else begin
      if (d == 4'd13) $fatal(1, "thirteen");
      q <= d;
      if (q == 4'd12) q <= 4'd3; // alive
    end
endmodule
""",
    ),
    Odd(
        "$fatal at power-up",
        'module top(input logic clk, d, output logic q);\n  initial $fatal(1, "never");\n  always_ff @(posedge clk) q <= d;\nendmodule\n',
    ),
    Odd(
        "assertion in the design",
        """\
module top(input logic clk, rst_n, req, gnt, output logic [1:0] q);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) q <= 0;
    else if (req && !gnt) q <= q + 1; // alive
    else q <= 0;
  always @(posedge clk) if (rst_n) assert (q != 2'd3) else $error("three");
endmodule
""",
        hits=False,
    ),
    Odd(
        "wide ports",
        """\
module top(input logic clk, input logic [299:0] a, b, output logic [299:0] y, output logic same);
  always_ff @(posedge clk) begin
    y <= a ^ b;
    if (a == b) same <= 1; // alive
    else same <= 0;
    if (a[299:290] == 10'h3ff) same <= 1; // alive
  end
endmodule
""",
    ),
    Odd(
        "unpacked array ports",
        """\
module top(input logic clk, input logic [3:0] a [3], output logic [3:0] y [2], output logic hit);
  always_ff @(posedge clk) begin
    y[0] <= a[0] + a[1];
    y[1] <= a[2];
    hit <= 0;
    if (a[0] == 4'd3 && a[2] == 4'd12) hit <= 1; // alive
  end
endmodule
""",
    ),
    Odd(
        "dead code beside live code",
        """\
module top(input logic clk, rst_n, go, output logic [2:0] n, output logic bad);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) n <= 0;
    else if (n == 3'd5) n <= 0; // alive
    else if (go) n <= n + 1;
  always_comb begin
    bad = 0;
    if (n == 3'd7) bad = 1; // dead
    if (n == 3'd4 && go) bad = 0; // alive
  end
endmodule
""",
    ),
)


def _marked(text: str, word: str) -> set[int]:
    return {number for number, line in enumerate(text.splitlines(), 1) if line.endswith(f"// {word}")}


def _call(folder: Path, cache_dir: Path, *arguments: str, timeout_s: float) -> tuple[int, dict[str, Any] | None, str]:
    environment = os.environ | {"LLM4COV_CACHE_DIR": str(cache_dir), "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [PROGRAM, *arguments, "--json"], cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.mark.parametrize("odd", [pytest.param(odd, id=odd.name, marks=pytest.mark.slow if odd.is_slow else ()) for odd in ODD])
def test_generate_ends_on_odd_designs(odd: Odd, tmp_path: Path, cache_dir: Path) -> None:
    (tmp_path / "a.sv").write_text(odd.text)
    started = time.monotonic()
    arguments = ("generate", "a.sv", "--budget-s", str(odd.budget_s), "--run-s", "20")
    status, record, messages = _call(tmp_path, cache_dir, *arguments, timeout_s=240 + 8 * odd.budget_s)
    seconds = time.monotonic() - started
    assert seconds < 60 + 2.5 * odd.budget_s or odd.is_slow, "compiling the models is not in the budget, but they are small"
    testbench = tmp_path / "tb_top.sv"
    if status == 2:
        said = messages + json.dumps(record["problems"] if record else "")
        assert said.strip('" \n[]'), "a refusal says why"
        for words in odd.says:
            assert words in said
        assert record is None or any(problem["severity"] == "error" for problem in record["problems"])
        return
    assert status == 0 and record is not None and not odd.says, messages
    assert record["status"] == "ok"
    again, measured, said = _call(tmp_path, cache_dir, "cover", "a.sv", "--tb", testbench.name, "--run-s", "60", timeout_s=300)
    assert again == 0 and measured is not None, said
    assert measured["cycles"] == record["cycles"]
    assert [hole["id"] for hole in measured["holes"]] == [hole["id"] for hole in record["holes"]]
    alive, dead = _marked(odd.text, "alive"), _marked(odd.text, "dead")
    proved = {hole["line"] for hole in record["holes"] if hole["verdict"] == "unreachable"}
    assert not proved & alive
    if odd.hits:
        missed = {hole["line"] for hole in record["holes"] if hole["kind"] in ("line", "branch")}
        assert not missed & alive, [hole for hole in record["holes"] if hole["line"] in alive]
    assert dead <= proved
