"""Turns flip-flops and latches into registers of a transition system. Knows no port and no question."""

from __future__ import annotations

from llm4cov_agent.closure.reach.model_values import Phase, Register
from llm4cov_agent.closure.reach.netlist import Bit, Cell, NetlistError, Signal
from llm4cov_agent.closure.reach.wiring import Wiring


class Storage:
    """The registers of one netlist."""

    def __init__(self, wiring: Wiring, phase: Phase, pick: Bit) -> None:
        """`pick` is 1 where a run begins with registers of any value."""
        self.registers: list[Register] = []
        self.clocked: list[tuple[Signal, Signal]] = []
        """(register, what it takes at its clock edge)."""
        self._wiring = wiring
        self._phase = phase
        self._pick = pick
        self._opened: dict[tuple[str, tuple[str, ...]], Bit] = {}

    def flipflop(self, cell: Cell) -> None:
        """Make a flip-flop a register that is loaded in the step after its clock edge, or the edge of its reset."""
        netlist, q, d = self._wiring.netlist, cell.ports["Q"], cell.ports["D"]
        cell.type = "removed"
        following = self._register(q, self._initial(q))
        clocked: Bit = self._wiring.edge(cell.ports["CLK"][0], rising=bool(cell.number("CLK_POLARITY")))
        value = d
        if "EN" in cell.ports:
            enable = cell.ports["EN"][0]
            value = netlist.mux(enable if cell.number("EN_POLARITY") else netlist.negated(enable), d, q)
        trigger = clocked
        load = cell.ports.get("ALOAD") or cell.ports.get("ARST")
        if load is not None:
            is_high = bool(cell.number("ALOAD_POLARITY" if "ALOAD" in cell.ports else "ARST_POLARITY"))
            loaded = cell.ports["AD"] if "AD" in cell.ports else _constant(cell.parameters["ARST_VALUE"], len(q))
            # The block runs at the edge of the reset, not as long as it is active: a reset that is active from the start
            # does nothing before the first clock edge.
            trigger = netlist.any_of((clocked, self._wiring.edge(load[0], rising=is_high)))
            value = netlist.mux(load[0] if is_high else netlist.negated(load[0]), loaded, value)
        netlist.connections.append((following, netlist.mux(trigger, value, q)))
        self.clocked.append((q, d))

    def latch(self, cell: Cell) -> None:
        """A latch follows while it is open; for proofs it may as well not, as another block may have closed it meanwhile."""
        netlist, q = self._wiring.netlist, cell.ports["Q"]
        cell.type = "removed"
        enable = cell.ports["EN"][0] if cell.number("EN_POLARITY") else netlist.negated(cell.ports["EN"][0])
        if self._phase is not Phase.WITNESS:
            # The bits of one block in one instance are run together.
            name = q[0][0] if isinstance(q[0], tuple) else ""
            block = (cell.src, netlist.wires[name].path[:-1])
            if block not in self._opened:
                self._opened[block] = self._wiring.free(1)[0]
            enable = netlist.all_of((enable, self._opened[block]))
        kept = netlist.add_wire(len(q))
        following = self._register(kept, self._initial(q))
        netlist.connections.append((q, netlist.mux(enable, cell.ports["D"], kept)))
        netlist.connections.append((following, q))

    def _register(self, q: Signal, initial: int) -> Signal:
        """Make `q` a register whose first value can be chosen; returns what has to be given its next value."""
        netlist = self._wiring.netlist
        following = netlist.add_wire(len(q))
        stored = self._wiring.stored(following)
        start: Signal = tuple("1" if initial >> index & 1 else "0" for index in range(len(q)))
        if self._pick != "0":
            chosen = self._wiring.free(len(q))
            name = str(chosen[0][0])
            places = tuple((bit[0], bit[1]) if isinstance(bit, tuple) else ("", 0) for bit in q)
            self.registers.append(Register(name, places, initial))
            start = netlist.mux(self._pick, chosen, start)
        netlist.connections.append((q, netlist.mux(self._wiring.first, start, stored)))
        return following

    def _initial(self, q: Signal) -> int:
        value = 0
        for position, bit in enumerate(q):
            if not isinstance(bit, tuple):
                raise NetlistError("a register drives a constant")
            wire = self._wiring.netlist.wires[bit[0]]
            if wire.init and wire.init[-1 - bit[1]] == "1":
                value |= 1 << position
        return value


def _constant(text: str, width: int) -> Signal:
    bits = text.split("'")[1] if "'" in text else format(int(text), "b")
    return tuple(reversed(bits.rjust(width, "0")))[:width]
