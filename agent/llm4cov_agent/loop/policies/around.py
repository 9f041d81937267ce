"""A backend around another one: all of it is the inner one's, but for what a subclass does with requests and completions."""

from __future__ import annotations

from threading import Event

from llm4cov_agent.loop.backend import Backend, Completion, OnText, Request


class Around:
    """Is the inner backend until a method is overridden."""

    def __init__(self, backend: Backend) -> None:
        """Take over the backend; closing this closes it."""
        self._backend = backend

    @property
    def name(self) -> str:
        """The backend's."""
        return self._backend.name

    @property
    def model(self) -> str:
        """The backend's."""
        return self._backend.model

    @property
    def context_tokens(self) -> int:
        """The backend's."""
        return self._backend.context_tokens

    @property
    def enforces_grammar(self) -> bool:
        """The backend's."""
        return self._backend.enforces_grammar

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask the backend."""
        return self._backend.complete(request, on_text=on_text, cancel=cancel)

    def close(self) -> None:
        """Close the backend."""
        self._backend.close()
