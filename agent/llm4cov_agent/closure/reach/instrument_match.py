"""Finds the operand of a source expression that a printed one certainly is. Knows no place and no text of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm4cov_agent.closure.reach.instrument_printed import Printed
from llm4cov_agent.rtl.elaborate.site_values import Operand, Shape


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of an operand that is a vector, counted from its least significant one; 0 for an operand of one bit."""

    operand: Operand
    index: int


def find_operand(printed: Printed, operands: Sequence[Operand]) -> Bit | None:
    """Find the operand, or the bit of one, that a term is; None unless it is certain."""
    found: dict[tuple[str, int], Bit] = {}
    for operand in operands:
        if not operand.is_vector:
            if _same(operand.shape, printed):
                found[operand.text, 0] = Bit(operand, 0)
        elif printed.kind == "bit" and printed.children[1].kind == "number" and _same(operand.shape, printed.children[0]):
            index = printed.children[1].value - operand.shape.base_low
            if 0 <= index < operand.shape.width:
                found[operand.text, index] = Bit(operand, index)
    # Two operands of different texts that print alike would be the same value, but let us not build on that.
    return next(iter(found.values())) if len(found) == 1 else None


def _number(printed: Printed) -> int | None:
    """Evaluate a printed constant."""
    match printed.kind, printed.text:
        case "number", _:
            return printed.value
        case "operator", ("+" | "-" | "*") as sign if len(printed.children) == 2:
            one, other = (_number(child) for child in printed.children)
            if one is None or other is None:
                return None
            return {"+": one + other, "-": one - other, "*": one * other}[sign]
        case "range", _:
            base, high, low = (_number(child) for child in printed.children)
            return None if base is None or high is None or low is None else (base >> low) & ((1 << (high - low + 1)) - 1)
        case _:
            return None


def _same(shape: Shape, printed: Printed) -> bool:
    """Say whether a source expression is certainly what was printed."""
    number = _number(printed)
    if number is not None:
        return shape.value is not None and _equal(shape, printed, number)
    match shape.kind:
        case "name":
            return printed.kind == "name" and printed.text.rpartition("::")[2] == shape.text
        case "operator":
            return (
                printed.kind == "operator"
                and printed.text == shape.text
                and len(printed.children) == len(shape.children)
                and all(_same(one, other) for one, other in zip(shape.children, printed.children, strict=True))
            )
        case "concatenation":
            if printed.kind != "concatenation":
                return False
            ours, theirs = _flat_shape(shape), _flat_printed(printed)
            return len(ours) == len(theirs) and all(_same(one, other) for one, other in zip(ours, theirs, strict=True))
        case "repeat":
            return printed.kind == "repeat" and printed.value == shape.count and _same(shape.children[0], printed.children[0])
        case "bit" | "range" | "part" | "member" | "item":
            return _same_selection(shape, printed)
        case _:
            return False


def _same_selection(shape: Shape, printed: Printed) -> bool:
    base, *indices = shape.children
    if printed.kind not in ("bit", "range", "part") or not _same(base, printed.children[0]):
        return False
    if shape.base_low != 0 and (base.kind != "name" or printed.kind == "part"):
        # Only of a whole signal, and only with a constant, are indices printed as they were declared.
        return False
    match shape.kind:
        case "item":
            return printed.kind == "bit" and _same_index(indices[0], printed.children[1])
        case "bit" if printed.kind == "bit":
            return shape.count == 1 and indices[0].value is not None and indices[0].value == _number(printed.children[1])
        case "bit":
            is_element = printed.kind == "part" and printed.width == shape.count
            return is_element and _starts_at(printed.children[1], indices[0], shape.count)
        case "range" | "member":
            return _bounds(printed) == (shape.low + shape.width - 1, shape.low)
        case _:
            low = indices[0].value
            if low is not None and printed.kind != "part":
                return _bounds(printed) == (low + shape.width - 1, low)
            return printed.kind == "part" and printed.width == shape.width and _same_index(indices[0], printed.children[1])


def _bounds(printed: Printed) -> tuple[int, int] | None:
    numbers = [_number(child) for child in printed.children[1:]]
    if printed.kind == "part" or None in numbers:
        return None
    high, low = numbers[0], numbers[-1]
    return None if high is None or low is None else (high, low)


def _same_index(shape: Shape, printed: Printed) -> bool:
    """Compare an index, of which Verilator drops the bits that can't matter."""
    if printed.kind == "range" and _number(printed.children[2]) == 0 and not _same(shape, printed):
        return _same(shape, printed.children[0])
    return _same(shape, printed)


def _starts_at(printed: Printed, index: Shape, width: int) -> bool:
    """Say whether a part begins at the given element of `width` bits."""
    start = _number(printed)
    if start is not None:
        return index.value is not None and start == index.value * width
    if width == 1:
        return _same_index(index, printed)
    product = printed.children[0] if printed.kind == "range" and _number(printed.children[2]) == 0 else printed
    is_product = product.kind == "operator" and product.text == "*" and _number(product.children[0]) == width
    return is_product and _same_index(index, product.children[1])


def _equal(shape: Shape, printed: Printed, number: int) -> bool:
    """Compare constants, of which either can have been widened."""
    assert shape.value is not None
    if printed.kind != "number":
        return number == shape.value
    narrow = min(shape.width, printed.width) or 1
    mask = (1 << narrow) - 1
    if (shape.value ^ number) & mask:
        return False
    rest = (shape.value if shape.width > printed.width else number) >> narrow
    sign_bits = (1 << (abs(shape.width - printed.width))) - 1
    return rest in (0, sign_bits)


def _flat_shape(shape: Shape) -> list[Shape]:
    if shape.kind == "concatenation":
        return [part for child in shape.children for part in _flat_shape(child)]
    return [shape]


def _flat_printed(printed: Printed) -> list[Printed]:
    if printed.kind == "concatenation":
        return [part for child in printed.children for part in _flat_printed(child)]
    return [printed]
