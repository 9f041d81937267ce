"""Finds where statements are executed, from the syntax alone. Knows no values and no elaborated instance.

Where a simulator looks at an expression is Verilator's way: at the end of the procedure, of the `if` branch or of the loop body
around it, blocks and case items not counting. What chooses a `?:` result is looked at when its assignment is executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pyslang import parsing, syntax

from llm4cov_agent.rtl.elaborate.site_values import Place, Slot, Where
from llm4cov_agent.rtl.elaborate.sites_calls import function_name
from llm4cov_agent.rtl.elaborate.sites_text import Key, Texts, children, descendants, identifiers

_K = syntax.SyntaxKind
_ALWAYS = frozenset({_K.AlwaysBlock, _K.AlwaysCombBlock, _K.AlwaysFFBlock, _K.AlwaysLatchBlock})
_JUMPS = (syntax.ReturnStatementSyntax, syntax.JumpStatementSyntax, syntax.DisableStatementSyntax)
_IN_MACRO = "lies in a macro or an include file"


@dataclass(frozen=True, slots=True)
class Host:
    """What runs an expression: where its values are looked at, and the statement it stands in."""

    slots: tuple[Slot, ...]
    statement: Slot | None = None
    hidden: frozenset[str] = frozenset()
    """Names that mean something else, or nothing, where the values are looked at."""


class StatementReader:
    """Reads the syntax of one compilation unit; the findings stay in its fields."""

    def __init__(self, texts: Texts, functions: frozenset[str] = frozenset()) -> None:
        """`functions` names those that are read as well."""
        self._texts = texts
        self._functions = functions
        self.statements: dict[tuple[Place, str], tuple[Slot, ...]] = {}
        self.hosts: dict[Key, Host] = {}
        self.scopes: dict[Key, Slot] = {}
        """Slot for module items, by the declarator that stands in its scope."""
        self.ports: dict[tuple[Slot, str], Place] = {}
        """Where a port is declared in a module's body, by the module's slot and the port's name."""
        self.refused: dict[Place, str] = {}
        self._loop: tuple[int, int] | None = None

    def unit(self, node: syntax.SyntaxNode) -> None:
        """Read everything below a root, modules one by one."""
        if isinstance(node, syntax.ModuleDeclarationSyntax):
            if node.kind is _K.ModuleDeclaration:
                slot = self._texts.inside(node, node.endmodule, Where.MEMBERS)
                self._declarations(node.header, slot)
                self._members(node.members, slot)
            else:
                self._refuse(node, "stands in an interface, a package or a program")
            return
        if isinstance(node, syntax.CompilationUnitSyntax):
            for part in children(node.members):
                if isinstance(part, syntax.SyntaxNode):
                    self.unit(part)
        else:
            self._refuse(node, "stands outside of modules")

    # Module items

    def _members(self, nodes: Iterable[syntax.SyntaxNode | parsing.Token] | syntax.SyntaxNode, slot: Slot | None) -> None:
        for node in children(nodes) if isinstance(nodes, syntax.SyntaxNode) else nodes:
            if isinstance(node, syntax.SyntaxNode):
                self._member(node, slot)

    def _member(self, node: syntax.SyntaxNode, slot: Slot | None) -> None:
        match node:
            case syntax.ProceduralBlockSyntax():
                self._procedure(node)
            case syntax.ContinuousAssignSyntax():
                if node.delay is not None or slot is None:
                    self._refuse(node, "is an assignment with a delay" if slot else _IN_MACRO)
                else:
                    self._expressions(node.assignments, Host((slot,), slot))
            case syntax.NetDeclarationSyntax():
                self._declarations(node, slot)
                if node.delay is None and slot is not None:
                    self._expressions(node.declarators, Host((slot,), slot))
                else:
                    self._refuse(node, "is an assignment with a delay" if slot else _IN_MACRO)
            case syntax.DataDeclarationSyntax() | syntax.PortDeclarationSyntax():
                self._declarations(node, slot)
                self._refuse(node, "is the initial value of a variable")
            case syntax.GenerateBlockSyntax():
                self._members(node.members, self._texts.inside(node, node.end, Where.MEMBERS))
            case syntax.IfGenerateSyntax():
                self._lone_member(node.block)
                if node.elseClause is not None:
                    self._lone_member(node.elseClause.clause)
            case syntax.LoopGenerateSyntax():
                self._lone_member(node.block)
            case syntax.CaseGenerateSyntax():
                for item in children(node.items):
                    if isinstance(item, (syntax.StandardCaseItemSyntax, syntax.DefaultCaseItemSyntax)):
                        self._lone_member(item.clause)
            case syntax.GenerateRegionSyntax():
                self._members(node.members, slot)
            case syntax.ModuleDeclarationSyntax():
                self.unit(node)
            case syntax.FunctionDeclarationSyntax() if function_name(node) in self._functions:
                self._function(node)
            case syntax.FunctionDeclarationSyntax():
                self._refuse(
                    node, "stands in a function or a task that is called otherwise than in plain assignments, or can be left early"
                )
            case _:
                self._refuse(node, "stands in no procedure or assignment")

    def _lone_member(self, node: syntax.SyntaxNode) -> None:
        """Read what a generate construct chooses: a block, a further construct, or one item without a block."""
        self._member(node, self._texts.slot(node, Where.LONE_MEMBER))

    def _declarations(self, node: syntax.SyntaxNode, slot: Slot | None) -> None:
        if slot is None:
            return
        for part in children(node):
            if isinstance(part, (syntax.DeclaratorSyntax, syntax.ImplicitNonAnsiPortSyntax)):
                key = self._texts.key(part)
                if key is not None:
                    self.scopes[key[0], key[1], key[1]] = slot
                if isinstance(part, syntax.DeclaratorSyntax) and isinstance(part.parent, syntax.PortDeclarationSyntax):
                    place = self._texts.place(part.name.location)
                    if place is not None:
                        self.ports[slot, part.name.valueText] = place
            elif isinstance(part, syntax.SyntaxNode) and part.kind is not _K.StructType:
                self._declarations(part, slot)

    # Procedures

    def _function(self, node: syntax.FunctionDeclarationSyntax) -> None:
        slot = self._texts.inside(node, node.end, Where.INSIDE)
        slots = () if slot is None else (slot,)
        self._executed(node.prototype.name.getFirstToken(), "block", slots)
        for part in children(node.items):
            if isinstance(part, syntax.StatementSyntax):
                self._statement(part, Host(slots))
            elif isinstance(part, syntax.SyntaxNode):
                self._refuse(part, "is a declaration in a function")

    def _procedure(self, node: syntax.ProceduralBlockSyntax) -> None:
        if node.kind not in _ALWAYS:
            self._refuse(node, "stands in an initial or a final block")
            return
        body: syntax.SyntaxNode = node.statement
        levels = 0
        if isinstance(body, syntax.TimingControlStatementSyntax):
            events = sum(1 for part in _nodes(body.timingControl) if part.kind is _K.SignalEventExpression)
            if not isinstance(body.timingControl, (syntax.EventControlWithExpressionSyntax, syntax.ImplicitEventControlSyntax)):
                self._refuse(node, "waits for time or for an event that is no edge")
                return
            edges = sum(1 for part in _nodes(body.timingControl) if part.kind is _K.SignalEventExpression and _has_edge(part))
            levels = events - 1 if edges == events else 0
            body = body.statement
        if any(isinstance(part, _JUMPS) for part in _nodes(body)):
            self._refuse(node, "stands in a procedure that can be left early (return, break, continue, disable)")
            return
        slots = self._ends(body, levels)
        self._executed(node.keyword, "block", slots)
        self._statement(body, Host(slots), levels, top=True)

    def _ends(self, node: syntax.SyntaxNode, levels: int = 0) -> tuple[Slot, ...]:
        """Give the slots of which exactly one is reached when a statement ends; none if it is not in one file.

        A synthesis tool takes a process with asynchronous resets only if it is a chain of `if`s and nothing else, one for
        each edge but the clock's; so the end of the chain becomes the ends of its branches.
        """
        chain = _single(node) if levels > 0 else None
        if isinstance(chain, syntax.ConditionalStatementSyntax):
            first = self._ends(chain.statement)
            other = self._ends(chain.elseClause.clause, levels - 1) if chain.elseClause is not None else self._new_else(chain)
            return (*first, *other) if first and other else ()
        if isinstance(node, syntax.BlockStatementSyntax) and node.kind is _K.SequentialBlockStatement:
            slot = self._texts.inside(node, node.end, Where.INSIDE, self._loop)
        else:
            slot = self._texts.slot(node, Where.AFTER, self._loop)
        return () if slot is None else (slot,)

    def _new_else(self, node: syntax.ConditionalStatementSyntax) -> tuple[Slot, ...]:
        slot = self._texts.slot(node.statement, Where.ELSE, self._loop)
        return () if slot is None else (replace(slot, is_block=node.statement.kind is _K.SequentialBlockStatement),)

    def _executed(self, token: parsing.Token, word: str, slots: tuple[Slot, ...], offset: int = 0) -> None:
        place = self._texts.place(token.location)
        if place is None:
            return
        place = replace(place, column=place.column + offset)
        if slots:
            self.statements[place, word] = slots
        else:
            self.refused[place] = _IN_MACRO

    def _statement(self, node: syntax.SyntaxNode, host: Host, levels: int = 0, *, top: bool = False) -> None:
        match node:
            case syntax.BlockStatementSyntax() if node.kind is _K.SequentialBlockStatement:
                self._block(node, host, levels, top=top)
            case syntax.ConditionalStatementSyntax():
                self._expressions(node.predicate, host)
                branch = self._ends(node.statement)
                self._executed(node.ifKeyword, "if", branch)
                self._statement(node.statement, Host(branch), top=True)
                if node.elseClause is None:
                    self._executed(node.ifKeyword, "else", self._new_else(node) if branch else (), 1)
                else:
                    branch = self._ends(node.elseClause.clause, levels - 1)
                    self._executed(node.ifKeyword, "else", branch, 1)
                    self._statement(node.elseClause.clause, Host(branch), levels - 1, top=True)
            case syntax.CaseStatementSyntax() if node.matchesOrInside.rawText in ("", "inside"):
                self._expressions(node.expr, host)
                for item in children(node.items):
                    if isinstance(item, syntax.StandardCaseItemSyntax):
                        self._item(item.colon, item.clause, host)
                    elif isinstance(item, syntax.DefaultCaseItemSyntax):
                        self._item(item.defaultKeyword, item.clause, host)
            case syntax.ForLoopStatementSyntax():
                self._for(node)
            case syntax.ExpressionStatementSyntax():
                self._expressions(node.expr, replace(host, statement=self._texts.slot(node, Where.BEFORE, self._loop)))
            case syntax.EmptyStatementSyntax():
                pass
            case _:
                self._refuse(node, "stands in a statement that is no assignment, if, case or for")

    def _block(self, node: syntax.BlockStatementSyntax, host: Host, levels: int, *, top: bool) -> None:
        # A block that is all of what runs has its end as the slot, where its declarations are still known.
        hidden = frozenset() if top else _declared(node)
        inner = replace(host, hidden=host.hidden | hidden)
        alone = _single(node) is not node
        for part in children(node.items):
            if isinstance(part, syntax.StatementSyntax):
                self._statement(part, inner, levels if alone else 0)
            elif isinstance(part, syntax.SyntaxNode):
                self._refuse(part, "is the initial value of a variable")

    def _item(self, token: parsing.Token, clause: syntax.SyntaxNode, host: Host) -> None:
        self._executed(token, "case", self._ends(clause))
        self._statement(clause, host)

    def _for(self, node: syntax.ForLoopStatementSyntax) -> None:
        key = self._texts.key(node)
        if key is None:
            self._refuse(node, _IN_MACRO)
            return
        outer, self._loop = self._loop, self._loop or key[1:]
        slots = self._ends(node.statement)
        self._executed(node.forKeyword, "block", slots)
        # What a loop's body runs is looked at behind the loop's step, when its variable has the next value already.
        stepped = frozenset(token for step in children(node.steps) if isinstance(step, syntax.SyntaxNode) for token in identifiers(step))
        self._statement(node.statement, Host(slots, hidden=stepped), top=True)
        self._loop = outer

    # Expressions

    def _expressions(self, node: syntax.SyntaxNode, host: Host) -> None:
        if not host.slots:
            self._refuse(node, _IN_MACRO)
            return
        for part in (node, *_nodes(node)):
            if isinstance(part, syntax.ExpressionSyntax):
                key = self._texts.key(part)
                if key is not None:
                    self.hosts[key] = host

    def _refuse(self, node: syntax.SyntaxNode, reason: str) -> None:
        """Note a reason at every token, as points can stand at any of them."""
        for part in descendants(node):
            place = self._texts.place(part.location) if isinstance(part, parsing.Token) else None
            if place is not None:
                self.refused.setdefault(place, reason)


def _nodes(node: syntax.SyntaxNode) -> Iterator[syntax.SyntaxNode]:
    return (part for part in descendants(node) if isinstance(part, syntax.SyntaxNode))


def _has_edge(node: syntax.SyntaxNode) -> bool:
    return isinstance(node, syntax.SignalEventExpressionSyntax) and node.edge.rawText in ("posedge", "negedge")


def _single(node: syntax.SyntaxNode) -> syntax.SyntaxNode:
    """Take blocks of one statement off; the node itself if a block has more in it."""
    inner = node
    while isinstance(inner, syntax.BlockStatementSyntax) and inner.kind is _K.SequentialBlockStatement:
        parts = list(children(inner.items))
        if len(parts) != 1 or not isinstance(parts[0], syntax.StatementSyntax):
            return node
        inner = parts[0]
    return inner


def _declared(node: syntax.BlockStatementSyntax) -> frozenset[str]:
    declarations = [
        part for part in children(node.items) if isinstance(part, syntax.SyntaxNode) and not isinstance(part, syntax.StatementSyntax)
    ]
    return frozenset(part.name.valueText for one in declarations for part in _nodes(one) if isinstance(part, syntax.DeclaratorSyntax))
