"""How SystemVerilog spells a testbench's signals and values: free names, escapes, literals. Knows no steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llm4cov_agent.bench import keywords
from llm4cov_agent.bench.text import Names, as_identifier, is_simple, plain_name
from llm4cov_agent.rtl.design import Design, Direction, Port

_GROUPED_FROM_DIGITS = 8
"""Hexadecimal literals of more digits get an underscore every four."""


@dataclass(frozen=True, slots=True)
class SvNames:
    """The names that one testbench uses."""

    pin: dict[str, str]
    """Port -> the variable or net that is connected to it."""
    set: dict[str, str]
    """Driven signal -> what a statement assigns."""
    get: dict[str, str]
    """Observable signal -> what an expression reads."""
    pool: Names
    """For the names of tasks, functions and their arguments."""


def pick_names(design: Design, testbench: str) -> SvNames:
    """Give each port the name that it has in the design where the language allows, and the rest what is free."""
    # A variable with the name of the top module would hide the module from a reader, and from some parsers.
    pool = Names((testbench, plain_name(design.top), *keywords.SYSTEMVERILOG, *keywords.CPLUSPLUS))
    names = [plain_name(port.name) for port in design.ports]
    own = {name for name in names if is_simple(name) and pool.is_free(name)}
    pool.reserve(*names)
    pins = {
        port.name: name if name in own else pool.pick(f"{as_identifier(name)}_port") for port, name in zip(design.ports, names, strict=True)
    }
    setters: dict[str, str] = {}
    getters: dict[str, str] = {}
    for port in design.ports:
        if port.unsupported is not None:
            continue
        pin = pins[port.name]
        value, enable = pin, ""
        if port.direction is Direction.INOUT:
            value, enable = pool.pick(f"{pin}_value"), pool.pick(f"{pin}_enable")
        for signal in port.signals():
            index = signal[len(port.name) :]
            getters[signal] = pin + index
            if port.is_driven:
                setters[signal] = value + index
            if enable:
                setters[f"{signal}.enable"] = enable + index
    return SvNames(pins, setters, getters, pool)


def spelled(name: str) -> str:
    """Spell an identifier, escaped where it must be (with the space that ends an escaped one)."""
    name = plain_name(name)
    return name if is_simple(name) and name not in keywords.SYSTEMVERILOG else f"\\{name} "


def literal(width: int, value: int) -> str:
    """Spell a value in as many bits: binary for one bit, decimal up to three, hexadecimal above."""
    if width == 1:
        return f"1'b{value}"
    if width <= 3:
        return f"{width}'d{value}"
    digits = f"{value:0{(width + 3) // 4}x}"
    if len(digits) > _GROUPED_FROM_DIGITS:
        short = f"{value:x}"
        lead = len(short) % 4 or 4
        digits = "_".join([short[:lead], *(short[place : place + 4] for place in range(lead, len(short), 4))])
    return f"{width}'h{digits}"


def packed(width: int) -> str:
    """Spell the type of a vector, with a space behind it."""
    return f"logic [{width - 1}:0] " if width > 1 else "logic "


def element(port: Port) -> str:
    """Spell the type of a port's elements, with a space behind it.

    Only arrays need the port's sign: their elements have to be of equivalent types, where a vector is just converted.
    """
    return packed(port.width).replace("logic ", "logic signed ") if port.signed and port.unpacked else packed(port.width)


def unpacked(port: Port) -> str:
    """Spell the unpacked dimensions of a port, with a space before them."""
    return "".join([" " if port.unpacked else "", *(f"[{left}:{right}]" for left, right in port.unpacked)])


def member_names(port: Port, values: Iterable[int]) -> str:
    """Name enumerated values in a few words; empty where they have no names."""
    known = {member.value: member.name for member in reversed(port.enum)}
    return ", ".join(known[value] for value in values if value in known)
