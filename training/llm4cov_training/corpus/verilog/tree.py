"""Walks through pyverilog's syntax trees and changes them in place. Knows no family; what a change is for is not known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from pyverilog.vparser import ast

_NAMES = ("name", "module", "portname", "paramname")
"""Fields of nodes that hold an identifier as text."""
_SWAPS: tuple[tuple[Any, Any], ...] = (
    (ast.Plus, ast.Minus),
    (ast.And, ast.Or),
    (ast.Or, ast.Xor),
    (ast.Land, ast.Lor),
    (ast.Eq, ast.NotEq),
    (ast.LessThan, ast.GreaterEq),
    (ast.GreaterThan, ast.LessEq),
    (ast.Sll, ast.Srl),
)


def walk(node: Any) -> Iterator[Any]:
    """Yield a node and all below it, from the outside to the inside, in the order of the text."""
    yield node
    for value in vars(node).values():
        for child in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(child, ast.Node):
                yield from walk(child)


def shorten_blocks(tree: Any) -> None:
    """Take `begin` and `end` away around single assignments under `if`, `else` and the labels of a `case`."""
    for node in walk(tree):
        if isinstance(node, ast.IfStatement):
            node.true_statement, node.false_statement = _shorter(node.true_statement), _shorter(node.false_statement)
        elif isinstance(node, ast.Case):
            node.statement = _shorter(node.statement)


def _shorter(node: Any) -> Any:
    if isinstance(node, ast.Block) and len(node.statements) == 1 and isinstance(node.statements[0], ast.Substitution):
        return node.statements[0]
    return node


def names_in(tree: Any) -> tuple[str, ...]:
    """All identifiers, each once, in the order in which they come."""
    found: dict[str, None] = {}
    for node in walk(tree):
        for field in _NAMES:
            text = getattr(node, field, None)
            if isinstance(text, str) and text:
                found[text] = None
    return tuple(found)


def rename(tree: Any, names: Mapping[str, str]) -> None:
    """Give identifiers other names everywhere at once."""
    for node in walk(tree):
        for field in _NAMES:
            text = getattr(node, field, None)
            if isinstance(text, str) and text in names:
                setattr(node, field, names[text])


def parameters(tree: Any) -> list[tuple[str, int, Callable[[int], None]]]:
    """Parameters (not local ones) with a plain decimal default: name, default, and how to set another one."""
    found = []
    for node in walk(tree):
        if type(node) is ast.Parameter:
            literal = node.value.var if isinstance(node.value, ast.Rvalue) else node.value
            if isinstance(literal, ast.IntConst) and literal.value.isdecimal():
                found.append((str(node.name), int(literal.value), _setter(literal)))
    return found


def _setter(literal: Any) -> Callable[[int], None]:
    def put(value: int) -> None:
        literal.value = str(value)

    return put


def state_constants(tree: Any) -> list[list[Any]]:
    """Groups of local constants that label one `case` together: the literals of their values, without repeats."""
    constants = {
        str(node.name): node.value.var if isinstance(node.value, ast.Rvalue) else node.value
        for node in walk(tree)
        if isinstance(node, ast.Localparam)
    }
    groups: dict[tuple[str, ...], list[Any]] = {}
    for node in walk(tree):
        if isinstance(node, ast.CaseStatement):
            labels = [label.name for case in node.caselist for label in case.cond or () if isinstance(label, ast.Identifier)]
            literals = [constants[label] for label in dict.fromkeys(labels) if label in constants]
            if len(literals) >= 3 and all(isinstance(literal, ast.IntConst) for literal in literals):
                groups[tuple(sorted(labels))] = literals
    return list(groups.values())


def mutate(tree: Any, rng: Random, spared: frozenset[str]) -> str:
    """Change one operator, condition or constant inside an `always` block or an `assign`; says what, "" if there is none.

    Conditions on the signals that are spared, such as resets, stay.
    """
    places: list[tuple[str, Any]] = []
    for outer in walk(tree):
        if isinstance(outer, (ast.Always, ast.Assign)):
            for node in walk(outer):
                if isinstance(node, ast.IfStatement):
                    if spared.isdisjoint(names_in(node.cond)):
                        places.append(("condition", node))
                elif isinstance(node, ast.IntConst) and node.value.isdecimal() and int(node.value) > 1:
                    places.append(("constant", node))
                elif any(type(node) in swap for swap in _SWAPS):
                    places.append(("operator", node))
    if not places:
        return ""
    what, node = rng.choice(places)
    if what == "condition":
        node.cond = node.cond.right if isinstance(node.cond, ast.Ulnot) else ast.Ulnot(node.cond)
    elif what == "constant":
        node.value = str(max(1, int(node.value) + rng.choice((-1, 1, 2))))
    else:
        swap = rng.choice([swap for swap in _SWAPS if type(node) in swap])
        node.__class__ = swap[1] if type(node) is swap[0] else swap[0]
    return what
