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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from llm4cov_agent.closure.reach.bounds import guesses
from llm4cov_agent.closure.reach.netlist import Bit, Cell, Netlist, NetlistError, Signal

RESET_EDGES = 2
"""Active edges of each clock that a reset sequence from unknown registers lasts at least."""

_FLIPFLOPS = {"$dff", "$dffe", "$adff", "$adffe", "$aldff", "$aldffe"}
_DIVISIONS = {"$div", "$mod", "$divfloor", "$modfloor"}
_IGNORED = {"$scopeinfo", "$print", "$check", "$assert", "$assume", "$cover", "$live", "$fair"}
_REFUSED = {"$pow": "a power is computed", "$lut": "a truth table is used", "$sop": "a truth table is used"}


class Phase(Enum):
    """What a model is made for."""

    WITNESS = "witness"
    """Undefined values are inputs to be held at 0; nothing is left open that a netlist defines."""
    ANY_START = "any_start"
    """For proofs: starts at power-up, or with unknown registers and a reset sequence."""
    POWER_UP = "power_up"
    """For proofs: starts at power-up only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPin:
    """A bit of a port that resets registers."""

    wire: str
    index: int
    active_low: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPin:
    """A bit of a port that clocks registers; `rising` and `falling` tell which edges count."""

    wire: str
    index: int
    rising: bool
    falling: bool


@dataclass(frozen=True, slots=True)
class Register:
    """A register of the model: the input that sets its first value, where its bits are in the design, and their initial values."""

    first: str
    bits: tuple[tuple[str, int], ...]
    initial: int


@dataclass(slots=True)
class Model:
    """What was built beside the netlist itself."""

    registers: list[Register] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    """Port of the design -> input of the model."""
    open_names: set[str] = field(default_factory=set)
    """Signals of the design that were left open."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One question: the cells of its cover statement and the event asked for (`holds`, `rises`, `falls`)."""

    cells: tuple[int, ...]
    """Positions in `Netlist.cells`."""
    event: str


def free_input(netlist: Netlist, width: int, *, name: str = "") -> Signal:
    """Add an input that may change in every step; without a name it gets one that no other has."""
    while not name or name in netlist.wires:
        netlist.fresh += 1
        name = f"\\reach_free{netlist.fresh}"
    return netlist.add_wire(width, name=name, direction="input")


class Builder:
    """Rewrites one netlist in place."""

    def __init__(self, netlist: Netlist, phase: Phase) -> None:
        self.netlist = netlist
        self.phase = phase
        self.model = Model()
        self._first = netlist.add_wire(1)[0]
        """1 in the first step only."""
        self._edges: dict[tuple[Bit, bool], Bit] = {}
        self._previous: dict[Bit, Bit] = {}
        self._pick: Bit = "0"
        self._guard: Bit | None = None
        """Whether registers may be expected to be within their bounds; None where they begin anywhere."""
        self._clocked: list[tuple[Signal, Signal]] = []
        """(register, what it takes at its clock edge)."""
        self._aliases: dict[Bit, Bit] = {}
        self._gates: dict[Bit, Cell] = {}
        self._opened: dict[tuple[str, tuple[str, ...]], Bit] = {}

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

    def build(
        self, marks: Sequence[Mark], clocks: Sequence[ClockPin], resets: Sequence[ResetPin], held: Iterable[str], cut: Iterable[str]
    ) -> None:
        """Do all of it; outputs of the result are `bad0`, `bad1`, ... in the order of `marks`."""
        netlist = self.netlist
        covers = [self._conditions(mark) for mark in marks]
        self.netlist.add("$not", {"A_SIGNED": 0, "A_WIDTH": 1, "Y_WIDTH": 1}, {"A": self.stored(("1",)), "Y": (self._first,)})
        self._pick = self.free(1, name="\\reach_pick")[0] if self.phase is not Phase.POWER_UP else "0"
        netlist.cells = [cell for cell in netlist.cells if cell.type not in _IGNORED]
        self._drop_outputs()
        self._open(held, cut)
        self._index()
        for cell in list(netlist.cells):
            if cell.type in _FLIPFLOPS:
                self._flipflop(cell)
            elif cell.type == "$dlatch":
                self._latch(cell)
            elif cell.type in ("$shift", "$shiftx"):
                self._select(cell)
            elif cell.type == "$demux":
                self._store_select(cell)
            elif cell.type in _DIVISIONS:
                self._division(cell)
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
        netlist.cells = [cell for cell in netlist.cells if cell.type != "removed"]
        live = self._live(clocks, resets)
        for number, (conditions, mark) in enumerate(zip(covers, marks, strict=True)):
            bad = netlist.add_wire(1, name=f"\\bad{number}", direction="output")
            happened = netlist.any_of(self._event(condition, mark.event) for condition in conditions)
            netlist.connections.append((bad, (netlist.all_of((happened, live)),)))
        if self._guard is not None:
            self._bound_registers(self._guard)
        self._name_inputs()
        self._define_undefined()

    def _bound_registers(self, guard: Bit) -> None:
        """Add outputs `lemma0`, `lemma1`, ... that are 1 where a register exceeds a guessed bound."""
        netlist = self.netlist
        self._index()
        registers, data = [q for q, _ in self._clocked], [d for _, d in self._clocked]
        for number, (register, bound) in enumerate(guesses(netlist, registers, data, self._original)):
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
        before = self.stored((condition,))[0]
        if event == "rises":
            return self.netlist.all_of((condition, self.netlist.negated(before)))
        return self.netlist.all_of((self.netlist.negated(condition), before))

    def _drop_outputs(self) -> None:
        for wire in self.netlist.wires.values():
            if wire.direction in ("output", "inout"):
                # What a tri-state port carries is decided outside as well, so it is left open below.
                wire.direction = ""

    def _open(self, held: Iterable[str], cut: Iterable[str]) -> None:
        """Replace the drivers of wires by free inputs, or let them keep what they had."""
        moved: dict[str, str] = {}
        held, cut = set(held) & set(self.netlist.wires), set(cut) & set(self.netlist.wires)
        for name in sorted(held | cut):
            wire = self.netlist.wires[name]
            if wire.direction == "input":
                continue
            raw = self.netlist.add_wire(wire.width)
            moved[name] = str(raw[0][0])
            # The initial value belongs to what the register drives now.
            self.netlist.wires[moved[name]].init = wire.init
            self.netlist.wires[moved[name]].path = wire.path
            wire.init = ""
        if not moved:
            return

        def renamed(signal: Signal) -> Signal:
            return tuple((moved[bit[0]], bit[1]) if isinstance(bit, tuple) and bit[0] in moved else bit for bit in signal)

        for cell in self.netlist.cells:
            for port, signal in cell.ports.items():
                if cell.is_output(port):
                    cell.ports[port] = renamed(signal)
        self.netlist.connections = [(renamed(driven), driver) for driven, driver in self.netlist.connections]
        for name, raw_name in moved.items():
            width = self.netlist.wires[name].width
            visible = tuple((name, index) for index in range(width))
            self.model.open_names.add(".".join(self.netlist.wires[name].path) or name)
            if name in cut:
                self.netlist.connections.append((visible, self.free(width)))
            else:
                follows = tuple((raw_name, index) for index in range(width))
                self.netlist.connections.append((visible, self.netlist.mux(self.free(1)[0], self.stored(visible), follows)))

    def _index(self) -> None:
        for cell in self.netlist.cells:
            if cell.type == "$buf":
                self._aliases.update(zip(cell.ports["Y"], cell.ports["A"], strict=True))
            elif cell.type == "$mux":
                self._gates.update((bit, cell) for bit in cell.ports["Y"])
        for target, source in self.netlist.connections:
            self._aliases.update(zip(target, source, strict=True))

    def _original(self, bit: Bit) -> Bit:
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
            self._previous[bit] = self.netlist.mux(self._first, self.free(1), was)[0]
        return self._previous[bit]

    def edge(self, bit: Bit, *, rising: bool) -> Bit:
        """Return whether a bit changed in this direction with this step."""
        bit = self._original(bit)
        key = (bit, rising)
        if key not in self._edges:
            before = self._before(bit)
            parts = (bit, self.netlist.negated(before)) if rising else (self.netlist.negated(bit), before)
            self._edges[key] = self.netlist.all_of(parts)
        return self._edges[key]

    def _register(self, q: Signal, initial: int) -> Signal:
        """Make `q` a register whose first value can be chosen; returns what has to be given its next value."""
        netlist = self.netlist
        following = netlist.add_wire(len(q))
        stored = self.stored(following)
        start: Signal = tuple("1" if initial >> index & 1 else "0" for index in range(len(q)))
        if self._pick != "0":
            chosen = self.free(len(q))
            name = str(chosen[0][0])
            places = tuple((bit[0], bit[1]) if isinstance(bit, tuple) else ("", 0) for bit in q)
            self.model.registers.append(Register(name, places, initial))
            start = netlist.mux(self._pick, chosen, start)
        netlist.connections.append((q, netlist.mux(self._first, start, stored)))
        return following

    def _initial(self, q: Signal) -> int:
        value = 0
        for position, bit in enumerate(q):
            if not isinstance(bit, tuple):
                raise NetlistError("a register drives a constant")
            wire = self.netlist.wires[bit[0]]
            if wire.init and wire.init[-1 - bit[1]] == "1":
                value |= 1 << position
        return value

    def _flipflop(self, cell: Cell) -> None:
        netlist, q, d = self.netlist, cell.ports["Q"], cell.ports["D"]
        cell.type = "removed"
        following = self._register(q, self._initial(q))
        clocked: Bit = self.edge(cell.ports["CLK"][0], rising=bool(cell.number("CLK_POLARITY")))
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
            trigger = netlist.any_of((clocked, self.edge(load[0], rising=is_high)))
            value = netlist.mux(load[0] if is_high else netlist.negated(load[0]), loaded, value)
        netlist.connections.append((following, netlist.mux(trigger, value, q)))
        self._clocked.append((q, d))

    def _latch(self, cell: Cell) -> None:
        """A latch follows while it is open; for proofs it may as well not, as another block may have closed it meanwhile."""
        netlist, q = self.netlist, cell.ports["Q"]
        cell.type = "removed"
        enable = cell.ports["EN"][0] if cell.number("EN_POLARITY") else netlist.negated(cell.ports["EN"][0])
        if self.phase is not Phase.WITNESS:
            # The bits of one block in one instance are run together.
            name = q[0][0] if isinstance(q[0], tuple) else ""
            block = (cell.src, netlist.wires[name].path[:-1])
            if block not in self._opened:
                self._opened[block] = self.free(1)[0]
            enable = netlist.all_of((enable, self._opened[block]))
        kept = netlist.add_wire(len(q))
        following = self._register(kept, self._initial(q))
        netlist.connections.append((q, netlist.mux(enable, cell.ports["D"], kept)))
        netlist.connections.append((following, q))

    def _select(self, cell: Cell) -> None:
        """A part-select at a variable place: open unless it lies inside, as simulators wrap, cut or ignore the rest."""
        netlist = self.netlist
        a, b, y = cell.ports["A"], cell.ports["B"], cell.ports["Y"]
        span = abs(len(a) - len(y))
        signed = bool(cell.number("B_SIGNED"))
        # Reads move right by the place; writes move left, which is right by its negative.
        offset = b if len(a) >= len(y) else self._negated_number(b)
        limit: Signal = tuple("1" if span >> index & 1 else "0" for index in range(max(span.bit_length(), 1) + 1))
        wide = (*offset, offset[-1] if signed or len(a) < len(y) else "0")
        within = netlist.binary("$le", wide, limit, signed=True)[0]
        above = netlist.negated(wide[-1])
        inside = netlist.all_of((within, above))
        result = netlist.add_wire(len(y))
        cell.ports["Y"] = result
        cell.type = "$shift"
        netlist.connections.append((y, netlist.mux(inside, result, self.free(len(y)))))

    def _negated_number(self, signal: Signal) -> Signal:
        out = self.netlist.add_wire(len(signal) + 1)
        self.netlist.add("$neg", {"A_SIGNED": 1, "A_WIDTH": len(signal), "Y_WIDTH": len(signal) + 1}, {"A": signal, "Y": out})
        return out

    def _store_select(self, cell: Cell) -> None:
        """A write to a variable place: outside of the range it is ignored, or wraps to the place of its lower bits."""
        if self.phase is Phase.WITNESS:
            return
        a = cell.ports["A"]
        netlist = self.netlist
        bit = self._original(a[0])
        guards: list[Bit] = []
        while len(a) == 1 and (mux := self._gates.get(bit)) is not None and mux.ports["A"] == ("0",):
            guards.append(mux.ports["S"][0])
            bit = self._original(mux.ports["B"][0])
        if bit == "1" and len(a) == 1:
            cell.ports["A"] = (netlist.any_of((netlist.all_of(guards), self.free(1)[0])),)
            return
        opened = netlist.binary("$or", a, self.free(len(a)), width=len(a))
        cell.ports["A"] = opened

    def _division(self, cell: Cell) -> None:
        """By zero Verilator gives 0 and a netlist anything; the least number by -1 differs as well."""
        netlist = self.netlist
        b, y = cell.ports["B"], cell.ports["Y"]
        special = netlist.negated(netlist.unary("$reduce_or", b))
        if cell.number("A_SIGNED"):
            special = netlist.any_of((special, netlist.unary("$reduce_and", b)))
        result = netlist.add_wire(len(y))
        cell.ports["Y"] = result
        netlist.connections.append((y, netlist.mux(special, self.free(len(y)), result)))

    def _live(self, clocks: Sequence[ClockPin], resets: Sequence[ResetPin]) -> Bit:
        """Return whether questions count: at once from power-up, after the reset sequence from unknown registers."""
        if self.phase is not Phase.ANY_START:
            self._guard = "1" if self.phase is Phase.POWER_UP else None
            return "1"
        netlist = self.netlist
        was_unknown = self.netlist.add_wire(1)[0]
        unknown = netlist.mux(self._first, (self._pick,), (was_unknown,))[0]
        netlist.connections.append(((was_unknown,), self.stored((unknown,))))
        if not resets:
            return "1"
        done: list[Bit] = []
        once: list[Bit] = []
        for clock in clocks:
            bit = (clock.wire, clock.index)
            edges = [self.edge(bit, rising=rising) for rising, used in ((True, clock.rising), (False, clock.falling)) if used]
            # The edge of the first step may not be one, as what came before is unknown.
            now = netlist.all_of((netlist.any_of(edges), netlist.negated(self._first)))
            for _ in range(RESET_EDGES):
                seen = netlist.add_wire(1)[0]
                before = self.stored((seen,))[0]
                netlist.connections.append(((seen,), (netlist.any_of((before, now)),)))
                now = netlist.all_of((now, before))
                if len(once) == len(done):
                    once.append(before)
            done.append(self.stored((seen,))[0])
        ready = netlist.all_of(done) if done else netlist.negated(self._first)
        if not done:
            ready = self.stored((ready,))[0]
        self._guard = netlist.any_of((netlist.negated(unknown), netlist.all_of(once) if once else ready))
        self._hold_resets(resets, netlist.all_of((unknown, netlist.negated(ready))))
        return netlist.any_of((netlist.negated(unknown), ready))

    def _hold_resets(self, resets: Sequence[ResetPin], forced: Bit) -> None:
        by_wire: dict[str, list[ResetPin]] = {}
        for pin in resets:
            by_wire.setdefault(pin.wire, []).append(pin)
        for name, pins in by_wire.items():
            wire = self.netlist.wires[name]
            outside = self.free(wire.width, name=f"\\reach_reset{self.netlist.fresh}")
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

    def _define_undefined(self) -> None:
        """Replace every undefined constant and every bit without a driver by a free input; refuses two drivers of a bit."""
        driven: set[Bit] = set()
        for name, wire in self.netlist.wires.items():
            if wire.direction == "input":
                driven.update((name, index) for index in range(wire.width))
        for signal in self._driven_signals():
            for bit in signal:
                if isinstance(bit, tuple) and bit in driven:
                    raise NetlistError("a signal has several drivers")
                driven.add(bit)
        opened: dict[Bit, Bit] = {}

        def defined(signal: Signal) -> Signal:
            missing = [bit for bit in dict.fromkeys(signal) if bit not in ("0", "1") and bit not in driven and bit not in opened]
            missing = [bit for bit in missing if isinstance(bit, tuple)]
            for bit, value in zip(missing, self.free(len(missing)) if missing else (), strict=True):
                opened[bit] = value
            count = sum(bit in ("x", "z") for bit in signal)
            values = list(self.free(count)) if count else []
            return tuple(values.pop() if bit in ("x", "z") else opened.get(bit, bit) for bit in signal)

        for cell in self.netlist.cells:
            for port, signal in cell.ports.items():
                if not cell.is_output(port):
                    cell.ports[port] = defined(signal)
        self.netlist.connections = [(target, defined(source)) for target, source in self.netlist.connections]

    def _driven_signals(self) -> Iterable[Signal]:
        for cell in self.netlist.cells:
            for port, signal in cell.ports.items():
                if cell.is_output(port):
                    yield signal
        for target, _ in self.netlist.connections:
            yield target


def _constant(text: str, width: int) -> Signal:
    bits = text.split("'")[1] if "'" in text else format(int(text), "b")
    return tuple(reversed(bits.rjust(width, "0")))[:width]


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
