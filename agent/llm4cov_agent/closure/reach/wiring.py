"""A netlist under reconstruction: free inputs, values of the step before, and edges. Knows no register and no reset."""

from __future__ import annotations

from llm4cov_agent.closure.reach.netlist import Bit, Cell, Netlist, Signal


def free_input(netlist: Netlist, width: int, *, name: str = "") -> Signal:
    """Add an input that may change in every step; without a name it gets one that no other has."""
    while not name or name in netlist.wires:
        netlist.fresh += 1
        name = f"\\reach_free{netlist.fresh}"
    return netlist.add_wire(width, name=name, direction="input")


class Wiring:
    """A netlist that is being rewritten, with what is asked of its bits again and again: edges, values of before, sources."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.first: Bit = netlist.add_wire(1)[0]
        """1 in the first step only."""
        self.gates: dict[Bit, Cell] = {}
        """Bit -> the multiplexer that drives it, once `index` was called."""
        self._edges: dict[tuple[Bit, bool], Bit] = {}
        self._previous: dict[Bit, Bit] = {}
        self._aliases: dict[Bit, Bit] = {}

    def define_first(self) -> None:
        """Drive `first`."""
        ports: dict[str, Signal] = {"A": self.stored(("1",)), "Y": (self.first,)}
        self.netlist.add("$not", {"A_SIGNED": 0, "A_WIDTH": 1, "Y_WIDTH": 1}, ports)

    def free(self, width: int, *, name: str = "") -> Signal:
        """Return a new input that may change in every step."""
        return free_input(self.netlist, width, name=name)

    def stored(self, value: Signal) -> Signal:
        """Return what `value` was one step ago; 0 in the first step."""
        out = self.netlist.add_wire(len(value))
        name = out[0][0] if isinstance(out[0], tuple) else ""
        self.netlist.wires[name].init = "0" * len(value)
        self.netlist.add("$ff", {"WIDTH": len(value)}, {"D": value, "Q": out})
        return out

    def index(self) -> None:
        """Learn where bits come from; to be called again after wires were connected anew."""
        for cell in self.netlist.cells:
            if cell.type == "$buf":
                self._aliases.update(zip(cell.ports["Y"], cell.ports["A"], strict=True))
            elif cell.type == "$mux":
                self.gates.update((bit, cell) for bit in cell.ports["Y"])
        for target, source in self.netlist.connections:
            self._aliases.update(zip(target, source, strict=True))

    def original(self, bit: Bit) -> Bit:
        """Follow plain connections to where a bit comes from."""
        seen = {bit}
        while (before := self._aliases.get(bit)) is not None and before not in seen:
            seen.add(before)
            bit = before
        return bit

    def _before(self, bit: Bit) -> Bit:
        """Return a bit's value one step ago; free in the first step, so that an edge at time 0 is possible and not certain."""
        if bit not in self._previous:
            was = self.stored((bit,))
            self._previous[bit] = self.netlist.mux(self.first, self.free(1), was)[0]
        return self._previous[bit]

    def edge(self, bit: Bit, *, rising: bool) -> Bit:
        """Return whether a bit changed in this direction with this step."""
        bit = self.original(bit)
        key = (bit, rising)
        if key not in self._edges:
            before = self._before(bit)
            parts = (bit, self.netlist.negated(before)) if rising else (self.netlist.negated(bit), before)
            self._edges[key] = self.netlist.all_of(parts)
        return self._edges[key]
