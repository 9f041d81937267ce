"""Where things lie in a workspace folder: the testbench of a module, and the files that settings name. Opens none of them."""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path

from llm4cov_agent.closure import waived
from llm4cov_agent.rtl import slang_config, verible_filelist
from llm4cov_lsp.model_settings import budget_key, model_request
from llm4cov_lsp.settings import Settings
from llm4cov_lsp.wire import Request, RequestKind

SUFFIXES = frozenset({".v", ".sv", ".vh", ".svh"})
WATCHED = ("**/*.{v,sv,vh,svh,f}", f"**/{verible_filelist.FILE_NAME}", *(f"**/{place}" for place in slang_config.PLACES), "**/*.toml")
"""Patterns of files that decide what is measured."""


def testbench_places(file: Path, top: str, settings: Settings) -> tuple[Path, ...]:
    """List where the testbench of a module may lie, the first one being where a new one goes."""
    pattern = settings.text("testbench.path")
    if pattern:
        return ((file.parent / pattern.replace("{top}", top)).absolute(),)
    folders = (file.parent, file.parent / "tb", file.parent.parent / "tb")
    return tuple(folder / f"tb_{top}{suffix}" for suffix in (".sv", ".py") for folder in folders)


_FURTHER = re.compile(r"(_more)?(_\d+)?")
"""What stands behind the name of a testbench in the names of further ones."""


def testbench_of(file: Path, top: str, settings: Settings) -> Path | None:
    """Find the testbench of a module."""
    return next((path for path in testbench_places(file, top, settings) if path.is_file()), None)


def is_empty(path: Path) -> bool:
    """Say whether a file is there and holds nothing."""
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def project_file_of(folder: Path) -> Path | None:
    """Find the file of another tool that tells what belongs to a workspace folder: slang-server's before Verible's."""
    return next(
        (path for name in (*reversed(slang_config.PLACES), Path(verible_filelist.FILE_NAME)) if (path := folder / name).is_file()), None
    )


def is_project_file(path: Path) -> bool:
    """Say whether a file tells what belongs to a project, so that its coming or going matters to all designs there."""
    return path.name == verible_filelist.FILE_NAME or any(path.parts[-len(place.parts) :] == place.parts for place in slang_config.PLACES)


def testbenches_of(file: Path, top: str, settings: Settings) -> tuple[Path, ...]:
    """Find all testbenches of a module: the one that is measured by itself, then `_2`, `_more` and so on beside it."""
    found: dict[Path, None] = {}
    for place in testbench_places(file, top, settings):
        if place.is_file():
            found[place] = None
        near = place.parent.glob(f"{escape(place.stem)}_*{place.suffix}") if place.parent.is_dir() else ()
        found |= dict.fromkeys(sorted(path for path in near if _FURTHER.fullmatch(path.stem.removeprefix(place.stem)) and path.is_file()))
    return tuple(found)


def is_further_testbench(path: Path, file: Path, top: str, settings: Settings) -> bool:
    """Say whether a file is a testbench of a module beside the one that is measured by itself, by its name."""
    return path != testbench_of(file, top, settings) and any(
        path.parent == place.parent
        and path.suffix == place.suffix
        and path.stem.startswith(place.stem)
        and _FURTHER.fullmatch(path.stem.removeprefix(place.stem)) is not None
        for place in testbench_places(file, top, settings)
    )


def waiver_places(base: Path, settings: Settings) -> tuple[Path, ...]:
    """List the waiver files of a workspace folder, there or not; the first one is where a new entry goes."""
    return tuple((base / name).absolute() for name in settings.texts("waivers.files"))


def _waivers(base: Path, settings: Settings) -> tuple[str, ...]:
    """Name those to read: one that a setting names and that is not there is read too, so that somebody hears of it."""
    usual = (base / waived.FILE_NAME).absolute()
    return tuple(str(path) for path in waiver_places(base, settings) if path != usual or path.is_file())


def request_of(
    kind: RequestKind,
    file: Path,
    top: str,
    settings: Settings,
    *,
    folder: Path | None,
    testbench: Path | None = None,
    point: str | None = None,
    edition: int = 0,
) -> Request:
    """Make the worker's request for a module."""
    base = folder or file.parent
    told = settings.texts("files.filelistCommand") or settings.texts("files.filelists") or not settings.flag("files.projectFiles")
    project_file = project_file_of(folder) if folder is not None and not told else None
    budget = "prove.budgetSeconds" if kind is RequestKind.PROVE else budget_key(settings)
    return Request(
        kind=kind,
        file=str(file),
        top=top,
        testbench=str(testbench) if testbench is not None else None,
        folder=str(folder) if folder is not None else None,
        filelist_command=settings.texts("files.filelistCommand"),
        filelist_command_s=settings.number("files.filelistCommandSeconds"),
        edition=edition if settings.texts("files.filelistCommand") else 0,
        project_file=str(project_file) if project_file is not None else None,
        filelists=_below(base, settings.texts("files.filelists")),
        include_dirs=_below(base, settings.texts("files.includeDirs")),
        defines=settings.texts("files.defines"),
        parameters=tuple(one.removeprefix(f"{top}.") for one in settings.texts("files.parameters") if one.startswith(f"{top}.")),
        library_dirs=_below(base, settings.texts("files.libraryDirs")),
        policy=settings.text("generate.policy"),
        model=model_request(settings, base),
        budget_s=settings.number(budget),
        run_s=settings.number("simulation.runSeconds"),
        seed=int(settings.number("simulation.seed")),
        waivers=_waivers(base, settings),
        point=point,
        stores=settings.flag("store.enabled"),
    )


def _below(base: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str((base / name).absolute()) for name in names)
