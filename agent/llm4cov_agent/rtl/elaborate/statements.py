"""Reads the statements of one procedural block into writes and `if` chains. Knows no declarations and no instances."""

from __future__ import annotations

from pyslang import ast

from llm4cov_agent.rtl.elaborate.expressions import ExpressionReader, type_width, unwrapped
from llm4cov_agent.rtl.elaborate.facts import Branch, ClockedBlock, Event, Node, Ref, Write

MAX_TASK_DEPTH = 8


class BlockReader:
    """Reads one procedural block."""

    def __init__(self, reader: ExpressionReader) -> None:
        self._reader = reader
        self._writes: list[Write] = []
        self._chains: list[tuple[Branch, ...]] = []
        self._guards: list[Node] = []
        self._tasks: list[ast.Symbol] = []
        self._loops = 0

    def clocked(self, events: tuple[Event, ...], body: ast.Statement) -> ClockedBlock:
        """Read a block that waits for edges."""
        self._top(body)
        return ClockedBlock(events, tuple(self._writes), tuple(self._chains))

    def combinational(self, body: ast.Statement) -> tuple[Write, ...]:
        """Read a block without edges: logic or latches."""
        self._statement(body)
        return tuple(self._writes)

    def _top(self, statement: ast.Statement) -> None:
        """Read a statement that runs at every event, so that its `if` chains are the block's own."""
        match statement:
            case ast.StatementList():
                for member in statement.list:
                    self._top(member)
            case ast.BlockStatement():
                self._top(statement.body)
            case ast.TimedStatement():
                self._top(statement.stmt)
            case ast.ConditionalStatement():
                self._chain(statement)
            case _:
                self._statement(statement)

    def _chain(self, statement: ast.Statement) -> None:
        branches: list[Branch] = []
        depth = len(self._guards)
        while isinstance(statement, ast.ConditionalStatement):
            conditions = list(statement.conditions)
            known = self._reader.constant(conditions[0].expr) if len(conditions) == 1 else None
            if known is not None:
                # A condition on parameters alone chooses for good.
                chosen = statement.ifTrue if known else statement.ifFalse
                if chosen is None:
                    break
                statement = _single(chosen)
                continue
            condition = self._condition(statement)
            first = len(self._writes)
            self._guards.append(condition)
            self._statement(statement.ifTrue)
            branches.append(Branch(condition, tuple(range(first, len(self._writes)))))
            self._guards[-1] = Node("not", 1, (condition,))
            following = statement.ifFalse
            if following is None:
                break
            statement = _single(following)
        else:
            if branches:
                self._statement(statement)
            else:
                self._top(statement)
        del self._guards[depth:]
        if branches:
            self._chains.append(tuple(branches))

    def _condition(self, statement: ast.ConditionalStatement) -> Node:
        parts = tuple(self._one_bit(condition.expr) for condition in statement.conditions)
        return parts[0] if len(parts) == 1 else Node("and", 1, parts)

    def _one_bit(self, expression: ast.Expression) -> Node:
        node = self._reader.node(expression)
        return node if node.width == 1 else Node("opaque", 1, (node,))

    def _statement(self, statement: ast.Statement | None) -> None:
        match statement:
            case None:
                return
            case ast.StatementList():
                for member in statement.list:
                    self._statement(member)
            case ast.BlockStatement():
                self._statement(statement.body)
            case ast.TimedStatement():
                self._statement(statement.stmt)
            case ast.ExpressionStatement():
                self._expression(statement.expr)
            case ast.ConditionalStatement():
                self._conditional(statement)
            case ast.CaseStatement():
                self._case(statement)
            case ast.ForLoopStatement():
                self._for(statement)
            case ast.ForeachLoopStatement():
                names = [self._reader.name(dimension.loopVar) for dimension in statement.loopDims if dimension.loopVar is not None]
                self._with_loop_variables(names, statement.body)
            case ast.RepeatLoopStatement() | ast.WhileLoopStatement() | ast.DoWhileLoopStatement() | ast.ForeverLoopStatement():
                self._statement(statement.body)
            case ast.VariableDeclStatement():
                symbol = statement.symbol
                if symbol.initializer is not None:
                    target = Ref(self._reader.name(symbol), 0, type_width(symbol.type))
                    self._writes.append(Write(target, self._reader.node(symbol.initializer), tuple(self._guards)))

    def _conditional(self, statement: ast.ConditionalStatement) -> None:
        depth = len(self._guards)
        current: ast.Statement | None = statement
        # Chains of `else if` can be long: they are followed in a loop, each under the opposite of the condition before it.
        while isinstance(current, ast.ConditionalStatement):
            conditions = list(current.conditions)
            known = self._reader.constant(conditions[0].expr) if len(conditions) == 1 else None
            if known is None:
                condition = self._condition(current)
                self._guards[depth:] = [condition]
                self._statement(current.ifTrue)
                self._guards[depth:] = [Node("not", 1, (condition,))]
            chosen = current.ifTrue if known else current.ifFalse
            current = _single(chosen) if chosen is not None else None
            if known:
                break
        self._statement(current)
        del self._guards[depth:]

    def _case(self, statement: ast.CaseStatement) -> None:
        subject = self._reader.node(statement.expr)
        self._guards.append(Node("opaque", 1, (subject,)))
        for item in statement.items:
            self._statement(item.stmt)
        self._statement(statement.defaultCase)
        self._guards.pop()

    def _for(self, statement: ast.ForLoopStatement) -> None:
        names = [self._reader.name(variable) for variable in statement.loopVars]
        for initializer in statement.initializers:
            if isinstance(initializer, ast.AssignmentExpression):
                names.extend(ref.signal for ref in self._reader.refs(initializer.left))
        self._with_loop_variables(names, statement.body)

    def _with_loop_variables(self, names: list[str], body: ast.Statement) -> None:
        added = set(names) - self._reader.loop_variables
        self._reader.loop_variables |= added
        self._statement(body)
        self._reader.loop_variables -= added

    def _expression(self, expression: ast.Expression) -> None:
        expression = unwrapped(expression)
        if isinstance(expression, ast.AssignmentExpression):
            self._assignment(expression)
        elif isinstance(expression, ast.UnaryExpression) and expression.op in _STEPS:
            # An increment reads and writes its operand.
            for ref in self._reader.refs(expression.operand):
                self._writes.append(Write(ref, Node("opaque", ref.width, (Node("ref", ref.width, ref=ref),)), tuple(self._guards)))
        elif isinstance(expression, ast.CallExpression) and not expression.isSystemCall:
            task = expression.subroutine
            if isinstance(task, ast.SubroutineSymbol) and task not in self._tasks and len(self._tasks) < MAX_TASK_DEPTH:
                self._tasks.append(task)
                self._statement(task.body)
                self._tasks.pop()

    def _assignment(self, expression: ast.AssignmentExpression) -> None:
        targets = self._reader.refs(expression.left)
        value = self._reader.node(expression.right)
        guards = tuple(self._guards)
        if expression.isCompound:
            value = Node("opaque", value.width, (value, self._reader.node(expression.left)))
        self._writes.extend(value.split(targets, guards))


_STEPS = frozenset(
    {
        ast.UnaryOperator.Preincrement,
        ast.UnaryOperator.Predecrement,
        ast.UnaryOperator.Postincrement,
        ast.UnaryOperator.Postdecrement,
    }
)


def _single(statement: ast.Statement) -> ast.Statement:
    """Take `begin` ... `end` off a single statement, so that `else begin if ... end` continues the chain."""
    while True:
        if isinstance(statement, ast.BlockStatement):
            statement = statement.body
        elif isinstance(statement, ast.StatementList) and len(statement.list) == 1:
            statement = statement.list[0]
        else:
            return statement
