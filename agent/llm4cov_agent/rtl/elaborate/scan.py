"""Reads names out of HDL text without parsing it: what a file declares and uses, and so the order to compile files in.

Knows no parser and no preprocessor: it serves to find files, never to judge them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\(\*(?!\s*\)).*?\*\)', re.DOTALL)
_DECLARED = re.compile(r"\b(module|macromodule|interface|program|package|primitive)\s+(?:(?:automatic|static)\s+)?([A-Za-z_][\w$]*)")
_SCOPED = re.compile(r"\b([A-Za-z_][\w$]*)\s*::")
_DEFINED = re.compile(r"`define\s+([A-Za-z_]\w*)")
_MACRO = re.compile(r"`([A-Za-z_]\w*)")
_INCLUDED = re.compile(r'`include\s+"([^"\n]+)"')
_DIRECTIVES = frozenset(
    (
        *("define", "undef", "undefineall", "ifdef", "ifndef", "elsif", "else", "endif", "include", "line", "pragma", "resetall"),
        *("timescale", "default_nettype", "celldefine", "endcelldefine", "unconnected_drive", "nounconnected_drive"),
        *("begin_keywords", "end_keywords", "__FILE__", "__LINE__"),
    )
)


@dataclass(frozen=True, slots=True)
class Names:
    """What one file declares and refers to by name."""

    modules: frozenset[str]
    """Modules, interfaces, programs and primitives."""
    packages: frozenset[str]
    scopes: frozenset[str]
    """Names before `::`: packages and classes."""
    defines: frozenset[str]
    macros: frozenset[str]
    """Macros that it uses and does not define."""
    includes: frozenset[str]
    """Names of include files, as written."""


def scan(text: str) -> Names:
    """Read the names in one file's text; comments and strings are skipped."""
    includes = frozenset(_INCLUDED.findall(text))
    code = _NOISE.sub(_blank, text)
    declared = _DECLARED.findall(code)
    defines = frozenset(_DEFINED.findall(code))
    packages = frozenset(name for keyword, name in declared if keyword == "package")
    return Names(
        modules=frozenset(name for keyword, name in declared if keyword != "package"),
        packages=packages,
        scopes=frozenset(_SCOPED.findall(code)) - packages,
        defines=defines,
        macros=frozenset(_MACRO.findall(code)) - defines - _DIRECTIVES,
        includes=includes,
    )


def compile_order(paths: Sequence[Path], names: Mapping[Path, Names], defined: frozenset[str]) -> tuple[Path, ...]:
    """Put packages before their users and macro files before theirs; else keep the order given.

    A macro orders two files only if exactly one file defines it and the command line (`defined`) does not.
    """
    packages: dict[str, Path] = {}
    definers: dict[str, list[Path]] = {}
    for path in paths:
        for package in names[path].packages:
            packages.setdefault(package, path)
        for macro in names[path].defines:
            definers.setdefault(macro, []).append(path)

    def needed(path: Path) -> list[Path]:
        found = [packages[scope] for scope in names[path].scopes if scope in packages]
        for macro in names[path].macros - defined:
            if len(definers.get(macro, ())) == 1:
                found.extend(definers[macro])
        return sorted((other for other in found if other != path), key=lambda other: position[other])

    position = {path: index for index, path in enumerate(paths)}
    ordered: dict[Path, None] = {}
    entered: set[Path] = set()

    def place(path: Path) -> None:
        if path in entered:
            return
        entered.add(path)
        for other in needed(path):
            place(other)
        ordered[path] = None

    # Files that hold only macros or types of the compilation unit serve every file behind them.
    loose = [path for path in paths if not names[path].modules and not names[path].packages]
    for path in (*loose, *paths):
        place(path)
    return tuple(ordered)


def _blank(match: re.Match[str]) -> str:
    return " "
