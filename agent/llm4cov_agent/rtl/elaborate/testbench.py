"""Reads a user's testbench together with the files of a design: its top module and the files it needs. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pyslang import ast

from llm4cov_agent.errors import Problem, Severity, display_path, has_errors
from llm4cov_agent.rtl.design import Design, DesignFile
from llm4cov_agent.rtl.elaborate.design_of import data_files, flatten, include_dirs, include_files
from llm4cov_agent.rtl.elaborate.diagnostics import Places, code_name, trimmed
from llm4cov_agent.rtl.elaborate.extract import child_instances
from llm4cov_agent.rtl.elaborate.owners import reading
from llm4cov_agent.rtl.elaborate.reading import Unit, compile_unit, parse, read_files

_UNKNOWN = frozenset({"UnknownModule", "UnknownPackage", "UnknownClassOrPackage", "UnknownInterface"})


@dataclass(frozen=True, slots=True)
class TestbenchSource:
    """A testbench that someone wrote, with what it needs beside the design."""

    __test__ = False

    top: str
    files: tuple[DesignFile, ...]
    """The testbench itself first (`source`), then its includes and data files; without those of the design."""
    include_dirs: tuple[Path, ...]
    """The design's, and the folders that the testbench's own includes lie in."""
    timescale: str | None


def testbench_top(testbench: Path, design: Design) -> tuple[str | None, tuple[Problem, ...]]:
    """Find the top module of a testbench: the module of its file that no one instantiates and that holds the design."""
    source, problems = read_testbench(testbench, design)
    return (source.top if source is not None else None), problems


@reading()
def read_testbench(testbench: Path, design: Design) -> tuple[TestbenchSource | None, tuple[Problem, ...]]:
    """Parse a testbench with the design's files and find its top and its own files.

    A syntax error or an unknown module is an error. What slang alone objects to is a warning: the simulator has the last word.
    """
    try:
        source, problems = _read(testbench, design)
    except (RuntimeError, ValueError) as error:
        return None, (Problem(f"can't be read: {error}", file=display_path(testbench), code=type(error).__name__),)
    return source, trimmed(problems)


def _read(testbench: Path, design: Design) -> tuple[TestbenchSource | None, list[Problem]]:
    sources, problems = read_files([*design.sources, testbench])
    own = testbench.resolve()
    if has_errors(problems) or own not in sources:
        return None, problems
    order = [path for path in sources if path != own]
    unit = parse([(path, sources[path].text) for path in (*order, own)], (*design.include_dirs, own.parent), design.defines)
    found = unit.problems()
    if has_errors(found):
        return None, [*problems, *found]
    file = display_path(testbench)
    compilation = compile_unit(unit)
    mine = [top for top in compilation.getRoot().topInstances if unit.places.path(top.definition.location) == own]
    if not mine:
        return None, [*problems, Problem("there is no top module in the testbench", file=file, hint="It needs a module without a parent.")]
    theirs = {path for path in sources if path != own} | {one.path for one in unit.includes}
    holding = [top for top in mine if _holds(top, theirs, design.top, unit.places)]
    if not holding:
        listed = ", ".join(sorted(top.name for top in mine))
        unknown = [unit.places.problem(one) for one in compilation.getAllDiagnostics() if code_name(one) in _UNKNOWN]
        nothing = Problem(f"'{listed}' instantiates nothing of the design", file, hint=f"Instantiate '{design.top}' in it.")
        return None, [*problems, *unknown, nothing]
    if len(holding) > 1:
        listed = ", ".join(sorted(top.name for top in holding))
        return None, [*problems, Problem(f"several modules can be the top of the testbench: {listed}", file, hint="Leave one in the file.")]
    top = holding[0]
    compilation = compile_unit(unit, top.name)
    for diagnostic in compilation.getAllDiagnostics():
        problem = unit.places.problem(diagnostic)
        if diagnostic.isError() and problem.file == file:
            severity = Severity.ERROR if code_name(diagnostic) in _UNKNOWN else Severity.WARNING
            problems.append(replace(problem, severity=severity))
    if has_errors(problems):
        return None, problems
    top = next(iter(compilation.getRoot().topInstances))
    return _described(top, unit, own, sources[own].digest, design), problems


def _holds(top: ast.InstanceSymbol, sources: set[Path], wanted: str, places: Places) -> bool:
    """Say whether something of the design is instantiated at any depth below a testbench module."""
    waiting = [top]
    while waiting:
        instance = waiting.pop()
        if instance is not top and (instance.definition.name == wanted or places.path(instance.definition.location) in sources):
            return True
        waiting.extend(child_instances(instance.body))
    return False


def _described(top: ast.InstanceSymbol, unit: Unit, own: Path, digest: str, design: Design) -> TestbenchSource:
    netlist, _, _ = flatten(top, unit.places)
    known = {file.path for file in design.files}
    data, _ = data_files(netlist.data_files)
    includes = include_files(unit.includes, known | {own})
    files = (DesignFile(own, digest, "source"), *includes, *(file for file in data if file.path not in known))
    folders = include_dirs(design.include_dirs, unit.includes)
    scale = ast.Scope(top.body).timeScale
    return TestbenchSource(top.name, files, folders, str(scale).replace(" ", "") if scale is not None else None)
