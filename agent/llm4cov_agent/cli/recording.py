"""Keeps what happens in a command: transitions in the store, a model's words in a file. What can't be kept costs no result."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.cli.output import begin_output
from llm4cov_agent.errors import Problem, Severity, StoreUnusable, display_path
from llm4cov_agent.loop.backend import Completion, Request
from llm4cov_agent.loop.policies.recorded import record_line
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


class Tape:
    """One file of completions, line by line as they come, so that what was said before a crash is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = False
        self.problem: Problem | None = None
        """Why nothing more is recorded."""

    def record(self, request: Request, completion: Completion) -> None:
        """Append a completion; after the first that can't be written, none is."""
        if self.problem is not None:
            return
        try:
            if not self._begun:
                begin_output(self._path)
                self._begun = True
            with self._path.open("a", encoding="utf-8") as file:
                file.write(record_line(request, completion) + "\n")
        except OSError as error:
            message = f"what the model says is recorded no further: {error.strerror}"
            hint = "The testbench is not affected; a replay ends with the last line that is there."
            self.problem = Problem(message, file=display_path(self._path), hint=hint, severity=Severity.WARNING)
