"""Cover statements against the points they were made for: one simulation of each text, hit for hit."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.closure.reach.condition import Event, Instrumented
from llm4cov_agent.closure.reach.instrument import instrument
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.process import Limits
from llm4cov_agent.judge.process import run as run_process
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator, commands
from llm4cov_agent.judge.verilator.model import BINARY, build_model
from llm4cov_agent.loop.generate import render
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)

TORTURE = """\
`define BOTH(a, b) ((a) && (b))
package pk; typedef enum logic [1:0] {IDLE, RUN, STOP} st_t; localparam int LIM = 3; endpackage
module leaf #(parameter int W = 4, parameter logic [W-1:0] MAGIC = 5) (
    input clk, input rst_n, input [W-1:0] a, input [8:1] off, input [0:3] asc,
    output reg z, output reg [1:0] s, output logic y);
  import pk::*;
  st_t st; logic [1:0][2:0] pa; logic [0:1][2:0] pb; logic [2:0] un [0:1]; logic [2:0] down [1:0];
  logic t1, t2, t3, t4, t5; logic [3:0] cnt; integer i;
  struct packed { logic v; logic [2:1] d; } sp;
  always @* begin /* one-line chains, and a comment in the way */
    z = 0; t1 = 0; t2 = 0;
    case (a[1:0])
      2'd0: z = a[2] && off[3];
      2'd1 : begin z = a[2] || off[4]; end // behind
      2'd2: if (a[2] & off[3]) z = 1; else z = asc[1];
      default z = !off[5];
    endcase
    begin t1 = z && a[0]; end
    if (a[0]) if (a[1]) t2 = a[1] ^ a[2]; else t2 = ~a[2];
    if (a[0]) begin if (off[1]) t2 = ~t2; end else if (off[2]) t2 = 1; else begin end
    z = ~z;
  end
  always_ff @(posedge clk or negedge rst_n) if (!rst_n) st <= IDLE; else if (a == MAGIC) st <= RUN;
    else if (st == RUN && a[W-1]) st <= STOP; else st <= a[0] ? IDLE : (a[1] && a[2]) ? RUN : st;
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) cnt <= 0; else if (|a) begin if (cnt != 9) cnt <= cnt + 1; end
  for (genvar g = 0; g < 2; g++) begin : gen
    wire w; assign w = a[g] && off[g+1];
    always @(posedge clk) if (w) un[g] <= a[2:0]; else begin un[g] <= 0; end
    if (g == 0) assign down[0] = w ? a[2:0] : 3'd1; else begin assign down[1] = {3{a[g]}}; end
  end
  if (W == 4) assign y = `BOTH(a[0], a[1]) ? a[2] : a[1]; else assign y = a[0] ? a[1] : a[2];
  assign pa = {a[2:0], ~a[2:0]}; assign pb = {a[2:0], 3'b0}; assign sp = a[2:0];
  assign t3 = (a < 3) && (a[1:0] == LIM) && sp.v && pa[1][0], t4 = !(a[0] == a[1]) && (st != pk::STOP);
  wire n1 = a[2] ? off[2] : (off[3] ? a[1] : a[0]), n2 = a[0] & a[1];
  wire signed [W-1:0] sa = a;
  wire n3 = (sa < 0) && (sa + 1 > 2) && (|a[2:1]) && (a[1:0] != off[2:1]) && ((a >> 1) == 2) && ({a[0], a[1]} == 2'd1) && sp.d == 2;
  wire n4 = a && (&off[4:1]) || ^a[1:0] ~^ off[8];
  always_comb begin s = a[0] ? {a[1], a[2]} : a[2] ? 2'd1 : 2'd2; for (int k = 0; k < 2; k++) if (a[k]) s[k] = 1'b1; end
  reg [3:0] m; always @(posedge clk) for (i = 0; i < 3; i = i + 1) if (a[i] && !m[i]) begin m[i] <= a[i] & off[1]; end
  reg few; always @* begin few = 0; for (int k = 0; k < 3; k++) few = few | (a[2] && few) | (a[k] && off[8]); end
  always @* begin : named reg inner; inner = a[0] ^ off[6]; t5 = inner && a[1]; begin : deeper reg deep; deep = a[1] || inner; end end
  function automatic f(input x, input y); return x && y; endfunction
  initial if (W == 4 && MAGIC == 5) $display("never asked");
  reg lat; always_latch if (off[7]) lat = f(a[0], a[1]);
endmodule
module torture (input clk, input rst_n, input [3:0] a, input [8:1] off, input [0:3] asc, output [3:0] o, output [2:0] p);
  leaf u0 (.clk, .rst_n, .a, .off, .asc, .z(o[0]), .s(o[2:1]), .y(o[3]));
  leaf #(3, 2) u1 (.clk, .rst_n, .a(a[2:0]), .off, .asc, .z(p[0]), .s(p[2:1]), .y());
endmodule
"""

READ = """
import sys
from pyosys import libyosys
design = libyosys.Design()
libyosys.run_pass("tee -q -o log.txt read_slang --top " + " ".join(sys.argv[1:]), design)
libyosys.run_pass("tee -q -o log.txt write_rtlil design.il", design)
"""


@pytest.fixture
def torture(tmp_path: Path) -> Design:
    path = tmp_path / "torture.sv"
    path.write_text(TORTURE)
    design, problems = elaborate(FileSet(sources=(path,), top="torture"))
    assert design is not None, [str(problem) for problem in problems]
    return design


def _write(found: Instrumented, design: Design, folder: Path) -> list[Path]:
    paths = []
    for rank, source in enumerate(design.sources):
        path = folder / f"source{rank}" / source.name
        path.parent.mkdir()
        path.write_text(found.texts[source])
        paths.append(path)
    return paths


def _hits_of_covers(simulator: Verilator, testbench: Testbench, design: Design, found: Instrumented, folder: Path) -> Counter[str]:
    """Simulate the instrumented text; how often each label was covered in any instance."""
    folder.mkdir()
    path = folder / testbench.file_name
    path.write_text(testbench.text)
    build = commands.Build(
        top=testbench.name,
        sources=(path, *_write(found, design, folder)),
        include_dirs=design.include_dirs,
        defines=design.defines,
    )
    model = build_model(build, folder=folder, toolchain=simulator.toolchain, cache=simulator.cache, limits=LIMITS, renamed={})
    assert model.failure is None, [str(problem) for problem in model.failure.problems]
    argv = commands.simulate(folder / BINARY, seed=1, coverage_file="covers.dat")
    assert run_process(argv, folder=folder, limits=Limits(wall_s=600), environment={}).ok
    hits: Counter[str] = Counter()
    for line in (folder / "covers.dat").read_text().splitlines():
        if "\x01page\x02v_user/" in line:
            comment = re.search("\x01o\x02([^\x01']*)", line)
            assert comment is not None
            hits[comment[1].rpartition(".")[2]] += int(line.rpartition(" ")[2])
    return hits


def _disagreements(found: Instrumented, hits: Mapping[CoveragePoint, int], covered: Mapping[str, int]) -> list[str]:
    wrong: list[str] = []
    for point, conditions in found.conditions.items():
        was_true = any(covered.get(condition.label, 0) for condition in conditions)
        # Everything starts at 0 in this simulator: a bit that was ever 1 has risen, and only such a bit can have fallen. A state
        # that is the first one has not been entered by that.
        is_one_way = conditions[0].event is Event.FALLS or point.kind is Kind.FSM
        if bool(hits[point]) != was_true and (hits[point] or not is_one_way):
            wrong.append(f"{point.file}:{point.line}:{point.column} {point.comment} hit {hits[point]} times: {conditions}")
    return wrong


def _compare(simulator: Verilator, design: Design, testbench: Testbench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Instrumented:
    evaluation = evaluate(simulator, Job(design=design, testbench=testbench, limits=LIMITS))
    assert evaluation.status is RunStatus.OK and evaluation.run.coverage is not None
    hits = evaluation.run.coverage.hits
    found = instrument(design, hits)
    assert set(found.conditions) | set(found.unmapped) == set(hits)
    assert not set(found.conditions) & set(found.unmapped)
    monkeypatch.setattr(commands, "METRICS", (*commands.METRICS, "user"))
    assert not _disagreements(found, hits, _hits_of_covers(simulator, testbench, design, found, folder))
    monkeypatch.undo()
    return found


def _labels_in_yosys(design: Design, found: Instrumented, folder: Path) -> set[str]:
    folder.mkdir()
    paths = [str(path) for path in _write(found, design, folder)]
    includes = [f"-I{path}" for path in design.include_dirs]
    argv = [sys.executable, "-c", READ, design.top, *includes, *paths]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (folder / "log.txt").read_text()[-2000:]
    cells = re.findall(r"cell \$check (\S+)", (folder / "design.il").read_text())
    return {name.lstrip("\\").rpartition(".")[2] for name in cells}


@pytest.mark.parametrize("seed", [1, 2])
def test_odd_formatting_changes_no_hit(
    seed: int, simulator: Verilator, torture: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    testbench = render(random_stimulus(torture, seed=seed, cycles=30 * seed), torture, Language.SYSTEMVERILOG)
    found = _compare(simulator, torture, testbench, tmp_path / "covers", monkeypatch)
    assert len(found.conditions) > 8 * len(found.unmapped)
    labels = {condition.label for conditions in found.conditions.values() for condition in conditions}
    assert _labels_in_yosys(torture, found, tmp_path / "yosys") == labels


NAMES = [pytest.param(name, marks=() if name in ("lru", "uart") else pytest.mark.slow) for name in loader.names()]


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_are_covered_alike(name: str, simulator: Verilator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = loader.design(name)
    for rank, stimulus in enumerate((loader.load(name).witness(), random_stimulus(design, seed=1, cycles=300))):
        testbench = render(stimulus, design, Language.SYSTEMVERILOG)
        found = _compare(simulator, design, testbench, tmp_path / f"covers{rank}", monkeypatch)
    labels = {condition.label for conditions in found.conditions.values() for condition in conditions}
    # A branch whose condition is constant is dropped with its label.
    assert _labels_in_yosys(design, found, tmp_path / "yosys") <= labels


def test_nearly_all_points_of_ordinary_sources_are_asked(simulator: Verilator) -> None:
    asked, total = 0, 0
    for name in ("uart", "cache_tag"):
        design = loader.design(name)
        testbench = render(loader.load(name).witness(), design, Language.SYSTEMVERILOG)
        coverage = evaluate(simulator, Job(design=design, testbench=testbench, limits=LIMITS)).run.coverage
        assert coverage is not None
        points = [point for point in coverage.hits if point.kind is not Kind.TOGGLE]
        asked += len(instrument(design, points).conditions)
        total += len(points)
    assert asked > 0.95 * total
