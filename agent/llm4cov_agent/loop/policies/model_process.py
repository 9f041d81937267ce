"""A local model in a child process that can be killed: starts it, asks it, ends it. Knows no library for models.

The child loads the model once and answers one request after another, as JSON lines. It is killed when a request is cancelled or late,
and whenever it is not clear what it would say next; the next request starts another.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.process import Limits, Served, serve
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.loop.backend import Completion, CompletionEnding, OnText, Request

_POLL_S = 0.05
_PROCESSOR_S = 10e6
"""Processor time is no measure for a model that is kept for hours; each request has its own time limit."""
_LOG_BYTES = 64 << 20
_LOG_TAIL_BYTES, _LOG_LINES = 64 << 10, 3


@dataclass(slots=True)
class _Answer:
    """What has come of one answer."""

    pieces: list[str] = field(default_factory=list)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    ending: CompletionEnding | None = None
    """None until the child has said the last word."""
    problem: Problem | None = None


class ModelProcess:
    """A child process with a model in it. Started by the first request."""

    def __init__(self, *, module: str, load: Mapping[str, Json], memory_bytes: int, uses_gpu: bool = False) -> None:
        """`module` is run as a program; `load` tells it what to load; `memory_bytes` bounds its address space."""
        self._argv = (sys.executable, "-m", module)
        self._load = load
        self._limits = Limits(wall_s=_PROCESSOR_S, memory_bytes=memory_bytes, file_bytes=_LOG_BYTES)
        self._uses_gpu = uses_gpu
        self._stack = ExitStack()
        self._served: Served | None = None
        self._folder = Path()
        self._unsent = b""
        self._received = b""

    def complete(self, request: Request, *, on_text: OnText | None, cancel: Event | None) -> Completion:
        """Ask once."""
        started = time.monotonic()
        answer = _Answer()
        try:
            ending = self._ask(request, answer, on_text, cancel, started + request.time_limit_s)
        finally:
            if answer.ending is None:
                # Half an answer would be taken for a part of the next one.
                self.close()
        return Completion(
            text="".join(answer.pieces),
            ending=ending,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            seconds=time.monotonic() - started,
            problems=() if answer.problem is None else (answer.problem,),
        )

    def close(self) -> None:
        """Kill the process, if there is one."""
        self._served = None
        self._unsent = self._received = b""
        self._stack.close()

    def _ask(self, request: Request, answer: _Answer, on_text: OnText | None, cancel: Event | None, deadline: float) -> CompletionEnding:
        served = self._served or self._start()
        self._unsent += _line(_record(request))
        while answer.ending is None:
            if cancel is not None and cancel.is_set():
                return CompletionEnding.CANCELLED
            if time.monotonic() > deadline:
                # What it wrote by then is a reply that was cut off, like one that met its limit of tokens.
                severity = Severity.WARNING if answer.pieces else Severity.ERROR
                what = f"the model did not finish within {request.time_limit_s:.1f} s"
                answer.problem = Problem(what, hint="Raise the time limit, or ask for fewer tokens.", severity=severity)
                return CompletionEnding.LENGTH if answer.pieces else CompletionEnding.FAILED
            written, chunk = served.pump(memoryview(self._unsent), timeout_s=_POLL_S)
            self._unsent = self._unsent[written:]
            if chunk is None:
                answer.problem = self._death()
                return CompletionEnding.FAILED
            *lines, self._received = (self._received + chunk).split(b"\n")
            for line in lines:
                _take(json.loads(line), answer, on_text)
        return answer.ending

    def _start(self) -> Served:
        self._folder = self._stack.enter_context(scratch_folder())
        self._served = self._stack.enter_context(serve(self._argv, folder=self._folder, limits=self._limits, uses_gpu=self._uses_gpu))
        self._unsent = _line(self._load)
        return self._served

    def _death(self) -> Problem:
        """Say what a process that ended by itself wrote last."""
        lines: list[str] = []
        with contextlib.suppress(OSError):
            text = (self._folder / "log").read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
        said = (errors or lines)[-_LOG_LINES:]
        hint = "The next request starts it again. If it needs more memory than there is, use a smaller model or a shorter context."
        return Problem(
            "the process with the model ended unexpectedly" + (f"; its last words: {' / '.join(said)}" if said else ""),
            hint=None if errors else hint,
        )


def _record(request: Request) -> Mapping[str, Json]:
    return {
        "messages": [{"role": message.role.value, "content": message.content} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "grammar": request.grammar,
    }


def _line(record: Mapping[str, Json]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _take(record: Mapping[str, Any], answer: _Answer, on_text: OnText | None) -> None:
    """Take one line of the child."""
    if (text := record.get("text")) is not None:
        answer.pieces.append(text)
        if on_text is not None:
            on_text(text)
        return
    answer.ending = CompletionEnding(record["ending"])
    answer.prompt_tokens, answer.completion_tokens = record.get("prompt_tokens"), record.get("completion_tokens")
    if (message := record.get("problem")) is not None:
        answer.problem = Problem(message, hint=record.get("hint"))
