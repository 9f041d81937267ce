"""From files to an elaborated Design. The only package that imports pyslang; publishes values only."""

from __future__ import annotations

from llm4cov_agent.errors import Problem, display_path, has_errors
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.design_of import design_of
from llm4cov_agent.rtl.elaborate.diagnostics import trimmed
from llm4cov_agent.rtl.elaborate.load import load
from llm4cov_agent.rtl.elaborate.owners import reading
from llm4cov_agent.rtl.elaborate.testbench import TestbenchSource, read_testbench, testbench_top
from llm4cov_agent.rtl.fileset import FileSet

__all__ = ["TestbenchSource", "elaborate", "read_testbench", "testbench_top"]


@reading()
def elaborate(files: FileSet, *, search: bool = True) -> tuple[Design | None, tuple[Problem, ...]]:
    """Elaborate the top module of some files.

    With `search`, missing modules, packages and include files are looked for in the folders around. Gives None with at least
    one error, or a Design with warnings at most. Problems name files relative to the current folder where they lie below it.
    """
    try:
        loaded, problems = load(files, search=search)
        if loaded is None or has_errors(problems):
            return None, trimmed(problems)
        design, found = design_of(loaded, files)
    except (RuntimeError, ValueError) as error:
        # These are what slang's binding raises for inputs that it gives up on, a nesting too deep among them.
        first = display_path(files.sources[0]) if files.sources else None
        return None, (Problem(f"the design can't be elaborated: {error}", file=first, code=type(error).__name__),)
    return design, trimmed([*problems, *found])
