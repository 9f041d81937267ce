"""An elaborated design as plain values: ports, clocks, resets, constants, machines. Knows no parser."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.digest import digest_json
from llm4cov_agent.rtl.source import Span


class Direction(Enum):
    """Direction of a port as seen from inside the design."""

    INPUT = "input"
    OUTPUT = "output"
    INOUT = "inout"


class Edge(Enum):
    """Which edges of a clock the design's registers use."""

    POSEDGE = "posedge"
    NEGEDGE = "negedge"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class EnumMember:
    """A named value of an enumerated type; `value` is its bit pattern, non-negative."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a packed structure; `offset` counts bits from the least significant one."""

    name: str
    offset: int
    width: int


@dataclass(frozen=True, slots=True, order=True)
class ComparedBits:
    """Some bits of a port that are compared with a constant, such as the opcode of an instruction."""

    low: int
    width: int
    value: int
    """Bit pattern of these bits, non-negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of the top module."""

    name: str
    direction: Direction
    width: int
    """Bits of one element (packed dimensions multiplied out); 0 where `unsupported` is set."""
    span: Span
    signed: bool = False
    unpacked: tuple[tuple[int, int], ...] = ()
    """(left, right) of each unpacked dimension, outermost first."""
    type_name: str | None = None
    """How the source spells a user-defined type, such as `alu_pkg::op_t`; None for built-in types."""
    enum: tuple[EnumMember, ...] = ()
    fields: tuple[Field, ...] = ()
    constants: tuple[int, ...] = ()
    """Values that the port, or a signal it feeds unchanged, is compared with anywhere below; sorted."""
    compared: tuple[ComparedBits, ...] = ()
    """The same, with the bits that each comparison looks at; sorted."""
    unsupported: str | None = None
    """Why the port can't be driven or observed yet (an interface, a real, a string); None if it can."""

    @property
    def is_driven(self) -> bool:
        """Whether a testbench drives it."""
        return self.unsupported is None and self.direction is not Direction.OUTPUT

    def signals(self) -> Iterator[str]:
        """Names under which its elements are driven: `a`, or `a[0]`, `a[1]`, ... row by row in declared order."""
        ranges = [range(left, right + (1 if left <= right else -1), 1 if left <= right else -1) for left, right in self.unpacked]
        for indices in itertools.product(*ranges):
            yield self.name + "".join(f"[{index}]" for index in indices)


@dataclass(frozen=True, slots=True)
class Clock:
    """An input port (one bit of it) whose edges trigger registers, directly or through gates and instances."""

    port: str
    edge: Edge
    registers: int
    """Number of bits of state that it clocks; the clock with most is first in `Design.clocks`."""
    gated: bool = False
    """Whether registers are reached through combinational logic (a gate, a multiplexer, a divider)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """An input port that puts registers into a constant state."""

    port: str
    active_low: bool
    asynchronous: bool
    clock: str | None
    """The clock of the registers that it resets (the one with most, if several)."""
    registers: int
    """Number of bits of state that it resets."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant that a signal is compared with, assigned in a case item, or counted up to."""

    signal: str
    """Hierarchical name below the top, such as `u_rx.count`."""
    width: int
    value: int
    """Bit pattern, non-negative."""
    span: Span


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A register that a case or a comparison chain dispatches on, and which is assigned constants."""

    signal: str
    width: int
    states: tuple[EnumMember, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance below the top, in elaboration order; the top itself is the first, with its own name as path."""

    path: str
    module: str
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the top module with its elaborated value as text."""

    name: str
    value: str
    is_local: bool
    is_overridden: bool


@dataclass(frozen=True, slots=True)
class DesignFile:
    """A file that takes part in the design: RTL source, include or memory image, with the digest of its bytes."""

    path: Path
    digest: str
    role: str
    """`source`, `include`, `library` or `data`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A top module with everything below it elaborated."""

    top: str
    files: tuple[DesignFile, ...]
    """Sources in compile order (packages before users), then libraries, includes and data files."""
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[tuple[str, str | None], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    """What the user set with `-G`."""
    ports: tuple[Port, ...] = ()
    """In declared order."""
    clocks: tuple[Clock, ...] = ()
    """Most registers first; empty for a combinational design."""
    resets: tuple[Reset, ...] = ()
    constants: tuple[Constant, ...] = ()
    machines: tuple[StateMachine, ...] = ()
    instances: tuple[Instance, ...] = ()
    timescale: str | None = None
    """`unit/precision` of the top, such as `1ns/1ps`; None where the source says nothing."""
    uses_dpi: bool = False

    @property
    def sources(self) -> tuple[Path, ...]:
        """What a simulator compiles, in order."""
        return tuple(file.path for file in self.files if file.role in ("source", "library"))

    @property
    def digest(self) -> str:
        """Digest of what decides its behaviour: contents, options and top, not where the files lie."""
        return digest_json(
            {
                "top": self.top,
                "files": [[file.role, file.path.name, file.digest] for file in self.files],
                "defines": [list(define) for define in self.defines],
                "overrides": [list(override) for override in self.overrides],
            }
        )

    def port(self, name: str) -> Port:
        """Find a port by name; KeyError if there is none."""
        for port in self.ports:
            if port.name == name:
                return port
        raise KeyError(name)

    def driven_signals(self) -> dict[str, int]:
        """Name -> width of every element that a testbench sets, clocks and resets included.

        An inout port `p` has a second entry `p.enable`, one bit: whether the testbench drives it.
        """
        signals: dict[str, int] = {}
        for port in self.ports:
            if not port.is_driven:
                continue
            for name in port.signals():
                signals[name] = port.width
                if port.direction is Direction.INOUT:
                    signals[f"{name}.enable"] = 1
        return signals
