"""Records completions as they come and replays them: for tests, and for going through a rollout again without its model. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.loop.backend import Backend, Completion, CompletionEnding, Message, OnText, Request
from llm4cov_agent.loop.policies.around import Around

OnCompletion = Callable[[Request, Completion], None]
"""Called with each completion as it comes."""


class Recorded:
    """Answers each request with what was recorded for the same messages, in the order of recording."""

    name = "recorded"
    enforces_grammar = False

    def __init__(self, records: Iterable[tuple[str, Completion]], *, model: str = "recorded", context_tokens: int = 1 << 20) -> None:
        """`records` are pairs of `messages_digest` and completion; `model` is the one that was recorded."""
        self._answers: dict[str, list[Completion]] = {}
        for digest, completion in records:
            self._answers.setdefault(digest, []).append(completion)
        self._asked: dict[str, int] = {}
        self._model, self._context_tokens = model, context_tokens

    @property
    def model(self) -> str:
        """The model whose completions these are."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """As given; a recording has no limit of its own."""
        return self._context_tokens

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Answer; a request that was not recorded, or not as often, fails and says so."""
        if cancel is not None and cancel.is_set():
            return Completion(text="", ending=CompletionEnding.CANCELLED)
        digest = messages_digest(request.messages)
        answers, rank = self._answers.get(digest, []), self._asked.get(digest, 0)
        if rank >= len(answers):
            many = sum(len(one) for one in self._answers.values())
            reason = (
                f"was recorded {len(answers)} times and is asked for once more" if answers else f"is none of the {many} that were recorded"
            )
            hint = "Prompts depend on the design, the testbench and the version of this program; record again if one of them changed."
            return Completion(text="", ending=CompletionEnding.FAILED, problems=(Problem(f"the request {digest} {reason}", hint=hint),))
        self._asked[digest] = rank + 1
        if on_text is not None and answers[rank].text:
            on_text(answers[rank].text)
        return answers[rank]

    def close(self) -> None:
        """Start again from the first of each."""
        self._asked.clear()


class Recording(Around):
    """A backend whose completions are told to someone as they come."""

    def __init__(self, backend: Backend, on_completion: OnCompletion) -> None:
        """Take over the backend; closing this closes it."""
        super().__init__(backend)
        self._on_completion = on_completion

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask the backend; what was cancelled is told to no one, as it would end a replay too."""
        completion = super().complete(request, on_text=on_text, cancel=cancel)
        if completion.ending is not CompletionEnding.CANCELLED:
            self._on_completion(request, completion)
        return completion


def messages_digest(messages: Iterable[Message]) -> str:
    """Name a conversation by roles and contents."""
    return digest_json([[message.role.value, message.content] for message in messages])


def record_line(request: Request, completion: Completion) -> str:
    """Write one recorded completion as a line of JSON, without the line's end."""
    record: dict[str, Json] = {
        "messages": messages_digest(request.messages),
        "text": completion.text,
        "ending": completion.ending.value,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "seconds": completion.seconds,
        "problems": [[problem.severity.value, problem.message, problem.hint] for problem in completion.problems],
    }
    return json.dumps(record, sort_keys=True)


def read_records(path: Path) -> tuple[tuple[tuple[str, Completion], ...], tuple[Problem, ...]]:
    """Read lines that `record_line` wrote; lines that can't be read are problems, and the others are kept."""
    shown = display_path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return (), (Problem(f"the recording can't be read: {reason}", file=shown),)
    records, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            records.append(_from_record(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            problems.append(Problem("this line is no recorded completion", file=shown, line=number))
    return tuple(records), tuple(problems)


def _from_record(record: Mapping[str, Any]) -> tuple[str, Completion]:
    digest, text = record["messages"], record["text"]
    if not isinstance(digest, str) or not isinstance(text, str):
        raise TypeError
    return digest, Completion(
        text=text,
        ending=CompletionEnding(record["ending"]),
        prompt_tokens=record.get("prompt_tokens"),
        completion_tokens=record.get("completion_tokens"),
        seconds=float(record.get("seconds", 0.0)),
        problems=tuple(Problem(message, hint=hint, severity=Severity(level)) for level, message, hint in record.get("problems", ())),
    )
