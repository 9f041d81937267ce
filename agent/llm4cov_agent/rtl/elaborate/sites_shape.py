"""Reduces slang's elaborated expressions to shapes, as which they can be found in what a simulator prints. Knows no place and no slot."""

from __future__ import annotations

from dataclasses import replace

from pyslang import ast

from llm4cov_agent.rtl.elaborate.expressions import as_int, type_width
from llm4cov_agent.rtl.elaborate.site_values import Shape

_B = ast.BinaryOperator
_U = ast.UnaryOperator
_CONSTANTS = frozenset({ast.SymbolKind.Parameter, ast.SymbolKind.Genvar})

BINARY = {
    _B.Add: "+",
    _B.Subtract: "-",
    _B.Multiply: "*",
    _B.Divide: "/",
    _B.Mod: "%",
    _B.BinaryAnd: "&",
    _B.BinaryOr: "|",
    _B.BinaryXor: "^",
    _B.Equality: "==",
    _B.Inequality: "!=",
    _B.CaseEquality: "===",
    _B.CaseInequality: "!==",
    _B.WildcardEquality: "==?",
    _B.WildcardInequality: "!=?",
    _B.GreaterThanEqual: ">=",
    _B.GreaterThan: ">",
    _B.LessThanEqual: "<=",
    _B.LessThan: "<",
    _B.LogicalAnd: "&&",
    _B.LogicalOr: "||",
    _B.LogicalShiftLeft: "<<",
    _B.LogicalShiftRight: ">>",
    _B.ArithmeticShiftRight: ">>>",
}
UNARY = {_U.Minus: "-", _U.BitwiseNot: "~", _U.LogicalNot: "!", _U.BitwiseAnd: "&", _U.BitwiseOr: "|", _U.BitwiseXor: "^"}
_OTHER = Shape("other")


def unconverted(expression: ast.Expression) -> ast.Expression:
    """Take off the conversions that the source doesn't write, and `$signed` and `$unsigned`, which Verilator doesn't print."""
    while True:
        if isinstance(expression, ast.ConversionExpression) and expression.isImplicit:
            expression = expression.operand
        elif isinstance(expression, ast.CallExpression) and expression.subroutineName in ("$signed", "$unsigned"):
            expression = expression.arguments[0]
        else:
            return expression


class ShapeReader:
    """Reads expressions of one elaborated scope and notes the constants that they name."""

    def __init__(self, context: ast.EvalContext) -> None:
        self._context = context
        self.constants: dict[str, tuple[int, int]] = {}

    def constant(self, expression: ast.Expression) -> int | None:
        """Evaluate a constant to its bit pattern; None if the expression isn't one."""
        return as_int(expression.eval(self._context))

    def shape(self, expression: ast.Expression) -> Shape:
        """Reduce an expression."""
        written = unconverted(expression)
        shape = self._shape(written)
        value = self.constant(written)
        width = type_width(written.type)
        return replace(shape, width=width, value=value)

    def _shape(self, expression: ast.Expression) -> Shape:
        match expression:
            case ast.NamedValueExpression():
                self._note(expression)
                return Shape("name", expression.symbol.name)
            case ast.BinaryExpression() if expression.op in BINARY:
                return Shape("operator", BINARY[expression.op], (self.shape(expression.left), self.shape(expression.right)))
            case ast.UnaryExpression() if expression.op in UNARY:
                return Shape("operator", UNARY[expression.op], (self.shape(expression.operand),))
            case ast.ElementSelectExpression():
                return self._element(expression)
            case ast.RangeSelectExpression():
                return self._range(expression)
            case ast.MemberAccessExpression():
                return self._member(expression)
            case ast.ConcatenationExpression():
                return Shape("concatenation", children=tuple(self.shape(operand) for operand in expression.operands))
            case ast.ReplicationExpression():
                count = self.constant(expression.count)
                return Shape("repeat", children=(self.shape(expression.concat),), count=count) if count else _OTHER
            case _:
                return _OTHER

    def _note(self, expression: ast.NamedValueExpression) -> None:
        symbol = expression.symbol
        if symbol.kind in _CONSTANTS:
            value = self.constant(expression)
            if value is not None:
                self.constants[symbol.name] = (type_width(expression.type), value)

    def _element(self, expression: ast.ElementSelectExpression) -> Shape:
        base, index = self.shape(expression.value), self.shape(expression.selector)
        kind = expression.value.type
        if not kind.hasFixedRange:
            return _OTHER
        bounds = kind.fixedRange
        if kind.isUnpackedArray:
            return Shape("item", children=(base, index)) if bounds.lower == 0 else _OTHER
        if bounds.left < bounds.right:
            # Verilator prints a formula for these whose form we don't rely on.
            return _OTHER
        return Shape("bit", children=(base, index), base_low=bounds.right, count=type_width(expression.type))

    def _range(self, expression: ast.RangeSelectExpression) -> Shape:
        kind = expression.value.type
        if kind.isUnpackedArray or not kind.hasFixedRange or kind.fixedRange.left < kind.fixedRange.right:
            return _OTHER
        low = kind.fixedRange.right
        base = self.shape(expression.value)
        first, second = self.shape(expression.left), self.shape(expression.right)
        if type_width(expression.type) != 0 and isinstance(kind.canonicalType, ast.PackedArrayType):
            element = kind.arrayElementType
            if element is not None and type_width(element) != 1:
                return _OTHER
        match expression.selectionKind:
            case ast.RangeSelectionKind.Simple if second.value is not None:
                return Shape("range", children=(base,), low=second.value, base_low=low)
            case ast.RangeSelectionKind.IndexedUp:
                return Shape("part", children=(base, first), base_low=low)
            case _:
                return _OTHER

    def _member(self, expression: ast.MemberAccessExpression) -> Shape:
        if not isinstance(expression.member, ast.FieldSymbol) or expression.value.type.isUnpackedStruct:
            return _OTHER
        return Shape("member", children=(self.shape(expression.value),), low=expression.member.bitOffset)
