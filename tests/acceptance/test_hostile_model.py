"""A hostile model against the rules: every attack is refused before it is built, or ends within its limits as a value."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.judge import process
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.sandbox import Sandbox
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.elaborate.untrusted import REFUSED, screen_for_design
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

DESIGN = """\
module cnt(input logic clk, rst, en, output logic [3:0] q, output logic top);
  logic stuck;
  always_ff @(posedge clk) if (rst) begin q <= 0; stuck <= 0; end else if (en) q <= q + 1;
  assign top = q == 15;
`ifndef SHORT
  always_comb if (stuck) $display("never");
`endif
endmodule
"""

HEAD = """\
module tb;
  logic clk = 0, rst = 1, en = 0, top;
  logic [3:0] q;
  int n;
  cnt dut (.*);
  always #5 clk = ~clk;
"""

STIMULUS = "  initial begin repeat (2) @(negedge clk); rst = 0; en = 1; repeat (5) @(negedge clk); $finish; end\n"

LIMITS = SimulationLimits(build_s=60, run_s=2, memory_bytes=2 << 30, file_bytes=16 << 20, output_bytes=100_000)


@dataclass(frozen=True)
class Attack:
    """A testbench that a hostile model writes."""

    name: str
    body: str = ""
    before: str = ""
    behind: str = ""
    status: RunStatus = RunStatus.OK
    """How its run ends, where it is contained."""
    says: str = ""
    """Words of the first problem then."""
    never_ends: bool = False
    """Whether nothing else ends the run."""
    may_be_late: bool = False
    """Whether a slow machine meets the time limit before the other one."""

    @property
    def text(self) -> str:
        return f"{self.before}{HEAD}{self.body}\n{'' if self.never_ends else STIMULUS}endmodule\n{self.behind}"


REFUSED_ATTACKS = (
    Attack("a shell command", 'initial $system("touch TARGET");'),
    Attack("a fork bomb in a shell", 'initial $system(":(){ :|:& };:");'),
    Attack("a shell command as a function", 'initial n = $system("id");'),
    Attack("C++ code", 'initial $c("system(\\"touch TARGET\\");");'),
    Attack("C++ code as a value", 'initial n = $cpure("getpid()");'),
    Attack("C++ code of a width", 'initial n = $c32("getpid()");'),
    Attack("foreign code", 'import "DPI-C" function int system(input string s);\ninitial n = system("touch TARGET");'),
    Attack("foreign code, the string by a macro", '`define D "DPI-C"\nimport `D function int system(input string s);'),
    Attack("an exported function", 'export "DPI-C" function f;\nfunction int f(); return 1; endfunction'),
    Attack("a header for SystemC", "`systemc_header\n#include <cstdlib>\n`verilog"),
    Attack("code for SystemC", '`systemc_imp_header\nstatic int x = system("id");\n`verilog'),
    Attack("Verilator's own configuration", before='`verilator_config\ncoverage_off -file "*"\n`verilog\n'),
    Attack("coverage switched off by a comment", before="/*verilator coverage_off*/\n"),
    Attack("coverage switched off by a line comment", before="//  Verilator coverage_off\n"),
    Attack("a comment for synthesis", "// synopsys translate_off"),
    Attack("a comment made by macros", before="`define C(a, b) a/b\n`C(, *verilator coverage_off*/)\n"),
    Attack("coverage switched off by a predefined macro", "initial begin `coverage_block_off\n n = 1; end"),
    Attack("a configuration block", behind="config c; design tb; endconfig\n"),
    Attack("an include", before='`include "/etc/passwd"\n'),
    Attack("an include by a macro", before='`define F "/etc/passwd"\n`include `F\n'),
    Attack("a pragma", before="`pragma protect begin\n"),
    Attack("false line numbers", before='`line 1 "cnt.sv" 0\n'),
    Attack("writing a file", 'initial begin n = $fopen("TARGET", "w"); $fdisplay(n, "x"); end'),
    Attack("forging the coverage file", 'initial begin n = $fopen("coverage.dat", "a"); $fwrite(n, "x"); end'),
    Attack("dumping over the coverage file", 'initial $dumpfile("coverage.dat");'),
    Attack("dumping outside of the folder", 'initial $dumpfile("TARGET.vcd");'),
    Attack("dumping upwards", 'initial $dumpfile("../x.vcd");'),
    Attack("reading any file", 'logic [7:0] m[9];\ninitial $readmemh("/etc/passwd", m);'),
    Attack("reading upwards", 'logic [7:0] m[9];\ninitial $readmemh("../secret.hex", m);'),
    Attack("reading a file by a computed name", 'logic [7:0] m[9];\ninitial $readmemh({"/etc/", "passwd"}, m);'),
    Attack("writing a memory to a file", 'logic [7:0] m[9];\ninitial $writememh("TARGET", m);'),
    Attack("a timing file", 'initial $sdf_annotate("/etc/passwd", dut);'),
    Attack("forcing a signal of the design", "initial force dut.stuck = 1;"),
    Attack("a forced word in two pieces", "`define E rce\ninitial fo`E dut.stuck = 1;"),
    Attack("depositing into the design", "initial #100 dut.stuck = 1;"),
    Attack("driving the design through a port", "drv d (.x(dut.stuck));", behind="module drv(output logic x); initial x = 1; endmodule\n"),
    Attack("binding into the design", "bind cnt drv d (.x(stuck));", behind="module drv(output logic x); initial x = 1; endmodule\n"),
    Attack("replacing the design", behind="module cnt(input clk, rst, en, output [3:0] q, output top); endmodule\n"),
    Attack("shortening the design by its own macro", before="`define SHORT\n"),
    Attack("another parameter from outside", "defparam dut.W = 1;"),
    Attack("a system name from a macro's parameter", '`define S(x) $x\ninitial `S(system)("id");'),
    Attack("a pasted system name", '`define S(x) $sys``x\ninitial `S(tem)("id");'),
    Attack(
        "a macro that explodes",
        "`define A0 n++;\n" + "".join(f"`define A{i + 1} `A{i} `A{i}\n" for i in range(40)) + "initial begin `A40 end",
    ),
    Attack("a hidden line end", '// harmless\rinitial $system("id");'),
    Attack("a null character", "// \0"),
    Attack("ten megabytes", "// " + "x" * 10_000_000),
    Attack("modules without end", before="module m; " * 50_000),
    Attack("another language", before="import os\nos.system('id')\n"),
    Attack("an unknown system task", "initial $verilator_secret;"),
)

LATE, FAILED, UNBUILT = RunStatus.TIMED_OUT, RunStatus.RUN_FAILED, RunStatus.BUILD_FAILED

CONTAINED_ATTACKS = (
    Attack("a loop without end", "initial forever n++;", status=LATE, says="time limit"),
    Attack("a loop without delay", "initial forever #0 n++;", status=FAILED, says="did not converge"),
    Attack("a clock that never ends", "", never_ends=True, status=LATE, says="time limit"),
    Attack("gigabytes of output", 'initial forever $display("%s", {100{"flood "}});', status=FAILED, says="printed more than its limit"),
    Attack(
        "memory at once",
        "longint big[];\ninitial begin big = new[1 << 30]; big[n] = 1; end",
        status=FAILED,
        says="memory",
        may_be_late=True,
    ),
    Attack(
        "recursion without end",
        "function automatic int down(int x); return down(x + 1) + 1; endfunction\ninitial n = down(0);",
        status=FAILED,
        says="SIGSEGV",
    ),
    Attack("processes without end", "initial forever fork #1000 n++; join_none", status=LATE, says="time limit"),
    Attack("an end before anything", "initial $finish;", says="never toggles clock"),
    Attack("a fatal error", 'initial $fatal(1, "no");', status=FAILED, says="no"),
    Attack("a stop", "initial $stop;", status=FAILED, says="$stop"),
    Attack(
        "an array that fits in no memory",
        "logic [1023:0] m[(1 << 24)];\ninitial begin m[1] = 1; n = m[n][31:0]; end",
        status=UNBUILT,
        says="memory",
    ),
    Attack(
        "instances without end",
        "generate for (genvar i = 0; i < 100_000_000; i++) begin : g wire w; end endgenerate",
        status=UNBUILT,
        says="took too long",
    ),
)


def changed_since(before: dict[Path, bytes], folder: Path) -> bool:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} != before


@dataclass(frozen=True)
class Place:
    """The design, in a folder in which nothing may change."""

    design: Design
    folder: Path
    target: Path

    def judge(self, simulator: Verilator, text: str) -> Evaluation:
        testbench = Testbench(Language.SYSTEMVERILOG, "tb", text)
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        evaluation = evaluate(
            Verilator(simulator.toolchain, simulator.cache, use_kept_runs=False),
            Job(design=self.design, testbench=testbench, limits=LIMITS),
        )
        assert not changed_since(before, self.folder)
        assert not self.target.exists()
        return evaluation


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("hostile")
    source = folder / "cnt.sv"
    source.write_text(DESIGN)
    (folder / "kept").write_text("as it was")
    design, problems = elaborate(FileSet(sources=(source,)))
    assert design is not None, problems
    return Place(design, folder, folder / "target")


def test_the_frame_of_the_attacks_is_harmless(place: Place, simulator: Verilator) -> None:
    harmless = Attack("none").text
    assert screen_for_design(harmless, place.design) == ()
    assert place.judge(simulator, harmless).status is RunStatus.OK


@pytest.mark.parametrize("attack", REFUSED_ATTACKS, ids=lambda attack: attack.name)
def test_is_refused(attack: Attack, place: Place) -> None:
    text = attack.text.replace("TARGET", str(place.target))
    problems = screen_for_design(text, place.design)
    assert problems
    if attack.name not in ("another language", "modules without end", "an exported function"):
        assert problems[0].code == REFUSED
    if attack.name != "ten megabytes":
        assert problems[0].line is not None and problems[0].column is not None


@pytest.mark.parametrize("attack", CONTAINED_ATTACKS, ids=lambda attack: attack.name)
def test_is_contained(attack: Attack, place: Place, simulator: Verilator) -> None:
    assert screen_for_design(attack.text, place.design) == ()
    started = time.monotonic()
    evaluation = place.judge(simulator, attack.text)
    assert evaluation.run.run_s < LIMITS.run_s * 5
    assert time.monotonic() - started < LIMITS.build_s * 2
    assert len(evaluation.run.log) <= LIMITS.output_bytes
    if attack.may_be_late and evaluation.status is RunStatus.TIMED_OUT:
        assert "time limit" in evaluation.problems[0].message
        return
    assert evaluation.status is attack.status, evaluation.problems
    assert attack.says in evaluation.problems[0].message


UNSCREENED = (
    Attack("a shell writes", 'initial $system("echo x > TARGET; rm -f KEPT; echo tried");'),
    Attack(
        "C++ writes", 'initial $c("{FILE* f = fopen(\\"TARGET\\", \\"w\\"); if (f) fclose(f); remove(\\"KEPT\\"); puts(\\"tried\\");}");'
    ),
    Attack("a file is opened", 'initial begin n = $fopen("TARGET", "w"); $display("tried %0d", n); end'),
    Attack("a memory is written", 'logic [7:0] m[9];\ninitial begin $display("tried"); $writememh("TARGET", m); end'),
)


def needs_held_files() -> None:
    if process.strongest() in (Sandbox.UNSHARE, Sandbox.NONE):
        pytest.skip(f"the sandbox of this machine ({process.strongest().value}) does not hold files")


@pytest.mark.parametrize("attack", UNSCREENED, ids=lambda attack: attack.name)
def test_the_sandbox_holds_files_without_screening(attack: Attack, place: Place, simulator: Verilator) -> None:
    needs_held_files()
    text = attack.text.replace("TARGET", str(place.target)).replace("KEPT", str(place.folder / "kept"))
    evaluation = place.judge(simulator, text)
    assert "tried" in evaluation.run.log
    assert (place.folder / "kept").read_text() == "as it was"


def test_the_sandbox_holds_the_network_without_screening(place: Place, simulator: Verilator) -> None:
    if process.strongest() is Sandbox.NONE:
        pytest.skip("there is no sandbox on this machine")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(0.1)
        attack = Attack("a connection", f"initial $system(\"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; echo ended $?'; echo tried\");")
        evaluation = place.judge(simulator, attack.text)
        assert "tried" in evaluation.run.log
        with pytest.raises(TimeoutError):
            server.accept()
