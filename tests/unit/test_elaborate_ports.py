"""Ports, parameters, instances and the rest of what a Design says of its top."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.rtl.design import Design, Direction, EnumMember, Field
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet


def design_of(folder: Path, text: str, **options: object) -> Design:
    file = folder / "d.sv"
    file.write_text(text)
    design, problems = elaborate(FileSet(sources=(file,), top="top", **options), search=False)  # type: ignore[arg-type]
    assert design is not None, [str(problem) for problem in problems]
    return design


PACKAGE = (
    "package p; typedef enum logic [1:0] {A, B = 2} e_t; typedef struct packed {logic [3:0] hi; e_t lo;} s_t;"
    " typedef logic [4:0] v_t; endpackage "
)

# port declaration -> (width, signed, unpacked, type_name, unsupported)
PORTS = {
    "input x": (1, False, (), None, None),
    "input [7:0] x": (8, False, (), None, None),
    "input [0:7] x": (8, False, (), None, None),
    "input signed [7:0] x": (8, True, (), None, None),
    "input int x": (32, True, (), None, None),
    "input byte unsigned x": (8, False, (), None, None),
    "input logic [3:0][1:0] x": (8, False, (), None, None),
    "input logic [3:0] x [0:2]": (4, False, ((0, 2),), None, None),
    "input logic [3:0] x [2]": (4, False, ((0, 1),), None, None),
    "input logic x [1:0][0:2]": (1, False, ((1, 0), (0, 2)), None, None),
    "input p::v_t x": (5, False, (), "p::v_t", None),
    "input p::e_t x": (2, False, (), "p::e_t", None),
    "input p::s_t x": (6, False, (), "p::s_t", None),
    "input real x": (0, False, (), None, "a real number"),
    "input string x": (0, False, (), None, "a string"),
    "inout wire [3:0] x": (4, False, (), None, None),
    "bus x": (0, False, (), None, "interface bus"),
    "bus.m x": (0, False, (), None, "interface bus.m"),
}


@pytest.mark.parametrize("declaration", PORTS)
def test_port_types(declaration: str, tmp_path: Path) -> None:
    text = f"{PACKAGE} interface bus; logic v; modport m(input v); endinterface\nmodule top({declaration}, output y); endmodule\n"
    port = design_of(tmp_path, text).port("x")
    assert (port.width, port.signed, port.unpacked, port.type_name, port.unsupported) == PORTS[declaration]
    assert port.is_driven == (port.unsupported is None)


def test_directions_order_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    design = design_of(tmp_path, "module top(\n  input a,\n  output b,\n  inout c\n);\nendmodule\n")
    assert [(port.name, port.direction) for port in design.ports] == [
        ("a", Direction.INPUT),
        ("b", Direction.OUTPUT),
        ("c", Direction.INOUT),
    ]
    assert [(port.span.file, port.span.line, port.span.column, port.span.end_column) for port in design.ports] == [
        ("d.sv", 2, 9, 10),
        ("d.sv", 3, 10, 11),
        ("d.sv", 4, 9, 10),
    ]


def test_old_style_ports(tmp_path: Path) -> None:
    design = design_of(tmp_path, "module top(a, q); input [3:0] a; output [1:0] q; reg [1:0] q; always @* q = a[1:0]; endmodule")
    assert [(port.name, port.width) for port in design.ports] == [("a", 4), ("q", 2)]


def test_enum_and_fields(tmp_path: Path) -> None:
    design = design_of(tmp_path, f"{PACKAGE} module top(input p::e_t e, input p::s_t s); endmodule")
    assert design.port("e").enum == (EnumMember("A", 0), EnumMember("B", 2))
    assert design.port("s").fields == (Field("hi", 2, 4), Field("lo", 0, 2))


def test_parameters_and_overrides(tmp_path: Path) -> None:
    text = 'module top #(parameter W = 4, parameter NAME = "x")(input [W-1:0] a); localparam D = W * 2; endmodule'
    design = design_of(tmp_path, text, parameters=(("W", "8'd16"),))
    assert design.port("a").width == 16
    assert [(one.name, one.is_local, one.is_overridden) for one in design.parameters] == [
        ("W", False, True),
        ("NAME", False, False),
        ("D", True, False),
    ]
    assert design.overrides == (("W", "8'd16"),)
    assert next(one.value for one in design.parameters if one.name == "D") == "32"


def test_string_parameters_read_as_strings(tmp_path: Path) -> None:
    design = design_of(tmp_path, 'module top #(parameter NAME = "fast")(input a); endmodule')
    assert design.parameters[0].value == '"fast"'


def test_instances_come_top_first(tmp_path: Path) -> None:
    text = "module leaf; endmodule module mid; leaf l(); endmodule module top; mid a(); leaf b(); endmodule"
    assert [(one.path, one.module) for one in design_of(tmp_path, text).instances] == [
        ("top", "top"),
        ("a", "mid"),
        ("a.l", "leaf"),
        ("b", "leaf"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`timescale 1ns/1ps\nmodule top; endmodule", "1ns/1ps"),
        ("module top; timeunit 10ns; timeprecision 100ps; endmodule", "10ns/100ps"),
        ("module top; endmodule", None),
    ],
)
def test_timescale(text: str, expected: str | None, tmp_path: Path) -> None:
    assert design_of(tmp_path, text).timescale == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('module top; import "DPI-C" function int f(int x); int y; initial y = f(1); endmodule', True),
        ('package p; import "DPI-C" function int f(int x); endpackage module top; int y = p::f(1); endmodule', True),
        ('module top; export "DPI-C" function g; function int g(); return 1; endfunction endmodule', True),
        ('module top; // import "DPI-C"\n endmodule', False),
    ],
)
def test_dpi(text: str, expected: bool, tmp_path: Path) -> None:
    assert design_of(tmp_path, text).uses_dpi is expected


LENIENT = {
    "use before declaration": "module top(output y); assign y = w; wire w = 1; endmodule",
    "integer to enum": "module top(input clk); enum {A, B} e; always @(posedge clk) e = 1; endmodule",
    "missing timescale in one": "module leaf; endmodule\n`timescale 1ns/1ps\nmodule top; leaf u(); endmodule",
    "unknown system task": 'module top; initial $nonesuch("x"); endmodule',
    "unconnected port": "module leaf(input a, output b); endmodule module top; leaf u(.a(1'b0), .b()); endmodule",
    "width mismatch": "module leaf(input [3:0] a); endmodule module top(input [7:0] x); leaf u(x); endmodule",
    "missing port": "module leaf(input a, input b); endmodule module top(input x); leaf u(.a(x)); endmodule",
    "implicit net": "module leaf(input a, output b); endmodule module top(input x, output y); leaf u(x, t); leaf v(t, y); endmodule",
    "two drivers": "module top(input a, input b, output y); assign y = a; assign y = b; endmodule",
    "initial value": "module top(input clk, output reg q); initial q = 0; always @(posedge clk) q <= !q; endmodule",
    "attributes": "(* keep *) module top((* mark *) input a, output b); (* full_case *) assign b = a; endmodule",
    "translate off": 'module top(input a);\n// synthesis translate_off\ninitial $display("x");\n// synthesis translate_on\nendmodule',
    "delays": "module top(input a, output reg b); always @(posedge a) b <= #1 ~b; endmodule",
    "loop label and macro": "`define W(x) (x+1)\nmodule top(input [`W(3):0] a, output y); assign y = ^a; endmodule",
    "unnamed generate": "module top(input a, output b); generate if (1) assign b = a; endgenerate endmodule",
    "verilator ifdef": "module top(input a);\n`ifndef VERILATOR\n this is not Verilog\n`endif\nendmodule",
    "no final newline": "module top(input a); endmodule // end",
    "assertion": "module top(input clk, input a);"
    " assert property (@(posedge clk) a |-> ##1 !a); cover property (@(posedge clk) a); endmodule",
}


@pytest.mark.parametrize("name", LENIENT)
def test_ordinary_verilog_is_not_refused(name: str, tmp_path: Path) -> None:
    assert design_of(tmp_path, LENIENT[name]).top == "top"
