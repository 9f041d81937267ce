"""Netlist text there and back, transition systems over numbers, and the moments of a witness."""

from __future__ import annotations

from itertools import islice

import pytest

from llm4cov_agent.closure.reach.btor import BtorError, Node, read_btor
from llm4cov_agent.closure.reach.model import Builder
from llm4cov_agent.closure.reach.model_values import ClockPin, Mark, Phase, ResetPin
from llm4cov_agent.closure.reach.netlist import NetlistError, parse, write
from llm4cov_agent.closure.reach.schedule import ClockInput, ResetInput, Schedule, fixed_bits, moments
from llm4cov_agent.closure.reach.unroll import Unrolling, compute

FLOP = """\
attribute \\top 1
module \\top
  wire input 1 \\clk
  wire input 2 \\d
  attribute \\init 2'10
  wire width 2 \\q
  cell $dff \\r
    parameter \\CLK_POLARITY 1
    parameter \\WIDTH 2
    connect \\CLK \\clk
    connect \\D { \\d \\q [1] }
    connect \\Q \\q
  end
  cell $check \\c
    parameter \\FLAVOR "cover"
    connect \\EN 1'1
    connect \\A \\q [0]
  end
  connect \\w 4'x
end
""".replace("  connect \\w 4'x\n", "")


def test_a_netlist_survives_writing() -> None:
    netlist = parse(FLOP)
    assert netlist.cells[0].ports["D"] == (("\\q", 1), ("\\d", 0))
    assert netlist.wires["\\q"].init == "10"
    again = parse(write(netlist))
    assert [cell.ports for cell in again.cells] == [cell.ports for cell in netlist.cells]
    assert again.wires["\\q"].init == "10"


def test_short_constants_are_filled_up() -> None:
    text = "module \\m\n  wire width 4 \\w\n  wire width 4 \\v\n  connect \\w 4'x\n  connect \\v 4'1\nend\n"
    assert parse(text).connections == [
        ((("\\w", 0), ("\\w", 1), ("\\w", 2), ("\\w", 3)), ("x", "x", "x", "x")),
        ((("\\v", 0), ("\\v", 1), ("\\v", 2), ("\\v", 3)), ("1", "0", "0", "0")),
    ]


def test_processes_and_second_modules_are_refused() -> None:
    with pytest.raises(NetlistError, match="process"):
        parse("module \\m\n  process $1\n  end\nend\n")
    with pytest.raises(NetlistError, match="several modules"):
        parse("module \\m\nend\nmodule \\n\nend\n")


def _built(text: str, phase: Phase) -> Builder:
    builder = Builder(parse(text), phase)
    pins = ClockPin(wire="\\clk", index=0, rising=True, falling=False)
    builder.build([Mark((1,), "holds")], [pins], [ResetPin(wire="\\d", index=0, active_low=True)], (), ())
    return builder


def test_a_proof_leaves_no_bit_undefined() -> None:
    for phase in Phase:
        netlist = _built(FLOP.replace("{ \\d \\q [1] }", "{ \\d 1'x }"), phase).netlist
        assert all(
            bit in ("0", "1") or isinstance(bit, tuple) for cell in netlist.cells for signal in cell.ports.values() for bit in signal
        )
        assert {cell.type for cell in netlist.cells}.isdisjoint({"$dff", "$check"})


def test_two_drivers_are_refused() -> None:
    with pytest.raises(NetlistError, match="several drivers"):
        _built(FLOP.replace("end\n  cell $check", "end\n  connect \\q [0] \\d\n  cell $check"), Phase.POWER_UP)


@pytest.mark.parametrize("kind", ["\\macro", "$dffsr", "$pow", "$mem_v2"])
def test_unknown_cells_are_refused(kind: str) -> None:
    text = FLOP + "end\n"
    text = text.replace("end\nend\n", f"  cell {kind} \\x\n    connect \\A \\d\n  end\nend\n")
    with pytest.raises(NetlistError):
        _built(text, Phase.POWER_UP)


COUNTER = """\
1 sort bitvec 1
2 sort bitvec 3
3 input 1 en
4 state 2 n
5 zero 2
6 init 2 4 5
7 one 2
8 add 2 4 7
9 ite 2 3 8 4
10 next 2 4 9
11 constd 2 5
12 eq 1 4 11
13 output -12 low
"""


def test_a_system_runs_over_numbers() -> None:
    unrolling: Unrolling[None] = Unrolling(read_btor(COUNTER), None)
    seen = []
    for enable in (1, 1, 0, 1, 1, 1, 1):
        unrolling.step({"en": enable})
        seen.append(unrolling.output("low"))
    # The state is that of before the enable: 0, 1, 2, 2, 3, 4, 5.
    assert seen == [1, 1, 1, 1, 1, 1, 0]
    with pytest.raises(BtorError):
        read_btor("1 sort bitvec 2\n2 sort array 1 1\n")


@pytest.mark.parametrize(
    ("op", "width", "values", "widths", "numbers", "expected"),
    [
        ("slice", 2, (0b1101,), (4,), (2, 1), 0b10),
        ("sext", 8, (0b1000,), (4,), (4,), 0b11111000),
        ("concat", 6, (0b10, 0b0011), (2, 4), (), 0b100011),
        ("sra", 4, (0b1000, 2), (4, 4), (), 0b1110),
        ("sll", 4, (1, 9), (4, 4), (), 0),
        ("udiv", 4, (9, 0), (4, 4), (), 15),
        ("srem", 4, (0b1001, 2), (4, 4), (), 0b1111),
        ("smod", 4, (0b1001, 2), (4, 4), (), 1),
        ("slt", 1, (0b1111, 0), (4, 4), (), 1),
        ("redxor", 1, (0b0111,), (4,), (), 1),
        ("ite", 4, (0, 3, 5), (1, 4, 4), (), 5),
    ],
)
def test_operators(op: str, width: int, values: tuple[int, ...], widths: tuple[int, ...], numbers: tuple[int, ...], expected: int) -> None:
    assert compute(Node(op, width, (), numbers), values, widths) == expected


def test_inputs_change_after_the_active_edge_and_reset_comes_first() -> None:
    clock = ClockInput(port="clk", bit=0, half_period=5, phase=0, falls=False)
    reset = ResetInput(port="rst_n", bit=0, active_low=True)
    schedule = Schedule(widths={"clk": 1, "rst_n": 1, "d": 2}, clocks=(clock,), resets=(reset,), reset_cycles=2, settle=0, every_edge=False)
    steps = list(islice(moments(schedule), 9))
    assert [moment.cycle for moment in steps] == [-3, -2, -2, -1, -1, 0, 0, 1, 1]
    assert [moment.levels["clk", 0] for moment in steps] == [0, 0, 1, 0, 1, 0, 1, 0, 1]
    assert [moment.counts for moment in steps] == [False, False, True, False, True, False, True, False, True]
    assert [fixed_bits(schedule, moment).get("rst_n") for moment in steps[:6]] == [(1, 1), (1, 0), (1, 0), (1, 0), (1, 0), None]
