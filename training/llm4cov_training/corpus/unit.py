"""A module under construction: ports, registers and blocks, written in a style. Knows no family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm4cov_agent.bench.keywords import SYSTEMVERILOG
from llm4cov_training.corpus.style import ResetKind, Style
from llm4cov_training.corpus.verilog import build
from llm4cov_training.corpus.verilog.build import Expr, Stmt, nonblocking, number, when


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A port of a unit, for who instantiates it."""

    name: str
    direction: str
    width: int
    concept: str


class Unit:
    """One module; `node` gives its syntax tree."""

    def __init__(self, style: Style, name: str) -> None:
        self.style, self.name = style, name
        self.ports: list[PortInfo] = []
        self.has_clock = False
        self._registers: set[str] = set()
        self._taken = {name, style.clock, style.reset}
        self._parameters: list[Any] = []
        self._declared: list[Any] = []
        self._items: list[Any] = []
        self.inputs: list[tuple[Expr, int, str]] = []
        """Inputs but for clock and reset, as (signal, width, concept)."""

    def input(self, concept: str, width: int = 1) -> Expr:
        """Add an input."""
        name = self._name(self.style.affixes.input.format(self.style.word(concept)))
        self.ports.append(PortInfo(name, "input", width, concept))
        signal = build.name_of(name)
        self.inputs.append((signal, width, concept))
        return signal

    def output(self, concept: str, width: int = 1, *, is_reg: bool = False) -> Expr:
        """Add an output; `is_reg` if an `always` block drives it."""
        name = self._name(self.style.affixes.output.format(self.style.word(concept)))
        self.ports.append(PortInfo(name, "output", width, concept))
        if is_reg:
            self._registers.add(name)
        return build.name_of(name)

    def reg(self, concept: str, width: int = 1, *, words: int | None = None) -> Expr:
        """Declare a register, or a memory of some words."""
        name = self._name(self.style.affixes.register.format(self.style.word(concept)))
        self._declared.append(build.declare("reg", name, width, words=words))
        return build.name_of(name)

    def wire(self, concept: str, width: int = 1, value: Expr | int | None = None) -> Expr:
        """Declare a wire, and drive it if a value is given."""
        name = self._name(self.style.word(concept) + self.style.rng.choice(("", "_w", "_net", "_int")))
        self._declared.append(build.declare("wire", name, width))
        if value is not None:
            self._items.append(build.assign(build.name_of(name), value))
        return build.name_of(name)

    def named(self, name: str, value: int, width: int) -> Expr:
        """Declare a local constant."""
        chosen = self._name(name)
        self._declared.append(build.constant(chosen, self.number(value, width), width, is_local=True))
        return build.name_of(chosen)

    def parameter(self, name: str, value: int) -> Expr:
        """Declare a parameter with its default."""
        chosen = self._name(name)
        self._parameters.append(build.constant(chosen, value, None, is_local=False))
        return build.name_of(chosen)

    def number(self, value: int, width: int) -> Expr:
        """A sized literal in the style's base."""
        base = "b" if width == 1 else "d" if self.style.base == "b" and width > 8 else self.style.base
        return number(value, width, base)

    def zero(self, width: int) -> Expr:
        """0, sized or not as the style has it."""
        return self.number(0, width) if self.style.sized_zero else number(0)

    def high(self, bit: Expr) -> Expr:
        """A single bit as a condition."""
        return bit.eq(number(1, 1, "b")) if self.style.compares_bits else bit

    def assign(self, target: Expr, value: Expr | int) -> None:
        """Drive a wire or an output all the time."""
        self._items.append(build.assign(target, value))

    def comb(self, statements: Sequence[Stmt]) -> None:
        """Add an `always @(*)`."""
        self._items.append(build.always((), statements))

    def clocked(self, statements: Sequence[Stmt], resets: Sequence[tuple[Expr, int, int]] = ()) -> None:
        """Add a block on the clock; `resets` holds (register, its value after a reset, its width)."""
        self.has_clock = True
        style = self.style
        edges = [("posedge", style.clock)]
        cleared = [nonblocking(signal, self.number(value, width) if value else self.zero(width)) for signal, value, width in resets]
        body: list[Stmt] = list(statements)
        if cleared and style.reset_kind is not ResetKind.NONE:
            reset = build.name_of(style.reset)
            active = (reset.lnot() if style.rng.random() < 0.8 else ~reset) if style.reset_low else reset
            body = [when(active, cleared, body)]
            if style.reset_kind is ResetKind.ASYNC:
                edges.append(("negedge" if style.reset_low else "posedge", style.reset))
        elif cleared:
            self._items.append(build.initial([build.blocking(signal, self.number(value, width)) for signal, value, width in resets]))
        self._items.append(build.always(edges, body))

    def instance(self, unit: Unit, name: str, connections: Mapping[str, Expr]) -> None:
        """Instantiate another unit; clock and reset are passed on."""
        ports = []
        if unit.has_clock:
            self.has_clock = True
            ports.append((unit.style.clock, build.name_of(self.style.clock)))
            if unit.style.reset_kind is not ResetKind.NONE:
                ports.append((unit.style.reset, build.name_of(self.style.reset)))
        ports += [(port.name, connections[port.name]) for port in unit.ports]
        self._items.append(build.instance(unit.name, self._name(name), ports))

    def node(self) -> Any:
        """The module's syntax tree, clock and reset first among its ports."""
        style = self.style
        heads = [PortInfo(style.clock, "input", 1, "clock")] if self.has_clock else []
        if self.has_clock and style.reset_kind is not ResetKind.NONE:
            heads.append(PortInfo(style.reset, "input", 1, "reset"))
        ports = [*heads, *self.ports]
        if style.ansi:
            listed = [build.port(port.direction, port.name, port.width, is_reg=port.name in self._registers) for port in ports]
            return build.module(self.name, self._parameters, listed, [*self._declared, *self._items])
        declared = []
        for port in ports:
            declared.append(build.declare(port.direction, port.name, port.width))
            if port.name in self._registers:
                declared.append(build.declare("reg", port.name, port.width))
        listed = [build.plain_port(port.name) for port in ports]
        return build.module(self.name, self._parameters, listed, [*declared, *self._declared, *self._items])

    def _name(self, wanted: str) -> str:
        name, number_ = wanted, 1
        while name in self._taken or name in SYSTEMVERILOG:
            number_ += 1
            name = f"{wanted}{number_}" if wanted[-1].isalpha() else f"{wanted}_{number_}"
        self._taken.add(name)
        return name
