"""Visits all instances of a design and notes its conditions, assignments and names, each once. Knows no netlist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyslang
from pyslang import ast, parsing, syntax

from llm4cov_agent.rtl.elaborate.condition_text import alternatives, negated, shortened
from llm4cov_agent.rtl.elaborate.condition_values import Assignment, Part
from llm4cov_agent.rtl.elaborate.expressions import as_int, unwrapped
from llm4cov_agent.rtl.elaborate.site_values import Place
from llm4cov_agent.rtl.elaborate.sites_text import Texts, children, identifiers

_E = ast.ExpressionKind
_INCREMENTS = frozenset(
    {ast.UnaryOperator.Preincrement, ast.UnaryOperator.Postincrement, ast.UnaryOperator.Predecrement, ast.UnaryOperator.Postdecrement}
)
_SELECTS = (ast.ElementSelectExpression, ast.RangeSelectExpression, ast.MemberAccessExpression)
_ONE = re.compile(r"(?:1'[bB])?1")

Key = tuple[Place, str]
Range = tuple[Place, Place]


@dataclass(slots=True)
class OpenCondition:
    """A condition while its instances are still being found."""

    text: str
    place: Place
    written: str
    ranges: list[Range]
    """Where the source writes what it compares."""
    signals: dict[str, None] = field(default_factory=dict)


class ConditionFinder:
    """Visits all instances; what they share is noted once."""

    def __init__(self, manager: pyslang.SourceManager, texts: Texts, top: str, context: ast.EvalContext) -> None:
        self._manager = manager
        self._texts = texts
        self._prefix = f"{top}."
        self._context = context
        self.own: dict[Key, OpenCondition] = {}
        """By place and Verilator's word, as in `Conditions`."""
        self.regions: dict[Range, tuple[Part, Key]] = {}
        self.declared: dict[Place, tuple[str, dict[str, None]]] = {}
        self.assignments: dict[Place, dict[Place, Assignment]] = {}
        self.subjects: dict[Place, Place] = {}
        self.modules: dict[Range, dict[str, None]] = {}

    def on_if(self, statement: ast.ConditionalStatement) -> None:
        """Note both branches of an `if`, the one that isn't written too."""
        node = statement.syntax
        if not isinstance(node, syntax.ConditionalStatementSyntax):
            return
        place, text, ranges = self._texts.place(node.ifKeyword.location), self._text(node.predicate), self._ranges([node.predicate])
        if place is None:
            return
        names = self._names(condition.expr for condition in statement.conditions)
        self._add((place, "if"), OpenCondition(text, place, f"if ({text})", ranges), names)
        self._add((_moved(place), "else"), OpenCondition(negated(text), place, f"if ({text})", ranges), names)
        self._region(node.statement, Part.IF, (place, "if"))
        if node.elseClause is not None:
            self._region(node.elseClause.clause, Part.IF, (_moved(place), "else"))

    def on_case(self, statement: ast.CaseStatement) -> None:
        """Note the items of a `case`; the default is what no item is, and items before one are not counted."""
        node = statement.syntax
        if not isinstance(node, syntax.CaseStatementSyntax):
            return
        place, subject = self._texts.place(node.caseKeyword.location), self._text(node.expr)
        if isinstance(statement.expr, ast.ValueExpressionBase) and place is not None:
            declared = self._texts.place(statement.expr.symbol.location)
            if declared is not None:
                self.subjects[place] = declared
        operator = "==" if node.caseKeyword.rawText == "case" and node.matchesOrInside.rawText == "" else "==?"
        subject = "" if _ONE.fullmatch(subject) else subject
        names = self._names([statement.expr])
        found: list[str] = []
        inner = dict(names)
        every: list[Range] = []
        items = [item for item in children(node.items) if isinstance(item, syntax.StandardCaseItemSyntax)]
        for item, group in zip(items, statement.items, strict=False):
            written = [part for part in children(item.expressions) if isinstance(part, syntax.SyntaxNode)]
            texts = [self._text(part) for part in written]
            colon, ranges = self._texts.place(item.colon.location), self._ranges(written)
            found.extend(texts)
            every.extend(ranges)
            read = names | self._names(group.expressions)
            inner |= read
            if colon is not None:
                self._add((colon, "case"), OpenCondition(alternatives(subject, operator, texts), colon, ", ".join(texts), ranges), read)
                self._region(item.clause, Part.CASE, (colon, "case"))
        for default in children(node.items):
            if isinstance(default, syntax.DefaultCaseItemSyntax):
                at = self._texts.place(default.defaultKeyword.location)
                if at is not None:
                    text = negated(alternatives(subject, operator, found)) if found else "1"
                    self._add((at, "case"), OpenCondition(text, at, "default", every), inner)
                    self._region(default.clause, Part.CASE, (at, "case"))

    def on_choice(self, expression: ast.ConditionalExpression) -> None:
        """Note both values of a `?:`."""
        node = expression.syntax
        if not isinstance(node, syntax.ConditionalExpressionSyntax):
            return
        place, text, ranges = self._texts.place(_anchor(node.left).location), self._text(node.predicate), self._ranges([node.predicate])
        at = self._used(node.predicate.getFirstToken().location)
        if place is None or at is None:
            return
        names = self._names(condition.expr for condition in expression.conditions)
        # The place of a choice lies in its first value; what is around the choice is around its condition.
        self._add((place, "cond_then"), OpenCondition(text, at, "", ranges), names)
        self._add((_moved(place), "cond_else"), OpenCondition(negated(text), at, "", ranges), names)
        self._region(node.left, Part.CHOICE, (place, "cond_then"))
        self._region(node.right, Part.CHOICE, (_moved(place), "cond_else"))

    def on_assignment(self, expression: ast.AssignmentExpression) -> None:
        """Note what an assignment changes; connections of ports are none."""
        node = expression.syntax
        if not isinstance(node, syntax.BinaryExpressionSyntax):
            return
        left = unwrapped(expression.left)
        for target in left.operands if isinstance(left, ast.ConcatenationExpression) else [left]:
            # An operator such as += makes the value depend on the signal too, which then is no constant.
            is_whole = isinstance(target, ast.NamedValueExpression) and not expression.isCompound and target is left
            value = self._constant(expression.right) if is_whole and _counts_from_zero(target.type) else None
            self._assigned(target, node, identifiers(node.right), value)

    def on_increment(self, expression: ast.UnaryExpression) -> None:
        """Note `++` and `--`."""
        node = expression.syntax
        if expression.op in _INCREMENTS and node is not None:
            self._assigned(expression.operand, node, identifiers(node), None)

    def on_signal(self, symbol: ast.ValueSymbol) -> None:
        """Note where a net or a variable is declared."""
        place = self._texts.place(symbol.location)
        if place is not None:
            self.declared.setdefault(place, (symbol.name, {}))[1][self._path(symbol)] = None

    def on_instance(self, instance: ast.InstanceSymbol) -> None:
        """Note the text of an instance's module."""
        node = instance.body.syntax
        if isinstance(node, syntax.ModuleDeclarationSyntax):
            path = f"{instance.hierarchicalPath}."
            for module in self._ranges([node]):
                self.modules.setdefault(module, {})[path.removeprefix(self._prefix)] = None

    def _add(self, key: Key, found: OpenCondition, names: dict[str, None]) -> None:
        self.own.setdefault(key, found).signals.update(names)

    def _region(self, node: syntax.SyntaxNode, part: Part, key: Key) -> None:
        for region in self._ranges([node]):
            self.regions[region] = (part, key)

    def _assigned(self, target: ast.Expression, node: syntax.SyntaxNode, names: frozenset[str], value: int | None) -> None:
        while isinstance(target, _SELECTS):
            target = target.value
        declared = self._texts.place(target.symbol.location) if isinstance(target, ast.ValueExpressionBase) else None
        place, text = self._used(node.getFirstToken().location), self._text(node)
        if declared is None or place is None:
            return
        found = self.assignments.setdefault(declared, {})
        before = found.get(place)
        # Instances with other parameters can assign another constant.
        same = before is None or before.value == value
        found[place] = Assignment(place, shortened(text), names, value if same else None)

    def _text(self, node: syntax.SyntaxNode) -> str:
        """Give a piece of source as it is written; where a macro begins or ends it, as the parser sees it."""
        key = self._texts.key(node)
        return str(node).strip() if key is None else self._texts.text(key)

    def _ranges(self, nodes: Iterable[syntax.SyntaxNode]) -> list[Range]:
        found: list[Range] = []
        for node in nodes:
            start, end = self._used(node.getFirstToken().location), self._texts.place(node.getLastToken().range.end)
            if end is None:
                # Of a macro at the end, only where it begins is known.
                end = self._used(node.getLastToken().location)
                end = end and _moved(end)
            if start is not None and end is not None and start.file == end.file:
                found.append((start, end))
        return found

    def _used(self, location: pyslang.SourceLocation) -> Place | None:
        """Give the place of a token; of one from a macro, where the macro is used."""
        return self._texts.place(self._manager.getFullyExpandedLoc(location))

    def _names(self, expressions: Iterable[ast.Expression]) -> dict[str, None]:
        found: dict[str, None] = {}

        def visit(value: ast.ValueExpressionBase) -> None:
            if isinstance(value.symbol, (ast.VariableSymbol, ast.NetSymbol)):
                found[self._path(value.symbol)] = None

        for expression in expressions:
            expression.visit(lookup_table={_E.NamedValue: visit, _E.HierarchicalValue: visit})
        return found

    def _path(self, symbol: ast.Symbol) -> str:
        return symbol.hierarchicalPath.removeprefix(self._prefix)

    def _constant(self, expression: ast.Expression) -> int | None:
        known = expression.constant
        return as_int(known if known is not None and known else expression.eval(self._context))


def branch_places(statement: ast.ConditionalStatement, texts: Texts) -> tuple[Key, Key] | None:
    """Give the keys of an `if`'s two branches; None in a macro."""
    node = statement.syntax
    place = texts.place(node.ifKeyword.location) if isinstance(node, syntax.ConditionalStatementSyntax) else None
    return None if place is None else ((place, "if"), (_moved(place), "else"))


def value_places(expression: ast.ConditionalExpression, texts: Texts) -> tuple[Key, Key] | None:
    """Give the keys of a `?:`'s two values; None in a macro."""
    node = expression.syntax
    place = texts.place(_anchor(node.left).location) if isinstance(node, syntax.ConditionalExpressionSyntax) else None
    return None if place is None else ((place, "cond_then"), (_moved(place), "cond_else"))


def item_places(statement: ast.CaseStatement, texts: Texts) -> Iterator[tuple[Key, list[ast.Expression]]]:
    """Give the key of each item of a `case`, the default left out, with the expressions that choose it."""
    node = statement.syntax
    if isinstance(node, syntax.CaseStatementSyntax):
        items = [item for item in children(node.items) if isinstance(item, syntax.StandardCaseItemSyntax)]
        for item, group in zip(items, statement.items, strict=False):
            colon = texts.place(item.colon.location)
            if colon is not None:
                yield (colon, "case"), list(group.expressions)


def _moved(place: Place) -> Place:
    """Give the place at which Verilator counts the other branch."""
    return Place(place.file, place.line, place.column + 1)


def _anchor(node: syntax.SyntaxNode) -> parsing.Token:
    """Give the token of a `?:`'s first value at which Verilator places the choice."""
    match node:
        case syntax.ParenthesizedExpressionSyntax():
            return _anchor(node.expression)
        case syntax.BinaryExpressionSyntax():
            return node.operatorToken
        case syntax.ConditionalExpressionSyntax():
            return node.question
        case syntax.IdentifierSelectNameSyntax():
            selects = [part for part in children(node.selectors) if isinstance(part, syntax.ElementSelectSyntax)]
            return selects[-1].openBracket if selects else node.getFirstToken()
        case _:
            return node.getFirstToken()


def _counts_from_zero(kind: ast.Type) -> bool:
    plain = kind.canonicalType
    if isinstance(plain, ast.EnumType):
        plain = plain.baseType.canonicalType
    if isinstance(plain, ast.PackedArrayType):
        return bool(plain.elementType.canonicalType.isScalar) and plain.range.right == 0 and plain.range.left >= 0
    return bool(plain.isIntegral)
