"""What each kind of hole is called, and where the documentation speaks of it. Knows no hole."""

from __future__ import annotations

import importlib.metadata
from functools import cache

from llm4cov_agent.judge.coverage import Kind

LABEL = "Documentation"
"""Of the package's project URLs, the one that names the folder of the documentation."""
TITLES = {
    Kind.LINE: ("Line never executed", "A statement that no run of the testbench executed."),
    Kind.BRANCH: ("Branch never taken", "A side of an `if` or `?:` that no run of the testbench took."),
    Kind.EXPR: ("Combination never seen", "A combination of an expression's terms that decides its value, and that no run showed."),
    Kind.TOGGLE: ("Bit never toggled", "A bit of a signal that never went from 0 to 1, or never back."),
    Kind.FSM: ("State or arc never seen", "A state of a state machine that was never entered, or an arc that it never took."),
}


@cache
def documentation_url(kind: Kind | None = None) -> str | None:
    """Give the page about holes, or its section about a kind; None if the installed package names no documentation."""
    try:
        entries = importlib.metadata.metadata("llm4cov-lsp").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for entry in entries:
        label, _, url = entry.partition(",")
        if label.strip() == LABEL and url.strip():
            page = f"{url.strip().rstrip('/')}/holes.md"
            return page if kind is None else f"{page}#{kind.value}"
    return None
