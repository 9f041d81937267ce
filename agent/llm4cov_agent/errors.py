"""What goes wrong, in words for the person who can mend it. Knows no tool and no command line.

A bad input, a failed build, a time-out are *values*: functions that read user text return `(value, problems)`.
The exceptions below are for the rest: a tool that is missing, a setting that is wrong, a bug of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(Enum):
    """How much a problem matters: an error leaves nothing usable, a warning does."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what the user gave, and what to do about it."""

    message: str
    """What happened, one sentence, no trailing full stop needed."""
    file: str | None = None
    """Path as the user would write it; None where no file is to blame."""
    line: int | None = None
    """1-based."""
    column: int | None = None
    """1-based."""
    hint: str | None = None
    """What to do; None where the message says it."""
    severity: Severity = Severity.ERROR
    code: str | None = None
    """The reporting tool's own name for it, such as `UnknownModule` or `WIDTHTRUNC`."""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{place}: " if place else ""
        text += f"{self.severity.value}: {self.message}"
        return f"{text}\n  {self.hint}" if self.hint else text


def has_errors(problems: Iterable[Problem]) -> bool:
    """Say whether any of the problems leaves nothing usable."""
    return any(problem.severity is Severity.ERROR for problem in problems)


class Llm4covError(Exception):
    """Base of the exceptions that a person sees; the text is the whole message."""


class ToolMissing(Llm4covError):
    """A program that is needed is not installed (exit status 3). `hint` is the command that installs it."""

    def __init__(self, tool: str, hint: str) -> None:
        super().__init__(f"{tool} is needed and was not found.\n  {hint}")
        self.tool = tool
        self.hint = hint

    def __reduce__(self) -> tuple[type[ToolMissing], tuple[str, str]]:
        """Let it cross from one process to another."""
        return ToolMissing, (self.tool, self.hint)


class BadConfiguration(Llm4covError):
    """A setting has a value that can't be used (exit status 2). Names the setting."""


class WorkFailed(Llm4covError):
    """A part of the work could not be done, by no fault of what was asked (exit status 2). Names the part and the reason."""


class StoreUnusable(Llm4covError):
    """The store of trajectories can't be read or written (exit status 2). Names the file and what to do."""


class StoreDamaged(StoreUnusable):
    """The file of the store is damaged; it is left as it is."""


def display_path(path: Path) -> str:
    """Write a path as a person in the current folder would: relative if it lies below, else absolute."""
    resolved = path if path.is_absolute() else Path.cwd() / path
    return str(resolved.relative_to(Path.cwd())) if resolved.is_relative_to(Path.cwd()) else str(path)
