"""Where learning keeps its files unless told otherwise, and how its progress is shown. Knows no command."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from llm4cov_agent.cli.console import messages
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import ToolMissing

TRAIN_HINT = "pip install 'llm4cov-lsp[train]'"


def need_train() -> None:
    """Raise ToolMissing unless what designs are made and compared with is installed."""
    if any(importlib.util.find_spec(name) is None for name in ("pyverilog", "rapidfuzz")):
        raise ToolMissing("pyverilog and rapidfuzz", TRAIN_HINT)


def learning_folder() -> Path:
    """Beside the store of trajectories."""
    return read_config().store.parent / "learning"


@contextlib.contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with a count and the time left on a terminal, nothing elsewhere; gives what takes the count so far."""
    console = messages()
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda done: bars.update(task, completed=done)
