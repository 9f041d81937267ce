"""Gathers what a design needs: reads the given files, adds missing ones, and settles on the top. Knows no clocks or constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyslang
from pyslang import ast

from llm4cov_agent.errors import Problem, Severity, display_path, has_errors
from llm4cov_agent.rtl.elaborate.diagnostics import Places, code_name
from llm4cov_agent.rtl.elaborate.reading import Unit, compile_unit, parse, read_files
from llm4cov_agent.rtl.elaborate.scan import Names, compile_order, scan
from llm4cov_agent.rtl.elaborate.search import FileIndex
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.rtl.source import SourceFile

MAX_ROUNDS = 64
"""Files are added in rounds, each of which may name further missing ones; real designs take a handful."""

_MISSING_UNIT = frozenset({"UnknownModule", "UnknownPackage", "UnknownClassOrPackage", "UnknownInterface", "UnknownPrimitive"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A design that slang could elaborate."""

    unit: Unit
    top: ast.InstanceSymbol
    compilation: ast.Compilation
    sources: tuple[tuple[SourceFile, str], ...]
    """In compile order, each with its role: `source` or `library`."""
    include_dirs: tuple[Path, ...]


def load(files: FileSet, *, search: bool) -> tuple[Loaded | None, list[Problem]]:
    """Read, complete and elaborate a design; None if an error stays."""
    sources, problems = read_files(files.sources)
    if not files.sources:
        problems.append(Problem("no source file is given", hint="Name at least one Verilog file."))
    if sources:
        # An empty file beside others, such as a stub that waits for its text, takes nothing away from them.
        problems = [replace(one, severity=Severity.WARNING) if one.message == "is empty" else one for one in problems]
    if has_errors(problems) or not sources:
        return None, problems
    return _Loading(files, sources, problems, search=search).run()


@dataclass(slots=True)
class _Pool:
    """The files read so far, with their names and roles."""

    sources: dict[Path, SourceFile]
    names: dict[Path, Names] = field(default_factory=dict)
    roles: dict[Path, str] = field(default_factory=dict)

    def add(self, source: SourceFile, role: str) -> None:
        self.sources[source.path] = source
        self.names[source.path] = scan(source.text)
        # A package must stand before its users, among the sources.
        self.roles[source.path] = "source" if self.names[source.path].packages else role

    def drop(self, path: Path) -> None:
        del self.sources[path], self.names[path], self.roles[path]


class _Loading:
    def __init__(self, files: FileSet, sources: dict[Path, SourceFile], problems: list[Problem], *, search: bool) -> None:
        self._files = files
        self._problems = problems
        self._pool = _Pool({})
        for source in sources.values():
            self._pool.add(source, "source")
        self._given = frozenset(sources)
        self._include_dirs = list(files.include_dirs)
        self._libraries, found = read_files(files.library_files)
        self._problems.extend(replace(one, severity=Severity.WARNING) if one.message == "is empty" else one for one in found)
        self._library_names = {path: scan(source.text) for path, source in self._libraries.items()}
        folders = dict.fromkeys(path.parent for path in sources)
        self._index = FileIndex(tuple(folders)) if search else None
        self._top = files.top
        self._hopeless: set[str] = set()

    def run(self) -> tuple[Loaded | None, list[Problem]]:
        for _ in range(MAX_ROUNDS):
            order = compile_order(tuple(self._pool.sources), self._pool.names, frozenset(name for name, _ in self._files.defines))
            unit = parse([(path, self._pool.sources[path].text) for path in order], self._include_dirs, self._files.defines)
            added = [self._add_include(name) for name in unit.missing_includes()]
            if any(added):
                continue
            syntax_problems = unit.problems()
            if has_errors(syntax_problems):
                return self._failed(_cause_first(syntax_problems))
            if self._top is None or not self._top_is_known(unit):
                problem = self._choose_top(unit)
                if problem is not None:
                    return self._failed([*syntax_problems, problem])
            compilation = compile_unit(unit, self._top, self._files.parameters)
            diagnostics = list(compilation.getAllDiagnostics())
            codes = {code_name(diagnostic) for diagnostic in diagnostics}
            if "DuplicateDefinition" in codes and self._drop_included(unit):
                continue
            missing = [str(next(iter(one.args))) for one in diagnostics if code_name(one) in _MISSING_UNIT]
            # Simulators resolve packages in generate branches that are not taken too, where slang does not look.
            missing += self._unseen_scopes()
            added = [self._add_unit(name) for name in dict.fromkeys(missing)]
            if any(added):
                continue
            found = [self._translated(one, unit.places) for one in diagnostics if one.isError() or code_name(one) == "DuplicateDefinition"]
            self._problems.extend(syntax_problems)
            self._problems.extend(found)
            tops = list(compilation.getRoot().topInstances)
            if not has_errors(found) and tops:
                self._problems.extend(self._check_parameters(tops[0].body))
            if has_errors(self._problems) or not tops:
                return self._failed([])
            ordered = sorted(order, key=lambda path: self._pool.roles[path] == "library")
            sources = tuple((self._pool.sources[path], self._pool.roles[path]) for path in ordered)
            return Loaded(unit, tops[0], compilation, sources, tuple(self._include_dirs)), self._problems
        return self._failed([Problem("files that are needed lead to ever more files", hint="Name the files of the design.")])

    def _failed(self, problems: Sequence[Problem]) -> tuple[None, list[Problem]]:
        self._problems.extend(problems)
        if not has_errors(self._problems):
            self._problems.append(Problem("the design can't be elaborated"))
        return None, self._problems

    def _top_is_known(self, unit: Unit) -> bool:
        return any(symbol.name == self._top for symbol in compile_unit(unit).getDefinitions())

    def _choose_top(self, unit: Unit) -> Problem | None:
        compilation = compile_unit(unit)
        definitions = [one for one in compilation.getDefinitions() if isinstance(one, ast.DefinitionSymbol)]
        modules = [one.name for one in definitions if one.definitionKind is ast.DefinitionKind.Module]
        if self._files.top is not None:
            listed = ", ".join(sorted(modules)) or "none"
            return Problem(f"there is no module '{self._files.top}'", hint=f"Modules in the files: {listed}.", code="InvalidTopModule")
        if not modules:
            return Problem("there is no module in the files", file=display_path(next(iter(self._given))), code="NoTopModules")
        candidates = [
            instance.name
            for instance in compilation.getRoot().topInstances
            if unit.places.path(instance.definition.location) in self._tops_from(unit)
        ]
        if len(candidates) == 1:
            self._top = candidates[0]
            return None
        if not candidates:
            return Problem(
                "every module is instantiated by another, so none is the top", hint="Say which it is with --top.", code="NoTopModules"
            )
        listed = ", ".join(sorted(candidates))
        return Problem(
            f"several modules can be the top: {listed}", hint=f"Say which it is with --top, as in --top {sorted(candidates)[0]}."
        )

    def _tops_from(self, unit: Unit) -> set[Path]:
        return {*self._given, *(include.path for include in unit.includes)}

    def _add_include(self, name: str) -> bool:
        if self._index is None or name in self._hopeless:
            return False
        folders = self._index.find_include(name)
        if len(folders) != 1:
            self._hopeless.add(name)
            return False
        self._include_dirs.append(folders[0])
        return True

    def _unseen_scopes(self) -> list[str]:
        """List names before `::` that no file declares as a package; classes and types are among them, for which no file is found."""
        known = {package for names in self._pool.names.values() for package in names.packages}
        return sorted({scope for names in self._pool.names.values() for scope in names.scopes} - known)

    def _add_unit(self, name: str) -> bool:
        """Add the file of a missing module or package: from `-v`, `-y`, then the folders around."""
        if name in self._hopeless:
            return False
        self._hopeless.add(name)
        for path, names in self._library_names.items():
            if (name in names.modules or name in names.packages) and path not in self._pool.sources:
                self._pool.add(self._libraries[path], "library")
                return True
        extensions = dict.fromkeys((*self._files.library_exts, ".v", ".sv"))
        for folder in self._files.library_dirs:
            for extension in extensions:
                path = (folder / f"{name}{extension}").resolve()
                if path.is_file() and path not in self._pool.sources:
                    return self._add_file(path, "library")
        if self._index is None:
            return False
        chosen, others = self._index.find_design_unit(name)
        if chosen is None or chosen.resolve() in self._pool.sources:
            return False
        if others and others[0].parent == chosen.parent:
            text = f"'{name}' is declared in {display_path(chosen)} and in {display_path(others[0])}; the first was taken"
            self._problems.append(Problem(text, hint="Name the file that you mean.", severity=Severity.WARNING))
        return self._add_file(chosen.resolve(), "source")

    def _add_file(self, path: Path, role: str) -> bool:
        sources, found = read_files([path])
        self._problems.extend(replace(problem, severity=Severity.WARNING) for problem in found)
        for source in sources.values():
            self._pool.add(source, role)
        return bool(sources)

    def _drop_included(self, unit: Unit) -> bool:
        """Leave out sources that another source includes: their modules would be there twice."""
        twice = [include.path for include in unit.includes if include.path in self._pool.sources and self._pool.names[include.path].modules]
        for path in dict.fromkeys(twice):
            self._pool.drop(path)
        return bool(twice)

    def _translated(self, diagnostic: pyslang.Diagnostic, places: Places) -> Problem:
        problem, code = places.problem(diagnostic), code_name(diagnostic)
        arguments = [str(argument) for argument in diagnostic.args]
        if code == "DuplicateDefinition":
            return self._duplicate(problem, arguments[0])
        if code in _MISSING_UNIT:
            what = "module" if code in ("UnknownModule", "UnknownPrimitive") else "interface" if code == "UnknownInterface" else "package"
            hint = f"Give the file that declares '{arguments[0]}', or its folder with -y."
            return replace(problem, message=f"{what} '{arguments[0]}' was not found", hint=hint)
        if code == "InvalidTopModule":
            return replace(problem, hint="Give each of its parameters a default, or a value with -G.")
        if code == "InvalidParamOverrideOpt":
            return replace(problem, message=f"-G {arguments[0]} can't be used", hint="Write NAME=VALUE with a Verilog literal as value.")
        return problem

    def _duplicate(self, problem: Problem, name: str) -> Problem:
        declaring = [path for path, names in self._pool.names.items() if name in names.modules or name in names.packages]
        files = [display_path(path) for path in declaring]
        if len(files) < 2:
            return replace(problem, message=f"'{name}' is declared twice", severity=Severity.WARNING)
        if any(self._pool.roles[path] == "library" for path in declaring):
            return replace(problem, severity=Severity.WARNING)
        return replace(
            problem,
            message=f"'{name}' is declared in {' and in '.join(files)}",
            hint="Leave one of the files out.",
            severity=Severity.ERROR,
        )

    def _check_parameters(self, body: ast.InstanceBodySymbol) -> list[Problem]:
        settable = [symbol.name for symbol in body.parameters if not symbol.isLocalParam]
        listed = ", ".join(settable) or "none"
        return [
            Problem(f"the top '{body.name}' has no parameter '{name}'", hint=f"Parameters that can be set: {listed}.")
            for name, _ in self._files.parameters
            if name not in settable
        ]


def _cause_first(problems: list[Problem]) -> list[Problem]:
    """If an include or macro is missing, say only that: what follows are its consequences."""
    causes = [one for one in problems if one.code in ("CouldNotOpenIncludeFile", "ExceededMaxIncludeDepth") or "encrypted" in one.message]
    return causes if has_errors(causes) else problems
