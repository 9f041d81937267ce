"""The other end of `model_process`: the loop of a child process that loads a model and answers. Knows no library for models.

Standard input brings one JSON object a line: first what to load, then requests. Standard output takes pieces of text and, after
each request, how it ended. Libraries that print would break that, so their output goes to the file `log` in the current folder.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Emit = Callable[[str], None]
"""Sends a piece of the reply."""


class Refused(Exception):
    """A request or a model that can't be used; the text is for the user. `hint` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request."""

    messages: tuple[Mapping[str, str], ...]
    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    grammar: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a request ended."""

    is_complete: bool
    """Whether the model ended its reply itself."""
    prompt_tokens: int
    completion_tokens: int


class Model(Protocol):
    """A loaded model."""

    def answer(self, ask: Ask, emit: Emit) -> Answer:
        """Answer one request. Raises Refused for one that can't be answered."""


def serve_model(load: Callable[[Mapping[str, Any]], Model]) -> None:
    """Load a model and answer until standard input ends. A model that can't be loaded is said in answer to each request."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)

    def send(record: Mapping[str, Any]) -> None:
        out.write(json.dumps(record).encode() + b"\n")

    model: Model | None = None
    settings: Mapping[str, Any] | None = None
    for line in sys.stdin.buffer:
        if settings is None:
            settings = json.loads(line)
            continue
        os.ftruncate(2, 0)
        try:
            model = model or load(settings)
            ask = _ask(json.loads(line))
            answer = model.answer(ask, lambda text: send({"text": text}))
        except Refused as refused:
            send({"ending": "failed", "problem": str(refused), "hint": refused.hint})
        except MemoryError:
            hint = "Use a smaller model or a shorter context."
            send({"ending": "failed", "problem": "the model needs more memory than it may have", "hint": hint})
        except Exception as error:  # noqa: BLE001 - what a model library raises is its own affair, and a value for us
            send({"ending": "failed", "problem": f"{type(error).__name__}: {_first_line(error)}"})
        else:
            send(
                {
                    "ending": "stop" if answer.is_complete else "length",
                    "prompt_tokens": answer.prompt_tokens,
                    "completion_tokens": answer.completion_tokens,
                }
            )


def neutral(content: str, control: Iterable[str]) -> str:
    """Take the power from control tokens written out in a text, by a space after their first character.

    A design's comment that holds `<|im_end|>` would otherwise end the user's turn and begin one of its own.
    """
    words = sorted((re.escape(token) for token in control if len(token) > 1), key=len, reverse=True)
    if not words:
        return content
    return re.sub("|".join(words), lambda found: f"{found.group()[0]} {found.group()[1:]}", content)


def neutral_messages(messages: Sequence[Mapping[str, str]], control: Sequence[str]) -> list[dict[str, str]]:
    """Do so in all messages; text that is no valid Unicode is mended, as no tokenizer takes it."""
    return [
        {"role": message["role"], "content": neutral(message["content"], control).encode("utf-8", "replace").decode()}
        for message in messages
    ]


def room(prompt_tokens: int, context_tokens: int, max_tokens: int) -> int:
    """Return how many tokens the reply may have. Raises Refused if the prompt alone fills the context."""
    if prompt_tokens >= context_tokens:
        raise Refused(
            f"the prompt has {prompt_tokens} tokens, and the context holds {context_tokens}", "Use a longer context or a shorter prompt."
        )
    return min(max_tokens, context_tokens - prompt_tokens)


def _ask(record: Mapping[str, Any]) -> Ask:
    return Ask(
        messages=tuple(record["messages"]),
        max_tokens=record["max_tokens"],
        temperature=record["temperature"],
        top_p=record["top_p"],
        seed=record["seed"],
        grammar=record["grammar"],
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else "no reason given"
