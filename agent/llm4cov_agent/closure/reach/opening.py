"""Frees what a netlist must not decide: drivers that are not believed, undefined constants, bits without a driver. Judges none."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from llm4cov_agent.closure.reach.netlist import Bit, Netlist, NetlistError, Signal
from llm4cov_agent.closure.reach.wiring import Wiring


def open_wires(wiring: Wiring, held: Iterable[str], cut: Iterable[str], low: Collection[Bit] = ()) -> set[str]:
    """Replace the drivers of wires by free inputs (`cut`), or let them keep what they had (`held`); returns their names in the sources.

    Bits in `low` stay 0 in wires that are cut.
    """
    moved: dict[str, str] = {}
    held, cut = set(held) & set(wiring.netlist.wires), set(cut) & set(wiring.netlist.wires)
    for name in sorted(held | cut):
        wire = wiring.netlist.wires[name]
        if wire.direction == "input":
            continue
        raw = wiring.netlist.add_wire(wire.width)
        moved[name] = str(raw[0][0])
        # The initial value belongs to what the register drives now.
        wiring.netlist.wires[moved[name]].init = wire.init
        wiring.netlist.wires[moved[name]].path = wire.path
        wire.init = ""
    open_names: set[str] = set()
    if not moved:
        return open_names

    def renamed(signal: Signal) -> Signal:
        return tuple((moved[bit[0]], bit[1]) if isinstance(bit, tuple) and bit[0] in moved else bit for bit in signal)

    for cell in wiring.netlist.cells:
        for port, signal in cell.ports.items():
            if cell.is_output(port):
                cell.ports[port] = renamed(signal)
    wiring.netlist.connections = [(renamed(driven), driver) for driven, driver in wiring.netlist.connections]
    for name, raw_name in moved.items():
        width = wiring.netlist.wires[name].width
        visible = tuple((name, index) for index in range(width))
        open_names.add(".".join(wiring.netlist.wires[name].path) or name)
        if name in cut:
            opened = zip(visible, wiring.free(width), strict=True)
            wiring.netlist.connections.append((visible, tuple("0" if bit in low else free for bit, free in opened)))
        else:
            follows = tuple((raw_name, index) for index in range(width))
            wiring.netlist.connections.append((visible, wiring.netlist.mux(wiring.free(1)[0], wiring.stored(visible), follows)))
    return open_names


def define_undefined(wiring: Wiring) -> None:
    """Replace every undefined constant and every bit without a driver by a free input; refuses two drivers of a bit."""
    driven: set[Bit] = set()
    for name, wire in wiring.netlist.wires.items():
        if wire.direction == "input":
            driven.update((name, index) for index in range(wire.width))
    for signal in _driven_signals(wiring.netlist):
        for bit in signal:
            if isinstance(bit, tuple) and bit in driven:
                raise NetlistError("a signal has several drivers")
            driven.add(bit)
    opened: dict[Bit, Bit] = {}

    def defined(signal: Signal) -> Signal:
        missing = [bit for bit in dict.fromkeys(signal) if bit not in ("0", "1") and bit not in driven and bit not in opened]
        missing = [bit for bit in missing if isinstance(bit, tuple)]
        for bit, value in zip(missing, wiring.free(len(missing)) if missing else (), strict=True):
            opened[bit] = value
        count = sum(bit in ("x", "z") for bit in signal)
        values = list(wiring.free(count)) if count else []
        return tuple(values.pop() if bit in ("x", "z") else opened.get(bit, bit) for bit in signal)

    for cell in wiring.netlist.cells:
        for port, signal in cell.ports.items():
            if not cell.is_output(port):
                cell.ports[port] = defined(signal)
    wiring.netlist.connections = [(target, defined(source)) for target, source in wiring.netlist.connections]


def _driven_signals(netlist: Netlist) -> Iterable[Signal]:
    for cell in netlist.cells:
        for port, signal in cell.ports.items():
            if cell.is_output(port):
                yield signal
    for target, _ in netlist.connections:
        yield target
