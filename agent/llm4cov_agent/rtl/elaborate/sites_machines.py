"""Finds the case statements that dispatch on a state of an enumerated type. Knows no transition."""

from __future__ import annotations

from pyslang import ast, syntax

from llm4cov_agent.rtl.elaborate.expressions import as_int, type_width
from llm4cov_agent.rtl.elaborate.site_values import Bit, Place, Slot
from llm4cov_agent.rtl.elaborate.sites_text import Key, Texts


class MachineFinder:
    """Visits case statements; the findings stay in its fields."""

    def __init__(self, texts: Texts, scopes: dict[Key, Slot]) -> None:
        self._texts = texts
        self._scopes = scopes
        self._found: dict[Place, list[dict[str, Bit]]] = {}

    def visit(self, statement: ast.CaseStatement) -> None:
        """Take note of a case statement on a whole variable."""
        node = statement.syntax
        if not isinstance(node, syntax.CaseStatementSyntax) or not isinstance(statement.expr, ast.NamedValueExpression):
            return
        place = self._texts.place(node.caseKeyword.location)
        symbol = statement.expr.symbol
        kind = symbol.type.canonicalType
        declared = self._texts.key(symbol.syntax) if symbol.syntax is not None else None
        slot = self._scopes.get((declared[0], declared[1], declared[1])) if declared is not None else None
        if place is None or slot is None or not isinstance(kind, ast.EnumType):
            return
        width = type_width(kind)
        values = {member.name: as_int(member.value) for member in kind if isinstance(member, ast.EnumValueSymbol)}
        states = {
            f"{symbol.name}::{name}": Bit(f"({symbol.name} == {width}'h{value:x})", slot)
            for name, value in values.items()
            if value is not None
        }
        self._found.setdefault(place, []).append(states)

    def machines(self) -> dict[Place, dict[str, Bit]]:
        """Give the states by the place of the `case`, under `variable::STATE`.

        Verilator counts a state for one instance, while a text stands in all; so only machines with one are given.
        """
        return {place: found[0] for place, found in self._found.items() if len(found) == 1}

    def copied(self) -> frozenset[Place]:
        """Give the places of the machines that several instances have."""
        return frozenset(place for place, found in self._found.items() if len(found) > 1)
