"""A flat netlist as bits, read from and written as RTLIL text. Knows no pass, no process and no meaning of a cell.

Bits are strings: `wire` index pairs are written `\\name[3]`-like keys by `Bit`, constants are one of `0 1 x z`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Bit = tuple[str, int] | str
"""(wire, index from the least significant bit), or a constant: `0`, `1`, `x`, `z`."""
Signal = tuple[Bit, ...]
"""Least significant bit first."""

OUTPUTS = {"Y", "Q", "X", "CO"}
"""Ports that are outputs of every cell type that has them; `DATA` is one of read ports only."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_SIGNAL_TOKEN = re.compile(r"[{}]|\[[0-9:]+\]|[^\s\[\]{}][^\s]*")


class NetlistError(Exception):
    """The text holds something that a flat netlist must not hold; the message is a clause for a person."""


@dataclass(slots=True)
class Wire:
    """A wire; `path` is its name in the sources, hierarchy first, empty for what a tool made up."""

    name: str
    width: int = 1
    direction: str = ""
    """`input`, `output`, `inout` or empty."""
    path: tuple[str, ...] = ()
    src: str = ""
    init: str = ""
    """Initial value, most significant bit first; empty if there is none."""


@dataclass(slots=True)
class Cell:
    """A cell; its parameters are kept as the text that RTLIL has for them."""

    type: str
    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    ports: dict[str, Signal] = field(default_factory=dict)
    src: str = ""

    def number(self, parameter: str) -> int:
        """Value of a numeric parameter; KeyError if there is none."""
        text = self.parameters[parameter]
        return int(text.split("'")[1].replace("x", "0") or "0", 2) if "'" in text else int(text)

    def is_output(self, port: str) -> bool:
        """Whether the cell drives this port."""
        return port in OUTPUTS or (port == "DATA" and self.type.startswith("$memrd"))


@dataclass(slots=True)
class Netlist:
    """One module without processes."""

    name: str
    wires: dict[str, Wire] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    connections: list[tuple[Signal, Signal]] = field(default_factory=list)
    """(driven, driver)."""
    memories: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Name -> (bits of a word, words, first address)."""
    fresh: int = 0

    def add_wire(self, width: int, *, name: str = "", direction: str = "") -> Signal:
        """Make a wire; without a name it gets one that no other has."""
        while not name or (name.startswith("$reach$") and name in self.wires):
            self.fresh += 1
            name = f"$reach${self.fresh}"
        if name in self.wires:
            raise NetlistError(f"two wires are named {name}")
        self.wires[name] = Wire(name, width, direction)
        return tuple((name, index) for index in range(width))

    def add(self, kind: str, parameters: Mapping[str, int | str], ports: Mapping[str, Signal], *, name: str = "") -> Cell:
        """Add a cell of an internal type."""
        texts = {key: str(value) for key, value in parameters.items()}
        self.fresh += 1
        cell = Cell(kind, name or f"$reach$cell${self.fresh}", texts, dict(ports))
        self.cells.append(cell)
        return cell

    def mux(self, select: Bit, if_true: Signal, if_false: Signal) -> Signal:
        """Return `select ? if_true : if_false`."""
        out = self.add_wire(len(if_true))
        self.add("$mux", {"WIDTH": len(if_true)}, {"A": if_false, "B": if_true, "S": (select,), "Y": out})
        return out

    def binary(self, kind: str, left: Signal, right: Signal, *, width: int = 1, signed: bool = False) -> Signal:
        """Return an operator over two signals, as an internal cell `kind` computes it."""
        out = self.add_wire(width)
        parameters = {"A_SIGNED": int(signed), "B_SIGNED": int(signed), "A_WIDTH": len(left), "B_WIDTH": len(right), "Y_WIDTH": width}
        self.add(kind, parameters, {"A": left, "B": right, "Y": out})
        return out

    def unary(self, kind: str, operand: Signal) -> Bit:
        """Return a reduction or negation of a signal to one bit."""
        out = self.add_wire(1)
        self.add(kind, {"A_SIGNED": 0, "A_WIDTH": len(operand), "Y_WIDTH": 1}, {"A": operand, "Y": out})
        return out[0]

    def any_of(self, bits: Iterable[Bit]) -> Bit:
        """Return the disjunction of bits."""
        signal = tuple(bits)
        return "0" if not signal else signal[0] if len(signal) == 1 else self.unary("$reduce_or", signal)

    def all_of(self, bits: Iterable[Bit]) -> Bit:
        """Return the conjunction of bits."""
        signal = tuple(bits)
        return "1" if not signal else signal[0] if len(signal) == 1 else self.unary("$reduce_and", signal)

    def negated(self, bit: Bit) -> Bit:
        """Return the complement of a bit."""
        return self.unary("$not", (bit,))


def parse(text: str) -> Netlist:
    """Read the one module of an RTLIL text. Raises NetlistError for several modules and for processes."""
    netlist: Netlist | None = None
    attributes: dict[str, str] = {}
    cell: Cell | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith(("#", "autoidx")):
            continue
        word, _, rest = line.partition(" ")
        if word == "attribute":
            key, _, value = rest.partition(" ")
            attributes[key] = value
            continue
        if word == "module":
            if netlist is not None:
                raise NetlistError("several modules are left after flattening")
            netlist = Netlist(rest)
        elif netlist is None:
            raise NetlistError(f"unexpected text before the module: {word}")
        elif word == "wire":
            wire = _wire(rest, attributes)
            netlist.wires[wire.name] = wire
        elif word == "memory":
            tokens = rest.split()
            option = dict(zip(tokens[:-1:2], tokens[1:-1:2], strict=True))
            netlist.memories[tokens[-1]] = (int(option.get("width", "1")), int(option.get("size", "0")), int(option.get("offset", "0")))
        elif word == "cell":
            kind, name = rest.split()
            cell = Cell(kind, name, src=_string(attributes.get("\\src", "")))
            netlist.cells.append(cell)
        elif word == "parameter":
            assert cell is not None
            tokens = _TOKEN.findall(rest)
            prefix = tokens[:-2]
            cell.parameters[tokens[-2][1:]] = " ".join((*prefix, tokens[-1])) if prefix else tokens[-1]
        elif word == "connect":
            if cell is not None:
                port, _, signal = rest.partition(" ")
                cell.ports[port[1:]] = _signal(signal, netlist.wires)
            else:
                netlist.connections.append(_pair(rest, netlist.wires))
        elif word == "end":
            cell = None
        elif word == "process":
            raise NetlistError("a process is left that could not be turned into gates")
        else:
            raise NetlistError(f"unexpected text: {word}")
        attributes = {}
    if netlist is None:
        raise NetlistError("there is no module")
    # Names that were made up before go on from where they ended.
    made_up = (match for cell in netlist.cells if (match := re.fullmatch(r"\$reach\$cell\$(\d+)", cell.name)))
    netlist.fresh = max((int(match[1]) for match in made_up), default=0)
    return netlist


def _string(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text


def _wire(rest: str, attributes: Mapping[str, str]) -> Wire:
    tokens = rest.split()
    wire = Wire(tokens[-1], src=_string(attributes.get("\\src", "")))
    hdlname = _string(attributes.get("\\hdlname", ""))
    if hdlname:
        wire.path = tuple(hdlname.replace("\\\\", "\\").split(" "))
    elif wire.name.startswith("\\"):
        wire.path = tuple(wire.name[1:].split("."))
    if "\\init" in attributes:
        wire.init = _constant(attributes["\\init"])
    for index, token in enumerate(tokens[:-1]):
        if token == "width":
            wire.width = int(tokens[index + 1])
        elif token in ("input", "output", "inout"):
            wire.direction = token
    if len(wire.init) < wire.width and wire.init:
        wire.init = wire.init.rjust(wire.width, "0")
    return wire


def _constant(token: str) -> str:
    """Bits of a constant, most significant first."""
    if "'" in token:
        width, digits = token.split("'")
        bits = digits.lstrip("s").replace("-", "x")
        # A short constant is filled up: with x behind an x, else with 0.
        filler = bits[0] if bits and bits[0] in "xz" else "0"
        return bits.rjust(int(width), filler) if int(width) else ""
    return format(int(token) & 0xFFFFFFFF, "032b")


def _signal(text: str, wires: Mapping[str, Wire]) -> Signal:
    return _read(_SIGNAL_TOKEN.findall(text), 0, wires)[0]


def _pair(text: str, wires: Mapping[str, Wire]) -> tuple[Signal, Signal]:
    tokens = _SIGNAL_TOKEN.findall(text)
    left, position = _read(tokens, 0, wires)
    right, _ = _read(tokens, position, wires)
    return left, right


def _read(tokens: list[str], position: int, wires: Mapping[str, Wire]) -> tuple[Signal, int]:
    token = tokens[position]
    position += 1
    if token == "{":
        parts: list[Signal] = []
        while tokens[position] != "}":
            part, position = _read(tokens, position, wires)
            parts.append(part)
        return tuple(bit for part in reversed(parts) for bit in part), position + 1
    is_wire = token[0] in "\\$"
    signal: Signal = tuple((token, index) for index in range(wires[token].width)) if is_wire else tuple(reversed(_constant(token)))
    while position < len(tokens) and tokens[position].startswith("["):
        high, _, low = tokens[position][1:-1].partition(":")
        signal = signal[int(low or high) : int(high) + 1]
        position += 1
    return signal, position


def write(netlist: Netlist) -> str:
    """Write RTLIL text that the tool reads back."""
    return "\n".join(_lines(netlist)) + "\n"


def _lines(netlist: Netlist) -> Iterator[str]:
    yield "attribute \\top 1"
    yield f"module {netlist.name}"
    port = 0
    for wire in netlist.wires.values():
        if wire.init:
            yield f"  attribute \\init {len(wire.init)}'{wire.init}"
        port += bool(wire.direction)
        yield f"  wire width {wire.width}{f' {wire.direction} {port}' if wire.direction else ''} {wire.name}"
    for name, (width, size, offset) in netlist.memories.items():
        yield f"  memory width {width} size {size} offset {offset} {name}"
    for cell in netlist.cells:
        if cell.src:
            yield f'  attribute \\src "{cell.src}"'
        yield f"  cell {cell.type} {cell.name}"
        for key, value in cell.parameters.items():
            kind, _, plain = value.rpartition(" ") if value.startswith(("signed ", "real ")) else ("", "", value)
            yield f"    parameter {kind + ' ' if kind else ''}\\{key} {plain}"
        for key, signal in cell.ports.items():
            yield f"    connect \\{key} {text_of(signal)}"
        yield "  end"
    for driven, driver in netlist.connections:
        yield f"  connect {text_of(driven)} {text_of(driver)}"
    yield "end"


def text_of(signal: Signal) -> str:
    """RTLIL for a signal."""
    parts: list[str] = []
    position = 0
    while position < len(signal):
        bit = signal[position]
        end = position + 1
        if isinstance(bit, str):
            while end < len(signal) and isinstance(signal[end], str):
                end += 1
            parts.append(f"{end - position}'" + "".join(str(item) for item in reversed(signal[position:end])))
        else:
            name, first = bit
            while end < len(signal) and signal[end] == (name, first + end - position):
                end += 1
            last = first + end - position - 1
            parts.append(f"{name} [{last}:{first}]" if last > first else f"{name} [{first}]")
        position = end
    if len(parts) == 1:
        return parts[0]
    return "{ " + " ".join(reversed(parts)) + " }"
