"""Reads Verilog-2005 into pyverilog's syntax trees. Directives are resolved by Icarus Verilog beforehand. Changes no tree."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

from pyverilog.vparser.parser import ParseError, VerilogParser

from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.scratch import scratch_folder

_PREPROCESSING = Limits(wall_s=20)


@cache
def _parser() -> Any:
    # Its tables take a second to make; the folder is where it would write them down, which it need not.
    with scratch_folder() as folder:
        return VerilogParser(outputdir=str(folder), debug=False)


def parse(text: str) -> tuple[Any | None, tuple[Problem, ...]]:
    """Read a text; None with the reason if it is not Verilog-2005 as pyverilog knows it."""
    if "`" in text:
        resolved, problems = _without_directives(text)
        if resolved is None:
            return None, problems
        text = resolved
    try:
        tree = _parser().parse(text)
    except (ParseError, RecursionError) as error:
        return None, (Problem(f"it is not Verilog-2005 that can be changed: {str(error).strip() or type(error).__name__}"),)
    if tree is None:
        return None, (Problem("it is not Verilog-2005 that can be changed: it ends too early"),)
    return tree, ()


def _without_directives(text: str) -> tuple[str | None, tuple[Problem, ...]]:
    program = shutil.which("iverilog")
    if program is None:
        return None, (
            Problem("it has compiler directives, and there is no iverilog that could resolve them", hint="Install Icarus Verilog."),
        )
    with scratch_folder() as folder:
        (folder / "in.v").write_text(text, encoding="utf-8")
        outcome = run((program, "-E", "-o", "out.v", "in.v"), folder=folder, limits=_PREPROCESSING)
        made = folder / "out.v"
        if not outcome.ok or not made.is_file():
            return None, (Problem(f"its compiler directives can't be resolved: {_first_line(outcome.output, folder)}"),)
        lines = made.read_text("utf-8").split("\n")
    return "\n".join("" if line.startswith("`") else line for line in lines), ()


def _first_line(output: str, folder: Path) -> str:
    return next((line.replace(f"{folder}/", "") for line in output.splitlines() if line.strip()), "no reason is given")
