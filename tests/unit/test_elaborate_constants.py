"""Constants that signals and ports are compared with, and state machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet


def design_of(folder: Path, text: str) -> Design:
    file = folder / "d.sv"
    file.write_text(text)
    design, problems = elaborate(FileSet(sources=(file,), top="top"), search=False)
    assert design is not None, [str(problem) for problem in problems]
    return design


HEAD = "module top(input clk, input [7:0] a, input [7:0] b, output reg [7:0] q);"

PORT_CASES = {
    "equality": (f"{HEAD} always @* q = a == 8'h5a; endmodule", {"a": (0x5A,), "b": ()}),
    "constant first": (f"{HEAD} always @* q = 8'd7 != a; endmodule", {"a": (7,)}),
    "case equality": (f"{HEAD} always @* q = a === 8'd9; endmodule", {"a": (9,)}),
    "relations": (f"{HEAD} always @* q = (a < 3) + (a <= 4) + (a > 5) + (a >= 6); endmodule", {"a": (3, 4, 5, 6)}),
    "case items": (f"{HEAD} always @* case (a) 1, 2: q = 0; 8'hff: q = 1; default: q = 2; endcase endmodule", {"a": (1, 2, 255)}),
    "casez": (f"{HEAD} always @* casez (a) 8'b1???_0001: q = 0; default: q = 2; endcase endmodule", {"a": (0x81,)}),
    "inside": (f"{HEAD} always_comb q = a inside {{3, [16:31], 8'h80}}; endmodule", {"a": (3, 16, 31, 128)}),
    "conditional operator": (f"{HEAD} assign q = a == 77 ? b : 0; endmodule".replace("output reg", "output"), {"a": (77,)}),
    "part select": (f"{HEAD} always @* q = a[6:3] == 4'hb; endmodule", {"a": (0x58,)}),
    "bit select": (f"{HEAD} always @* q = a[7] == 1'b1; endmodule", {"a": (0x80,)}),
    "indexed select": (f"{HEAD} always @* q = (a[2+:3] == 5) + (b[6-:2] == 2); endmodule", {"a": (20,), "b": (0x40,)}),
    "concatenation": (f"{HEAD} always @* q = {{a[1:0], b}} == 10'h2c3; endmodule", {"a": (2,), "b": (0xC3,)}),
    "parameter": (f"{HEAD} parameter P = 4; localparam Q = P * 10 + 1; always @* q = a == Q; endmodule", {"a": (41,)}),
    "negative": ("module top(input signed [7:0] a, output q); assign q = a == -2; endmodule", {"a": (0xFE,)}),
    "never met": (f"{HEAD} always @* q = a == 300; endmodule", {"a": ()}),
    "through an assign": (f"{HEAD} wire [7:0] w = a; wire [3:0] h = w[7:4]; always @* q = h == 4'h9; endmodule", {"a": (0x90,)}),
    "through always_comb": (f"{HEAD} logic [7:0] w; always_comb w = a; always_comb q = w == 17; endmodule", {"a": (17,)}),
    "through a register": (f"{HEAD} reg [7:0] r; always @(posedge clk) r <= a; always @* q = r == 99; endmodule", {"a": (99,)}),
    "through an enabled register": (
        f"{HEAD} reg [7:0] r; always @(posedge clk) if (b[0]) r <= 0; else if (b[1]) r <= a; always @* q = r == 99; endmodule",
        {"a": (99,)},
    ),
    "not through a counter": (
        f"{HEAD} reg [7:0] r; always @(posedge clk) if (b[0]) r <= a; else r <= r + 1; always @* q = r == 99; endmodule",
        {"a": ()},
    ),
    "not through logic": (f"{HEAD} wire [7:0] w = a ^ b; always @* q = w == 99; endmodule", {"a": (), "b": ()}),
    "through instances": (
        "module leaf #(parameter K = 1)(input [3:0] x, output y); assign y = x == K; endmodule"
        " module top(input [7:0] a, output [1:0] q); leaf #(5) u(.x(a[3:0]), .y(q[0])); leaf #(.K(6)) v(.x(a[7:4]), .y(q[1])); endmodule",
        {"a": (5, 0x60)},
    ),
    "packed structure": (
        "module top(input struct packed {logic [3:0] op; logic [3:0] r;} i, output q); assign q = i.op == 4'hc; endmodule",
        {"i": (0xC0,)},
    ),
    "unpacked array": ("module top(input [3:0] a[0:3], output q); assign q = a[2] == 4'h7; endmodule", {"a": (7,)}),
    "function": (
        "module top(input [7:0] a, output q); function automatic is_it(input [7:0] x); is_it = x == 8'd123; endfunction"
        " assign q = is_it(a); endmodule",
        {"a": (123,)},
    ),
    "enumerated port": (
        "package p; typedef enum logic [2:0] {X = 1, Y = 4} t; endpackage"
        " module top(input p::t a, output logic q); always_comb case (a) p::Y: q = 1; default: q = 0; endcase endmodule",
        {"a": (4,)},
    ),
}


@pytest.mark.parametrize("name", PORT_CASES)
def test_port_constants(name: str, tmp_path: Path) -> None:
    text, expected = PORT_CASES[name]
    design = design_of(tmp_path, text)
    assert {port: design.port(port).constants for port in expected} == expected


def test_the_bits_that_each_comparison_looks_at_are_known(tmp_path: Path) -> None:
    text = """
module top(input clk, input [15:0] word, input [3:0] lines [2], output reg [1:0] q);
  reg [15:0] held;
  always @(posedge clk) held <= word;
  always @* q = {held[15:12], held[3:0]} == 8'h5c;
  wire unused = held[7:4] != 4'd9 | lines[1][3:2] == 2'd2;
endmodule"""
    design = design_of(tmp_path, text)
    assert [(one.low, one.width, one.value) for one in design.port("word").compared] == [(0, 4, 0xC), (4, 4, 9), (12, 4, 5)]
    assert [(one.low, one.width, one.value) for one in design.port("lines").compared] == [(2, 2, 2)]


def test_constants_have_hierarchical_names_and_values_per_instance(tmp_path: Path) -> None:
    text = (
        "module rx #(parameter LIMIT = 3)(input clk, output reg done); reg [3:0] count;\n"
        " always @(posedge clk) begin done <= count == LIMIT; count <= count + 1; end endmodule\n"
        "module top(input clk, output [2:0] done); reg [1:0] count; assign done[2] = count > 2;\n"
        " always @(posedge clk) count <= count + 1;\n"
        " rx u_rx(clk, done[0]); rx #(.LIMIT(12)) u_slow(.clk, .done(done[1])); endmodule\n"
    )
    design = design_of(tmp_path, text)
    assert [(one.signal, one.width, one.value, one.span.line) for one in design.constants] == [
        ("count", 2, 2, 3),
        ("u_rx.count", 4, 3, 2),
        ("u_slow.count", 4, 12, 2),
    ]


def test_generate_blocks_and_arrays_are_named_as_in_the_source(tmp_path: Path) -> None:
    text = (
        "module leaf(input [3:0] x, output y); assign y = x == 9; endmodule\n"
        "module top(input [7:0] a, output [3:0] q); leaf u[1:0](.x(a), .y(q[1:0]));\n"
        " for (genvar i = 0; i < 2; i++) begin : g wire [3:0] w = a[3:0]; assign q[2 + i] = w == 4 + i; end endmodule\n"
    )
    design = design_of(tmp_path, text)
    assert {one.signal for one in design.constants} == {"u[0].x", "u[1].x", "g[0].w", "g[1].w"}
    assert {(one.signal, one.value) for one in design.constants} >= {("g[0].w", 4), ("g[1].w", 5)}
    assert design.port("a").constants == (4, 5, 9, 0x90)


def test_members_of_enumerated_signals_are_constants(tmp_path: Path) -> None:
    design = design_of(tmp_path, "module top(input clk); enum logic [1:0] {A, B = 2} s; always @(posedge clk) s <= B; endmodule")
    assert [(one.signal, one.value) for one in design.constants] == [("s", 0), ("s", 2)]


FSM = "module top(input clk, input rst, input go, output reg [1:0] q); localparam IDLE = 2'd0, RUN = 2'd1, DONE = 2'd2;"
IDLE_RUN_DONE = [("IDLE", 0), ("RUN", 1), ("DONE", 2)]

MACHINE_CASES = {
    "one process": (
        f"{FSM} reg [1:0] state; always @(posedge clk) if (rst) state <= IDLE; else case (state) IDLE: if (go) state <= RUN;"
        " RUN: state <= DONE; default: state <= IDLE; endcase endmodule",
        {"state": IDLE_RUN_DONE},
    ),
    "two processes": (
        f"{FSM} reg [1:0] state, next; always @(posedge clk) if (rst) state <= IDLE; else state <= next;"
        " always @* begin next = state; case (state) IDLE: if (go) next = RUN;"
        " RUN: next = DONE; DONE: next = IDLE; default:; endcase end endmodule",
        {"state": IDLE_RUN_DONE},
    ),
    "conditional operator": (
        f"{FSM} reg [1:0] s; always @(posedge clk) case (s) IDLE: s <= go ? RUN : IDLE; RUN: s <= DONE; DONE: s <= IDLE; endcase endmodule",
        {"s": IDLE_RUN_DONE},
    ),
    "comparison chain": (
        f"{FSM} reg [1:0] s; always @(posedge clk) if (s == IDLE) begin if (go) s <= RUN; end else if (s == RUN) s <= DONE;"
        " else s <= IDLE; endmodule",
        {"s": IDLE_RUN_DONE},
    ),
    "enumerated": (
        "module top(input clk, input rst); typedef enum logic [1:0] {A, B, C} t; t s, n;"
        " always_ff @(posedge clk) if (rst) s <= A; else s <= n;"
        " always_comb unique case (s) A: n = B; B: n = C; default: n = A; endcase endmodule",
        {"s": [("A", 0), ("B", 1), ("C", 2)]},
    ),
    "literals": (
        "module top(input clk); reg [1:0] s; always @(posedge clk) case (s) 0: s <= 1; 1: s <= 3; default: s <= 0; endcase endmodule",
        {"s": [("2'd0", 0), ("2'd1", 1), ("2'd3", 3)]},
    ),
    "counter is none": (
        f"{FSM} reg [1:0] c; always @(posedge clk) if (rst) c <= 0; else c <= c + 1;"
        " always @* case (c) 0: q = 1; 1: q = 2; default: q = 0; endcase endmodule",
        {},
    ),
    "input is none": (f"{FSM} always @(posedge clk) case (go) 0: q <= 1; 1: q <= 2; endcase endmodule", {}),
    "in instances": (
        "module m(input clk); reg [1:0] s; parameter X = 2; always @(posedge clk) case (s) 0: s <= X; X: s <= 0; endcase endmodule"
        " module top(input clk); m a(clk); m #(.X(3)) b(clk); endmodule",
        {"a.s": [("2'd0", 0), ("X", 2)], "b.s": [("2'd0", 0), ("X", 3)]},
    ),
}


@pytest.mark.parametrize("name", MACHINE_CASES)
def test_machines(name: str, tmp_path: Path) -> None:
    text, expected = MACHINE_CASES[name]
    design = design_of(tmp_path, text)
    assert {one.signal: [(state.name, state.value) for state in one.states] for one in design.machines} == expected
