"""Reads what an OpenAI-compatible server sends as a chat completion, as events or as a whole. Knows no address and no retry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Union

import httpx

from llm4cov_agent.loop.backend import CompletionEnding, OnText

Payload = Union[None, bool, int, float, str, Sequence["Payload"], Mapping[str, "Payload"]]
"""A JSON value."""

Clean = Callable[[str], str]
"""Takes out of a server's words what nobody may see; done before they are cut, as half a secret is one too."""

_LINE_BYTES = 1 << 20
_CHARACTERS_PER_TOKEN = 16
"""More than any tokenizer packs into a token on average, so that only a server which ignores the limit is cut off."""
_LEAST_CHARACTERS = 4096
_BYTES_PER_TOKEN = 2048
"""An event around a token takes a few hundred bytes."""
_SHOWN_CHARACTERS = 200


class Unreadable(Exception):
    """The server's answer is no chat completion; the text says why."""

    def __init__(self, message: str, hint: str | None = None, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.is_transient = is_transient


class ChatReply:
    """A reply as far as it has come."""

    def __init__(self, *, max_tokens: int, clean: Clean, on_text: OnText | None = None) -> None:
        self.max_tokens = max_tokens
        self.clean = clean
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.is_cancelled = False
        self.ran_over = False
        """Whether it was cut off because it went on far past what was asked for."""
        self.has_thought = False
        """Whether a server that keeps reasoning apart sent some."""
        self.reason: str | None = None
        """The server's own word for how it ended."""
        self._on_text = on_text
        self._pieces: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        """All that has come."""
        return "".join(self._pieces)

    @property
    def ending(self) -> CompletionEnding:
        """How a reply that was read to its end ended."""
        return CompletionEnding.LENGTH if self.ran_over or self.reason == "length" else CompletionEnding.STOP

    def take(self, record: Mapping[str, Payload], part: str) -> None:
        """Take one JSON object of the server; `part` is the word for what it holds: `delta` or `message`."""
        if record.get("error") is not None:
            raise Unreadable(f"the server reports: {_message(record, self.clean)}", is_transient=True)
        if isinstance(usage := record.get("usage"), Mapping):
            self.prompt_tokens = _count(usage.get("prompt_tokens"), self.prompt_tokens)
            self.completion_tokens = _count(usage.get("completion_tokens"), self.completion_tokens)
        choices = record.get("choices")
        if not isinstance(choices, Sequence) or not choices or not isinstance(choice := choices[0], Mapping):
            return
        if isinstance(reason := choice.get("finish_reason"), str):
            self.reason = reason
        if not isinstance(delta := choice.get(part), Mapping):
            return
        self.has_thought = self.has_thought or bool(delta.get("reasoning_content") or delta.get("reasoning"))
        if isinstance(text := delta.get("content"), str) and text:
            self._add(text)

    def finish(self) -> None:
        """Check that there is a reply. Raises Unreadable if not."""
        if self.reason == "content_filter":
            raise Unreadable("the server's content filter withheld the reply")
        if not self.text.strip():
            hint = "It spent its tokens on reasoning: allow more, or turn thinking off." if self.has_thought else None
            raise Unreadable("the reply is empty", hint)

    def _add(self, text: str) -> None:
        room = max(_LEAST_CHARACTERS, _CHARACTERS_PER_TOKEN * self.max_tokens) - self._length
        if len(text) > room:
            self.ran_over = True
            text = text[:room]
        self._length += len(text)
        if text:
            self._pieces.append(text)
            if self._on_text is not None:
                self._on_text(text)


async def read_events(response: httpx.Response, reply: ChatReply) -> None:
    """Read server-sent events until the server says that it is done.

    Raises Unreadable for anything else than a stream of completions, and for one that stops before its end.
    """
    kind = response.headers.get("content-type", "")
    pending, received, has_events = b"", bytearray(), False
    total, most = 0, (1 << 20) + _BYTES_PER_TOKEN * reply.max_tokens
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if not has_events and len(received) < _LINE_BYTES:
            received += chunk
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            has_events = True
            payload = line.removeprefix(b"data:").strip()
            if payload == b"[DONE]":
                return reply.finish()
            reply.take(_object(payload, reply.clean), "delta")
        if total > most:
            reply.ran_over = True
        if reply.ran_over:
            return reply.finish()
        if len(pending) > _LINE_BYTES or "html" in kind:
            break
    if not has_events:
        said = _one_line(bytes(received), reply.clean)
        raise Unreadable(
            f"the server does not speak the OpenAI protocol: it sent {kind or 'an answer of no known type'}"
            + (f", `{said}`" if said else ""),
            "Check the address; it usually ends in /v1.",
        )
    if reply.reason is None:
        raise Unreadable(f"the reply broke off after {len(reply.text)} characters", is_transient=True)
    return reply.finish()


async def read_whole(response: httpx.Response, reply: ChatReply) -> None:
    """Read a completion that comes as one JSON object, from a server that does not stream. Raises Unreadable."""
    received, most = bytearray(), (1 << 20) + _BYTES_PER_TOKEN * reply.max_tokens
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > most:
            raise Unreadable(f"the reply is longer than {most} bytes")
    record = _object(bytes(received), reply.clean)
    if "choices" not in record and "error" not in record:
        raise Unreadable("the server's JSON holds no completion", "Check the address; it usually ends in /v1.")
    reply.take(record, "message")
    reply.finish()


def error_of(content: bytes, clean: Clean) -> str:
    """Return what an error page says, on one line and cut."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return _one_line(content, clean)
    return _message(record, clean) if isinstance(record, Mapping) else _one_line(content, clean)


def _message(record: Mapping[str, Payload], clean: Clean) -> str:
    error = record.get("error", record.get("detail", record.get("message")))
    if isinstance(error, Mapping):
        error = error.get("message", json.dumps(error))
    text = error if isinstance(error, str) else json.dumps(record if error is None else error)
    return _one_line(text.encode("utf-8", "replace"), clean)


def _one_line(content: bytes, clean: Clean) -> str:
    text = clean(" ".join(content.decode("utf-8", "replace").split()))
    text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _object(content: bytes, clean: Clean) -> Mapping[str, Payload]:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable(f"the server sent malformed JSON: `{_one_line(content, clean)}`") from None
    if not isinstance(record, dict):
        raise Unreadable(f"the server sent JSON that is no object: `{_one_line(content, clean)}`")
    return record


def _count(value: Payload, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise
