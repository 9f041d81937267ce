"""Reads an elaborated design's sources once more, for what is asked about places in them. Finds nothing itself."""

from __future__ import annotations

from dataclasses import dataclass

from pyslang import ast

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.reading import Unit, compile_unit, parse, read_files
from llm4cov_agent.rtl.elaborate.sites_text import Texts, has_line_directive


@dataclass(frozen=True, slots=True)
class Reread:
    """A design as slang has it, with what a visitor of its syntax needs."""

    unit: Unit
    root: ast.RootSymbol
    texts: Texts
    """Of files whose places can be told: those in UTF-8 and without `line."""
    context: ast.EvalContext


def reread(design: Design) -> Reread:
    """Read again; files that can't be read are left out. Raises what slang's binding does: RuntimeError or ValueError."""
    sources, _ = read_files(design.sources)
    unit = parse([(path, sources[path].text) for path in design.sources if path in sources], design.include_dirs, design.defines)
    root = compile_unit(unit, design.top, design.overrides).getRoot()
    usable = {path: one.text for path, one in sources.items() if one.encoding == "utf-8" and not has_line_directive(one.text)}
    context = ast.EvalContext(ast.ASTContext(ast.Scope(root), ast.LookupLocation.max))
    return Reread(unit, root, Texts(unit.places.manager, usable), context)
