"""Runs the command that prints a project's filelist, under the limits of `process`. Knows no design; kept by who asks.

The command runs in the workspace folder and can write only to a scratch folder of its own, which is its home; under a strong sandbox it
has no network.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from threading import Event

from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.rtl.filelist import read_filelist_text
from llm4cov_agent.rtl.fileset import FileSet

MOST_LINES = 12
"""Of the output of a command that failed."""


def filelist_of(
    command: tuple[str, ...], *, folder: Path, wall_s: float, cancel: Event | None
) -> tuple[FileSet | None, tuple[Problem, ...]]:
    """Run a command in a folder and read what it printed as a filelist, relative to that folder.

    The problems name no file, as there is none. Only standard output is the list.
    """
    named = f"the filelist command `{shlex.join(command)}`"
    with scratch_folder() as scratch:
        errors = scratch / "stderr"
        # What it says beside the list, such as warnings, is kept apart; it is told if the command fails.
        script = 'cd "$1" && errors="$2" && shift 2 && exec "$@" 2>"$errors"'
        enter = ("/bin/sh", "-c", script, "sh", str(folder), str(errors), *command)
        outcome = run(enter, folder=scratch, limits=Limits(wall_s=wall_s), cancel=cancel)
        said = errors.read_text(errors="replace") if errors.is_file() else ""
    if not outcome.ok:
        return None, (Problem(f"{named} {outcome.reason}", hint=_end(f"{outcome.output}{said}") or "It printed nothing."),)
    files, problems = read_filelist_text(outcome.output, name=named, base=folder)
    placed = tuple(
        Problem(f"{named}: {one.message}", hint=one.hint, severity=one.severity, code=one.code)
        if one.file == named and one.line is None
        else Problem(f"{named}, line {one.line} of what it printed: {one.message}", hint=one.hint, severity=one.severity, code=one.code)
        if one.file == named
        else one
        for one in problems
    )
    return files, placed


class Listings:
    """What commands printed, for as long as this process lives and their settings stay. A failure is not kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[str, ...], Path], tuple[int, FileSet, tuple[Problem, ...]]] = {}

    def get(
        self, command: tuple[str, ...], *, folder: Path, wall_s: float, edition: int, cancel: Event | None
    ) -> tuple[FileSet | None, tuple[Problem, ...]]:
        """Give the files, running the command if it did not run for this edition of the settings."""
        kept = self._kept.get((command, folder))
        if kept is not None and kept[0] == edition:
            return kept[1], kept[2]
        files, problems = filelist_of(command, folder=folder, wall_s=wall_s, cancel=cancel)
        if files is not None:
            self._kept[command, folder] = (edition, files, problems)
        return files, problems


def _end(output: str) -> str:
    lines = output.strip().splitlines()
    cut = [f"... ({len(lines) - MOST_LINES} lines before)"] if len(lines) > MOST_LINES else []
    return "\n".join([*cut, *lines[-MOST_LINES:]])
