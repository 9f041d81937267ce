"""Reads source files and parses them as one compilation unit, as Verilator does. Knows no top module and no search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyslang
from pyslang import ast, parsing, syntax

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.errors import Problem, display_path
from llm4cov_agent.rtl.design import DesignFile
from llm4cov_agent.rtl.elaborate.diagnostics import Places, code_name
from llm4cov_agent.rtl.elaborate.owners import keep
from llm4cov_agent.rtl.source import SourceFile, read_source

MAX_INCLUDE_DEPTH = 64

_LENIENT = (
    ast.CompilationFlags.AllowHierarchicalConst
    | ast.CompilationFlags.RelaxEnumConversions
    | ast.CompilationFlags.AllowUseBeforeDeclare
    | ast.CompilationFlags.AllowTopLevelIfacePorts
    | ast.CompilationFlags.RelaxStringConversions
    | ast.CompilationFlags.AllowRecursiveImplicitCall
    | ast.CompilationFlags.AllowBareValParamAssignment
    | ast.CompilationFlags.AllowSelfDeterminedStreamConcat
    | ast.CompilationFlags.AllowMergingAnsiPorts
    | ast.CompilationFlags.AllowUnnamedGenerate
    | ast.CompilationFlags.AllowVirtualIfaceWithOverride
    | ast.CompilationFlags.AllowArrayConcatAssignPattern
)


@dataclass(frozen=True, slots=True)
class Include:
    """One include directive that was followed: the name as written and the file that was read."""

    written: str
    path: Path


@dataclass(frozen=True, slots=True)
class Unit:
    """Sources parsed together."""

    tree: syntax.SyntaxTree
    places: Places
    includes: tuple[Include, ...]
    size: int
    """Characters of the sources and bytes of what they include."""

    def missing_includes(self) -> tuple[str, ...]:
        """Give the names of the include files that weren't found."""
        found = (
            str(next(iter(diagnostic.args))) for diagnostic in self.tree.diagnostics if code_name(diagnostic) == "CouldNotOpenIncludeFile"
        )
        return tuple(dict.fromkeys(found))

    def problems(self) -> list[Problem]:
        """Give the errors of reading: syntax, macros, includes."""
        found: list[Problem] = []
        for diagnostic in self.tree.diagnostics:
            code = code_name(diagnostic)
            if not diagnostic.isError() and code != "ProtectedEnvelope":
                continue
            problem = self.places.problem(diagnostic)
            if code == "CouldNotOpenIncludeFile":
                problem = replace(
                    problem,
                    message=f"include file '{next(iter(diagnostic.args))}' was not found",
                    hint="Name its folder with -I.",
                )
            elif code == "ExceededMaxIncludeDepth":
                problem = replace(
                    problem, message="files include each other without end", hint="Break the cycle, or guard it with `ifndef."
                )
            elif code == "ProtectedEnvelope":
                problem = replace(problem, message="encrypted source can't be read", hint="Replace it by a model in plain text.")
            found.append(problem)
        return found


def read_files(paths: Iterable[Path]) -> tuple[dict[Path, SourceFile], list[Problem]]:
    """Read each file once, under its resolved path; files that can't be read are left out."""
    sources: dict[Path, SourceFile] = {}
    problems: list[Problem] = []
    for path in paths:
        if path.resolve() in sources:
            continue
        source, found = read_source(path)
        problems.extend(replace(problem, file=display_path(path)) for problem in found)
        if source is not None:
            sources[source.path] = source
    return sources, problems


def parse(texts: Sequence[tuple[Path, str]], include_dirs: Sequence[Path], defines: Sequence[tuple[str, str | None]]) -> Unit:
    """Parse files in the given order; macros reach on from each file into those behind it."""
    manager = pyslang.SourceManager()
    manager.setDisableProximatePaths(True)
    options = parsing.PreprocessorOptions()
    options.predefines = [*(f"{name}={value}" if value is not None else name for name, value in defines), *_verilator_defines(defines)]
    options.additionalIncludePaths = [*include_dirs, Path.cwd()]
    options.maxIncludeDepth = MAX_INCLUDE_DEPTH
    buffers = [manager.assignText(str(path), text if text.endswith("\n") else text + "\n") for path, text in texts]
    size = sum(len(text) for _, text in texts)
    tree = keep(syntax.SyntaxTree.fromBuffers(buffers, manager, pyslang.Bag([options])), size)
    includes: dict[Include, None] = {}
    for directive in tree.getIncludeDirectives():
        if directive.buffer:
            include = Include(str(directive.path), Path(manager.getFullPath(directive.buffer.id)))
            includes[include] = None
            size += _bytes_of(include.path)
    keep(manager, size)
    return Unit(tree, Places(manager), tuple(includes), size)


def _bytes_of(path: Path) -> int:
    """Size of a file that was read; its text may be in an encoding that the binding does not give."""
    try:
        return path.stat().st_size
    except OSError:
        # It vanished since; its size only says how early memory is let go of.
        return 0


def compile_unit(unit: Unit, top: str | None = None, overrides: Sequence[tuple[str, str]] = ()) -> ast.Compilation:
    """Elaborate a unit as leniently as slang can; without `top`, every module that no one instantiates is a top."""
    options = ast.CompilationOptions()
    options.flags = _LENIENT
    options.errorLimit = 0
    options.maxInstanceDepth = 256
    options.paramOverrides = [f"{name}={value}" for name, value in overrides]
    if top is not None:
        options.topModules = {top}
    compilation = keep(ast.Compilation(pyslang.Bag([options])), unit.size)
    compilation.addSyntaxTree(unit.tree)
    return compilation


def design_file(path: Path, role: str) -> DesignFile | None:
    """Digest a file by its bytes; None if it can't be read any more."""
    try:
        return DesignFile(path, digest_bytes(path.read_bytes()), role)
    except OSError:
        # The file vanished between two reads: then nothing depends on it from here on.
        return None


def _verilator_defines(given: Sequence[tuple[str, str | None]]) -> list[str]:
    """Give the macros that Verilator predefines, so that the same branches of `ifdef are read."""
    known = {name for name, _ in given}
    return [f"{name}=1" for name in ("VERILATOR", "verilator", "SV_COV_START") if name not in known]
