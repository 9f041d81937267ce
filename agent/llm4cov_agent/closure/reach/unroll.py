"""Steps of a transition system computed one after the other, over numbers as far as they are known. Knows no solver.

A value is an int or a term of `Terms`, which a solver's module implements. With numbers alone this is a simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from llm4cov_agent.closure.reach.btor import BtorError, Node, System

T = TypeVar("T")


class Terms(Protocol[T]):
    """How operators on unknown values are written down."""

    def apply(self, node: Node, operands: tuple[int | T, ...], widths: tuple[int, ...]) -> T:
        """Return the operator over operands of these widths, at least one of them a term."""


class Unrolling(Generic[T]):
    """The states of a system along one run."""

    def __init__(self, system: System, terms: Terms[T] | None) -> None:
        self._system = system
        self._terms = terms
        self._values: list[int | T] = [0] * len(system.nodes)
        self._known = False
        self._state: dict[int, int | T] = {}

    def step(self, inputs: Mapping[str, int | T]) -> None:
        """Compute the next step; inputs that are not given are 0."""
        system = self._system
        changed = bytearray(len(system.nodes))
        given = {position: inputs.get(name, 0) for name, position in system.inputs.items()}
        coming = dict(self._state) if self._known else {}
        for position, node in enumerate(system.nodes):
            if node.op == "input":
                value: int | T = given[position]
            elif node.op == "state":
                value = coming.get(position, 0) if self._known else self._initial(position)
            elif self._known and not any(changed[item if item >= 0 else ~item] for item in node.operands):
                continue
            else:
                value = self._compute(node)
            old = self._values[position]
            if not self._known or not (value is old or (isinstance(value, int) and isinstance(old, int) and value == old)):
                self._values[position] = value
                changed[position] = 1
        self._state = {state: self._operand(following) for state, following in system.next.items()}
        self._known = True

    def output(self, name: str) -> int | T:
        """Value of an output in the latest step; KeyError if there is none of that name."""
        return self._operand(self._system.outputs[name])

    def _initial(self, position: int) -> int | T:
        operand = self._system.init.get(position)
        if operand is None:
            return 0
        node = self._system.nodes[operand if operand >= 0 else ~operand]
        if node.op != "const":
            raise BtorError("a state begins with something that is no constant")
        return node.numbers[0] if operand >= 0 else ~node.numbers[0] & ((1 << node.width) - 1)

    def _operand(self, operand: int) -> int | T:
        if operand >= 0:
            return self._values[operand]
        node = self._system.nodes[~operand]
        value = self._values[~operand]
        if isinstance(value, int):
            return ~value & ((1 << node.width) - 1)
        assert self._terms is not None
        return self._terms.apply(Node("not", node.width, (~operand,)), (value,), (node.width,))

    def _compute(self, node: Node) -> int | T:
        if node.op == "const":
            return node.numbers[0]
        operands = tuple(self._operand(item) for item in node.operands)
        widths = tuple(self._system.nodes[item if item >= 0 else ~item].width for item in node.operands)
        numbers = tuple(item for item in operands if isinstance(item, int))
        if len(numbers) == len(operands):
            return compute(node, numbers, widths)
        short = _partial(node, operands)
        if short is not None:
            return short
        assert self._terms is not None
        return self._terms.apply(node, operands, widths)


def _partial(node: Node, operands: tuple[int | T, ...]) -> int | T | None:
    """Decide what a few known operands decide."""
    first = operands[0]
    ones = (1 << node.width) - 1
    if node.op == "ite":
        if isinstance(first, int):
            return operands[1] if first else operands[2]
        if operands[1] is operands[2] or (isinstance(operands[1], int) and isinstance(operands[2], int) and operands[1] == operands[2]):
            return operands[1]
    elif node.op == "and":
        for one, other in (operands, operands[::-1]):
            if isinstance(one, int) and one in (0, ones):
                return other if one else 0
    elif node.op == "or":
        for one, other in (operands, operands[::-1]):
            if isinstance(one, int) and one in (0, ones):
                return one if one else other
    return None


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) & 1 else value


def compute(node: Node, values: tuple[int, ...], widths: tuple[int, ...]) -> int:
    """Compute an operator over numbers. Raises BtorError for one that is not supported."""
    mask = (1 << node.width) - 1
    a = values[0]
    b = values[1] if len(values) > 1 else 0
    width = widths[0]
    match node.op:
        case "not":
            return ~a & mask
        case "and":
            return a & b
        case "or":
            return a | b
        case "xor":
            return a ^ b
        case "nand":
            return ~(a & b) & mask
        case "nor":
            return ~(a | b) & mask
        case "xnor":
            return ~(a ^ b) & mask
        case "add":
            return (a + b) & mask
        case "sub":
            return (a - b) & mask
        case "mul":
            return (a * b) & mask
        case "neg":
            return -a & mask
        case "inc":
            return (a + 1) & mask
        case "dec":
            return (a - 1) & mask
        case "udiv":
            return a // b if b else mask
        case "urem":
            return a % b if b else a
        case "sdiv" | "srem" | "smod":
            return _signed_division(node.op, _signed(a, width), _signed(b, width)) & mask
        case "eq" | "iff":
            return int(a == b)
        case "neq":
            return int(a != b)
        case "implies":
            return int(not a or bool(b))
        case "ult":
            return int(a < b)
        case "ulte":
            return int(a <= b)
        case "ugt":
            return int(a > b)
        case "ugte":
            return int(a >= b)
        case "slt":
            return int(_signed(a, width) < _signed(b, width))
        case "slte":
            return int(_signed(a, width) <= _signed(b, width))
        case "sgt":
            return int(_signed(a, width) > _signed(b, width))
        case "sgte":
            return int(_signed(a, width) >= _signed(b, width))
        case "sll":
            return (a << b) & mask if b < width else 0
        case "srl":
            return a >> b if b < width else 0
        case "sra":
            return (_signed(a, width) >> min(b, width)) & mask
        case "concat":
            return a << widths[1] | b
        case "slice":
            return a >> node.numbers[1] & mask
        case "uext":
            return a
        case "sext":
            return _signed(a, width) & mask
        case "redand":
            return int(a == (1 << width) - 1)
        case "redor":
            return int(a != 0)
        case "redxor":
            return a.bit_count() & 1
        case "ite":
            return b if a else values[2]
    raise BtorError(f"operator `{node.op}` is used")


def _signed_division(op: str, a: int, b: int) -> int:
    """Truncating division with SMT-LIB's results for a divisor of zero."""
    if b == 0:
        return a if op != "sdiv" else (1 if a < 0 else -1)
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if op == "sdiv":
        return quotient
    rest = a - b * quotient
    return rest + b if op == "smod" and rest and (rest < 0) != (b < 0) else rest
