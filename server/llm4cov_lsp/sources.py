"""Which files a request means: those that were asked for, with what settings and the project's own files say around them. Knows no LSP.

The project's files are told by the first of: the filelist command, the filelists of the settings, another tool's file. Include folders,
macros, parameters and library folders of the settings come on top of any.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Event

from llm4cov_agent.errors import Problem, Severity, has_errors
from llm4cov_agent.rtl import verible_filelist
from llm4cov_agent.rtl.filelist import read_filelist
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.rtl.slang_config import read_slang_config
from llm4cov_agent.rtl.verible_filelist import read_verible_filelist
from llm4cov_lsp.filelist_command import Listings
from llm4cov_lsp.wire import PROJECT_CODE, Request


def files_of_request(
    request: Request, *, listings: Listings, cancel: Event | None
) -> tuple[FileSet | None, tuple[Problem, ...], tuple[Path, ...]]:
    """Put the project's and the settings' files around the file that was asked for, which need not be on any list.

    Gives the files, or None for an error; the problems; and every list or configuration that was read, for a result rests on it.
    """
    found, problems = _project(request, listings, cancel)
    files = found or FileSet()
    named = {path.resolve() for path in (*files.sources, *files.library_files)}
    own = Path(request.file)
    listed = own.resolve() in {path.resolve() for path in files.sources}
    if not listed and own.resolve() in named:
        # It is asked for now, so it is a source and no candidate any more.
        files = replace(files, library_files=tuple(path for path in files.library_files if path.resolve() != own.resolve()))
    defines = (text.partition("=") for text in request.defines)
    parameters = (text.partition("=") for text in request.parameters)
    files = files.merged(
        FileSet(
            sources=() if listed else (own,),
            include_dirs=tuple(Path(path) for path in request.include_dirs),
            defines=tuple((name, value if equals else None) for name, equals, value in defines),
            library_dirs=tuple(Path(path) for path in request.library_dirs),
            parameters=tuple((name, value) for name, _, value in parameters),
            top=request.top,
        )
    )
    return (None if has_errors(problems) else files), problems, _read(request, files)


def _project(request: Request, listings: Listings, cancel: Event | None) -> tuple[FileSet | None, tuple[Problem, ...]]:
    if request.filelist_command:
        folder = Path(request.folder) if request.folder is not None else Path(request.file).parent
        found, problems = listings.get(
            request.filelist_command, folder=folder, wall_s=request.filelist_command_s, edition=request.edition, cancel=cancel
        )
        return found, _said(problems)
    if request.filelists:
        problems_of_lists: list[Problem] = []
        files = FileSet()
        for path in request.filelists:
            one, trouble = read_filelist(Path(path), base=Path(path).parent)
            problems_of_lists += trouble
            files = files.merged(one) if one is not None else files
        return files, tuple(problems_of_lists)
    if request.project_file is not None:
        path_of_tool = Path(request.project_file)
        if path_of_tool.name == verible_filelist.FILE_NAME:
            candidates, problems = read_verible_filelist(path_of_tool)
            return candidates, _said(problems)
        slang, problems = read_slang_config(Path(request.folder or path_of_tool.parent.parent))
        return slang, _said(problems)
    return None, ()


def _said(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Mark problems as said; notes are not worth that."""
    return tuple(replace(one, code=PROJECT_CODE) for one in problems if one.severity is not Severity.NOTE)


def _read(request: Request, files: FileSet) -> tuple[Path, ...]:
    """List what was read, and what was to be read and failed: a result is over when one of these changes."""
    asked = (*request.filelists, *([request.project_file] if request.project_file is not None else []))
    return tuple(dict.fromkeys((*(Path(path) for path in asked), *files.lists)))
