"""How cocotb is linked into a model and told what to run; the only module that imports cocotb's tools. Runs nothing."""

from __future__ import annotations

import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import find_libpython
from cocotb_tools import config

from llm4cov_agent.errors import Problem, ToolMissing

RESULTS_FILE = "results.xml"
_TRACE = "Traceback (most recent call last):\n"
_MESSAGE = re.compile(r"^ *[-.\d]+\w* (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) ", re.MULTILINE)
_ERROR = re.compile(r"^ *[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b.*", re.MULTILINE)


def main_source() -> Path:
    """cocotb's own main program for Verilator models; it wants the model class to be `Vtop`."""
    return Path(config.share_dir) / "lib" / "verilator" / "verilator.cpp"


def link_flags() -> tuple[str, ...]:
    """Linker flags for cocotb's library."""
    return (f"-Wl,-rpath,{config.libs_dir}", f"-L{config.libs_dir}", "-lcocotbvpi_verilator")


def environment(*, module: str, toplevel: str, folder: Path, seed: int) -> dict[str, str]:
    """Environment of a run whose test module lies in `folder`.

    Raises ToolMissing where this Python has no shared library to load into a simulator.
    """
    library = find_libpython.find_libpython()
    if library is None:
        raise ToolMissing(
            "Python's shared library", "cocotb needs it: `apt-get install libpython3-dev`, or a Python built with --enable-shared."
        )
    return {
        "COCOTB_TEST_MODULES": module,
        "COCOTB_TOPLEVEL": toplevel,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_RESULTS_FILE": str(folder / RESULTS_FILE),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "COCOTB_ANSI_OUTPUT": "0",
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{library};{config.pygpi_entry_point()}",
        "PYTHONPATH": os.pathsep.join([str(folder), *(entry for entry in sys.path if entry)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def read_results(folder: Path, *, printed: str, module: str) -> tuple[Problem, ...]:
    """Read which tests of a module failed; a missing file means that the simulation broke off. Where they did is in what was printed."""
    path = folder / RESULTS_FILE
    try:
        root = ElementTree.parse(path).getroot()
    except (FileNotFoundError, ElementTree.ParseError):
        trace = printed.rpartition(_TRACE)[2] if _TRACE in printed else ""
        error = _ERROR.search(trace)
        why = f": {error[0].strip()}" if error is not None else ""
        return (Problem(f"the simulation ended before cocotb could write its results{why}", line=_line_in(trace, module)),)
    problems: list[Problem] = []
    count = 0
    for case in root.iter("testcase"):
        count += 1
        for failure in (*case.findall("failure"), *case.findall("error")):
            reason = failure.get("error_msg") or failure.get("message") or failure.text or "failed"
            trace = _trace_of(f"{module}.{case.get('name')}", printed)
            line = _line_in(trace, module) or _line(case.get("lineno"))
            problems.append(Problem(f"test `{case.get('name')}`: {reason.strip()}", file=case.get("file"), line=line))
    if not count:
        problems.append(Problem("no cocotb test was found", hint="Mark at least one coroutine with @cocotb.test()."))
    return tuple(problems)


def _trace_of(test: str, printed: str) -> str:
    """Give what cocotb printed when a test failed, up to its next message."""
    _, failed, after = printed.partition(f"{test} failed\n")
    return _MESSAGE.split(after, maxsplit=1)[0] if failed else ""


def _line_in(trace: str, module: str) -> int | None:
    """Give the innermost line of a module in a trace."""
    found = re.findall(rf'^\s*File "[^"\n]*/{re.escape(module)}\.py", line (\d+)', trace, re.MULTILINE)
    return int(found[-1]) if found else None


def _line(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
