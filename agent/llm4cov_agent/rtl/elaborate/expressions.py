"""Reads slang's expressions: constants, references and the reduced form for tracing. Knows no statement."""

from __future__ import annotations

from collections.abc import Iterable

import pyslang
from pyslang import ast

from llm4cov_agent.rtl.elaborate.facts import ABSOLUTE, Node, Ref

MAX_NODES = 4000
"""Larger expressions are reduced to what they refer to; nobody makes a clock or a reset of them."""

MAX_DEPTH = 80
"""The same for expressions that nest more deeply than this."""

_K = ast.ExpressionKind
_SELECTS = frozenset({_K.NamedValue, _K.HierarchicalValue, _K.ElementSelect, _K.RangeSelect, _K.MemberAccess})
_LITERALS = frozenset({_K.IntegerLiteral, _K.UnbasedUnsizedIntegerLiteral, _K.StringLiteral, _K.RealLiteral, _K.TimeLiteral})
_BITWISE = {ast.BinaryOperator.BinaryAnd: "and", ast.BinaryOperator.BinaryOr: "or"}
_LOGICAL = {ast.BinaryOperator.LogicalAnd: "and", ast.BinaryOperator.LogicalOr: "or"}
_EQUAL = frozenset({ast.BinaryOperator.Equality, ast.BinaryOperator.CaseEquality, ast.BinaryOperator.WildcardEquality})
_UNEQUAL = frozenset({ast.BinaryOperator.Inequality, ast.BinaryOperator.CaseInequality, ast.BinaryOperator.WildcardInequality})
_CONSTANT_SYMBOLS = frozenset(
    {ast.SymbolKind.Parameter, ast.SymbolKind.EnumValue, ast.SymbolKind.Genvar, ast.SymbolKind.Specparam, ast.SymbolKind.TypeParameter}
)


def type_width(kind: ast.Type) -> int:
    """Give the bits of a value of fixed size, unpacked dimensions multiplied out; 0 for others."""
    return kind.bitstreamWidth if kind.isFixedSize and not kind.isError else 0


def unwrapped(expression: ast.Expression) -> ast.Expression:
    """Take the conversions off."""
    while isinstance(expression, ast.ConversionExpression):
        expression = expression.operand
    return expression


def as_int(value: object) -> int | None:
    """Give the bit pattern of an integral constant (x and z count as 0); None for other values."""
    held = value.value if isinstance(value, pyslang.ConstantValue) else value
    if not isinstance(held, pyslang.SVInt):
        return None
    if held.hasUnknown:
        held = held.resize(held.bitWidth)
        held.flattenUnknowns()
    return int(held) & ((1 << held.bitWidth) - 1)


class ExpressionReader:
    """Reads the expressions of one instance body; names are local to the body where they can be."""

    def __init__(self, body: ast.InstanceBodySymbol, top: str) -> None:
        self._prefix = body.hierarchicalPath + "."
        self._top = top + "."
        self._context = ast.EvalContext(ast.ASTContext(ast.Scope(body), ast.LookupLocation.max))
        self._names: dict[ast.Symbol, str] = {}
        self.is_local = True
        """Becomes false with the first name from outside the body."""
        self.loop_variables: set[str] = set()
        self._budget = MAX_NODES

    def name(self, symbol: ast.Symbol) -> str:
        """Name a signal; a signal of a modport is the interface's own."""
        found = self._names.get(symbol)
        if found is not None:
            return found
        actual = symbol
        while isinstance(actual, ast.ModportPortSymbol) and actual.internalSymbol is not None:
            actual = actual.internalSymbol
        path = actual.hierarchicalPath
        if path.startswith(self._prefix):
            found = path[len(self._prefix) :]
        else:
            self.is_local = False
            found = ABSOLUTE + path.removeprefix(self._top)
        self._names[symbol] = found
        return found

    def constant(self, expression: ast.Expression) -> int | None:
        """Evaluate an integral constant to its bit pattern in the expression's own width; None if it isn't one."""
        known = expression.constant
        return as_int(known if known is not None and known else expression.eval(self._context))

    def signed_constant(self, expression: ast.Expression) -> int | None:
        """Evaluate an integral constant to its value."""
        value = expression.eval(self._context).value
        return int(value) if isinstance(value, pyslang.SVInt) and not value.hasUnknown else None

    def text(self, expression: ast.Expression) -> str | None:
        """Evaluate a constant file name, written as a string or as the bits of one."""
        value = expression.eval(self._context)
        if value and isinstance(value.value, pyslang.SVInt):
            value = value.convertToStr()
        return value.value.strip("\0") if value and isinstance(value.value, str) else None

    def constant_name(self, expression: ast.Expression) -> str | None:
        """Say how the source names a constant: a parameter or a member of an enumeration."""
        inner = unwrapped(expression)
        if isinstance(inner, ast.ValueExpressionBase) and inner.symbol.kind in _CONSTANT_SYMBOLS:
            return inner.symbol.name
        return None

    def refs(self, expression: ast.Expression) -> list[Ref]:
        """Give the places that an assignment to `expression` changes, most significant first."""
        inner = unwrapped(expression)
        if isinstance(inner, ast.ConcatenationExpression):
            return [ref for operand in inner.operands for ref in self.refs(operand)]
        if isinstance(inner, ast.StreamingConcatenationExpression):
            return [Ref(ref.signal, ref.low, ref.width, True) for stream in inner.streams for ref in self.refs(stream.operand)]
        if isinstance(inner, ast.AssignmentPatternExpressionBase):
            return [ref for element in inner.elements for ref in self.refs(element)]
        found = self.ref(inner)
        return [found] if found else []

    def ref(self, expression: ast.Expression) -> Ref | None:
        """Read a reference to a signal or a part of one; None for everything else."""
        expression = unwrapped(expression)
        match expression.kind:
            case _K.NamedValue | _K.HierarchicalValue:
                assert isinstance(expression, ast.ValueExpressionBase)
                if expression.symbol.kind in _CONSTANT_SYMBOLS:
                    return None
                return Ref(self.name(expression.symbol), 0, type_width(expression.type))
            case _K.ElementSelect:
                assert isinstance(expression, ast.ElementSelectExpression)
                return self._element(expression)
            case _K.RangeSelect:
                assert isinstance(expression, ast.RangeSelectExpression)
                return self._range(expression)
            case _K.MemberAccess:
                assert isinstance(expression, ast.MemberAccessExpression)
                base = self.ref(expression.value)
                if base is None or not isinstance(expression.member, ast.FieldSymbol):
                    return base
                if base.dynamic:
                    return base
                return Ref(base.signal, base.low + expression.member.bitOffset, type_width(expression.type))
            case _:
                return None

    def _element(self, expression: ast.ElementSelectExpression) -> Ref | None:
        base = self.ref(expression.value)
        if base is None or base.dynamic:
            return base
        width = type_width(expression.type)
        index = self.signed_constant(expression.selector)
        if index is None or not expression.value.type.hasFixedRange:
            return Ref(base.signal, base.low, base.width, True)
        low = expression.value.type.fixedRange.translateIndex(index) * width
        return Ref(base.signal, base.low + low, width) if 0 <= low < max(base.width, 1) else Ref(base.signal, base.low, base.width, True)

    def _range(self, expression: ast.RangeSelectExpression) -> Ref | None:
        base = self.ref(expression.value)
        if base is None or base.dynamic:
            return base
        left, right = self.signed_constant(expression.left), self.signed_constant(expression.right)
        if left is None or right is None or not expression.value.type.hasFixedRange:
            return Ref(base.signal, base.low, base.width, True)
        declared = expression.value.type.fixedRange
        if expression.selectionKind is ast.RangeSelectionKind.IndexedUp:
            ends = (left, left + right - 1)
        elif expression.selectionKind is ast.RangeSelectionKind.IndexedDown:
            ends = (left, left - right + 1)
        else:
            ends = (left, right)
        width = type_width(expression.type)
        element = width // (abs(ends[0] - ends[1]) + 1)
        low = min(declared.translateIndex(end) for end in ends) * element
        return Ref(base.signal, base.low + low, width) if 0 <= low < max(base.width, 1) else Ref(base.signal, base.low, base.width, True)

    def node(self, expression: ast.Expression) -> Node:
        """Reduce an expression for tracing."""
        self._budget = MAX_NODES
        return self._node(expression)

    def _node(self, expression: ast.Expression, depth: int = 0) -> Node:
        self._budget -= 1
        kind = expression.kind
        width = type_width(expression.type)
        if kind is _K.Conversion:
            assert isinstance(expression, ast.ConversionExpression)
            found = self._converted(self._node(expression.operand, depth + 1), width)
            return self._folded(expression, found)
        if kind in _SELECTS:
            ref = self.ref(expression)
            if ref is not None:
                if ref.signal in self.loop_variables:
                    return Node("const", width)
                return Node("opaque", width, self._indices(expression), ref) if ref.dynamic else Node("ref", width, ref=ref)
        if kind in _SELECTS or kind in _LITERALS:
            value = self.constant(expression)
            if value is not None:
                return Node("const", width, value=value, name=self.constant_name(expression))
        if self._budget < 0 or depth > MAX_DEPTH:
            return self._opaque(expression, width)
        return self._folded(expression, self._operation(expression, width, depth + 1))

    def _folded(self, expression: ast.Expression, node: Node) -> Node:
        """Evaluate an operation over constants."""
        if node.kind == "const" and not node.children:
            return node
        if node.kind not in ("ref", "const") and node.children and all(child.kind == "const" for child in node.children):
            value = self.constant(expression)
            if value is not None:
                return Node("const", node.width, value=value, name=self.constant_name(expression))
        return node

    def _operation(self, expression: ast.Expression, width: int, depth: int) -> Node:
        match expression.kind:
            case _K.UnaryOp:
                assert isinstance(expression, ast.UnaryExpression)
                return self._unary(expression, width, depth)
            case _K.BinaryOp:
                assert isinstance(expression, ast.BinaryExpression)
                return self._binary(expression, width, depth)
            case _K.ConditionalOp:
                assert isinstance(expression, ast.ConditionalExpression)
                conditions = list(expression.conditions)
                left, right = self._node(expression.left, depth), self._node(expression.right, depth)
                if len(conditions) != 1 or conditions[0].pattern is not None:
                    return Node("opaque", width, (left, right))
                known = self.constant(conditions[0].expr)
                if known is not None:
                    return left if known else right
                return Node("mux", width, (self._node(conditions[0].expr, depth), left, right))
            case _K.Concatenation:
                assert isinstance(expression, ast.ConcatenationExpression)
                return Node("concat", width, tuple(self._node(operand, depth) for operand in expression.operands))
            case _K.Replication:
                assert isinstance(expression, ast.ReplicationExpression)
                count, part = self.constant(expression.count), self._node(expression.concat, depth)
                if count is not None and count * max(len(part.children), 1) <= 256:
                    return Node("concat", width, (part,) * count)
                return Node("opaque", width, (part,))
            case _K.SimpleAssignmentPattern | _K.StructuredAssignmentPattern | _K.ReplicatedAssignmentPattern:
                assert isinstance(expression, ast.AssignmentPatternExpressionBase)
                parts = tuple(self._node(element, depth) for element in expression.elements)
                # A pattern of constants is itself one, though no single integer.
                return Node("const" if all(part.kind == "const" for part in parts) else "opaque", width, parts)
            case _K.Inside:
                assert isinstance(expression, ast.InsideExpression)
                return Node("opaque", width, (self._node(expression.left, depth),))
            case _:
                return self._opaque(expression, width)

    def _unary(self, expression: ast.UnaryExpression, width: int, depth: int) -> Node:
        operand = self._node(expression.operand, depth)
        single = operand.width == 1
        op = expression.op
        if op is ast.UnaryOperator.BitwiseNot or (single and op in (ast.UnaryOperator.LogicalNot, ast.UnaryOperator.BitwiseNand)):
            return Node("not", width, (operand,))
        if single and op in (ast.UnaryOperator.BitwiseAnd, ast.UnaryOperator.BitwiseOr, ast.UnaryOperator.Plus):
            return operand
        bits = tuple(operand.bit(index) for index in range(operand.width)) if operand.width <= 64 else ()
        if bits and op in (ast.UnaryOperator.BitwiseAnd, ast.UnaryOperator.BitwiseNand):
            found = Node("and", 1, bits)
            return found if op is ast.UnaryOperator.BitwiseAnd else Node("not", 1, (found,))
        if bits and op in (ast.UnaryOperator.BitwiseOr, ast.UnaryOperator.BitwiseNor, ast.UnaryOperator.LogicalNot):
            found = Node("or", 1, bits)
            return found if op is ast.UnaryOperator.BitwiseOr else Node("not", 1, (found,))
        return Node("opaque", width, (operand,))

    def _binary(self, expression: ast.BinaryExpression, width: int, depth: int) -> Node:
        left, right = self._node(expression.left, depth), self._node(expression.right, depth)
        op = expression.op
        if op in _BITWISE:
            return Node(_BITWISE[op], width, (left, right))
        if op in _LOGICAL:
            return Node(_LOGICAL[op], 1, (self._truth(left), self._truth(right)))
        if op in _EQUAL or op in _UNEQUAL:
            if left.kind == "const":
                left, right = right, left
            inner = self._narrow(left)
            if right.kind == "const" and not right.children and inner.width == 1 and right.value in (0, 1):
                return inner if (right.value == 1) == (op in _EQUAL) else Node("not", 1, (inner,))
        return Node("opaque", width, (left, right))

    def _truth(self, node: Node) -> Node:
        """Reduce a condition to one bit: whether any bit is set."""
        inner = self._narrow(node)
        return inner if inner.width == 1 else Node("opaque", 1, (inner,))

    def _narrow(self, node: Node) -> Node:
        """Undo a zero extension of one bit."""
        if node.kind == "concat" and node.width > 1 and all(child.kind == "const" and child.value == 0 for child in node.children[:-1]):
            return self._narrow(node.children[-1])
        return node

    def _converted(self, node: Node, width: int) -> Node:
        if node.width == width or width == 0:
            return node
        if node.kind == "const" and not node.children:
            return Node("const", width, value=node.value & ((1 << width) - 1), name=node.name)
        if width < node.width:
            if node.kind == "ref" and node.ref is not None:
                return Node("ref", width, ref=Ref(node.ref.signal, node.ref.low, width))
            if width <= 64 and node.kind in ("concat", "and", "or", "not", "mux"):
                return Node("concat", width, tuple(node.bit(index) for index in reversed(range(width))))
            return Node(node.kind, width, node.children, node.ref)
        return Node("concat", width, (Node("const", width - node.width), node))

    def _opaque(self, expression: ast.Expression, width: int) -> Node:
        """Reduce to the signals named anywhere in the expression."""
        found: dict[Ref, None] = {}

        def visit(value: ast.ValueExpressionBase) -> None:
            if value.symbol.kind not in _CONSTANT_SYMBOLS:
                ref = Ref(self.name(value.symbol), 0, type_width(value.type))
                if ref.signal not in self.loop_variables:
                    found[ref] = None

        expression.visit(lookup_table={_K.NamedValue: visit, _K.HierarchicalValue: visit})
        if not found:
            value = self.constant(expression)
            if value is not None or expression.kind is not _K.Call:
                return Node("const", width, value=value or 0)
        return Node("opaque", width, tuple(Node("ref", ref.width, ref=ref) for ref in found))

    def _indices(self, expression: ast.Expression) -> tuple[Node, ...]:
        """Give the indices of a select that change, as dependencies."""
        found: list[Node] = []
        while isinstance(expression, (ast.ElementSelectExpression, ast.RangeSelectExpression, ast.MemberAccessExpression)):
            chosen: Iterable[ast.Expression] = ()
            if isinstance(expression, ast.ElementSelectExpression):
                chosen = (expression.selector,)
            elif isinstance(expression, ast.RangeSelectExpression):
                chosen = (expression.left,)
            found.extend(self._node(index) for index in chosen if self.constant(index) is None)
            expression = unwrapped(expression.value)
        return tuple(found)
