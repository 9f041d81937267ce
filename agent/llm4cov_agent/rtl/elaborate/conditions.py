"""From a design to the conditions under which its places are reached and its signals assigned. Knows no coverage and no simulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyslang import ast, parsing, syntax

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.condition_text import alternatives, negated, shortened
from llm4cov_agent.rtl.elaborate.condition_values import Assignment, Condition, Conditions, Declared, ModuleText, Part, Region
from llm4cov_agent.rtl.elaborate.design_of import flatten
from llm4cov_agent.rtl.elaborate.expressions import as_int, unwrapped
from llm4cov_agent.rtl.elaborate.netlist import Netlist
from llm4cov_agent.rtl.elaborate.reading import compile_unit, parse, read_files
from llm4cov_agent.rtl.elaborate.site_values import Place
from llm4cov_agent.rtl.elaborate.sites_text import Texts, children, has_line_directive, identifiers

_E = ast.ExpressionKind
_S = ast.StatementKind
_INCREMENTS = frozenset(
    {ast.UnaryOperator.Preincrement, ast.UnaryOperator.Postincrement, ast.UnaryOperator.Predecrement, ast.UnaryOperator.Postdecrement}
)
_SELECTS = (ast.ElementSelectExpression, ast.RangeSelectExpression, ast.MemberAccessExpression)
_ONE = re.compile(r"(?:1'[bB])?1")

_Key = tuple[Place, str]
_Range = tuple[Place, Place]


def read_conditions(design: Design) -> Conditions:
    """Read a design's sources again; what lies in files that can't be read, or in macros, is left out. Never raises for a source."""
    try:
        return _read(design)
    except (RuntimeError, ValueError):
        # These are what slang's binding raises for inputs that it gives up on, a nesting too deep among them.
        return Conditions()


def _read(design: Design) -> Conditions:
    sources, _ = read_files(design.sources)
    unit = parse([(path, sources[path].text) for path in design.sources if path in sources], design.include_dirs, design.defines)
    root = compile_unit(unit, design.top, design.overrides).getRoot()
    usable = {path: one.text for path, one in sources.items() if one.encoding == "utf-8" and not has_line_directive(one.text)}
    top = next((instance for instance in root.topInstances if instance.name == design.top), None)
    if top is None:
        return Conditions()
    netlist, _, _ = flatten(top, unit.places)
    finder = _Finder(
        Texts(unit.places.manager, usable), design.top, ast.EvalContext(ast.ASTContext(ast.Scope(root), ast.LookupLocation.max))
    )
    handlers: dict[object, Callable[..., None]] = {
        _S.Conditional: finder.on_if,
        _S.Case: finder.on_case,
        _E.ConditionalOp: finder.on_choice,
        _E.Assignment: finder.on_assignment,
        _E.UnaryOp: finder.on_increment,
        ast.SymbolKind.Net: finder.on_signal,
        ast.SymbolKind.Variable: finder.on_signal,
        ast.SymbolKind.Instance: finder.on_instance,
    }
    root.visit(lookup_table=handlers)
    return finder.conditions(netlist)


@dataclass(slots=True)
class _Open:
    """A condition while its instances are still being found."""

    text: str
    written: str
    ranges: list[_Range]
    """Where the source writes what it compares."""
    signals: dict[str, None] = field(default_factory=dict)


class _Finder:
    """Visits all instances; what they share is noted once."""

    def __init__(self, texts: Texts, top: str, context: ast.EvalContext) -> None:
        self._texts = texts
        self._prefix = f"{top}."
        self._context = context
        self._own: dict[_Key, _Open] = {}
        self._regions: dict[tuple[Place, Place], tuple[Part, _Key]] = {}
        self._declared: dict[Place, tuple[str, dict[str, None]]] = {}
        self._assignments: dict[Place, dict[Place, Assignment]] = {}
        self._subjects: dict[Place, Place] = {}
        self._modules: dict[_Range, dict[str, None]] = {}

    def on_if(self, statement: ast.ConditionalStatement) -> None:
        node = statement.syntax
        if not isinstance(node, syntax.ConditionalStatementSyntax):
            return
        place, text, ranges = self._texts.place(node.ifKeyword.location), self._text(node.predicate), self._ranges([node.predicate])
        if place is None or text is None:
            return
        names = self._names(condition.expr for condition in statement.conditions)
        self._add(place, "if", text, f"if ({text})", ranges, names)
        self._add(_moved(place), "else", negated(text), f"if ({text})", ranges, names)
        self._region(node.statement, Part.IF, (place, "if"))
        if node.elseClause is not None:
            self._region(node.elseClause.clause, Part.IF, (_moved(place), "else"))

    def on_case(self, statement: ast.CaseStatement) -> None:
        node = statement.syntax
        if not isinstance(node, syntax.CaseStatementSyntax):
            return
        place, subject = self._texts.place(node.caseKeyword.location), self._text(node.expr)
        if isinstance(statement.expr, ast.ValueExpressionBase) and place is not None:
            declared = self._texts.place(statement.expr.symbol.location)
            if declared is not None:
                self._subjects[place] = declared
        if subject is None:
            return
        operator = "==" if node.caseKeyword.rawText == "case" and node.matchesOrInside.rawText == "" else "==?"
        subject = "" if _ONE.fullmatch(subject) else subject
        names = self._names([statement.expr])
        found: list[str] = []
        inner = dict(names)
        every: list[_Range] = []
        items = [item for item in children(node.items) if isinstance(item, syntax.StandardCaseItemSyntax)]
        for item, group in zip(items, statement.items, strict=False):
            written = [part for part in children(item.expressions) if isinstance(part, syntax.SyntaxNode)]
            texts = [text for text in map(self._text, written) if text is not None]
            colon, ranges = self._texts.place(item.colon.location), self._ranges(written)
            found.extend(texts)
            every.extend(ranges)
            read = names | self._names(group.expressions)
            inner |= read
            if colon is not None and len(texts) == len(written):
                self._add(colon, "case", alternatives(subject, operator, texts), shortened(", ".join(texts)), ranges, read)
                self._region(item.clause, Part.CASE, (colon, "case"))
        for default in children(node.items):
            if isinstance(default, syntax.DefaultCaseItemSyntax):
                at = self._texts.place(default.defaultKeyword.location)
                if at is not None:
                    text = negated(alternatives(subject, operator, found)) if found else "1"
                    self._add(at, "case", text, "default", every, inner)
                    self._region(default.clause, Part.CASE, (at, "case"))

    def on_choice(self, expression: ast.ConditionalExpression) -> None:
        node = expression.syntax
        if not isinstance(node, syntax.ConditionalExpressionSyntax):
            return
        place, text, ranges = self._texts.place(_anchor(node.left).location), self._text(node.predicate), self._ranges([node.predicate])
        if place is None or text is None:
            return
        names = self._names(condition.expr for condition in expression.conditions)
        self._add(place, "cond_then", text, "", ranges, names)
        self._add(_moved(place), "cond_else", negated(text), "", ranges, names)
        self._region(node.left, Part.CHOICE, (place, "cond_then"))
        self._region(node.right, Part.CHOICE, (_moved(place), "cond_else"))

    def on_assignment(self, expression: ast.AssignmentExpression) -> None:
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
        node = expression.syntax
        if expression.op in _INCREMENTS and node is not None:
            self._assigned(expression.operand, node, identifiers(node), None)

    def on_signal(self, symbol: ast.ValueSymbol) -> None:
        place = self._texts.place(symbol.location)
        if place is not None:
            self._declared.setdefault(place, (symbol.name, {}))[1][self._path(symbol)] = None

    def on_instance(self, instance: ast.InstanceSymbol) -> None:
        node = instance.body.syntax
        if isinstance(node, syntax.ModuleDeclarationSyntax):
            path = f"{instance.hierarchicalPath}."
            for module in self._ranges([node]):
                self._modules.setdefault(module, {})[path.removeprefix(self._prefix)] = None

    def conditions(self, netlist: Netlist) -> Conditions:
        """Put the findings together."""
        compared = _comparisons(netlist)
        own: dict[_Key, Condition] = {}
        for (place, word), found in self._own.items():
            near = compared.get(place.file, [])
            wanted = [(signal, value) for at, signal, value in near if any(start <= at < end for start, end in found.ranges)]
            own[place, word] = Condition(found.text, place, found.written, tuple(found.signals), tuple(dict.fromkeys(wanted)))
        regions: dict[Path, list[Region]] = {}
        for (start, end), (part, key) in self._regions.items():
            regions.setdefault(start.file, []).append(Region(start, end, part, own[key]))
        for found_regions in regions.values():
            found_regions.sort(key=lambda one: (one.start.line, one.start.column, -one.end.line, -one.end.column))
        return Conditions(
            regions={file: tuple(found_regions) for file, found_regions in regions.items()},
            own=own,
            declared={place: Declared(name, tuple(paths)) for place, (name, paths) in self._declared.items()},
            assignments={place: tuple(found.values()) for place, found in self._assignments.items()},
            subjects=self._subjects,
            modules=tuple(ModuleText(start, end, tuple(prefixes)) for (start, end), prefixes in self._modules.items()),
            feeds=_feeds(netlist),
            inputs=frozenset(netlist.inputs),
        )

    def _add(self, place: Place, word: str, text: str, written: str, ranges: list[_Range], names: dict[str, None]) -> None:
        self._own.setdefault((place, word), _Open(shortened(text), shortened(written), ranges)).signals.update(names)

    def _region(self, node: syntax.SyntaxNode, part: Part, key: _Key) -> None:
        for region in self._ranges([node]):
            self._regions[region] = (part, key)

    def _assigned(self, target: ast.Expression, node: syntax.SyntaxNode, names: frozenset[str], value: int | None) -> None:
        while isinstance(target, _SELECTS):
            target = target.value
        declared = self._texts.place(target.symbol.location) if isinstance(target, ast.ValueExpressionBase) else None
        place, text = self._texts.place(node.getFirstToken().location), self._text(node)
        if declared is None or place is None or text is None:
            return
        found = self._assignments.setdefault(declared, {})
        before = found.get(place)
        # Instances with other parameters can assign another constant.
        same = before is None or before.value == value
        found[place] = Assignment(place, shortened(text), names, value if same else None)

    def _text(self, node: syntax.SyntaxNode) -> str | None:
        key = self._texts.key(node)
        return None if key is None else self._texts.text(key)

    def _ranges(self, nodes: Iterable[syntax.SyntaxNode]) -> list[_Range]:
        found: list[_Range] = []
        for node in nodes:
            start, end = self._texts.place(node.getFirstToken().location), self._texts.place(node.getLastToken().range.end)
            if start is not None and end is not None and start.file == end.file:
                found.append((start, end))
        return found

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


def _comparisons(netlist: Netlist) -> dict[Path, list[tuple[Place, str, int]]]:
    files: dict[str, Path] = {}
    found: dict[Path, list[tuple[Place, str, int]]] = {}
    for one in netlist.comparisons:
        file = files.setdefault(one.span.file, Path(one.span.file).resolve())
        if not one.ref.dynamic and one.ref.low == 0:
            found.setdefault(file, []).append((Place(file, one.span.line, one.span.column), one.ref.signal, one.value))
    return found


def _feeds(netlist: Netlist) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {name: {} for name in netlist.signals}
    clocked = (write for block in netlist.blocks for write in block.writes)
    combinational = (write for writes in netlist.drivers.values() for write in writes)

    for write in (*combinational, *clocked):
        into = found.setdefault(write.target.signal, {})
        for node in (*write.guards, write.value):
            into.update(dict.fromkeys(ref.signal for ref in node.refs()))
    return {name: tuple(into) for name, into in found.items()}
