"""From a design to the places where its source can be observed. Knows no coverage and no simulator but for Verilator's way of looking."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pyslang import ast

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.owners import reading
from llm4cov_agent.rtl.elaborate.reading import compile_unit, parse, read_files
from llm4cov_agent.rtl.elaborate.site_values import Place, Sites
from llm4cov_agent.rtl.elaborate.sites_calls import ConstantCalls, plain_functions
from llm4cov_agent.rtl.elaborate.sites_expressions import ExpressionFinder
from llm4cov_agent.rtl.elaborate.sites_machines import MachineFinder
from llm4cov_agent.rtl.elaborate.sites_signals import SignalFinder
from llm4cov_agent.rtl.elaborate.sites_statements import StatementReader
from llm4cov_agent.rtl.elaborate.sites_text import Texts, has_line_directive, shifted_lines

_E = ast.ExpressionKind
_S = ast.SymbolKind


@reading()
def read_sites(design: Design, expressions_at: Iterable[Place]) -> Sites:
    """Read a design's sources again and find all its places, but of expressions only those asked for, which cost most.

    Files that can't be read any more, or that renumber their lines, have texts but no places.
    """
    sources, _ = read_files(design.sources)
    texts = {path: source.text for path, source in sources.items()}
    unit = parse([(path, texts[path]) for path in design.sources if path in texts], design.include_dirs, design.defines)
    compilation = compile_unit(unit, design.top, design.overrides)
    # In a file that isn't UTF-8, columns count other bytes than ours.
    usable = {path: text for path, text in texts.items() if sources[path].encoding == "utf-8" and not has_line_directive(text)}
    places = Texts(unit.places.manager, usable)
    root = compilation.getRoot()
    context = ast.EvalContext(ast.ASTContext(ast.Scope(root), ast.LookupLocation.max))
    functions = plain_functions(unit.tree.root)
    if functions:
        calls = ConstantCalls(functions, context)
        root.visit(lookup_table={_E.Call: calls.visit})
        functions -= calls.names
    statements = StatementReader(places, functions)
    statements.unit(unit.tree.root)
    expressions = ExpressionFinder(places, statements, context, frozenset(expressions_at))
    signals = SignalFinder(places, statements.scopes, statements.ports)
    machines = MachineFinder(places, statements.scopes)
    handlers: dict[object, Callable[..., None]] = {
        _E.BinaryOp: expressions.visit,
        _E.UnaryOp: expressions.visit,
        _E.ConditionalOp: expressions.visit,
        _S.Net: signals.visit,
        _S.Variable: signals.visit,
        _S.GenerateBlock: signals.visit_block,
        ast.StatementKind.Case: machines.visit,
    }
    root.visit(lookup_table=handlers)
    return Sites(
        texts=texts,
        statements=statements.statements,
        choices=expressions.choices(),
        expressions=expressions.expressions(),
        bits=signals.bits(),
        machines=machines.machines(),
        copied_machines=machines.copied(),
        refused=statements.refused,
        shifted_lines={path: shifted_lines(text) for path, text in texts.items()},
    )
