"""What a language model is to the rest: messages go in, a completion comes out. Knows no model, no server and no design."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from threading import Event
from typing import Protocol

from llm4cov_agent.errors import Problem


class Role(Enum):
    """Who speaks, by the word that chat templates and OpenAI-compatible servers use."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a model is asked."""

    messages: tuple[Message, ...]
    max_tokens: int
    """Tokens of the reply at most."""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 1
    grammar: str | None = None
    """GBNF that the reply has to follow, root rule `root`; a backend that can't enforce it leaves it to the parser."""
    time_limit_s: float = 600.0
    """Seconds for the whole reply, retries included."""


class CompletionEnding(Enum):
    """How a completion ended."""

    STOP = "stop"
    """The model ended it."""
    LENGTH = "length"
    """It met `max_tokens`, the end of the context, or, of a local model, the limit of time."""
    FAILED = "failed"
    """There is none, or only a part; the reasons are in `problems`."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model answered. A model or server that fails is a value, with the reasons in `problems`."""

    text: str
    ending: CompletionEnding
    prompt_tokens: int | None = None
    """None where the backend does not say."""
    completion_tokens: int | None = None
    seconds: float = 0.0
    problems: tuple[Problem, ...] = ()


OnText = Callable[[str], None]
"""Called with each piece of a reply as it comes."""


class Backend(Protocol):
    """A language model that can be asked. It may be used by one thread at a time."""

    @property
    def name(self) -> str:
        """The kind of backend: `llama`, `transformers`, `endpoint` or `recorded`."""

    @property
    def model(self) -> str:
        """Which model answers, adapter included, as stored with every transition; holds no path and no secret."""

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may have together."""

    @property
    def enforces_grammar(self) -> bool:
        """Whether `Request.grammar` binds the model while it decodes."""

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask once; returns within a second of `cancel` being set."""

    def close(self) -> None:
        """End what runs for it; may be called more than once."""
