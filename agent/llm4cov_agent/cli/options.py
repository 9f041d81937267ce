"""Options that several commands share, and the files they name. Reads filelists, no RTL."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.errors import Problem, has_errors
from llm4cov_agent.rtl.filelist import read_filelist
from llm4cov_agent.rtl.fileset import FileSet


def a_number(value: float | None) -> float | None:
    """Refuse `nan`, which lies in every range."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("is not a number.")
    return value


Files = Annotated[list[Path] | None, typer.Argument(help="Verilog or SystemVerilog files, in any order.", show_default=False)]
Top = Annotated[str | None, typer.Option("--top", help="Top module; found by itself if there is only one.", show_default=False)]
Lists = Annotated[list[Path] | None, typer.Option("-f", help="Filelist; its paths are relative to the current folder.", show_default=False)]
OwnLists = Annotated[list[Path] | None, typer.Option("-F", help="Filelist; its paths are relative to the list.", show_default=False)]
Includes = Annotated[list[Path] | None, typer.Option("-I", help="Folder of include files.", show_default=False)]
Defines = Annotated[list[str] | None, typer.Option("-D", help="Macro, NAME or NAME=VALUE.", show_default=False)]
Parameters = Annotated[list[str] | None, typer.Option("-G", help="Parameter of the top module, NAME=VALUE.", show_default=False)]
LibraryDirs = Annotated[list[Path] | None, typer.Option("-y", help="Folder where missing modules are looked for.", show_default=False)]
LibraryFiles = Annotated[list[Path] | None, typer.Option("-v", help="File whose modules are used if missing.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
TestbenchPath = Annotated[Path, typer.Option("--tb", help="Testbench: SystemVerilog, or cocotb if it ends in .py.", show_default=False)]
EditStore = Annotated[
    Path | None,
    typer.Option("--store", help="Store that knows which testbench you accepted; the user's own by default.", show_default=False),
]
NoEditStore = Annotated[bool, typer.Option("--no-store", help="Don't look there, and don't store an edit that covers more.")]
Seed = Annotated[int, typer.Option("--seed", min=1, max=2**31 - 1, help="Seed of everything random.")]
RunSeconds = Annotated[
    float, typer.Option("--run-s", min=0.1, max=86_400, callback=a_number, help="Longest that one simulation may run, in seconds.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """The file options of one command line."""

    files: list[Path] | None
    top: str | None
    lists: list[Path] | None
    own_lists: list[Path] | None
    includes: list[Path] | None
    defines: list[str] | None
    parameters: list[str] | None
    library_dirs: list[Path] | None
    library_files: list[Path] | None


def read_file_options(options: FileOptions) -> tuple[FileSet | None, tuple[Problem, ...]]:
    """Turn options into a file set: filelists first, then what the command line names itself."""
    problems: list[Problem] = []
    files = FileSet()
    named = [(path, None) for path in options.lists or ()] + [(path, path.parent) for path in options.own_lists or ()]
    for path, base in named:
        found, trouble = read_filelist(path, base=base)
        problems += trouble
        files = files.merged(found) if found is not None else files
    for path in options.includes or ():
        if not path.is_dir():
            problems.append(Problem("is no folder", file=str(path), hint="-I takes a folder of include files."))
    for pair in options.parameters or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            problems.append(Problem(f"-G {pair}: should be NAME=VALUE, such as -G WIDTH=8"))
    files = files.merged(
        FileSet(
            sources=_absolute(options.files),
            include_dirs=_absolute(options.includes),
            defines=tuple(_define(text) for text in options.defines or ()),
            library_dirs=_absolute(options.library_dirs),
            library_files=_absolute(options.library_files),
            parameters=tuple(
                (name.strip(), value.strip()) for name, _, value in (pair.partition("=") for pair in options.parameters or ())
            ),
            top=options.top,
        )
    )
    if not files.sources and not has_errors(problems):
        problems.append(Problem("no Verilog file was given", hint="Name the files of the design, or a filelist with -f."))
    return (None if has_errors(problems) else files), tuple(problems)


def _absolute(paths: list[Path] | None) -> tuple[Path, ...]:
    return tuple(Path.cwd() / path for path in paths or ())


def _define(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


Waivers = Annotated[
    list[Path] | None,
    typer.Option("--waivers", help="Leave out the points that this file excludes; can be given several times.", show_default=False),
]
