"""The queue of jobs and the one worker process that does them, as the server's event loop sees them. Knows no LSP.

One job runs at a time: a build compiles in parallel and a search has a process for each processor, so a second would only take from the
first. What a person asked for goes before what happens by itself, which may also have to wait until the machine has time for it; and a
newer job for a design takes the place of an older one. A worker that crashes fails its job; the next job starts another. All methods
belong to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from llm4cov_agent.judge.process import OwnProgram
from llm4cov_lsp.records import Result
from llm4cov_lsp.wire import Event, EventKind, Order, Question, Request, read_event, written

CANCEL_S = 0.7
"""How long a cancelled job may take to end before its worker is killed with all that it started."""


HOLD_S = 10.0
"""How often it is looked whether background jobs may run by now."""
MOST_HISTORY = 200


class JobFailed(Exception):
    """A job came to no result; the text is for a person."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A job that is over."""

    kind: str
    top: str
    priority: Priority
    asked_at: datetime
    began_at: datetime | None
    """When it began last; None if it never did."""
    ended_at: datetime
    how: str
    """The status of its result, `cancelled`, or why it failed."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A question on its way."""

    question: Question
    done: asyncio.Future[str]
    attempts: int = 1


def start_worker() -> OwnProgram:
    """Start a worker with this interpreter."""
    return OwnProgram((sys.executable, "-m", "llm4cov_lsp.worker"))


class Jobs:
    """The queue."""

    def __init__(
        self,
        on_crash: Callable[[str], None],
        start: Callable[[], OwnProgram] = start_worker,
        *,
        hold: Callable[[Job], str | None] = lambda job: None,
        on_past: Callable[[Past], None] = lambda past: None,
    ) -> None:
        """`hold` says why a background job has to wait; it is asked when one could begin, and from time to time until it may."""
        self._on_crash, self._start, self._hold, self._on_past = on_crash, start, hold, on_past
        self.history: deque[Past] = deque(maxlen=MOST_HISTORY)
        """Jobs that are over, oldest first."""
        self._look: asyncio.TimerHandle | None = None
        self._numbers = itertools.count(1)
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._worker: OwnProgram | None = None
        self._dropped = False
        """Whether the running job is to end, and nobody waits for how."""
        self._asked: dict[int, _Asked] = {}

    @property
    def running(self) -> Job | None:
        """The job that the worker does."""
        return self._running

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Jobs that wait, in no order."""
        return tuple(self._waiting)

    @property
    def worker_pid(self) -> int | None:
        """Process number of the worker, if there is one."""
        return self._worker.pid if self._worker is not None else None

    def submit(self, request: Request, design: str, *, priority: Priority, on_event: Callable[[Event], None] | None = None) -> Job:
        """Queue a job; older ones for the design that it makes needless are cancelled."""
        job = Job(next(self._numbers), design, request, priority, on_event or (lambda event: None))
        for other in [*self._waiting, *([self._running] if self._running is not None and not self._dropped else [])]:
            if other.design == design and other.priority >= priority:
                self.cancel(other)
        self._waiting.append(job)
        running = self._running
        if running is not None and not self._dropped and priority < running.priority:
            # It has lost little: what was built is kept.
            self._waiting.append(running)
            self._drop()
        self._pump()
        return job

    async def ask(self, question: Question) -> str:
        """Ask about the store, beside the queue; gives the answer as JSON. Raises JobFailed."""
        asked = _Asked(question, asyncio.get_running_loop().create_future())
        self._put(asked)
        return await asked.done

    def cancel(self, job: Job) -> None:
        """End a job; who waits for it sees that it was cancelled at once."""
        was_open = not job.done.done()
        job.done.cancel()
        if was_open:
            self._remember(job, "cancelled")
        if job in self._waiting:
            self._waiting.remove(job)
        elif job is self._running and not self._dropped:
            self._drop()

    def cancel_design(self, design: str) -> None:
        """End all jobs of a design."""
        for job in [*self._waiting, *([self._running] if self._running is not None else [])]:
            if job.design == design:
                self.cancel(job)

    def restart(self) -> None:
        """End all jobs and the worker."""
        for job in [*self._waiting, *([self._running] if self._running is not None else [])]:
            self.cancel(job)
        if self._worker is not None:
            self._worker.end()

    def close(self) -> None:
        """End everything for good."""
        for asked in self._asked.values():
            asked.done.cancel()
        self._asked.clear()
        self.restart()
        if self._look is not None:
            self._look.cancel()

    def _drop(self) -> None:
        """Tell the worker to leave the running job, and kill it if it doesn't."""
        job, worker = self._running, self._worker
        assert job is not None
        self._dropped = True
        if worker is None:
            return
        worker.tell(written(Order(job=job.number)))

        def insist() -> None:
            if self._running is job and self._dropped and self._worker is worker:
                worker.end()

        asyncio.get_running_loop().call_later(CANCEL_S, insist)

    def _put(self, asked: _Asked) -> None:
        number = next(self._numbers)
        self._asked[number] = asked
        if self._worker is None:
            self._worker = self._listen(self._start())
        self._worker.tell(written(Order(job=number, question=asked.question)))

    def _pump(self) -> None:
        if self._running is not None or not self._waiting:
            return
        job = self._next()
        if job is None:
            if self._look is None:
                self._look = asyncio.get_running_loop().call_later(HOLD_S, self._look_again)
            return
        self._waiting.remove(job)
        self._running, self._dropped = job, False
        job.began_at = datetime.now(UTC)
        if self._worker is None:
            self._worker = self._listen(self._start())
        self._worker.tell(written(Order(job=job.number, request=job.request)))

    def _next(self) -> Job | None:
        """Choose the job that begins now; None if all have to wait."""
        for job in sorted(self._waiting, key=lambda one: (one.priority, one.number)):
            job.held_by = self._hold(job) if job.priority is Priority.BACKGROUND else None
            if job.held_by is None:
                return job
        return None

    def _look_again(self) -> None:
        self._look = None
        self._pump()

    def _remember(self, job: Job, how: str) -> None:
        past = Past(
            kind=job.request.kind.value,
            top=job.request.top,
            priority=job.priority,
            asked_at=job.asked_at,
            began_at=job.began_at,
            ended_at=datetime.now(UTC),
            how=how,
        )
        self.history.append(past)
        self._on_past(past)

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
        job = self._running
        if worker is not self._worker or job is None or event.job != job.number:
            return
        if not self._dropped:
            job.on_event(event)
        if event.kind.is_last:
            self._finish(job, event.result if event.kind is EventKind.RESULT else None, event.words)

    def _ended(self, worker: OwnProgram) -> None:
        status = worker.end()
        if worker is not self._worker:
            return
        self._worker = None
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._ask_again(how)
        job = self._running
        if job is None:
            return
        if not self._dropped:
            self._on_crash(
                f"The worker process {how} during `{job.request.kind.value}` of {job.request.top}. The next job starts a new one."
            )
        self._finish(job, None, f"the worker process {how}")

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

    def _finish(self, job: Job, result: Result | None, words: str) -> None:
        dropped, self._running, self._dropped = self._dropped, None, False
        if not dropped and not job.done.done():
            self._remember(job, result.status if result is not None else f"failed: {words}")
            if result is not None:
                job.done.set_result(result)
            else:
                job.done.set_exception(JobFailed(words))
        self._pump()
