"""Rules that a teacher sees and a student does not: they go into what is sent, and never into what is stored. Knows no design."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

from llm4cov_agent.loop.backend import Backend, Completion, Message, OnText, Request, Role
from llm4cov_agent.loop.policies.around import Around

DEFAULT_RULES = """Before you write, think of each branch: which values of which inputs, and for how many cycles, lead there.
Write one short sequence for each branch or value that is hard to reach, and begin it with a reset where the order matters.
Use the values that the code compares with. Hold inputs long enough for counters to reach their ends. Do not explain."""


class WithRules(Around):
    """A backend that is sent some rules more than the prompt has; they take their part of its context."""

    def __init__(self, backend: Backend, rules: str) -> None:
        """Take over the backend; closing this closes it."""
        super().__init__(backend)
        self._rules = rules

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask with the rules behind what the user says last."""
        *earlier, last = request.messages
        assert last.role is Role.USER
        messages = (*earlier, Message(Role.USER, f"{last.content}\n\n{self._rules}"))
        return super().complete(replace(request, messages=messages), on_text=on_text, cancel=cancel)
