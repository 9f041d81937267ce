"""Reads Verilog-2005 into pyverilog's syntax trees. Directives are resolved beforehand. Changes no tree."""

from __future__ import annotations

from functools import cache
from typing import Any

from pyverilog.vparser.parser import ParseError, VerilogParser

from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_training.corpus.icarus import resolved


@cache
def _parser() -> Any:
    # Its tables take a second to make; the folder is where it would write them down, which it need not.
    with scratch_folder() as folder:
        return VerilogParser(outputdir=str(folder), debug=False)


def parse(text: str) -> tuple[Any | None, tuple[Problem, ...]]:
    """Read a text; None with the reason if it is not Verilog-2005 as pyverilog knows it."""
    if "`" in text:
        plain, problems = resolved(text)
        if plain is None:
            return None, problems
        text = plain
    try:
        tree = _parser().parse(text)
    except (ParseError, RecursionError) as error:
        return None, (Problem(f"it is not Verilog-2005 that can be changed: {str(error).strip() or type(error).__name__}"),)
    if tree is None:
        return None, (Problem("it is not Verilog-2005 that can be changed: it ends too early"),)
    return tree, ()
