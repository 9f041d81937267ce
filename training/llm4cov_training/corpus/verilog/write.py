"""Writes pyverilog's syntax trees as text. Builds and reads none."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pyverilog.ast_code_generator.codegen import ASTCodeGenerator

_BLANKS = re.compile(r"\n{3,}")


@cache
def _generator(indent: int) -> Any:
    # Its templates are read once for each indentation, as reading them takes longer than a design.
    return ASTCodeGenerator(indentsize=indent)


def text_of(tree: Any, *, indent: int = 2) -> str:
    """Write a tree; at most one blank line stands between items."""
    lines = (line.rstrip() for line in str(_generator(indent).visit(tree)).strip().split("\n"))
    return _BLANKS.sub("\n\n", "\n".join(lines)) + "\n"
