"""One worker process as the server's event loop sees it: the job that it does, the questions it was asked, and its end. Knows no queue.

A worker that crashes fails its job; the next job starts another. All methods belong to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Protocol

from llm4cov_agent.judge.process import OwnProgram
from llm4cov_lsp.records import Result
from llm4cov_lsp.wire import Event, EventKind, Order, Question, Request, read_event, written

CANCEL_S = 0.7
"""How long a cancelled job may take to end before its worker is killed with all that it started."""


class JobFailed(Exception):
    """A job came to no result; the text is for a person."""


class LacksTool(JobFailed):
    """A tool that it needs is not installed."""


class Priority(IntEnum):
    """Who waits for it."""

    USER = 0
    BACKGROUND = 1


@dataclass(slots=True, eq=False)
class Job:
    """One request on its way."""

    number: int
    design: str
    """Key of the design; there is one job for each at a time."""
    request: Request
    priority: Priority
    on_event: Callable[[Event], None]
    done: asyncio.Future[Result] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Raises JobFailed, or is cancelled."""
    held_by: str | None = None
    """Why it waits though nothing runs, in a few words."""
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began_at: datetime | None = None


@dataclass(slots=True, eq=False)
class _Asked:
    """A question on its way."""

    number: int
    question: Question
    done: asyncio.Future[str]
    attempts: int = 1


class OnOver(Protocol):
    """Hears that a job is over that nobody dropped."""

    def __call__(self, job: Job, result: Result | None, words: str) -> None:
        """Take the job, what it came to, and else why not."""


def start_worker() -> OwnProgram:
    """Start a worker with this interpreter."""
    return OwnProgram((sys.executable, "-m", "llm4cov_lsp.worker"))


class Lane:
    """A worker, and what it does."""

    def __init__(
        self, start: Callable[[], OwnProgram], *, on_over: OnOver, on_free: Callable[[], None], on_crash: Callable[[str], None]
    ) -> None:
        """`on_free` is called when the worker can take another job; `on_crash` with a sentence when it ended by itself during one."""
        self._start, self._on_over, self._on_free, self._on_crash = start, on_over, on_free, on_crash
        self._worker: OwnProgram | None = None
        self._asked: dict[int, _Asked] = {}
        self.running: Job | None = None
        """The job that the worker does."""
        self.dropped = False
        """Whether that job is to end, and nobody waits for how."""

    @property
    def worker_pid(self) -> int | None:
        """Process number of the worker, if there is one."""
        return self._worker.pid if self._worker is not None else None

    @property
    def keeps(self) -> Job | None:
        """The job that runs and was not dropped."""
        return self.running if not self.dropped else None

    def begin(self, job: Job) -> None:
        """Give the worker a job; it must have none."""
        assert self.running is None
        self.running, self.dropped = job, False
        job.began_at = datetime.now(UTC)
        self._tell(Order(job=job.number, request=job.request))

    def drop(self) -> None:
        """Tell the worker to leave its job, and kill it if it doesn't."""
        job, worker = self.running, self._worker
        assert job is not None and not self.dropped
        self.dropped = True
        if worker is None:
            return
        worker.tell(written(Order(job=job.number)))

        def insist() -> None:
            if self.running is job and self.dropped and self._worker is worker:
                worker.end()

        asyncio.get_running_loop().call_later(CANCEL_S, insist)

    async def ask(self, number: int, question: Question) -> str:
        """Ask the worker beside its job; gives the answer as JSON. Raises JobFailed."""
        asked = _Asked(number, question, asyncio.get_running_loop().create_future())
        self._put(asked)
        return await asked.done

    def end(self) -> None:
        """End the worker with all that it started; a job that it does fails, questions are asked of the next one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()
            self._lost("was ended")

    def close(self) -> None:
        """End for good."""
        for asked in self._asked.values():
            asked.done.cancel()
        self._asked.clear()
        self.end()

    def _put(self, asked: _Asked) -> None:
        self._asked[asked.number] = asked
        self._tell(Order(job=asked.number, question=asked.question))

    def _tell(self, order: Order) -> None:
        if self._worker is None:
            self._worker = self._listen(self._start())
        self._worker.tell(written(order))

    def _listen(self, worker: OwnProgram) -> OwnProgram:
        loop = asyncio.get_running_loop()

        def listen() -> None:
            for line in worker.lines():
                event = read_event(line)
                if event is not None and not loop.is_closed():
                    loop.call_soon_threadsafe(self._heard, worker, event)
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._ended, worker)

        threading.Thread(target=listen, daemon=True).start()
        return worker

    def _heard(self, worker: OwnProgram, event: Event) -> None:
        asked = self._asked.pop(event.job, None)
        if asked is not None and not asked.done.done():
            if event.kind is EventKind.RESULT:
                asked.done.set_result(event.told)
            else:
                asked.done.set_exception(JobFailed(event.words))
        job = self.running
        if worker is not self._worker or job is None or event.job != job.number:
            return
        if not self.dropped:
            job.on_event(event)
        if event.kind.is_last:
            failed = LacksTool if event.lacks_tool else JobFailed
            self._finish(job, event.result if event.kind is EventKind.RESULT else None, event.words, failed)

    def _ended(self, worker: OwnProgram) -> None:
        status = worker.end()
        if worker is not self._worker:
            return
        self._worker = None
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        job = self.keeps
        if job is not None:
            self._on_crash(
                f"The worker process {how} during `{job.request.kind.value}` of {job.request.top}. The next job starts a new one."
            )
        self._lost(how)

    def _lost(self, how: str) -> None:
        self._ask_again(how)
        if self.running is not None:
            self._finish(self.running, None, f"the worker process {how}")

    def _ask_again(self, how: str) -> None:
        """Ask a new worker what the one that ended left open, once: it was mostly a job that ended it."""
        left, self._asked = list(self._asked.values()), {}
        for asked in left:
            if asked.done.done():
                continue
            if asked.attempts > 1:
                asked.done.set_exception(JobFailed(f"the worker process {how}"))
            else:
                asked.attempts += 1
                self._put(asked)

    def _finish(self, job: Job, result: Result | None, words: str, failed: type[JobFailed] = JobFailed) -> None:
        dropped, self.running, self.dropped = self.dropped, None, False
        if not dropped and not job.done.done():
            self._on_over(job, result, words)
            if result is not None:
                job.done.set_result(result)
            else:
                job.done.set_exception(failed(words))
        self._on_free()
