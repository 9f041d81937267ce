"""A module around a design whose ports are plain vectors, one for each signal that a stimulus drives or reads.

The compiled harness drives this module instead of the design, so that the design is an instance there as it is under a
testbench, and ports of every shape (arrays, structures, inouts) look alike to it. What is connected to a port has the name
that it has in a testbench: Verilator calls a state machine by it. Knows no steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llm4cov_agent.bench.sv_names import element, packed, pick_names, spelled, unpacked
from llm4cov_agent.bench.text import Names, plain_name
from llm4cov_agent.rtl.design import Design, Direction, Port


@dataclass(frozen=True, slots=True)
class ShellPort:
    """One port of the shell: `name` in the shell's text, for the design's `signal`."""

    name: str
    signal: str
    width: int


@dataclass(frozen=True, slots=True)
class Shell:
    """The shell's text and ports; the place of a port in its tuple is its number in a stimulus' code."""

    name: str
    text: str
    inputs: tuple[ShellPort, ...]
    """One for each of `Design.driven_signals`, in that order."""
    outputs: tuple[ShellPort, ...]
    """One for each signal that a `Wait` may name."""
    instance: str
    """What the design is called in it."""


def make_shell(design: Design) -> Shell:
    """Write the shell of a design; ports that can't be driven or observed are left open."""
    name = Names((plain_name(design.top), *(plain_name(one.module) for one in design.instances))).pick("shell")
    names = pick_names(design, name)
    pick = names.pool.pick
    inputs = tuple(ShellPort(pick(f"i{rank}"), signal, width) for rank, (signal, width) in enumerate(design.driven_signals().items()))
    observed = ((signal, port.width) for port in design.ports if port.unsupported is None for signal in port.signals())
    outputs = tuple(ShellPort(pick(f"o{rank}"), signal, width) for rank, (signal, width) in enumerate(observed))
    instance = pick("dut")
    text = "\n".join(_lines(design, name, instance, names.pin, inputs, outputs)) + "\n"
    return Shell(name, text, inputs, outputs, instance)


def _lines(
    design: Design, name: str, instance: str, pins: Mapping[str, str], inputs: tuple[ShellPort, ...], outputs: tuple[ShellPort, ...]
) -> Iterator[str]:
    yield "`timescale 1ns / 1ps"
    yield "// verilator coverage_off"
    yield f"module {name} ("
    ports = [f"  input {packed(one.width)}{one.name}" for one in inputs] + [f"  output {packed(one.width)}{one.name}" for one in outputs]
    yield ",\n".join(ports)
    yield ");"
    driven, read = {one.signal: one.name for one in inputs}, {one.signal: one.name for one in outputs}
    connections: list[str] = []
    for port in design.ports:
        if port.unsupported is not None:
            connections.append(f"    .{spelled(port.name)}()")
            continue
        pin = pins[port.name]
        yield from _pin(port, pin, driven, read)
        connections.append(f"    .{spelled(port.name)}({pin})")
    overrides = ", ".join(f".{spelled(parameter)}({value})" for parameter, value in design.overrides)
    yield f"  {spelled(design.top)} {f'#({overrides}) ' if overrides else ''}{instance} ("
    yield ",\n".join(connections)
    yield "  );"
    yield "endmodule"
    yield "// verilator coverage_on"


def _pin(port: Port, pin: str, driven: dict[str, str], read: dict[str, str]) -> Iterator[str]:
    kind = element(port) if port.direction is Direction.INPUT else element(port).replace("logic", "wire")
    yield f"  {kind}{pin}{unpacked(port)};"
    for signal in port.signals():
        place = pin + signal[len(port.name) :]
        if port.direction is Direction.INPUT:
            yield f"  assign {place} = {driven[signal]};"
        elif port.direction is Direction.INOUT:
            yield f"  assign {place} = {driven[f'{signal}.enable']} ? {driven[signal]} : 'z;"
        yield f"  assign {read[signal]} = {place};"
