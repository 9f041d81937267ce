"""Turns a flat netlist into a transition system whose steps are the evaluations of a simulator. Starts no tool.

One step is one evaluation by Verilator: inputs (clocks among them) may have changed, registers are those of before. A
register takes its new value in the step after the one in which its clock (or asynchronous reset) had the edge, computed
from the signals of that step. So

- combinational logic is seen once with new inputs and old registers, as a simulator sees it, also when a reset arrives;
- a clock made by a register or a gate has its edge in a later step, and registers behind it sample what came out of the
  first edge, as non-blocking assignments do;
- a glitch of a gated clock between the two steps is an edge, as it is for a simulator.

For proofs every input may change in every step, so each run of a simulator is a run of this system: it is an
over-approximation, and what can't happen here can't happen there. Whatever a netlist leaves undefined, or a simulator
may evaluate in another order (`hazards`), becomes a free input.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from llm4cov_agent.closure.reach.bounds import guesses
from llm4cov_agent.closure.reach.model_values import ClockPin, Mark, Model, Phase, ResetPin
from llm4cov_agent.closure.reach.netlist import Bit, Netlist, NetlistError, Signal
from llm4cov_agent.closure.reach.opening import define_undefined, open_wires
from llm4cov_agent.closure.reach.storage import Storage
from llm4cov_agent.closure.reach.undefined import soften_division, soften_select, soften_store_select
from llm4cov_agent.closure.reach.wiring import Wiring

RESET_EDGES = 2
"""Active edges of each clock that a reset sequence from unknown registers lasts at least."""

_FLIPFLOPS = {"$dff", "$dffe", "$adff", "$adffe", "$aldff", "$aldffe"}
_DIVISIONS = {"$div", "$mod", "$divfloor", "$modfloor"}
_IGNORED = {"$scopeinfo", "$print", "$check", "$assert", "$assume", "$cover", "$live", "$fair"}
_REFUSED = {"$pow": "a power is computed", "$lut": "a truth table is used", "$sop": "a truth table is used"}


class Builder:
    """Rewrites one netlist in place."""

    def __init__(self, netlist: Netlist, phase: Phase) -> None:
        self.netlist = netlist
        self.phase = phase
        self.model = Model()
        self._wiring = Wiring(netlist)
        self._pick: Bit = "0"
        self._guard: Bit | None = None
        """Whether registers may be expected to be within their bounds; None where they begin anywhere."""

    def build(
        self,
        marks: Sequence[Mark],
        clocks: Sequence[ClockPin],
        resets: Sequence[ResetPin],
        held: Iterable[str],
        cut: Iterable[str],
        low: Collection[Bit] = (),
    ) -> None:
        """Do all of it; outputs of the result are `bad0`, `bad1`, ... in the order of `marks`. Bits in `low` stay 0 where they are cut."""
        netlist = self.netlist
        covers = [self._conditions(mark) for mark in marks]
        self._wiring.define_first()
        self._pick = self._wiring.free(1, name="\\reach_pick")[0] if self.phase is not Phase.POWER_UP else "0"
        netlist.cells = [cell for cell in netlist.cells if cell.type not in _IGNORED]
        self._drop_outputs()
        self.model.open_names |= open_wires(self._wiring, held, cut, low)
        self._wiring.index()
        storage = Storage(self._wiring, self.phase, self._pick)
        for cell in list(netlist.cells):
            if cell.type in _FLIPFLOPS:
                storage.flipflop(cell)
            elif cell.type == "$dlatch":
                storage.latch(cell)
            elif cell.type in ("$shift", "$shiftx"):
                soften_select(self._wiring, cell)
            elif cell.type == "$demux":
                if self.phase is not Phase.WITNESS:
                    soften_store_select(self._wiring, cell)
            elif cell.type in _DIVISIONS:
                soften_division(self._wiring, cell)
            elif cell.type == "$tribuf":
                cell.type = "removed"
            elif cell.type in _REFUSED:
                raise NetlistError(_REFUSED[cell.type])
            elif not cell.type.startswith("$"):
                raise NetlistError(f"module {cell.type.lstrip(chr(92))} has no text")
            elif "dff" in cell.type or "latch" in cell.type or (cell.type in ("$sr", "$ff") and not cell.name.startswith("$reach")):
                raise NetlistError(f"a storage element of an unknown kind ({cell.type}) is used")
            elif cell.type.startswith("$mem"):
                raise NetlistError("a memory of an unsupported kind is used")
        self.model.registers = storage.registers
        netlist.cells = [cell for cell in netlist.cells if cell.type != "removed"]
        live = self._live(clocks, resets)
        for number, (conditions, mark) in enumerate(zip(covers, marks, strict=True)):
            bad = netlist.add_wire(1, name=f"\\bad{number}", direction="output")
            happened = netlist.any_of(self._event(condition, mark.event) for condition in conditions)
            netlist.connections.append((bad, (netlist.all_of((happened, live)),)))
        if self._guard is not None:
            self._bound_registers(storage.clocked, self._guard)
        self._name_inputs()
        define_undefined(self._wiring)

    def _bound_registers(self, clocked: Sequence[tuple[Signal, Signal]], guard: Bit) -> None:
        """Add outputs `lemma0`, `lemma1`, ... that are 1 where a register exceeds a guessed bound."""
        netlist = self.netlist
        self._wiring.index()
        registers, data = [q for q, _ in clocked], [d for _, d in clocked]
        for number, (register, bound) in enumerate(guesses(netlist, registers, data, self._wiring.original)):
            limit: Signal = tuple("1" if bound >> index & 1 else "0" for index in range(len(register)))
            above = netlist.binary("$gt", register, limit)[0]
            out = netlist.add_wire(1, name=f"\\lemma{number}", direction="output")
            netlist.connections.append((out, (netlist.all_of((guard, above)),)))

    def _conditions(self, mark: Mark) -> list[Bit]:
        cells = [self.netlist.cells[position] for position in mark.cells]
        return [self.netlist.all_of((cell.ports["EN"][0], cell.ports["A"][0])) for cell in cells]

    def _event(self, condition: Bit, event: str) -> Bit:
        if event == "holds":
            return condition
        before = self._wiring.stored((condition,))[0]
        if event == "rises":
            return self.netlist.all_of((condition, self.netlist.negated(before)))
        return self.netlist.all_of((self.netlist.negated(condition), before))

    def _drop_outputs(self) -> None:
        for wire in self.netlist.wires.values():
            if wire.direction in ("output", "inout"):
                # What a tri-state port carries is decided outside as well, so it is left open below.
                wire.direction = ""

    def _live(self, clocks: Sequence[ClockPin], resets: Sequence[ResetPin]) -> Bit:
        """Return whether questions count: at once from power-up, after the reset sequence from unknown registers."""
        if self.phase is not Phase.ANY_START:
            self._guard = "1" if self.phase is Phase.POWER_UP else None
            return "1"
        netlist = self.netlist
        was_unknown = self.netlist.add_wire(1)[0]
        unknown = netlist.mux(self._wiring.first, (self._pick,), (was_unknown,))[0]
        netlist.connections.append(((was_unknown,), self._wiring.stored((unknown,))))
        if not resets:
            return "1"
        done: list[Bit] = []
        once: list[Bit] = []
        for clock in clocks:
            bit = (clock.wire, clock.index)
            edges = [self._wiring.edge(bit, rising=rising) for rising, used in ((True, clock.rising), (False, clock.falling)) if used]
            # The edge of the first step may not be one, as what came before is unknown.
            now = netlist.all_of((netlist.any_of(edges), netlist.negated(self._wiring.first)))
            for _ in range(RESET_EDGES):
                seen = netlist.add_wire(1)[0]
                before = self._wiring.stored((seen,))[0]
                netlist.connections.append(((seen,), (netlist.any_of((before, now)),)))
                now = netlist.all_of((now, before))
                if len(once) == len(done):
                    once.append(before)
            done.append(self._wiring.stored((seen,))[0])
        ready = netlist.all_of(done) if done else netlist.negated(self._wiring.first)
        if not done:
            ready = self._wiring.stored((ready,))[0]
        self._guard = netlist.any_of((netlist.negated(unknown), netlist.all_of(once) if once else ready))
        self._hold_resets(resets, netlist.all_of((unknown, netlist.negated(ready))))
        return netlist.any_of((netlist.negated(unknown), ready))

    def _hold_resets(self, resets: Sequence[ResetPin], forced: Bit) -> None:
        by_wire: dict[str, list[ResetPin]] = {}
        for pin in resets:
            by_wire.setdefault(pin.wire, []).append(pin)
        for name, pins in by_wire.items():
            wire = self.netlist.wires[name]
            outside = self._wiring.free(wire.width, name=f"\\reach_reset{self.netlist.fresh}")
            self.model.inputs[name] = str(outside[0][0])
            wire.direction = ""
            for index in range(wire.width):
                found = next((item for item in pins if item.index == index), None)
                driver = outside[index : index + 1]
                if found is not None:
                    driver = self.netlist.mux(forced, ("0" if found.active_low else "1",), driver)
                self.netlist.connections.append((((name, index),), driver))

    def _name_inputs(self) -> None:
        for name, wire in self.netlist.wires.items():
            if wire.direction == "input" and not name.startswith("\\reach_"):
                self.model.inputs[name] = name
