"""What a transition system is asked and what was made beside it, as values. Knows no netlist and no tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


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
