"""Finds the functions of which every call is a plain part of an assignment that a simulator runs. Knows no value and no slot.

A front end for proofs copies such a function to each of its calls. It drops calls in initial blocks, initial values,
checks and arguments of tasks, and computes constant ones itself, and a simulator may run a call that stands in a
condition more often than the text says; functions called there are not given.
"""

from __future__ import annotations

from collections import Counter

from pyslang import ast, parsing, syntax

from llm4cov_agent.rtl.elaborate.sites_text import children, descendants

_K = syntax.SyntaxKind
_ALWAYS = frozenset({_K.AlwaysBlock, _K.AlwaysCombBlock, _K.AlwaysFFBlock, _K.AlwaysLatchBlock})
_ASSIGNMENTS = frozenset({_K.AssignmentExpression, _K.NonblockingAssignmentExpression})
_OPERATORS = frozenset(
    {
        _K.AddExpression,
        _K.SubtractExpression,
        _K.MultiplyExpression,
        _K.BinaryAndExpression,
        _K.BinaryOrExpression,
        _K.BinaryXorExpression,
        _K.ParenthesizedExpression,
        _K.ConcatenationExpression,
    }
)
_AROUND = (
    syntax.ConditionalStatementSyntax,
    syntax.ElseClauseSyntax,
    syntax.CaseStatementSyntax,
    syntax.StandardCaseItemSyntax,
    syntax.DefaultCaseItemSyntax,
    syntax.ForLoopStatementSyntax,
    syntax.TimingControlStatementSyntax,
)
_JUMPS = (syntax.ReturnStatementSyntax, syntax.JumpStatementSyntax, syntax.DisableStatementSyntax)


def plain_functions(root: syntax.SyntaxNode) -> frozenset[str]:
    """Names of the functions that one module declares, that end at their end, and that are called in plain assignments only."""
    nodes = [root, *(part for part in descendants(root) if isinstance(part, syntax.SyntaxNode))]
    declared = [node for node in nodes if isinstance(node, syntax.FunctionDeclarationSyntax)]
    if not declared:
        return frozenset()
    count = Counter(name for node in declared if (name := function_name(node)) is not None)
    names = {
        name
        for node in declared
        if (name := function_name(node)) is not None and count[name] == 1 and node.kind is _K.FunctionDeclaration and _is_plain(node)
    }
    for node in nodes:
        used = {part.valueText for part in children(node) if isinstance(part, parsing.Token) and part.kind is parsing.TokenKind.Identifier}
        for name in used & names:
            if not _is_harmless(node, name):
                names.discard(name)
    return frozenset(names)


def function_name(node: syntax.FunctionDeclarationSyntax) -> str | None:
    """Name of a declared function; None for one with a scope in its name."""
    name = node.prototype.name
    return name.identifier.valueText if isinstance(name, syntax.IdentifierNameSyntax) else None


class ConstantCalls:
    """Visits calls of elaborated code; `names` are those that are called with nothing but constants at least once."""

    def __init__(self, names: frozenset[str], context: ast.EvalContext) -> None:
        self._names = names
        self._context = context
        self.names: set[str] = set()

    def visit(self, call: ast.CallExpression) -> None:
        """Take note of a call."""
        if call.subroutineName in self._names and all(argument.eval(self._context) for argument in call.arguments):
            self.names.add(call.subroutineName)


def _is_plain(node: syntax.FunctionDeclarationSyntax) -> bool:
    is_member = isinstance(_above(node), syntax.ModuleDeclarationSyntax) and _above(node).kind is _K.ModuleDeclaration
    return is_member and not any(isinstance(part, _JUMPS) for part in descendants(node))


def _above(node: syntax.SyntaxNode) -> syntax.SyntaxNode:
    """The parent; the node itself at the root."""
    above: syntax.SyntaxNode | None = node.parent
    return node if above is None else above


def _is_harmless(node: syntax.SyntaxNode, name: str) -> bool:
    """Whether a node that holds a function's name is its declaration, its result, or a call that certainly is run as written."""
    outer, is_inside = node, False
    while (above := _above(outer)) is not outer:
        outer = above
        if isinstance(outer, syntax.FunctionDeclarationSyntax) and function_name(outer) == name:
            is_inside = True
    call = _above(node)
    if not isinstance(call, syntax.InvocationExpressionSyntax):
        return is_inside
    return not is_inside and isinstance(node, syntax.IdentifierNameSyntax) and call.left == node and _is_run_as_written(call)


def _is_run_as_written(call: syntax.SyntaxNode) -> bool:
    node, above = call, _above(call)
    while above.kind in _OPERATORS and above is not node:
        node, above = above, _above(above)
    if above.kind not in _ASSIGNMENTS or not isinstance(above, syntax.BinaryExpressionSyntax) or above.right != node:
        return False
    node, above = above, _above(above)
    if isinstance(above, syntax.ContinuousAssignSyntax):
        return above.delay is None
    if not isinstance(above, syntax.ExpressionStatementSyntax):
        return False
    while not isinstance(above, syntax.ProceduralBlockSyntax):
        node, above = above, _above(above)
        is_sequence = isinstance(above, syntax.BlockStatementSyntax) and above.kind is _K.SequentialBlockStatement
        if above is node or not (is_sequence or isinstance(above, (*_AROUND, syntax.ProceduralBlockSyntax))):
            return False
    return above.kind in _ALWAYS
