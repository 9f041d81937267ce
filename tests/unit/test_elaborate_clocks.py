"""Clocks and resets come from event controls and reset branches."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

HEAD = "module top(input clk, input rst, input rst_n, input en, input clear, input [3:0] d, output reg [3:0] q);"


def design_of(folder: Path, text: str) -> Design:
    file = folder / "d.sv"
    file.write_text(text)
    design, problems = elaborate(FileSet(sources=(file,), top="top"), search=False)
    assert design is not None, [str(problem) for problem in problems]
    return design


def clocks_of(design: Design) -> list[str]:
    return [f"{one.port} {one.edge.value} {one.registers}{' gated' if one.gated else ''}" for one in design.clocks]


def resets_of(design: Design) -> list[str]:
    return [
        f"{one.port} {'low' if one.active_low else 'high'} {'async' if one.asynchronous else 'sync'} {one.clock} {one.registers}"
        for one in design.resets
    ]


CASES = {
    "plain": (f"{HEAD} always @(posedge clk) q <= d; endmodule", ["clk posedge 4"], []),
    "negedge": (f"{HEAD} always @(negedge clk) q <= d; endmodule", ["clk negedge 4"], []),
    "combinational": (f"{HEAD} always @* q = d; endmodule", [], []),
    "always_comb": (f"{HEAD} always_comb q = d + 1; endmodule", [], []),
    "latch only": (f"{HEAD} always_latch if (en) q = d; endmodule", [], []),
    "async low": (
        f"{HEAD} always @(posedge clk or negedge rst_n) if (!rst_n) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low async clk 4"],
    ),
    "async high": (
        f"{HEAD} always @(posedge clk, posedge rst) if (rst) q <= 4'd3; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst high async clk 4"],
    ),
    "async compared": (
        f"{HEAD} always @(posedge clk or negedge rst_n) if (rst_n == 1'b0) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low async clk 4"],
    ),
    "async event order does not matter": (
        f"{HEAD} always @(negedge rst_n or posedge clk) if (~rst_n) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low async clk 4"],
    ),
    "names do not matter": (
        "module top(input a, input b, input d, output reg q); always @(posedge a or negedge b) if (!b) q <= 0; else q <= d; endmodule",
        ["a posedge 1"],
        ["b low async a 1"],
    ),
    "names may mislead": (
        "module top(input rst, input clk, input d, output reg q);"
        " always @(posedge rst or posedge clk) if (clk) q <= 0; else q <= d; endmodule",
        ["rst posedge 1"],
        ["clk high async rst 1"],
    ),
    "async load is no reset": (
        f"{HEAD} always @(posedge clk or posedge en) if (en) q <= ~d; else q <= d; endmodule",
        ["clk posedge 4"],
        [],
    ),
    "async set and reset": (
        f"{HEAD} always @(posedge clk or negedge rst_n or posedge clear) if (!rst_n) q <= 0;"
        " else if (clear) q <= 15; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low async clk 4", "clear high async clk 4"],
    ),
    "async reset on a wire": (
        f"{HEAD} wire r = ~rst_n; always @(posedge clk or posedge r) if (r) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low async clk 4"],
    ),
    "sync high": (f"{HEAD} always @(posedge clk) if (rst) q <= 0; else q <= d; endmodule", ["clk posedge 4"], ["rst high sync clk 4"]),
    "sync low": (f"{HEAD} always @(posedge clk) if (!rst_n) q <= '0; else q <= d; endmodule", ["clk posedge 4"], ["rst_n low sync clk 4"]),
    "sync compared with 0": (
        f"{HEAD} always @(posedge clk) if (rst_n == 0) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low sync clk 4"],
    ),
    "sync not equal 1": (
        f"{HEAD} always @(posedge clk) if (rst_n != 1'b1) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low sync clk 4"],
    ),
    "sync or of two": (
        f"{HEAD} always @(posedge clk) if (rst || !rst_n) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4", "rst_n low sync clk 4"],
    ),
    "sync de Morgan": (
        f"{HEAD} always @(posedge clk) if (~(rst_n & ~rst)) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4", "rst_n low sync clk 4"],
    ),
    "sync last if wins": (
        f"{HEAD} always @(posedge clk) begin q <= d; if (en) q <= d + 1; if (rst) q <= 0; end endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4"],
    ),
    "sync conditional operator": (
        f"{HEAD} always @(posedge clk) q <= rst ? 4'd0 : d; endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4"],
    ),
    "sync with parameters and enums": (
        "module top(input clk, input rst, input [1:0] d, output reg [1:0] q); parameter INIT = 2;"
        " typedef enum logic [1:0] {X, Y} e_t; e_t s;"
        " always @(posedge clk) if (rst) begin q <= INIT; s <= X; end else begin q <= d; s <= Y; end endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4"],
    ),
    "sync reset by polarity parameter": (
        f"{HEAD} parameter POL = 0; wire r = POL ? rst_n : ~rst_n; always @(posedge clk) if (r) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low sync clk 4"],
    ),
    "reset loop over a memory": (
        "module top(input clk, input rst, input we, input [1:0] a, input [7:0] d, output [7:0] q);"
        " reg [7:0] m [0:3]; integer i; assign q = m[a];"
        " always @(posedge clk) if (rst) for (i = 0; i < 4; i = i + 1) m[i] <= 0; else if (we) m[a] <= d; endmodule",
        ["clk posedge 32"],
        ["rst high sync clk 32"],
    ),
    "default pattern": (
        "module top(input clk, input rst, input [7:0] d, output logic [7:0] q[2]);"
        " always_ff @(posedge clk) if (rst) q <= '{default: '0}; else q[0] <= d; endmodule",
        ["clk posedge 16"],
        ["rst high sync clk 16"],
    ),
    "clear of a few registers is no reset": (
        f"{HEAD} reg [15:0] w; always @(posedge clk) w <= {{w[11:0], d}}; always @(posedge clk) if (clear) q <= 0; else q <= d; endmodule",
        ["clk posedge 20"],
        [],
    ),
    "clear of all registers is one": (
        f"{HEAD} always @(posedge clk) if (clear) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["clear high sync clk 4"],
    ),
    "clear beside a reset is none": (
        f"{HEAD} always @(posedge clk) if (rst) q <= 0; else if (clear) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4"],
    ),
    "start and stop are no resets": (
        "module top(input clk, input start, input stop, output reg busy);"
        " always @(posedge clk) if (start) busy <= 1; else if (stop) busy <= 0; endmodule",
        ["clk posedge 1"],
        [],
    ),
    "memory without reset does not count": (
        "module top(input clk, input clr, input [7:0] d, output reg [7:0] q); reg [7:0] m[0:255];"
        " always @(posedge clk) begin m[d] <= d; if (clr) q <= 0; else q <= m[d]; end endmodule",
        ["clk posedge 2056"],
        ["clr high sync clk 8"],
    ),
    "two clocks": (
        "module top(input ca, input cb, input [3:0] d, output reg [3:0] x, output reg y);"
        " always @(posedge ca) y <= d[0]; always @(posedge cb) x <= d; endmodule",
        ["cb posedge 4", "ca posedge 1"],
        [],
    ),
    "both edges in two blocks": (
        f"{HEAD} reg x; always @(posedge clk) q <= d; always @(negedge clk) x <= d[0]; endmodule",
        ["clk both 5"],
        [],
    ),
    "both edges in one list": (f"{HEAD} always @(posedge clk or negedge clk) q <= d; endmodule", ["clk both 4"], []),
    "inverted clock": (f"{HEAD} wire c = ~clk; always @(posedge c) q <= d; endmodule", ["clk negedge 4"], []),
    "and gate": (
        f"{HEAD} reg x; wire g = clk & en; always @(posedge g) q <= d; always @(posedge clk) x <= en; endmodule",
        ["clk posedge 5 gated"],
        [],
    ),
    "and gate alone": (f"{HEAD} wire g = en & clk; always @(posedge g) q <= d; endmodule", ["clk posedge 4 gated"], []),
    "latch and gate": (
        f"{HEAD} reg l; always_latch if (!clk) l = en; wire g = clk & l; always @(posedge g) q <= d; endmodule",
        ["clk posedge 4 gated"],
        [],
    ),
    "clock multiplexer": (
        "module top(input ca, input cb, input sel, input d, output reg q); wire c = sel ? ca : cb; always @(posedge c) q <= d; endmodule",
        ["ca posedge 1 gated", "cb posedge 1 gated"],
        [],
    ),
    "divider": (
        f"{HEAD} reg half; always @(posedge clk or negedge rst_n) if (!rst_n) half <= 0; else half <= ~half;"
        " always @(posedge half or negedge rst_n) if (!rst_n) q <= 0; else q <= d; endmodule",
        ["clk posedge 5 gated"],
        ["rst_n low async clk 5"],
    ),
    "reset synchroniser": (
        f"{HEAD} reg a, b; always @(posedge clk or negedge rst_n) if (!rst_n) {{b, a}} <= 2'b00; else {{b, a}} <= {{a, 1'b1}};"
        " always @(posedge clk or negedge b) if (!b) q <= 0; else q <= d; endmodule",
        ["clk posedge 6"],
        ["rst_n low async clk 6"],
    ),
    "reset through flops": (
        f"{HEAD} reg a, b; always @(posedge clk) begin a <= rst; b <= a; end always @(posedge clk) if (b) q <= 0; else q <= d; endmodule",
        ["clk posedge 6"],
        ["rst high sync clk 4"],
    ),
    "through the hierarchy": (
        "module leaf(input c, input r, input d, output reg q); always @(posedge c or negedge r) if (!r) q <= 0; else q <= d; endmodule"
        " module mid(input k, input n, input d, output q); leaf u(.c(k), .r(n), .d(d), .q(q)); endmodule"
        " module top(input clock, input nreset, input [1:0] d, output [1:0] q);"
        " mid m[1:0](.k(clock), .n(nreset), .d(d), .q(q)); endmodule",
        ["clock posedge 2"],
        ["nreset low async clock 2"],
    ),
    "generate blocks": (
        f"{HEAD} genvar i; generate for (i = 0; i < 4; i = i + 1) begin : g"
        " always @(posedge clk) if (rst) q[i] <= 0; else q[i] <= d[i]; end endgenerate endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4"],
    ),
    "untaken generate": (
        f"{HEAD} parameter N = 0; generate if (N) begin : g always @(negedge clk) q <= d; end"
        " else begin : h always @(posedge clk) q <= d; end endgenerate endmodule",
        ["clk posedge 4"],
        [],
    ),
    "clock in a vector": (
        "module top(input [1:0] clks, input d, output reg q); always @(posedge clks[1]) q <= d; endmodule",
        ["clks[1] posedge 1"],
        [],
    ),
    "clock in an ascending vector": (
        "module top(input [0:3] clks, input d, output reg q); always @(posedge clks[1]) q <= d; endmodule",
        ["clks[1] posedge 1"],
        [],
    ),
    "primitive gates": (
        f"{HEAD} wire c, r; buf (c, clk); not (r, rst_n); always @(posedge c or posedge r) if (r) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst_n low async clk 4"],
    ),
    "interface inside": (
        "interface bus(input logic clk); logic [3:0] v; endinterface"
        " module sink(bus b, output logic [3:0] q); always_ff @(posedge b.clk) q <= b.v; endmodule"
        " module top(input clk, input [3:0] d, output [3:0] q); bus i(.clk(clk)); assign i.v = d; sink s(.b(i), .q(q)); endmodule",
        ["clk posedge 4"],
        [],
    ),
    "task in the reset branch": (
        f"{HEAD} task clr; begin q <= 0; end endtask always @(posedge clk) if (rst) clr; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4"],
    ),
    "burst is no reset name": (
        "module top(input clk, input burst, input d, output reg q, output reg [7:0] w);"
        " always @(posedge clk) begin w <= {w[6:0], d}; if (burst) q <= 0; else q <= d; end endmodule",
        ["clk posedge 9"],
        [],
    ),
    "mixed async and sync": (
        f"{HEAD} always @(posedge clk or negedge rst_n) if (!rst_n) q <= 0; else if (rst) q <= 0; else q <= d; endmodule",
        ["clk posedge 4"],
        ["rst high sync clk 4", "rst_n low async clk 4"],
    ),
    "local variables are no state": (
        f"{HEAD} always @(posedge clk) begin : b reg [7:0] t; t = d; q <= t[3:0]; end endmodule",
        ["clk posedge 4"],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_clocks_and_resets(name: str, tmp_path: Path) -> None:
    text, clocks, resets = CASES[name]
    design = design_of(tmp_path, text)
    assert clocks_of(design) == clocks
    assert sorted(resets_of(design)) == sorted(resets)


def test_clock_in_a_structure_is_left_out_with_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "d.sv"
    file.write_text("module top(input struct packed {logic clk; logic d;} s, output reg q); always @(posedge s.clk) q <= s.d; endmodule")
    design, problems = elaborate(FileSet(sources=(file,)))
    assert design is not None
    assert design.clocks == ()
    assert ["is a clock" in problem.message for problem in problems] == [True]


def test_equal_input_gives_equal_design(tmp_path: Path) -> None:
    text = CASES["through the hierarchy"][0]
    assert design_of(tmp_path, text) == design_of(tmp_path, text)


def test_signals_that_feed_each_other_crosswise_are_followed_once(tmp_path: Path) -> None:
    """Along every path, forty stages would be a million million steps."""
    stages = "".join(
        f"  always_ff @(posedge clk) begin a[{n}] <= a[{n - 1}] & b[{n - 1}]; b[{n}] <= a[{n - 1}] | b[{n - 1}]; end\n"
        for n in range(1, 41)
    )
    text = (
        "module top (input logic clk, x, y, d, output logic q);\n  logic [40:0] a, b;\n  assign a[0] = x;\n  assign b[0] = y;\n"
        f"{stages}  always_ff @(posedge clk) if (a[40]) q <= 1'b0; else q <= d;\nendmodule\n"
    )
    (tmp_path / "top.sv").write_text(text)
    design, problems = elaborate(FileSet(sources=(tmp_path / "top.sv",)))
    assert design is not None and not problems
    assert [clock.port for clock in design.clocks] == ["clk"]
