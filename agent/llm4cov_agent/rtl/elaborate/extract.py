"""Walks one instance body and collects its facts. Knows slang's symbols and statements; looks at no other instance."""

from __future__ import annotations

from collections.abc import Iterable

from pyslang import ast

from llm4cov_agent.rtl.design import EnumMember
from llm4cov_agent.rtl.elaborate.diagnostics import Places
from llm4cov_agent.rtl.elaborate.expressions import ExpressionReader, as_int, type_width, unwrapped
from llm4cov_agent.rtl.elaborate.facts import Comparison, Event, Facts, Node, Ref, Signal, Write
from llm4cov_agent.rtl.elaborate.statements import BlockReader

_B = ast.BinaryOperator
_EQUALITIES = frozenset({_B.Equality, _B.Inequality, _B.CaseEquality, _B.CaseInequality, _B.WildcardEquality, _B.WildcardInequality})
_RELATIONS = _EQUALITIES | {_B.LessThan, _B.LessThanEqual, _B.GreaterThan, _B.GreaterThanEqual}
_EDGES = {ast.EdgeKind.PosEdge: "posedge", ast.EdgeKind.NegEdge: "negedge", ast.EdgeKind.BothEdges: "both"}
_GATES = {"and": ("and", False), "nand": ("and", True), "or": ("or", False), "nor": ("or", True), "buf": ("or", False), "not": ("or", True)}


def enum_members(kind: ast.Type) -> tuple[EnumMember, ...]:
    """Give the members of an enumerated type, in declared order; empty for other types."""
    canonical = kind.canonicalType
    if not isinstance(canonical, ast.EnumType):
        return ()
    found = ((member.name, as_int(member.value)) for member in ast.Scope(canonical) if isinstance(member, ast.EnumValueSymbol))
    return tuple(EnumMember(name, value) for name, value in found if value is not None)


def extract(body: ast.InstanceBodySymbol, top: str, places: Places) -> Facts:
    """Collect the facts of a body, generate blocks included and the instances in it not; `top` is the name of the top module."""
    extraction = _Extraction(ExpressionReader(body, top), places)
    extraction.scope(ast.Scope(body))
    extraction.facts.is_shareable = extraction.reader.is_local
    return extraction.facts


def child_instances(body: ast.InstanceBodySymbol) -> list[ast.InstanceSymbol]:
    """Give the instances right below a body, in source order, those of generate blocks and arrays too."""
    found: list[ast.InstanceSymbol] = []

    def collect(symbols: Iterable[ast.Symbol]) -> None:
        for symbol in symbols:
            match symbol:
                case ast.InstanceSymbol():
                    found.append(symbol)
                case ast.InstanceArraySymbol():
                    collect(symbol.elements)
                case ast.GenerateBlockSymbol():
                    if not ast.Scope(symbol).isUninstantiated:
                        collect(ast.Scope(symbol))
                case ast.GenerateBlockArraySymbol():
                    collect(symbol.entries)

    collect(ast.Scope(body))
    return found


class _Extraction:
    """The state of one walk."""

    def __init__(self, reader: ExpressionReader, places: Places) -> None:
        self.reader = reader
        self.facts = Facts()
        self._places = places
        self._functions: set[ast.Symbol] = set()
        self._expression_handlers = {
            ast.ExpressionKind.BinaryOp: self._on_binary,
            ast.ExpressionKind.Inside: self._on_inside,
            ast.ExpressionKind.Call: self._on_call,
            ast.StatementKind.Case: self._on_case,
        }

    def scope(self, symbols: Iterable[ast.Symbol]) -> None:
        for symbol in symbols:
            match symbol:
                case ast.VariableSymbol() | ast.NetSymbol():
                    self._declare(symbol)
                case ast.ContinuousAssignSymbol():
                    self._assign(symbol.assignment)
                    symbol.assignment.visit(lookup_table=self._expression_handlers)
                case ast.ProceduralBlockSymbol():
                    self._procedure(symbol)
                case ast.InstanceSymbol():
                    self._connect(symbol)
                case ast.PrimitiveInstanceSymbol():
                    self._gate(symbol)
                case ast.InstanceArraySymbol():
                    self.scope(symbol.elements)
                case ast.GenerateBlockSymbol():
                    if not ast.Scope(symbol).isUninstantiated:
                        self.scope(ast.Scope(symbol))
                case ast.GenerateBlockArraySymbol():
                    self.scope(symbol.entries)

    def _declare(self, symbol: ast.VariableSymbol | ast.NetSymbol) -> None:
        kind = symbol.type
        members = enum_members(kind)
        signal = Signal(type_width(kind), self._places.span_of_name(symbol), members, kind.isUnpackedArray)
        self.facts.signals[self.reader.name(symbol)] = signal
        if isinstance(symbol, ast.NetSymbol) and symbol.initializer is not None:
            target = Ref(self.reader.name(symbol), 0, signal.width)
            self.facts.wires.append(Write(target, self.reader.node(symbol.initializer)))
            symbol.initializer.visit(lookup_table=self._expression_handlers)

    def _assign(self, expression: ast.Expression, guards: tuple[Node, ...] = ()) -> None:
        if isinstance(expression, ast.AssignmentExpression):
            self.facts.wires.extend(self.reader.node(expression.right).split(self.reader.refs(expression.left), guards))

    def _connect(self, instance: ast.InstanceSymbol) -> None:
        for connection in instance.portConnections:
            expression, port = connection.expression, connection.port
            if expression is None or not isinstance(port, ast.PortSymbol):
                continue
            expression.visit(lookup_table=self._expression_handlers)
            inner = self._port_refs(port)
            if not inner:
                continue
            if isinstance(expression, ast.AssignmentExpression):
                outer = self.reader.refs(expression.left)
                width = sum(ref.width for ref in inner)
                parts = tuple(Node("ref", ref.width, ref=ref) for ref in inner)
                value = parts[0] if len(parts) == 1 else Node("concat", width, parts)
                self.facts.wires.extend(value.split(outer))
            elif port.direction in (ast.ArgumentDirection.In, ast.ArgumentDirection.InOut, ast.ArgumentDirection.Ref):
                self.facts.wires.extend(self.reader.node(expression).split(inner))

    def _port_refs(self, port: ast.PortSymbol) -> list[Ref]:
        if port.internalExpr is not None:
            return self.reader.refs(port.internalExpr)
        if isinstance(port.internalSymbol, ast.ValueSymbol):
            return [Ref(self.reader.name(port.internalSymbol), 0, type_width(port.internalSymbol.type))]
        return []

    def _gate(self, gate: ast.PrimitiveInstanceSymbol) -> None:
        outputs: list[Ref] = []
        inputs: list[Node] = []
        for expression in gate.portConnections:
            if isinstance(expression, ast.AssignmentExpression):
                outputs.extend(self.reader.refs(expression.left))
            elif expression is not None:
                inputs.append(self.reader.node(expression))
        kind, inverts = _GATES.get(gate.primitiveType.name, ("opaque", False))
        if not inputs:
            return
        value = inputs[0] if len(inputs) == 1 and kind != "opaque" else Node(kind, 1, tuple(inputs))
        if inverts:
            value = Node("not", 1, (value,))
        self.facts.wires.extend(Write(output, value) for output in outputs)

    def _procedure(self, block: ast.ProceduralBlockSymbol) -> None:
        block.visit(lookup_table=self._expression_handlers)
        if block.procedureKind in (ast.ProceduralBlockKind.Initial, ast.ProceduralBlockKind.Final):
            return
        body = block.body
        events: list[Event] = []
        while isinstance(body, ast.BlockStatement) or (isinstance(body, ast.StatementList) and len(body.list) == 1):
            body = body.body if isinstance(body, ast.BlockStatement) else body.list[0]
        if isinstance(body, ast.TimedStatement):
            events = self._events(body.timing)
            body = body.stmt
        reader = BlockReader(self.reader)
        if events:
            self.facts.blocks.append(reader.clocked(tuple(events), body))
        else:
            self.facts.wires.extend(reader.combinational(body))

    def _events(self, timing: ast.TimingControl) -> list[Event]:
        if isinstance(timing, ast.EventListControl):
            return [event for member in timing.events for event in self._events(member)]
        if isinstance(timing, ast.SignalEventControl) and timing.edge in _EDGES:
            return [Event(self.reader.node(timing.expr), _EDGES[timing.edge])]
        return []

    def _on_binary(self, expression: ast.BinaryExpression) -> None:
        if expression.op in _RELATIONS:
            is_equality = expression.op in _EQUALITIES
            self._compare(expression.left, expression.right, is_equality=is_equality)
            self._compare(expression.right, expression.left, is_equality=is_equality)

    def _on_inside(self, expression: ast.InsideExpression) -> None:
        for item in expression.rangeList:
            ends = (item.left, item.right) if isinstance(item, ast.ValueRangeExpression) else (item,)
            for end in ends:
                self._compare(expression.left, end, is_equality=True)

    def _on_case(self, statement: ast.CaseStatement) -> None:
        subject = self.reader.ref(statement.expr)
        if subject is not None and not subject.dynamic:
            self.facts.dispatches.setdefault(subject.signal, self._places.span(statement.expr.sourceRange))
        for item in statement.items:
            for expression in item.expressions:
                if isinstance(expression, ast.ValueRangeExpression):
                    self._compare(statement.expr, expression.left, is_equality=True)
                    self._compare(statement.expr, expression.right, is_equality=True)
                else:
                    self._compare(statement.expr, expression, is_equality=True, is_case=True)

    def _compare(self, subject: ast.Expression, other: ast.Expression, *, is_equality: bool, is_case: bool = False) -> None:
        inner = unwrapped(subject)
        operands = list(inner.operands) if isinstance(inner, ast.ConcatenationExpression) else [inner]
        if isinstance(inner, ast.ConcatenationExpression) and not is_equality:
            return
        refs = [self.reader.ref(operand) for operand in operands]
        if all(ref is None for ref in refs):
            return
        value = self.reader.constant(other)
        if value is None:
            return
        span, name = self._places.span(other.sourceRange), self.reader.constant_name(other)
        if not isinstance(inner, ast.ConcatenationExpression):
            ref = refs[0]
            # A value that does not fit is never met, except for the sign bits of a negative one.
            if ref is not None and ref.width and not (value >> ref.width and not subject.type.isSigned):
                self.facts.comparisons.append(Comparison(ref, value & ((1 << ref.width) - 1), span, name, is_case, is_equality))
            return
        for operand, ref in zip(reversed(operands), reversed(refs), strict=True):
            width = type_width(operand.type)
            if ref is not None and not ref.dynamic:
                self.facts.comparisons.append(Comparison(ref, value & ((1 << width) - 1), span))
            value >>= width

    def _on_call(self, call: ast.CallExpression) -> None:
        if call.isSystemCall:
            self._system_call(call)
            return
        subroutine = call.subroutine
        if not isinstance(subroutine, ast.SubroutineSymbol):
            return
        for formal, actual in zip(subroutine.arguments, call.arguments, strict=False):
            if formal.direction is ast.ArgumentDirection.In:
                target = Ref(self.reader.name(formal), 0, type_width(formal.type))
                self.facts.wires.append(Write(target, self.reader.node(actual)))
        if subroutine not in self._functions:
            self._functions.add(subroutine)
            subroutine.body.visit(lookup_table=self._expression_handlers)

    def _system_call(self, call: ast.CallExpression) -> None:
        name, arguments = call.subroutineName, list(call.arguments)
        if not arguments:
            return
        span = self._places.span(call.sourceRange)
        if name in ("$readmemh", "$readmemb"):
            if (file := self.reader.text(arguments[0])) is not None:
                self.facts.data_files.append((file, span, True))
        elif name == "$fopen" and len(arguments) > 1 and (self.reader.text(arguments[1]) or "").startswith("r"):
            file = self.reader.text(arguments[0])
            if file is not None:
                self.facts.data_files.append((file, span, False))
