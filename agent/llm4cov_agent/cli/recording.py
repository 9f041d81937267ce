"""Stores a command's transitions as they happen. A store that can't be used is said once and costs no result."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.errors import Problem, Severity, StoreUnusable
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import Store, open_store


class Recorder:
    """One trajectory, begun with its first transition."""

    def __init__(self, path: Path | None, *, command: str) -> None:
        self._path, self._command = path, command
        self._store: Store | None = None
        self.trajectory: str | None = None
        """Name of the trajectory, once there is one."""
        self.problem: Problem | None = None
        """Why nothing more is stored."""

    def record(self, transition: Transition) -> None:
        """Append a transition; after the first that can't be stored, none is."""
        if self.problem is not None:
            return
        try:
            if self._store is None or self.trajectory is None:
                self._store = open_store(self._path)
                self.trajectory = self._store.begin(transition.state.design, command=self._command)
            self._store.append(self.trajectory, transition)
        except StoreUnusable as error:
            hint = "The testbench is not affected. --store names another file, --no-store stores nothing."
            self.problem = Problem(f"what was tried is not stored: {error}", hint=hint, severity=Severity.WARNING)

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
