"""Reads the syntax tree of an untrusted testbench and refuses what changes the design or writes into it. Elaborates nothing.

Signals inside the design may be read. Where a reference into the design stands must be a place that is known to read; any
other place is refused, so that a construct which was forgotten here can't write.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pyslang import parsing, syntax

from llm4cov_agent.errors import Problem
from llm4cov_agent.rtl.elaborate.reading import Unit
from llm4cov_agent.rtl.elaborate.untrusted_text import REFUSED
from llm4cov_agent.rtl.elaborate.untrusted_words import DRAWS_FROM_A_SEED, WRITES_AN_ARGUMENT

Kind = syntax.SyntaxKind
Node: TypeAlias = Any
"""A node of slang; which attributes it has depends on its kind, which the binding's types don't say."""

_UNITS = frozenset({Kind.ModuleDeclaration, Kind.InterfaceDeclaration, Kind.ProgramDeclaration, Kind.PackageDeclaration})
_REFUSED_KINDS = {
    Kind.DPIImport: "foreign code (DPI) is refused",
    Kind.DPIExport: "foreign code (DPI) is refused",
    Kind.BindDirective: "'bind' is refused: it changes the design",
    Kind.ConfigDeclaration: "configurations are refused: they choose what is built",
    Kind.DefParam: "'defparam' is refused: it changes the design",
    Kind.NetAlias: "'alias' is refused: it joins nets for good",
    Kind.ProceduralForceStatement: "'force' is refused: it sets what no input sets",
    Kind.ProceduralReleaseStatement: "'release' is refused: it undoes a force",
    Kind.ProceduralDeassignStatement: "'deassign' is refused",
    Kind.AttributeInstance: "attributes '(* ... *)' are refused: tools take them for orders",
    Kind.CheckerDeclaration: "checkers are refused",
}
_SHARED_KINDS = frozenset({Kind.DataDeclaration, Kind.NetDeclaration, Kind.UserDefinedNetDeclaration})
_PASSED_THROUGH = frozenset(
    {
        *(Kind.ParenthesizedExpression, Kind.ConcatenationExpression, Kind.StreamingConcatenationExpression, Kind.StreamExpression),
        *(Kind.ElementSelectExpression, Kind.MemberAccessExpression, Kind.SimpleSequenceExpr, Kind.SimplePropertyExpr),
        *(Kind.OrderedArgument, Kind.NamedArgument, Kind.AssignmentPatternExpression, Kind.SimpleAssignmentPattern),
        *(Kind.AssignmentPatternItem, Kind.StructuredAssignmentPattern, Kind.ParenthesizedSequenceExpr, Kind.ParenthesizedPropertyExpr),
    }
)
_READING = frozenset(
    {
        *(
            Kind.ConditionalPattern,
            Kind.CaseStatement,
            Kind.StandardCaseItem,
            Kind.WaitStatement,
            Kind.LoopStatement,
            Kind.EqualsValueClause,
        ),
        *(Kind.ImmediateAssertStatement, Kind.ImmediateAssumeStatement, Kind.ImmediateCoverStatement, Kind.ReturnStatement),
        *(Kind.DelayControl, Kind.BitSelect, Kind.SimpleRangeSelect, Kind.AscendingRangeSelect, Kind.DescendingRangeSelect),
        *(Kind.PropertySpec, Kind.DisableIff, Kind.Coverpoint, Kind.ForeachLoopList, Kind.ForLoopStatement, Kind.DoWhileStatement),
        *(Kind.RangeList, Kind.SequenceRepetition, Kind.CoverageIffClause, Kind.IffEventClause, Kind.EventControl),
        Kind.DelayedSequenceElement,
    }
)
_ASSIGNMENTS = frozenset(kind for name, kind in Kind.__members__.items() if name.endswith("AssignmentExpression"))
_STEPS = frozenset(kind for name, kind in Kind.__members__.items() if name.endswith(("incrementExpression", "decrementExpression")))
_CALLS = frozenset({Kind.InvocationExpression, Kind.ArrayOrRandomizeMethodExpression, Kind.NewClassExpression, Kind.CopyClassExpression})
_ASKS = frozenset({"name", "size", "num", "len"})
"""Built-in methods that only tell something of what they are called on."""
_TAKES = frozenset({"push_back", "push_front", "insert", "put", "try_put", "exists", "delete", "sample"})
"""Built-in methods that only read their arguments."""
_WRITING_DIRECTION = re.compile(r"\b(output|inout|ref)\b")


@dataclass(slots=True)
class _Found:
    """What one walk over the tree collects."""

    units: list[tuple[str, Node]] = field(default_factory=list)
    interfaces: set[str] = field(default_factory=set)
    instances: list[tuple[str, str]] = field(default_factory=list)
    """(type, instance name)."""
    names: list[Node] = field(default_factory=list)
    """Names with dots or `::`, whole."""
    routines: dict[str, list[str]] = field(default_factory=dict)
    """Text of each task and function, by name."""
    refused: list[tuple[Node, str]] = field(default_factory=list)
    has_virtual_interface: bool = False
    wildcard_packages: list[tuple[str, Node]] = field(default_factory=list)
    plain_targets: list[tuple[str, Node]] = field(default_factory=list)
    """Names without dots that are written."""
    declared: set[str] = field(default_factory=set)


def screen_tree(unit: Unit, *, design_modules: Collection[str], design_interfaces: Collection[str]) -> tuple[Problem, ...]:
    """Refuse by syntax. The tree has to be free of syntax errors: a reader that lost its place sees nothing."""
    found = _Found()
    unit.tree.root.visit(lambda node: _collect(node, found))
    own = {name for name, _ in found.units}
    refused = list(found.refused)
    for name, node in found.units:
        if name in design_modules or name in design_interfaces:
            refused.append((node, f"'{name}' is the name of a part of the design: the testbench may not replace it"))
    inside = {name for kind, name in found.instances if kind not in own and kind not in design_interfaces} | set(design_modules)
    packages = set(design_modules) - own
    for node in found.names:
        reason = _reason(node, inside, packages, found)
        if reason is not None:
            refused.append((node, reason))
    imported = sorted({name for name, _ in found.wildcard_packages} & packages)
    if imported:
        for name, node in found.plain_targets:
            if name not in found.declared:
                refused.append((node, f"'{name}' is not declared in the testbench and may be a variable of package '{imported[0]}'"))
    return tuple(dict.fromkeys(_problem(node, reason, unit) for node, reason in refused))


def _problem(node: Node, message: str, unit: Unit) -> Problem:
    _, line, column = unit.places.start(node.sourceRange.start)
    return Problem(message, line=line, column=column, hint="Drive the design through its ports.", code=REFUSED)


def _collect(node: Node | parsing.Token, found: _Found) -> None:
    """Note what one node says; called for every node and token."""
    if isinstance(node, parsing.Token):
        return
    kind = node.kind
    if kind in (Kind.ScopedName, Kind.MemberAccessExpression):
        if node.parent is None or node.parent.kind is not Kind.ScopedName:
            found.names.append(node)
    elif kind in (Kind.IdentifierName, Kind.IdentifierSelectName):
        if node.parent is not None and node.parent.kind is not Kind.ScopedName and _is_written(node):
            found.plain_targets.append((node.identifier.valueText, node))
    elif kind is Kind.Declarator:
        found.declared.add(node.name.valueText)
    elif kind in _UNITS:
        found.units.append((node.header.name.valueText, node.header))
        if kind is Kind.InterfaceDeclaration:
            found.interfaces.add(node.header.name.valueText)
    elif kind in (Kind.UdpDeclaration, Kind.ClassDeclaration):
        found.units.append((node.name.valueText, node))
    elif kind is Kind.HierarchyInstantiation:
        for instance in node.instances:
            if not isinstance(instance, parsing.Token) and instance.decl is not None:
                found.instances.append((node.type.valueText, instance.decl.name.valueText))
    elif kind in (Kind.FunctionDeclaration, Kind.TaskDeclaration):
        name = str(node.prototype.name).strip().rpartition("::")[2].rpartition(".")[2].strip()
        found.routines.setdefault(name, []).append(str(node))
        found.declared.add(name)
    elif kind is Kind.VirtualInterfaceType:
        found.has_virtual_interface = True
    elif kind is Kind.PackageImportItem:
        found.wildcard_packages.append((node.package.valueText, node))
    elif kind in _SHARED_KINDS and node.parent is not None and node.parent.kind is Kind.CompilationUnit:
        found.refused.append((node, "a variable outside of modules is seen by the design's files too: declare it in a module"))
    elif kind in _REFUSED_KINDS:
        found.refused.append((node, _REFUSED_KINDS[kind]))


def _parts(node: Node) -> list[str]:
    """Give the names of a dotted name in order; "" for a part that is no plain name (`$root`, `this`, a call)."""
    parts: list[str] = []
    while node.kind in (Kind.ScopedName, Kind.MemberAccessExpression):
        last = node.right if node.kind is Kind.ScopedName else node.name
        parts.append(last.valueText if isinstance(last, parsing.Token) else _plain(last))
        node = node.left
    while node.kind is Kind.ElementSelectExpression:
        node = node.left
    parts.append(_plain(node))
    return parts[::-1]


def _plain(node: Node) -> str:
    return str(node.identifier.valueText) if node.kind in (Kind.IdentifierName, Kind.IdentifierSelectName) else ""


def _reason(node: Node, inside: Collection[str], packages: Collection[str], found: _Found) -> str | None:
    """Say why a dotted name is refused, or None."""
    parts = _parts(node)
    text = str(node).strip()[:80]
    is_in_package = parts[0] in packages and "::" in text
    if not is_in_package and not any(part in inside for part in parts[:-1]):
        return None
    if is_in_package and not _is_written(node):
        return None
    if found.has_virtual_interface:
        return f"'{text}' is inside the design: together with virtual interfaces it could be written"
    if not is_in_package and _is_read(node, parts, found):
        return None
    return f"'{text}' is inside the design and may only be read, as a value"


def _is_written(node: Node) -> bool:
    """Say whether a name is the target of an assignment or of `++` and `--`."""
    child, parent = node, node.parent
    while parent is not None and parent.kind in _PASSED_THROUGH:
        child, parent = parent, parent.parent
    return parent is not None and (_is_step(parent) or (_is_assignment(parent) and _same(parent.left, child)))


def _is_read(node: Node, parts: list[str], found: _Found) -> bool:
    child, parent = node, node.parent
    while parent is not None and parent.kind in _PASSED_THROUGH:
        child, parent = parent, parent.parent
    if parent is None or _is_step(parent):
        return False
    if _is_assignment(parent):
        return not _same(parent.left, child)
    if parent.kind is Kind.ArgumentList:
        return _is_read_by_call(parent.parent, found)
    if parent.kind in _CALLS:
        return parent.kind is Kind.InvocationExpression and child is not parent.arguments and parts[-1] in _ASKS
    if parent.kind is Kind.EqualsValueClause:
        return parent.parent is not None and parent.parent.kind is Kind.Declarator
    name = str(parent.kind).rpartition(".")[2]
    return parent.kind in _READING or name.endswith(("Expression", "PropertyExpr", "SequenceExpr"))


def _is_read_by_call(call: Node | None, found: _Found) -> bool:
    """Say whether a call only reads its arguments."""
    if call is None or call.kind is not Kind.InvocationExpression:
        return False
    called = str(call.left).strip()
    if called.startswith("$"):
        return called not in WRITES_AN_ARGUMENT and called not in DRAWS_FROM_A_SEED
    name = re.split(r"\.|::", called)[-1].strip()
    routines = found.routines.get(name)
    if routines is not None:
        return not any(_WRITING_DIRECTION.search(text) for text in routines)
    return name in _TAKES


def _is_assignment(node: Node) -> bool:
    return node.kind in _ASSIGNMENTS


def _is_step(node: Node) -> bool:
    return node.kind in _STEPS


def _same(one: Node, other: Node) -> bool:
    """Compare by place: the binding may wrap one node twice."""
    return one is other or (one.kind == other.kind and one.sourceRange == other.sourceRange)
