"""Designs written down by hand, for tests that need a design and no front end."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.rtl.design import Clock, Design, DesignFile, Direction, Edge, EnumMember, Port, Reset
from llm4cov_agent.rtl.source import Span


def port(name: str, direction: str, width: int = 1, **more: object) -> Port:
    return Port(name=name, direction=Direction(direction), width=width, span=Span("x.sv", 1, 1, 1, 1), **more)  # type: ignore[arg-type]


def design(
    top: str, ports: tuple[Port, ...], *, clocks: tuple[str, ...] = (), resets: tuple[tuple[str, bool], ...] = (), **more: object
) -> Design:
    return Design(
        top=top,
        files=(DesignFile(Path(f"/somewhere/{top}.sv"), "", "source"),),
        ports=ports,
        clocks=tuple(Clock(name, Edge.POSEDGE, 1) for name in clocks),
        resets=tuple(Reset(name, low, True, None, 1) for name, low in resets),
        **more,  # type: ignore[arg-type]
    )


OPERATIONS = (EnumMember("ADD", 0), EnumMember("SUB", 1), EnumMember("NOP", 2))

ALU = design(
    "alu",
    (
        port("clk", "input"),
        port("rst_n", "input"),
        port("start", "input"),
        port("op", "input", 2, enum=OPERATIONS, type_name="alu_pkg::op_t"),
        port("a", "input", 16, constants=(0x1234,)),
        port("pads", "inout", 4),
        port("regs", "input", 8, unpacked=((0, 7),)),
        port("busy", "output"),
        port("y", "output", 16),
    ),
    clocks=("clk",),
    resets=(("rst_n", True),),
)
