"""Turns slang's diagnostics and places into ours. Decides which of them Verilator would not mind; knows no design."""

from __future__ import annotations

from pathlib import Path

import pyslang

from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.rtl.source import Span

MAX_PROBLEMS = 20

TOLERATED = frozenset(
    {
        # Verilator fills a missing time scale in and takes the members of a design that differ in it.
        "MissingTimeScale",
        # Verilator evaluates these or warns; the elaborated design is the same.
        "UnknownSystemName",
        "NoImplicitConversion",
        "UsedBeforeDeclared",
        "ImplicitConnNetInconsistent",
        "SysFuncHierarchicalNotAllowed",
        "InvalidUTF8Seq",
        "UnicodeBOM",
        "MixedVarAssigns",
        "MultipleContAssigns",
        "MultipleAlwaysAssigns",
        "MultipleUDNTDrivers",
    }
)
"""Errors of slang that leave an elaborated design usable; the simulator has the last word on them."""


class Places:
    """Translates slang's locations; remembers the names of the buffers."""

    def __init__(self, manager: pyslang.SourceManager) -> None:
        self.manager = manager
        self._files: dict[int, str] = {}
        self._engine = pyslang.DiagnosticEngine(manager)

    def path(self, location: pyslang.SourceLocation) -> Path | None:
        """Give the file a location is in; None for text that is in no file (the command line)."""
        full = self.manager.getFullPath(self.manager.getFullyExpandedLoc(location).buffer)
        return Path(full) if str(full) not in ("", ".") else None

    def start(self, location: pyslang.SourceLocation) -> tuple[str | None, int, int]:
        """Give file, line and column; inside a macro, the place where the macro is used."""
        expanded = self.manager.getFullyExpandedLoc(location)
        key = hash(expanded.buffer)
        if key not in self._files:
            path = self.path(expanded)
            self._files[key] = display_path(path) if path else ""
        return self._files[key] or None, self.manager.getLineNumber(expanded), self.manager.getColumnNumber(expanded)

    def span(self, extent: pyslang.SourceRange) -> Span:
        """Translate a range; one that ends in another file is cut to its start."""
        file, line, column = self.start(extent.start)
        end_file, end_line, end_column = self.start(extent.end)
        if end_file != file or (end_line, end_column) < (line, column):
            end_line, end_column = line, column
        return Span(file or "", line, column, end_line, end_column)

    def span_of_name(self, symbol: pyslang.ast.Symbol) -> Span:
        """Give the span of a declared name."""
        file, line, column = self.start(symbol.location)
        return Span(file or "", line, column, line, column + len(symbol.name))

    def problem(self, diagnostic: pyslang.Diagnostic) -> Problem:
        """Translate one diagnostic; an error stays an error unless it is tolerated."""
        code = code_name(diagnostic)
        file, line, column = self.start(diagnostic.location)
        severe = diagnostic.isError() and code not in TOLERATED
        return Problem(
            self._engine.formatMessage(diagnostic),
            file=file,
            line=line if file else None,
            column=column if file else None,
            severity=Severity.ERROR if severe else Severity.WARNING,
            code=code,
        )


def code_name(diagnostic: pyslang.Diagnostic) -> str:
    """Give slang's name of a diagnostic, such as `UnknownModule`."""
    return repr(diagnostic.code).removeprefix("DiagCode(").removesuffix(")")


def trimmed(problems: list[Problem]) -> tuple[Problem, ...]:
    """Drop repetitions, put errors first and stop at about twenty."""
    unique = list(dict.fromkeys(problems))
    unique.sort(key=lambda problem: problem.severity is not Severity.ERROR)
    if len(unique) <= MAX_PROBLEMS:
        return tuple(unique)
    left = len(unique) - MAX_PROBLEMS
    severity = Severity.NOTE
    return (*unique[:MAX_PROBLEMS], Problem(f"{left} more problems are not shown", severity=severity))
