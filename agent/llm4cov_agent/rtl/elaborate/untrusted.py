"""Decides whether a testbench that a model wrote may be built: by its text alone, before any tool sees it. Runs nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llm4cov_agent.errors import Problem, has_errors
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.owners import reading
from llm4cov_agent.rtl.elaborate.reading import parse
from llm4cov_agent.rtl.elaborate.scan import scan
from llm4cov_agent.rtl.elaborate.untrusted_text import REFUSED, screen_text
from llm4cov_agent.rtl.elaborate.untrusted_tree import screen_tree

__all__ = ["REFUSED", "screen_for_design", "screen_testbench"]

_PREDEFINED = (("SYSTEMVERILOG", "1"), ("verilator3", "1"), ("coverage_block_off", ""))
"""Macros of Verilator that slang has not; without them the two would read different branches of an `ifdef."""

_STACK_BYTES = 1 << 30
"""Address space, of which only what is used is taken. slang goes down one call per nested module and has no limit there."""

_STACK_LOCK = threading.Lock()
_MAX_SHOWN = 20
_TESTED_NAME = re.compile(r"`(?:ifdef|ifndef|elsif|undef)\s+([A-Za-z_][\w$]*)")


def screen_testbench(
    text: str,
    *,
    folder_files: Collection[str] = (),
    design_modules: Collection[str] = (),
    design_interfaces: Collection[str] = (),
    design_macros: Collection[str] = (),
    defines: Sequence[tuple[str, str | None]] = (),
) -> tuple[Problem, ...]:
    """Refuse a testbench that reaches beyond the simulation or cheats coverage; empty if it may be built.

    `folder_files` are the data files that `$readmemh` may read, `design_modules` the design's modules and packages,
    `design_interfaces` its interfaces (their signals may be driven), `design_macros` the macros that its files use or
    test, and `defines` those of the command line. A problem has line and column, and the code `REFUSED` unless the text is
    no SystemVerilog that slang can read; such a text is not accepted either. Never raises, whatever the text.
    """
    known = {name for name, _ in defines}
    problems = screen_text(text, folder_files=folder_files, design_macros=design_macros, defines=known)
    if problems:
        return problems[:_MAX_SHOWN]
    macros = (*defines, *((name, value) for name, value in _PREDEFINED if name not in known))

    @reading()
    def read() -> tuple[Problem, ...]:
        try:
            unit = parse([(Path("/testbench.sv"), text)], (), macros)
            found = unit.problems()
            if has_errors(found):
                return tuple(Problem(one.message, line=one.line, column=one.column, hint=one.hint, code=one.code) for one in found)
            return screen_tree(unit, design_modules=design_modules, design_interfaces=design_interfaces)
        except (RuntimeError, ValueError) as error:
            # These are what slang's binding raises for inputs that it gives up on.
            return (Problem(f"the testbench can't be read: {error}", code=type(error).__name__),)

    return _with_large_stack(read)[:_MAX_SHOWN]


def screen_for_design(text: str, design: Design, *, folder_files: Collection[str] = ()) -> tuple[Problem, ...]:
    """Screen a testbench for a design; the names of the design's parts are read from its files."""
    modules: set[str] = set()
    interfaces: set[str] = set()
    macros: set[str] = set()
    for file in design.files:
        if file.role == "data":
            continue
        try:
            source = file.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            # The file vanished; the judge says so when it builds.
            continue
        names = scan(source)
        found = set(re.findall(r"\binterface\s+(?:(?:automatic|static)\s+)?([A-Za-z_]\w*)", source)) & names.modules
        interfaces |= found
        modules |= (names.modules - found) | names.packages
        macros |= names.macros | names.defines | set(_TESTED_NAME.findall(source))
    return screen_testbench(
        text,
        folder_files=folder_files,
        design_modules=modules,
        design_interfaces=interfaces,
        design_macros=macros,
        defines=design.defines,
    )


def _with_large_stack(work: Callable[[], tuple[Problem, ...]]) -> tuple[Problem, ...]:
    """Do something in a thread whose stack is large enough for any nesting that the text's length allows."""
    with ThreadPoolExecutor(1, thread_name_prefix="screen") as pool:
        with _STACK_LOCK:
            before = threading.stack_size(_STACK_BYTES)
            try:
                # The thread begins here, and with it takes the size that is set.
                future = pool.submit(work)
            finally:
                threading.stack_size(before)
        return future.result()
