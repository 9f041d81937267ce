"""Registers that only a reset writes: which are found in a text, and what they become in a netlist."""

from __future__ import annotations

import pytest

from llm4cov_agent.closure.reach.netlist import Netlist, Wire
from llm4cov_agent.closure.reach.restored import reset_loads, restore, with_else
from llm4cov_agent.closure.reach.scan import scan

BLOCK = (
    "module m(input c, r, output reg [3:0] q, k);\nalways @(posedge c or negedge r)\n  if (!r) begin q <= 4'd5; k <= P; end\nendmodule\n"
)


def _restored(text: str, *, undefined: tuple[int, ...] = (0, 1, 2, 3)) -> Netlist:
    netlist = Netlist("\\m")
    for name, width in (("c", 1), ("r", 1), ("q", 4)):
        netlist.wires[f"\\{name}"] = Wire(f"\\{name}", width, path=(name,), src="s:1.1")
    netlist.add(
        "$buf",
        {"WIDTH": 4},
        {"A": tuple("x" if bit in undefined else "0" for bit in range(4)), "Y": tuple(("\\q", bit) for bit in range(4))},
    )
    restore(netlist, {"s": scan(text)}, {"s": reset_loads(text)})
    return netlist


def test_a_constant_of_an_asynchronous_reset_is_found() -> None:
    (load,) = (load for load in reset_loads(BLOCK) if load.literal != "P")
    assert (load.name, load.literal, load.clock, load.clock_rises, load.reset, load.active_high) == ("q", "4'd5", "c", True, "r", False)


def test_the_register_holds_itself_and_loads_the_constant() -> None:
    netlist = _restored(BLOCK)
    (cell,) = netlist.cells
    assert cell.type == "$aldff"
    assert cell.ports["D"] == cell.ports["Q"] == tuple(("\\q", bit) for bit in range(4))
    assert cell.ports["AD"] == ("1", "0", "1", "0")
    assert (cell.ports["CLK"], cell.ports["ALOAD"], cell.number("ALOAD_POLARITY")) == ((("\\c", 0),), (("\\r", 0),), 0)


def test_only_the_undefined_bits_become_a_register() -> None:
    buffer, cell = _restored(BLOCK, undefined=(2, 3)).cells
    assert (buffer.type, buffer.ports["Y"]) == ("$buf", (("\\q", 0), ("\\q", 1)))
    assert (cell.ports["Q"], cell.ports["AD"]) == ((("\\q", 2), ("\\q", 3)), ("1", "0"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("4'd5", "P"),
        ("4'd5", "4'bx101"),
        ("4'd5", "4'sd5"),
        ("negedge r", "posedge r"),
        ("if (!r)", "if (!r && c)"),
        ("q <= 4'd5;", "if (c) q <= 4'd5;"),
        ("q <= 4'd5;", "q <= 4'd5; q <= 4'd6;"),
        ("q <= 4'd5;", "q[1:0] <= 2'd1;"),
        ("endmodule", "initial q = 4'd1;\nendmodule"),
        ("endmodule", "always @(posedge c) if (k) q <= 4'd1;\nendmodule"),
        ("endmodule", "if (0) assign q = 4'd1;\nendmodule"),
        ("output reg [3:0] q, k", "output reg [3:0] q = 4'd3, k"),
        ("always", "if (k) always"),
        ("always", "if (k) begin : g always"),
        ("posedge c or", "posedge c or posedge k or"),
    ],
)
def test_what_is_not_certain_stays_undefined(old: str, new: str) -> None:
    text = BLOCK.replace(old, new, 1)
    assert text != BLOCK
    assert [cell.type for cell in _restored(text + ("end\n" if "begin : g" in new else "")).cells] == ["$buf"]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("always @(posedge c or negedge r) if (!r) q <= 1; w", "always @(posedge c or negedge r) if (!r) q <= 1; else ; w"),
        (
            "always @(posedge c, posedge r) begin if (r) begin q <= 1; end end",
            "always @(posedge c, posedge r) begin if (r) begin q <= 1; end else ; end",
        ),
        ("always @(posedge c or negedge r) if (!r) q <= 1; else if (a) q <= 2; w", None),
        ("always @(posedge c) if (!r) q <= 1; w", None),
        (
            "always @(posedge c or negedge r or posedge s)\nif (!r) q <= 1;\nelse if (s) q <= 2; w",
            "always @(posedge c or negedge r or posedge s)\nif (!r) q <= 1;\nelse if (s) q <= 2; else ; w",
        ),
        ("always @(posedge c or negedge r) if (!r) q <= 1", None),
    ],
)
def test_a_reset_without_else_gets_one(block: str, expected: str | None) -> None:
    assert with_else(block) == (block if expected is None else expected)
