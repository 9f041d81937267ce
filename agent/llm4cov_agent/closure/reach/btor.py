"""A word-level transition system read from BTOR2 text. Knows no solver; how a node is computed is for its user.

The format is that of Niemetz, Preiner, Wolf and Biere, "BTOR2, BtorMC and Boolector 3.0" (CAV 2018), as far as Yosys
writes it: bit-vectors only, no arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class BtorError(Exception):
    """The text holds something that is not supported; the message is a clause for a person."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator, input, state or constant."""

    op: str
    width: int
    operands: tuple[int, ...]
    """Positions in `System.nodes`, complemented (`~position`) where the operand is negated."""
    numbers: tuple[int, ...] = ()
    """Indices of `slice`, `uext`, `sext`; value of a constant."""


@dataclass(slots=True)
class System:
    """Nodes in an order in which operands come first; states, inputs and outputs by name or position."""

    nodes: list[Node] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    states: list[int] = field(default_factory=list)
    init: dict[int, int] = field(default_factory=dict)
    next: dict[int, int] = field(default_factory=dict)
    """State -> operand; complemented as in `Node.operands`."""
    outputs: dict[str, int] = field(default_factory=dict)


_INDEXED = {"slice": 2, "uext": 1, "sext": 1}
_CONSTANTS = {"const": 2, "constd": 10, "consth": 16}


def read_btor(text: str) -> System:
    """Read a system. Raises BtorError."""
    system = System()
    sorts: dict[str, int] = {}
    place: dict[int, int] = {}

    def operand(token: str) -> int:
        number = int(token)
        return place[number] if number > 0 else ~place[-number]

    for line in text.splitlines():
        tokens = line.partition(";")[0].split()
        if not tokens:
            continue
        number, op = int(tokens[0]), tokens[1]
        if op == "sort":
            if tokens[2] != "bitvec":
                raise BtorError("an array is used")
            sorts[tokens[0]] = int(tokens[3])
            continue
        if op in ("output", "bad"):
            system.outputs[tokens[3] if len(tokens) > 3 else tokens[0]] = operand(tokens[2])
            continue
        if op == "init":
            system.init[place[int(tokens[3])]] = operand(tokens[4])
            continue
        if op == "next":
            system.next[place[int(tokens[3])]] = operand(tokens[4])
            continue
        if op in ("constraint", "fair", "justice"):
            raise BtorError(f"`{op}` is used")
        width = sorts[tokens[2]]
        place[number] = len(system.nodes)
        if op == "input":
            system.inputs[tokens[3] if len(tokens) > 3 else f"#{number}"] = len(system.nodes)
            system.nodes.append(Node(op, width, ()))
        elif op == "state":
            system.states.append(len(system.nodes))
            system.nodes.append(Node(op, width, ()))
        elif op in ("zero", "one", "ones"):
            system.nodes.append(Node("const", width, (), ({"zero": 0, "one": 1, "ones": (1 << width) - 1}[op],)))
        elif op in _CONSTANTS:
            system.nodes.append(Node("const", width, (), (int(tokens[3], _CONSTANTS[op]) & ((1 << width) - 1),)))
        else:
            indices = _INDEXED.get(op, 0)
            # A symbol may follow the operands; it is the only token that is no number.
            plain = [token for token in tokens[3:] if token.lstrip("-").isdecimal()]
            count = len(plain) - indices if indices else len(plain)
            numbers = tuple(int(token) for token in plain[count:])
            system.nodes.append(Node(op, width, tuple(operand(token) for token in plain[:count]), numbers))
    return system
