"""Finds the branches and generate blocks that parameters decide, and which parameters those are. Knows no coverage and no run.

A branch counts as off only where its condition is a constant in every instance. Parameters are told only where nothing
else takes part: no genvar, no function of the user's, whose body could read more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyslang
from pyslang import ast

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.condition_finder import Key, branch_places, item_places, value_places
from llm4cov_agent.rtl.elaborate.expressions import as_int
from llm4cov_agent.rtl.elaborate.owners import reading
from llm4cov_agent.rtl.elaborate.ports import value_text
from llm4cov_agent.rtl.elaborate.rereading import reread
from llm4cov_agent.rtl.elaborate.site_values import Place
from llm4cov_agent.rtl.elaborate.sites_text import Texts

_E = ast.ExpressionKind
_S = ast.StatementKind


@dataclass(frozen=True, slots=True)
class Ground:
    """What a constant condition reads."""

    parameters: tuple[tuple[str, str], ...] = ()
    """(name, value) of the parameters of its own module, in the order of the source; empty where they are not certain."""
    module: str = ""
    """That module, where it isn't the top."""
    tops: frozenset[str] = frozenset()
    """Parameters of the top module that it hangs on, directly or through those of instances."""
    constants: tuple[int | str, ...] = ()
    """Integers and strings that its text compares with."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What parameters switch; empty where nothing could be read."""

    off: Mapping[Key, Ground] = field(default_factory=dict)
    """Branches that no instance can take, by place and Verilator's word as in `Conditions.own`."""
    blocks: Mapping[Place, tuple[bool, Ground]] = field(default_factory=dict)
    """Generate blocks with a condition: whether some instance has it."""


@reading()
def read_switches(design: Design) -> Switches:
    """Read a design's sources again; what lies in files that can't be read, or in macros, is left out. Never raises for a source."""
    try:
        return _read(design)
    except (RuntimeError, ValueError):
        # These are what slang's binding raises for inputs that it gives up on, a nesting too deep among them.
        return Switches()


def _read(design: Design) -> Switches:
    read = reread(design)
    finder = _Finder(read.texts, design.top, read.context)
    read.root.visit(
        lookup_table={
            _S.Conditional: finder.on_if,
            _S.Case: finder.on_case,
            _E.ConditionalOp: finder.on_choice,
            ast.SymbolKind.GenerateBlock: finder.on_block,
        }
    )
    off = {key: _shared(ground for _, ground in found) for key, found in finder.branches.items() if all(is_off for is_off, _ in found)}
    blocks = {place: (any(here for here, _ in found), _shared(one for _, one in found)) for place, found in finder.blocks.items()}
    return Switches(off, blocks)


def _shared(grounds: Iterable[Ground]) -> Ground:
    """Put the grounds of all instances together; parameters are told where they are the same in all."""
    every = list(grounds)
    first = every[0]
    same = all((one.parameters, one.module) == (first.parameters, first.module) for one in every)
    constants = tuple(dict.fromkeys(value for one in every for value in one.constants))
    tops = frozenset(name for one in every for name in one.tops)
    return Ground(first.parameters if same else (), first.module if same else "", tops, constants)


class _Finder:
    """Visits all instances."""

    def __init__(self, texts: Texts, top: str, context: ast.EvalContext) -> None:
        self._texts, self._top, self._context = texts, top, context
        self.branches: dict[Key, list[tuple[bool, Ground]]] = {}
        self.blocks: dict[Place, list[tuple[bool, Ground]]] = {}

    def on_if(self, statement: ast.ConditionalStatement) -> None:
        """Note both branches of an `if`."""
        keys = branch_places(statement, self._texts)
        if keys is not None:
            self._both(keys, [condition.expr for condition in statement.conditions])

    def on_choice(self, expression: ast.ConditionalExpression) -> None:
        """Note both values of a `?:`."""
        keys = value_places(expression, self._texts)
        if keys is not None:
            self._both(keys, [condition.expr for condition in expression.conditions])

    def on_case(self, statement: ast.CaseStatement) -> None:
        """Note the items of a `case` over constants that are equal to none of theirs."""
        if statement.condition is not ast.CaseStatementCondition.Normal:
            return
        subject = self._value(statement.expr)
        for key, expressions in item_places(statement, self._texts):
            values = [self._value(one) for one in expressions]
            is_off = subject is not None and all(value is not None and value != subject for value in values)
            self.branches.setdefault(key, []).append((is_off, self._ground([statement.expr, *expressions])))

    def on_block(self, block: ast.GenerateBlockSymbol) -> ast.VisitAction:
        """Note a generate block that has a condition; what is in one that isn't there says nothing."""
        place = self._texts.place(block.syntax.getFirstToken().location) if block.syntax is not None else None
        if block.conditionExpression is not None and place is not None:
            ground = self._ground([block.conditionExpression, *block.caseItemExpressions])
            self.blocks.setdefault(place, []).append((not block.isUninstantiated, ground))
        return ast.VisitAction.Skip if block.isUninstantiated else ast.VisitAction.Advance

    def _both(self, keys: tuple[Key, Key], conditions: list[ast.Expression]) -> None:
        value = self._value(conditions[0]) if len(conditions) == 1 else None
        ground = self._ground(conditions) if value is not None else Ground()
        for key, is_off in zip(keys, (value == 0, value not in (None, 0)), strict=True):
            self.branches.setdefault(key, []).append((is_off, ground))

    def _value(self, expression: ast.Expression) -> int | None:
        """Evaluate a constant; None for what reads a signal, or has undefined bits."""
        if not all(isinstance(one, (ast.ParameterSymbol, ast.EnumValueSymbol)) for one in _symbols(expression)):
            return None
        known = expression.constant
        value = known if known is not None and known else expression.eval(self._context)
        held = value.value
        return None if not isinstance(held, pyslang.SVInt) or held.hasUnknown else as_int(held)

    def _ground(self, expressions: list[ast.Expression]) -> Ground:
        trace = _Trace(self._top)
        for expression in expressions:
            trace.follow(expression)
        is_certain = trace.is_certain and len({one.declaringDefinition.name for one in trace.own.values()}) == 1
        module = next((one.declaringDefinition.name for one in trace.own.values()), "")
        return Ground(
            tuple((name, value_text(one)) for name, one in trace.own.items()) if is_certain else (),
            module if is_certain and module != self._top else "",
            frozenset(trace.tops),
            tuple(trace.constants),
        )


class _Trace:
    """Follows an expression to the parameters behind it."""

    def __init__(self, top: str) -> None:
        self._top = top
        self.is_certain = True
        self.own: dict[str, ast.ParameterSymbol] = {}
        """The first parameters on the way that can be set from outside their module."""
        self.tops: set[str] = set()
        self.constants: dict[int | str, None] = {}

    def follow(self, expression: ast.Expression, *, is_own: bool = True) -> None:
        if _calls_a_function(expression):
            self.is_certain = False
        if is_own:
            self.constants.update(dict.fromkeys(_literals(expression)))
        for symbol in _symbols(expression):
            if isinstance(symbol, ast.EnumValueSymbol):
                continue
            if not isinstance(symbol, ast.ParameterSymbol):
                self.is_certain = False
                continue
            settable = not symbol.isLocalParam and symbol.declaringDefinition is not None
            if settable and is_own:
                self.own.setdefault(symbol.name, symbol)
            if settable and symbol.declaringDefinition.name == self._top and symbol.hierarchicalPath == f"{self._top}.{symbol.name}":
                self.tops.add(symbol.name)
                # Its default may be made of others, which then decide as well.
            if symbol.initializer is not None:
                self.follow(symbol.initializer, is_own=is_own and not settable)
            elif is_own and not settable:
                # A genvar: which of the blocks this is decides too.
                self.is_certain = False


def _symbols(expression: ast.Expression) -> list[ast.Symbol]:
    found: list[ast.Symbol] = []

    def visit(value: ast.ValueExpressionBase) -> None:
        found.append(value.symbol)

    expression.visit(lookup_table={_E.NamedValue: visit, _E.HierarchicalValue: visit})
    return found


def _literals(expression: ast.Expression) -> list[int | str]:
    found: list[int | str] = []

    def number(literal: ast.IntegerLiteral) -> None:
        if not literal.value.hasUnknown:
            found.append(int(literal.value))

    def string(literal: ast.StringLiteral) -> None:
        found.append(str(literal.value))

    expression.visit(lookup_table={_E.IntegerLiteral: number, _E.StringLiteral: string})
    return found


def _calls_a_function(expression: ast.Expression) -> bool:
    found: list[bool] = []

    def visit(call: ast.CallExpression) -> None:
        found.append(not call.isSystemCall)

    expression.visit(lookup_table={_E.Call: visit})
    return any(found)
