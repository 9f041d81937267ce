"""What a model's testbench may and may not say. Everything that is refused is refused at the line that says it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.rtl.elaborate.untrusted import REFUSED, screen_testbench
from tests.unit import ordinary_testbenches

HEAD = """\
module tb;
  logic clk = 0, rst = 1, en = 0, a;
  logic [3:0] q, m[8];
  int n, list[$];
  event done;
  task automatic take(input logic [3:0] value); if (value > 3) $display("%0d", value); endtask
  task automatic give(output logic value); value = 1; endtask
  cnt dut (.clk, .rst, .en, .q);
  always #5 clk = ~clk;
"""
"""Nine lines that are refused nothing; what is tried stands on the tenth."""


def screened(body: str, *, before: str = "", behind: str = "") -> list[tuple[int | None, str, str | None]]:
    problems = screen_testbench(
        f"{before}{HEAD}{body}\nendmodule\n{behind}",
        folder_files={"vectors.hex"},
        design_modules={"cnt", "cnt_pkg"},
        design_interfaces={"bus_if"},
        design_macros={"WIDTH"},
        defines=[("DEPTH", "4")],
    )
    return [(problem.line, problem.message, problem.code) for problem in problems]


def test_the_frame_itself_passes() -> None:
    assert screened("") == []


@pytest.mark.parametrize("text", ordinary_testbenches.ALL.values(), ids=ordinary_testbenches.ALL.keys())
def test_an_ordinary_testbench_passes(text: str) -> None:
    found = screen_testbench(text, folder_files={"vectors.hex"}, design_modules={"cnt"}, design_macros={"WIDTH"})
    assert [str(problem) for problem in found] == []


PASSES = {
    "reads of the design": "initial begin n = dut.count + dut.u[2].x; if (dut.busy) wait (!dut.busy); take(dut.count); end",
    "reads in calls": 'initial begin list.push_back(dut.count); $display("%s %0d", dut.state.name(), dut.x); end',
    "index by the design": "initial m[dut.count] = 4'd2;",
    "asserts on the design": 'assert property (@(posedge clk) disable iff (rst) dut.a |-> ##[1:3] dut.b) else $error("late");',
    "initial value": "initial begin automatic int x = dut.count; n = x; end",
    "waveform file": 'initial begin $dumpfile("dump.vcd"); $dumpvars(0, tb); end',
    "data file": 'initial $readmemh("vectors.hex", m);',
    "plusargs": 'initial if (!$value$plusargs("n=%d", n)) n = 3;',
    "star": "always @(*) a = q[0];  always @* n = 1;",
    "plain macros": "`define HALF 5\n`define CHECK(c, m) if (!(c)) begin $error(m); n++; end\n"
    'initial begin #`HALF `CHECK(q == `HALF, "bad, q") if (q==`HALF) n = `DEPTH; `CHECK((n > 1), "n") end',
    "continued macro": "`define TWICE(x) \\\n  n = x; \\\n  n = x;\ninitial begin `TWICE(n + 1) end",
    "conditional": "`ifdef VERILATOR\ninitial n = 1;\n`else\ninitial n = 2;\n`endif\n"
    "`ifndef MINE\n`define MINE 1\n`endif\ninitial n = `MINE;",
    "comments": '// the `clk` of $system, "forced" and $fopen /* here\n/* bind\n   force */ // naïve\ninitial n = 1;',
    "strings": 'initial $display("force $system /* `include \\" %m\\n");',
    "queue ends": "initial n = list[$] + list[$-1];",
    "fork and join": "initial fork begin take(4'd1); end join_any\ninitial disable fork;",
    "escaped name": "logic \\a.b[0] ;\ninitial \\a.b[0] = 1;",
    "classes": "class item; rand bit [3:0] d; constraint c { d inside {[1:4]}; } function new(); d = 1; endfunction endclass\n"
    "initial begin automatic item it = new(); void'(it.randomize() with { d < 3; }); it.d = 2; q <= it.d; end",
    "interface of the design": "bus_if bus(clk);\ninitial bus.valid = 1;",
    "covergroup": "covergroup cg @(posedge clk); coverpoint q; coverpoint dut.x; endgroup\ncg one = new();",
    "mailbox": "mailbox #(int) box = new();\ninitial begin box.put(dut.count); box.get(n); end",
}


@pytest.mark.parametrize("body", PASSES.values(), ids=PASSES.keys())
def test_passes(body: str) -> None:
    assert screened(body) == []


WRITES = {
    "assignment": "initial dut.x = 1;",
    "nonblocking": "initial dut.u.v[3] <= 1;",
    "operator": "initial dut.x |= 1;",
    "step": "initial dut.x++;",
    "step before": "initial ++dut.x;",
    "continuous": "assign dut.x = 1;",
    "procedural continuous": "initial assign dut.x = 1;",
    "concatenation": "initial {a, dut.x} = 2;",
    "pattern": "initial '{dut.x, a} = '{1, 2};",
    "streaming": "initial {>>{dut.x}} = 3;",
    "from the root": "initial $root.tb.dut.x = 1;",
    "by the module's name": "initial cnt.x = 1;",
    "escaped": "initial \\dut .x = 1;",
    "output of a task": "initial give(dut.x);",
    "unknown task": "initial fetch(dut.x);",
    "method": "initial list.pop(dut.x);",
    "own method": "initial dut.mem.delete();",
    "call": "initial dut.clear(1);",
    "call without brackets": "initial dut.clear;",
    "system task": "initial void'($cast(dut.x, a));",
    "seed": "initial n = $urandom(dut.x);",
    "memory": 'initial $readmemh("vectors.hex", dut.mem);',
    "formatted": 'initial $sformat(dut.x, "%d", 3);',
    "randomised": "initial void'(std::randomize(dut.x));",
    "port of another": "drv d (.x(dut.x));",
    "port by place": "drv d (dut.x);",
    "gate": "buf (dut.x, a);",
    "event": "initial -> dut.e;",
    "event later": "initial ->> dut.e;",
    "disabled": "initial disable dut.work;",
    "clocking": "clocking cb @(posedge clk); output x = dut.x; endclocking",
    "loop variable": "initial for (dut.x = 0; a; n++) n = 1;",
    "package": "initial cnt_pkg::mode = 1;",
    "imported": "import cnt_pkg::*;\ninitial mode = 1;",
    "virtual interface": "virtual bus_if v = dut.bus;",
    "match item": "sequence s; (a, dut.x = 1); endsequence",
    "parameter": "defparam dut.W = 1;",
    "forced": "initial force dut.x = 1;",
    "bound": "bind cnt drv d (.x(x));",
}


@pytest.mark.parametrize("body", WRITES.values(), ids=WRITES.keys())
def test_writing_into_the_design_is_refused(body: str) -> None:
    found = screened(body)
    assert found
    assert found[0][0] == 10 + body[: -len(body.rpartition("\n")[2])].count("\n")
    assert found[0][2] == REFUSED


PASTED = {
    "joined words": "`define E rce\ninitial fo`E dut.x = 1;",
    "joined comment": "initial fo/**/rce dut.x = 1;",
    "system name by parameter": '`define S(x) $x\ninitial `S(system)("ls");',
    "allowed name by parameter": '`define S(display) $display("ls")\ninitial `S(system);',
    "paste operator": "`define P(a, b) a``b\ninitial `P(for, ce) dut.x = 1;",
    "quote operator": '`define Q(x) `"x`"\ninitial $display(`Q(a));',
    "comment from a macro": "`define C(a, b) a/b\n`C(, *verilator coverage_off*``/)\ninitial n = 1;",
    "comment from two macros": "`define SL /\n`SL`SL verilator lint_off\n",
    "directive from a parameter": "`define D(x) `x\n`D(resetall)\n",
    "macro in an argument": "`define A(x) x\ninitial n = `A(`A(1));",
    "dollar alone": '`define DOLLAR $\ninitial `DOLLAR system("ls");',
    "continued word": "initial fo\\\nrce dut.x = 1;",
    "carriage return": '// comment\rinitial $system("ls");',
    "comment continued": '`define M n = 1; // \\\n $system("ls");\ninitial begin `M end',
    "comment over lines in a macro": "`define M n = 1; /* \n*/ n = 2;\ninitial begin `M end",
    "open string": 'initial $display("ls);',
    "string over lines": 'initial $display("a\\\nb");',
    "open comment": "/* initial n = 1;",
    "escaped with quote": 'logic \\a" ;',
    "foreign letters": "logic é;",
    "touching behind": "`define F(x) x\ninitial `F(fo)rce dut.x = 1;",
    "bomb": "\n".join(["`define A0 n = n + 1;"] + [f"`define A{i + 1} `A{i} `A{i}" for i in range(30)]) + "\ninitial begin `A30 end",
    "bomb by arguments": "`define B0(x) x x\n"
    + "\n".join(f"`define B{i + 1}(x) `B{i}(x x)" for i in range(30))
    + "\ninitial begin `B30(n++;) end",
}


@pytest.mark.parametrize("body", PASTED.values(), ids=PASTED.keys())
def test_what_two_readers_could_read_differently_is_refused(body: str) -> None:
    found = screened(body)
    assert found and found[0][2] == REFUSED


def test_a_reason_names_line_and_column() -> None:
    problem = screen_testbench('module t;\n  initial $system("ls");\nendmodule\n')[0]
    assert (problem.line, problem.column) == (2, 11)
    assert problem.message == "'$system' is refused: it may reach beyond the simulation"


def test_bytes_that_are_no_text() -> None:
    text = b"module t; // \xff\xfe \x00\nendmodule".decode("utf-8", "replace")
    assert screen_testbench(text)[0].message == "the character '\\x00' may not be in a testbench"
    assert screen_testbench("module t; // \ud800\nendmodule\n") is not None


def test_a_text_that_slang_cannot_read_is_not_accepted() -> None:
    problem = screen_testbench("module t;\n  assign = ;\nendmodule\n")[0]
    assert (problem.line, problem.code) == (2, "ExpectedExpression")


def test_design_parts_may_not_be_replaced_nor_their_macros_set() -> None:
    assert screened("", behind="module cnt; endmodule\n")
    assert screened("", behind="package cnt_pkg; endpackage\n")
    assert screened("", before="`define WIDTH 1\n")
    assert screened("", before="`define DEPTH 1\n")
    assert screened("", before="`undef DEPTH\n")
    assert screened("", before="logic shared;\n")


def test_a_very_long_reply_is_read_in_seconds() -> None:
    """A hundred thousand tokens."""
    lines = "".join(f"    @(negedge clk); en = {i % 2}; rst <= q[{i % 4}];\n" for i in range(6000))
    started = time.monotonic()
    assert screened(f"initial begin\n{lines}  end") == []
    assert time.monotonic() - started < 30


def test_a_text_over_the_limit_is_refused_at_once() -> None:
    assert "longer than 1,000,000 bytes" in screen_testbench("x" * 1_000_001)[0].message


@pytest.mark.parametrize(
    "text",
    [
        "module t; " * 60_000,
        "module t; wire x; " * 40_000 + "endmodule " * 20_000,
        "module t; " + "else ".join(["if (a) assign x = 1; "] * 30_000) + " endmodule",
        "module t; initial x = " + "+".join(["a"] * 300_000) + "; endmodule",
        "module t; initial " + "begin x = 1; " * 40_000 + "end " * 40_000 + "endmodule",
        "(" * 500_000,
        "`ifdef A\n" * 90_000,
        "`define A `A\nmodule t; initial n = `A; endmodule\n",
        "/*" * 400_000,
        '"' * 900_000,
        "\\" * 900_000,
        "`" * 900_000,
    ],
    ids=["modules", "nested modules", "else", "sum", "begin", "brackets", "ifdef", "itself", "comments", "quotes", "backslashes", "ticks"],
)
def test_deep_and_endless_texts_end(text: str) -> None:
    started = time.monotonic()
    screen_testbench(text)
    assert time.monotonic() - started < 30


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_never_an_exception_on_any_bytes(data: bytes) -> None:
    screen_testbench(data.decode("utf-8", "replace"))
    screen_testbench(data.decode("latin-1"))


WORDS = (
    *(
        "module",
        "endmodule",
        "t",
        ";",
        "begin",
        "end",
        "if",
        "(",
        ")",
        "else",
        "`define",
        "`ifdef",
        "`endif",
        '"',
        "//",
        "/*",
        "*/",
        "\n",
        "=",
        "x",
    ),
    *(
        "$display",
        "$c",
        "\\",
        ".",
        "dut",
        "#",
        "1",
        "@",
        "{",
        "}",
        "[",
        "]",
        "'",
        "`x",
        "force",
        "case",
        "endcase",
        "fork",
        "join",
        "class",
        "::",
    ),
    *(
        "function",
        "endfunction",
        "assert",
        "property",
        ",",
        "é",
        "\0",
        "initial",
        "always",
        "<=",
        "++",
        "?",
        ":",
        "wire",
        "typedef",
        "import",
        '"DPI-C"',
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_never_an_exception_on_any_words(words: list[str]) -> None:
    screen_testbench(" ".join(words), design_modules={"dut"})
