"""Finds expressions of one bit and the choices of `?:` in every elaborated instance. Knows no statement but through its host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyslang import ast, parsing, syntax

from llm4cov_agent.rtl.elaborate.expressions import type_width
from llm4cov_agent.rtl.elaborate.site_values import ChoiceSite, ExpressionSite, Operand, Place, Shape, Variant
from llm4cov_agent.rtl.elaborate.sites_shape import ShapeReader, unconverted
from llm4cov_agent.rtl.elaborate.sites_statements import StatementReader
from llm4cov_agent.rtl.elaborate.sites_text import Key, Texts, children, descendants, identifiers

_B = ast.BinaryOperator
_U = ast.UnaryOperator
_LOGICAL = frozenset({_B.LogicalAnd, _B.LogicalOr, _B.LogicalImplication, _B.LogicalEquivalence})
_BITWISE = frozenset({_B.BinaryAnd, _B.BinaryOr, _B.BinaryXor, _B.BinaryXnor})
_REDUCTIONS = frozenset({_U.BitwiseAnd, _U.BitwiseOr, _U.BitwiseXor, _U.BitwiseNand, _U.BitwiseNor, _U.BitwiseXnor})
_NOTS = frozenset({_U.LogicalNot, _U.BitwiseNot})
_PURE_CALLS = frozenset({"$signed", "$unsigned", "$bits", "$clog2", "$countones", "$onehot", "$onehot0"})
_LONGEST_VECTOR = 64
"""Verilator lists at most 32 combinations of an expression."""


class ExpressionFinder:
    """Visits elaborated expressions; the findings stay in its fields."""

    def __init__(self, texts: Texts, statements: StatementReader, context: ast.EvalContext, wanted: frozenset[Place]) -> None:
        self._texts = texts
        self._hosts = statements.hosts
        self._context = context
        self._wanted = wanted
        self._found: dict[Place, dict[Key, dict[Variant, None]]] = {}
        self.refused = statements.refused
        self._choices: dict[tuple[Place, str], dict[ChoiceSite, None]] = {}

    def expressions(self) -> dict[Place, ExpressionSite]:
        """Give the expressions by place; two at one place would be a riddle."""
        sites: dict[Place, ExpressionSite] = {}
        for place, found in self._found.items():
            if len(found) == 1:
                ((key, variants),) = found.items()
                sites[place] = ExpressionSite(self._hosts[key].slots, tuple(variants))
        return sites

    def choices(self) -> dict[tuple[Place, str], ChoiceSite]:
        """Give the choices by place and word."""
        return {where: next(iter(found)) for where, found in self._choices.items() if len(found) == 1}

    def visit(self, expression: object) -> None:
        """Take note of one expression, whatever it is."""
        if isinstance(expression, ast.BinaryExpression):
            if expression.op in _LOGICAL or expression.op in _BITWISE:
                self._add(expression)
        elif isinstance(expression, ast.UnaryExpression):
            if expression.op in _NOTS or expression.op in _REDUCTIONS:
                self._add(expression)
        elif isinstance(expression, ast.ConditionalExpression) and len(expression.conditions) == 1:
            self._add(expression.conditions[0].expr, is_predicate=True)
            self._choose(expression)

    def _add(self, expression: ast.Expression, *, is_predicate: bool = False) -> None:
        written = unconverted(expression)
        node = _bare(written.syntax)
        if node is None or (type_width(expression.type) != 1 and not is_predicate):
            return
        key, anchor = self._texts.key(node), _anchor(node)
        host = self._hosts.get(key) if key is not None else None
        place = self._texts.place(anchor.location) if anchor is not None else None
        if key is None or host is None or place is None or place not in self._wanted:
            return
        if host.hidden and host.hidden & identifiers(node):
            self.refused[place] = "names a variable that is another one, or has another value, where Verilator looks at the expression"
            return
        reader = ShapeReader(self._context)
        try:
            operands = tuple(self._operands(expression, reader, as_condition=True))
        except RecursionError:
            self.refused[place] = "is nested too deeply"
            return
        constants = tuple((name, width, value) for name, (width, value) in sorted(reader.constants.items()))
        self._found.setdefault(place, {}).setdefault(key, {})[Variant(operands, constants)] = None

    def _operands(self, expression: ast.Expression, reader: ShapeReader, *, as_condition: bool = False) -> Iterator[Operand]:
        """Give the conditions that Verilator tells apart, from left to right."""
        written = unconverted(expression)
        match written:
            case ast.BinaryExpression() if written.op in _LOGICAL:
                yield from self._operands(written.left, reader, as_condition=True)
                yield from self._operands(written.right, reader, as_condition=True)
            case ast.BinaryExpression() if written.op in _BITWISE and type_width(written.type) == 1:
                yield from self._operands(written.left, reader)
                yield from self._operands(written.right, reader)
            case ast.UnaryExpression() if written.op is _U.LogicalNot:
                yield from self._operands(written.operand, reader, as_condition=True)
            case ast.UnaryExpression() if written.op is _U.BitwiseNot and type_width(written.type) == 1:
                yield from self._operands(written.operand, reader)
            case ast.UnaryExpression() if written.op in _REDUCTIONS:
                yield from self._leaf(written.operand, reader, is_vector=True)
            case ast.InsideExpression():
                yield from self._members(written, reader)
            case ast.ConditionalExpression():
                return
            case _:
                width = type_width(written.type)
                if width == 1 or as_condition:
                    yield from self._leaf(written, reader, is_vector=width != 1)

    def _leaf(self, expression: ast.Expression, reader: ShapeReader, *, is_vector: bool) -> Iterator[Operand]:
        node = expression.syntax
        key = self._texts.key(node) if node is not None else None
        if key is None or type_width(expression.type) > _LONGEST_VECTOR:
            return
        shape = reader.shape(expression)
        if is_vector:
            low = _lowest(expression)
            if low is None:
                return
            reader.constants[f"$bits({self._texts.text(key)})"] = (32, type_width(expression.type))
            shape = replace(shape, base_low=low)
        yield Operand(self._texts.text(key), shape, is_vector)

    def _members(self, expression: ast.InsideExpression, reader: ShapeReader) -> Iterator[Operand]:
        """Give the comparisons that `inside` is made of, but those with ranges."""
        for value in self._leaf(unconverted(expression.left), reader, is_vector=False):
            for member in expression.rangeList:
                for other in self._leaf(unconverted(member), reader, is_vector=False):
                    shape = Shape("operator", "==?", (value.shape, other.shape))
                    yield Operand(f"{value.text} inside {{{other.text}}}", shape)

    def _choose(self, expression: ast.ConditionalExpression) -> None:
        node = _bare(expression.syntax)
        key = self._texts.key(node) if node is not None else None
        host = self._hosts.get(key) if key is not None else None
        if not isinstance(node, syntax.ConditionalExpressionSyntax) or host is None or host.statement is None:
            return
        outer = self._outer_choices(node)
        anchor = _anchor(_bare(node.left) or node.left)
        place = self._texts.place(anchor.location) if anchor is not None else None
        predicate = self._predicate(node)
        if outer is None or place is None or predicate is None:
            return
        for word, chosen, offset in (("cond_then", True, 0), ("cond_else", False, 1)):
            where = Place(place.file, place.line, place.column + offset), word
            self._choices.setdefault(where, {})[ChoiceSite((host.statement,), (*outer, (predicate, chosen)))] = None

    def _outer_choices(self, node: syntax.SyntaxNode) -> tuple[tuple[str, bool], ...] | None:
        """Give what chooses this `?:` among others, outermost first; None where Verilator doesn't count it."""
        found: list[tuple[str, bool]] = []
        while True:
            parent = node.parent
            match parent:
                case syntax.ParenthesizedExpressionSyntax():
                    pass
                case syntax.ConditionalExpressionSyntax():
                    predicate = self._predicate(parent)
                    if predicate is None or not (_same(node, parent.left) or _same(node, parent.right)):
                        return None
                    found.insert(0, (predicate, _same(node, parent.left)))
                case syntax.BinaryExpressionSyntax():
                    is_plain = parent.operatorToken.rawText in ("=", "<=") and "Assignment" in parent.kind.name
                    return tuple(found) if is_plain and _same(node, parent.right) else None
                case syntax.EqualsValueClauseSyntax():
                    return tuple(found)
                case _:
                    return None
            node = parent

    def _predicate(self, node: syntax.ConditionalExpressionSyntax) -> str | None:
        key = self._texts.key(node.predicate)
        conditions = [part for part in children(node.predicate.conditions) if isinstance(part, syntax.SyntaxNode)]
        if key is None or len(conditions) != 1 or not _can_be_repeated(node.predicate):
            return None
        return self._texts.text(key)


def _lowest(expression: ast.Expression) -> int | None:
    """Give the index by which Verilator prints a vector's least significant bit; None where that isn't known."""
    kind = expression.type.canonicalType
    is_selected = isinstance(expression, (ast.ElementSelectExpression, ast.MemberAccessExpression))
    if not isinstance(kind, ast.PackedArrayType) or not (is_selected or isinstance(expression, ast.NamedValueExpression)):
        return 0
    if not kind.elementType.canonicalType.isScalar or kind.range.left < kind.range.right or (is_selected and kind.range.right != 0):
        return None
    return kind.range.right


def _same(one: syntax.SyntaxNode, other: syntax.SyntaxNode) -> bool:
    return one.sourceRange == other.sourceRange


def _bare(node: syntax.SyntaxNode | None) -> syntax.SyntaxNode | None:
    """Take parentheses off."""
    while isinstance(node, syntax.ParenthesizedExpressionSyntax):
        node = node.expression
    return node


def _anchor(node: syntax.SyntaxNode) -> parsing.Token | None:
    """Give the token at which Verilator places an expression."""
    match node:
        case syntax.BinaryExpressionSyntax() | syntax.PrefixUnaryExpressionSyntax():
            return node.operatorToken
        case syntax.ConditionalExpressionSyntax():
            return node.question
        case syntax.IdentifierSelectNameSyntax():
            selectors = [part for part in children(node.selectors) if isinstance(part, syntax.ElementSelectSyntax)]
            return selectors[-1].openBracket
        case syntax.ElementSelectExpressionSyntax():
            return node.select.openBracket
        case syntax.ScopedNameSyntax() if node.separator.rawText == ".":
            return _anchor(node.right)
        case syntax.CastExpressionSyntax():
            # Verilator keeps only what is inside a cast to a size.
            return _anchor(_bare(node.right) or node.right)
        case syntax.IdentifierNameSyntax() | syntax.LiteralExpressionSyntax() | syntax.IntegerVectorExpressionSyntax():
            return node.getFirstToken()
        case syntax.ConcatenationExpressionSyntax() | syntax.MultipleConcatenationExpressionSyntax():
            return node.getFirstToken()
        case _:
            return None


def _can_be_repeated(node: syntax.SyntaxNode) -> bool:
    """Say whether evaluating an expression once more changes nothing, which a call or an increment could."""
    return not any(_may_change(part) for part in (node, *descendants(node)) if isinstance(part, syntax.SyntaxNode))


def _may_change(node: syntax.SyntaxNode) -> bool:
    match node:
        case syntax.PostfixUnaryExpressionSyntax() | syntax.MatchesClauseSyntax():
            return True
        case syntax.PrefixUnaryExpressionSyntax():
            return node.operatorToken.rawText in ("++", "--")
        case syntax.InvocationExpressionSyntax():
            return node.left.getFirstToken().rawText not in _PURE_CALLS
        case _:
            return node.kind.name.endswith("AssignmentExpression")
