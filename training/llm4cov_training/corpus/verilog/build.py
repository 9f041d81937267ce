"""Expressions, statements and declarations as pyverilog's syntax trees, with operators for expressions. Knows no design."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyverilog.vparser import ast

Node = Any
"""A node of pyverilog, which has no types."""


@dataclass(frozen=True, slots=True)
class Expr:
    """An expression; operators build larger ones. Whole numbers become unsized literals."""

    node: Node

    def __add__(self, other: Expr | int) -> Expr:
        return _binary(ast.Plus, self, other)

    def __sub__(self, other: Expr | int) -> Expr:
        return _binary(ast.Minus, self, other)

    def __mul__(self, other: Expr | int) -> Expr:
        return _binary(ast.Times, self, other)

    def __and__(self, other: Expr | int) -> Expr:
        return _binary(ast.And, self, other)

    def __or__(self, other: Expr | int) -> Expr:
        return _binary(ast.Or, self, other)

    def __xor__(self, other: Expr | int) -> Expr:
        return _binary(ast.Xor, self, other)

    def __lshift__(self, other: Expr | int) -> Expr:
        return _binary(ast.Sll, self, other)

    def __rshift__(self, other: Expr | int) -> Expr:
        return _binary(ast.Srl, self, other)

    def __invert__(self) -> Expr:
        return Expr(ast.Unot(self.node))

    def __getitem__(self, place: Expr | int | slice) -> Expr:
        """`x[3]`, `x[index]`, and `x[7:0]` as Verilog writes it."""
        if isinstance(place, slice):
            return Expr(ast.Partselect(self.node, _node(place.start), _node(place.stop)))
        return Expr(ast.Pointer(self.node, _node(place)))

    def eq(self, other: Expr | int) -> Expr:
        """`==`."""
        return _binary(ast.Eq, self, other)

    def ne(self, other: Expr | int) -> Expr:
        """`!=`."""
        return _binary(ast.NotEq, self, other)

    def lt(self, other: Expr | int) -> Expr:
        """`<`."""
        return _binary(ast.LessThan, self, other)

    def le(self, other: Expr | int) -> Expr:
        """`<=`."""
        return _binary(ast.LessEq, self, other)

    def gt(self, other: Expr | int) -> Expr:
        """`>`."""
        return _binary(ast.GreaterThan, self, other)

    def ge(self, other: Expr | int) -> Expr:
        """`>=`."""
        return _binary(ast.GreaterEq, self, other)

    def land(self, other: Expr | int) -> Expr:
        """`&&`."""
        return _binary(ast.Land, self, other)

    def lor(self, other: Expr | int) -> Expr:
        """`||`."""
        return _binary(ast.Lor, self, other)

    def lnot(self) -> Expr:
        """`!`."""
        return Expr(ast.Ulnot(self.node))

    def all_ones(self) -> Expr:
        """Reduction `&`."""
        return Expr(ast.Uand(self.node))

    def any_one(self) -> Expr:
        """Reduction `|`."""
        return Expr(ast.Uor(self.node))

    def parity(self) -> Expr:
        """Reduction `^`."""
        return Expr(ast.Uxor(self.node))


@dataclass(frozen=True, slots=True)
class Stmt:
    """A statement inside an `always` block."""

    node: Node


def _node(value: Expr | int) -> Node:
    return value.node if isinstance(value, Expr) else ast.IntConst(str(value))


def _binary(kind: Node, left: Expr, right: Expr | int) -> Expr:
    return Expr(kind(left.node, _node(right)))


def name_of(text: str) -> Expr:
    """A signal or constant by its name."""
    return Expr(ast.Identifier(text))


def number(value: int, width: int | None = None, base: str = "d") -> Expr:
    """A literal; `base` is one of `d`, `h`, `b`. Without a width it is a plain decimal number."""
    if width is None:
        return Expr(ast.IntConst(str(value)))
    value &= (1 << width) - 1
    digits = {"d": str(value), "h": f"{value:0{-(-width // 4)}x}", "b": f"{value:0{width}b}"}[base]
    return Expr(ast.IntConst(f"{width}'{base}{digits}"))


def cat(*parts: Expr) -> Expr:
    """`{a, b}`, most significant first; also as a target of an assignment."""
    return Expr(ast.Concat([part.node for part in parts]))


def times(count: int, value: Expr) -> Expr:
    """`{count{value}}`."""
    return Expr(ast.Repeat(ast.Concat([value.node]), ast.IntConst(str(count))))


def mux(condition: Expr, then: Expr | int, otherwise: Expr | int) -> Expr:
    """`condition ? then : otherwise`."""
    return Expr(ast.Cond(condition.node, _node(then), _node(otherwise)))


def nonblocking(target: Expr, value: Expr | int) -> Stmt:
    """`target <= value;`."""
    return Stmt(ast.NonblockingSubstitution(ast.Lvalue(target.node), ast.Rvalue(_node(value))))


def blocking(target: Expr, value: Expr | int) -> Stmt:
    """`target = value;`."""
    return Stmt(ast.BlockingSubstitution(ast.Lvalue(target.node), ast.Rvalue(_node(value))))


def block(statements: Iterable[Stmt]) -> Node:
    """`begin ... end`."""
    return ast.Block([statement.node for statement in statements])


def when(condition: Expr, then: Sequence[Stmt], otherwise: Sequence[Stmt] = ()) -> Stmt:
    """`if`, with an `else` where there is something to do; an `else` that is one `if` becomes `else if`."""
    last: Node = None
    if len(otherwise) == 1 and isinstance(otherwise[0].node, ast.IfStatement):
        last = otherwise[0].node
    elif otherwise:
        last = block(otherwise)
    return Stmt(ast.IfStatement(condition.node, block(then), last))


def choose(selector: Expr, items: Sequence[tuple[Sequence[Expr], Sequence[Stmt]]], default: Sequence[Stmt] | None = None) -> Stmt:
    """`case`; each item has its labels and what is done."""
    made = [ast.Case([label.node for label in labels], block(statements)) for labels, statements in items]
    if default is not None:
        made.append(ast.Case(None, block(default)))
    return Stmt(ast.CaseStatement(selector.node, made))


def width_of(bits: int | None) -> Node:
    """`[bits-1:0]`; None for a single bit."""
    return None if bits is None or bits == 1 else ast.Width(ast.IntConst(str(bits - 1)), ast.IntConst("0"))


def declare(kind: str, name: str, bits: int | None, *, words: int | None = None) -> Node:
    """`wire`, `reg`, `input` or `output`; `words` makes a memory."""
    dimensions = ast.Dimensions([ast.Length(ast.IntConst("0"), ast.IntConst(str(words - 1)))]) if words is not None else None
    made = {"wire": ast.Wire, "reg": ast.Reg, "input": ast.Input, "output": ast.Output}[kind]
    return ast.Decl([made(name, width_of(bits), dimensions=dimensions)])


def port(direction: str, name: str, bits: int, *, is_reg: bool) -> Node:
    """A port with its direction in the module's header."""
    width = width_of(bits)
    first = (ast.Input if direction == "input" else ast.Output)(name, width)
    return ast.Ioport(first, ast.Reg(name, width) if is_reg else None)


def plain_port(name: str) -> Node:
    """A port that is declared in the module's body."""
    return ast.Port(name, None, None, None)


def constant(name: str, value: Expr | int, bits: int | None, *, is_local: bool) -> Node:
    """`parameter` or `localparam`."""
    made = (ast.Localparam if is_local else ast.Parameter)(name, ast.Rvalue(_node(value)), width_of(bits))
    return ast.Decl([made]) if is_local else made


def assign(target: Expr, value: Expr | int) -> Node:
    """`assign target = value;`."""
    return ast.Assign(ast.Lvalue(target.node), ast.Rvalue(_node(value)))


def always(edges: Sequence[tuple[str, str]], statements: Sequence[Stmt]) -> Node:
    """`always @(posedge clk or ...)`; without edges `always @(*)`."""
    senses = [ast.Sens(ast.Identifier(signal), type=edge) for edge, signal in edges] or [ast.Sens(None, type="all")]
    return ast.Always(ast.SensList(senses), block(statements))


def initial(statements: Sequence[Stmt]) -> Node:
    """`initial begin ... end`."""
    return ast.Initial(block(statements))


def instance(module: str, name: str, ports: Sequence[tuple[str, Expr]]) -> Node:
    """An instance with its ports by name."""
    connected = [ast.PortArg(port_name, value.node) for port_name, value in ports]
    return ast.InstanceList(module, [], [ast.Instance(module, name, connected, [])])


def module(name: str, parameters: Sequence[Node], ports: Sequence[Node], items: Sequence[Node]) -> Node:
    """A module definition."""
    return ast.ModuleDef(name, ast.Paramlist(parameters) if parameters else None, ast.Portlist(ports), items)


def source(modules: Sequence[Node]) -> Node:
    """A file."""
    return ast.Source("", ast.Description(modules))
