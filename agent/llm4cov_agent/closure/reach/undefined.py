"""Makes selections, divisions and memories outside of their range free where a simulator may differ. Knows no register."""

from __future__ import annotations

from llm4cov_agent.closure.reach.netlist import Bit, Cell, Netlist, NetlistError, Signal
from llm4cov_agent.closure.reach.wiring import Wiring, free_input


def soften_select(wiring: Wiring, cell: Cell) -> None:
    """A part-select at a variable place: open unless it lies inside, as simulators wrap, cut or ignore the rest."""
    netlist = wiring.netlist
    a, b, y = cell.ports["A"], cell.ports["B"], cell.ports["Y"]
    span = abs(len(a) - len(y))
    signed = bool(cell.number("B_SIGNED"))
    # Reads move right by the place; writes move left, which is right by its negative.
    offset = b if len(a) >= len(y) else _negated_number(wiring, b)
    limit: Signal = tuple("1" if span >> index & 1 else "0" for index in range(max(span.bit_length(), 1) + 1))
    wide = (*offset, offset[-1] if signed or len(a) < len(y) else "0")
    within = netlist.binary("$le", wide, limit, signed=True)[0]
    above = netlist.negated(wide[-1])
    inside = netlist.all_of((within, above))
    result = netlist.add_wire(len(y))
    cell.ports["Y"] = result
    cell.type = "$shift"
    netlist.connections.append((y, netlist.mux(inside, result, wiring.free(len(y)))))


def soften_store_select(wiring: Wiring, cell: Cell) -> None:
    """A write to a variable place: outside of the range it is ignored, or wraps to the place of its lower bits."""
    a = cell.ports["A"]
    netlist = wiring.netlist
    bit = wiring.original(a[0])
    guards: list[Bit] = []
    while len(a) == 1 and (mux := wiring.gates.get(bit)) is not None and mux.ports["A"] == ("0",):
        guards.append(mux.ports["S"][0])
        bit = wiring.original(mux.ports["B"][0])
    if bit == "1" and len(a) == 1:
        cell.ports["A"] = (netlist.any_of((netlist.all_of(guards), wiring.free(1)[0])),)
        return
    opened = netlist.binary("$or", a, wiring.free(len(a)), width=len(a))
    cell.ports["A"] = opened


def soften_division(wiring: Wiring, cell: Cell) -> None:
    """By zero Verilator gives 0 and a netlist anything; the least number by -1 differs as well."""
    netlist = wiring.netlist
    b, y = cell.ports["B"], cell.ports["Y"]
    special = netlist.negated(netlist.unary("$reduce_or", b))
    if cell.number("A_SIGNED"):
        special = netlist.any_of((special, netlist.unary("$reduce_and", b)))
    result = netlist.add_wire(len(y))
    cell.ports["Y"] = result
    netlist.connections.append((y, netlist.mux(special, wiring.free(len(y)), result)))


def soften_memories(netlist: Netlist, *, limit_bits: int) -> set[str]:
    """Give memory accesses outside of a memory a meaning that covers a simulator's, and open the contents of large ones.

    Outside a read is free, and a write is either ignored or wraps to the place that its lower address bits name, as an
    index that is too wide is cut by Verilator. Returns the names of those whose contents were left open.
    """
    total = sum(width * size for width, size, _ in netlist.memories.values())
    large = {name for name, (width, size, _) in netlist.memories.items() if width * size > limit_bits or total > 4 * limit_bits}
    for cell in list(netlist.cells):
        if not cell.type.startswith("$mem"):
            continue
        name = cell.parameters["MEMID"].strip('"').replace("\\\\", "\\")
        _, size, first = netlist.memories[name]
        if cell.type == "$memrd_v2":
            if cell.number("CLK_ENABLE"):
                raise NetlistError("a memory with a clocked read port is used")
            data = cell.ports["DATA"]
            if name in large:
                cell.type = "removed"
                netlist.connections.append((data, free_input(netlist, len(data))))
                continue
            result = netlist.add_wire(len(data))
            inside = _inside(netlist, cell.ports["ADDR"], first, size)
            cell.ports["DATA"] = result
            netlist.connections.append((data, netlist.mux(inside, result, free_input(netlist, len(data)))))
            _shorten(cell, first, size)
        elif cell.type == "$memwr_v2":
            if name in large:
                cell.type = "removed"
                continue
            inside = _inside(netlist, cell.ports["ADDR"], first, size)
            if inside != "1":
                enable = cell.ports["EN"]
                allowed = netlist.any_of((inside, free_input(netlist, 1)[0]))
                cell.ports["EN"] = netlist.mux(allowed, enable, tuple("0" for _ in enable))
            _shorten(cell, first, size)
        elif cell.type.startswith("$meminit"):
            if name in large:
                cell.type = "removed"
        else:
            raise NetlistError("a memory of an unsupported kind is used")
    netlist.cells = [cell for cell in netlist.cells if cell.type != "removed"]
    netlist.memories = {name: value for name, value in netlist.memories.items() if name not in large}
    return large


def _negated_number(wiring: Wiring, signal: Signal) -> Signal:
    out = wiring.netlist.add_wire(len(signal) + 1)
    wiring.netlist.add("$neg", {"A_SIGNED": 1, "A_WIDTH": len(signal), "Y_WIDTH": len(signal) + 1}, {"A": signal, "Y": out})
    return out


def _inside(netlist: Netlist, address: Signal, first: int, size: int) -> Bit:
    last = first + size - 1
    if first == 0 and len(address) < 62 and (1 << len(address)) == size:
        return "1"
    high: Signal = tuple("1" if last >> index & 1 else "0" for index in range(last.bit_length() or 1))
    low: Signal = tuple("1" if first >> index & 1 else "0" for index in range(first.bit_length() or 1))
    return netlist.all_of((netlist.binary("$le", address, high)[0], netlist.binary("$ge", address, low)[0]))


def _shorten(cell: Cell, first: int, size: int) -> None:
    """Keep the address bits that a place inside needs."""
    width = max((first + size - 1).bit_length(), 1)
    cell.ports["ADDR"] = cell.ports["ADDR"][:width]
    cell.parameters["ABITS"] = str(len(cell.ports["ADDR"]))
