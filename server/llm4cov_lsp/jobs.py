"""The queue of jobs, and which of them the workers do. Knows no LSP, and a worker only as a lane.

By default one job runs at a time: a build compiles in parallel and a search has a process for each processor, so a second would mostly
take from the first. What a person asked for goes before what happens by itself, which may also have to wait until the machine has time
for it; and a newer job for a design takes the place of an older one. All methods belong to the event loop's thread.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from llm4cov_agent.judge.process import OwnProgram
from llm4cov_lsp.lane import Job, Lane, Priority, start_worker
from llm4cov_lsp.records import Result
from llm4cov_lsp.wire import Event, Question, Request

HOLD_S = 10.0
"""How often it is looked whether background jobs may run by now."""
MOST_HISTORY = 200


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
        self._turn = asyncio.Event()
        """Set, and another one put in its place, when a job has left its worker."""
        self._lanes = [self._lane()]
        self._at_once = 1

    @property
    def running(self) -> tuple[Job, ...]:
        """The jobs that workers do, those among them that are about to end."""
        return tuple(lane.running for lane in self._lanes if lane.running is not None)

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Jobs that wait, in no order."""
        return tuple(self._waiting)

    @property
    def all(self) -> tuple[Job, ...]:
        """The jobs that wait and those that workers do, each once: one that is put off may do both."""
        return tuple(dict.fromkeys([*self._waiting, *self.running]))

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process numbers of the workers; none before the first job or question."""
        return tuple(lane.worker_pid for lane in self._lanes if lane.worker_pid is not None)

    def allow(self, at_once: int) -> None:
        """Let so many jobs run at once from now on; those that run go on."""
        self._at_once = at_once
        while len(self._lanes) < at_once:
            self._lanes.append(self._lane())
        self._pump()

    def submit(self, request: Request, design: str, *, priority: Priority, on_event: Callable[[Event], None] | None = None) -> Job:
        """Queue a job; older ones for the design that it makes needless are cancelled."""
        job = Job(next(self._numbers), design, request, priority, on_event or (lambda event: None))
        for other in [*self._waiting, *(lane.keeps for lane in self._lanes)]:
            if other is not None and other.design == design and other.priority >= priority:
                self.cancel(other)
        self._waiting.append(job)
        if priority is Priority.USER:
            self._make_room()
        self._pump()
        return job

    async def ask(self, question: Question) -> str:
        """Ask about the store, beside the queue; gives the answer as JSON. Raises JobFailed."""
        return await self._lanes[0].ask(next(self._numbers), question)

    def cancel(self, job: Job) -> None:
        """End a job; who waits for it sees that it was cancelled at once."""
        was_open = not job.done.done()
        job.done.cancel()
        if was_open:
            self._remember(job, "cancelled")
        if job in self._waiting:
            self._waiting.remove(job)
            return
        for lane in self._lanes:
            if lane.keeps is job:
                lane.drop()

    def cancel_design(self, design: str) -> None:
        """End all jobs of a design."""
        for job in self.all:
            if job.design == design:
                self.cancel(job)

    async def end(self, jobs: Collection[Job]) -> None:
        """End jobs, and wait until no worker does any of them any more."""
        for job in jobs:
            self.cancel(job)
        while any(job in jobs for job in self.running):
            await self._turn.wait()

    def restart(self) -> None:
        """End all jobs and the workers."""
        self._cancel_all()
        for lane in self._lanes:
            lane.end()

    def close(self) -> None:
        """End everything for good."""
        self._cancel_all()
        for lane in self._lanes:
            lane.close()
        if self._look is not None:
            self._look.cancel()

    def _cancel_all(self) -> None:
        for job in self.all:
            self.cancel(job)

    def _lane(self) -> Lane:
        return Lane(self._start, on_over=self._over, on_free=self._freed, on_crash=self._on_crash)

    def _freed(self) -> None:
        self._turn.set()
        self._turn = asyncio.Event()
        self._pump()

    def _make_room(self) -> None:
        """Put a background job off for what a person waits for, if no worker gets free without that; builds are kept."""
        asked = sum(job.priority is Priority.USER for job in self._waiting)
        lanes = self._lanes[: self._at_once]
        if sum(lane.keeps is None for lane in lanes) >= asked:
            return
        idle = [(lane.keeps.number, lane) for lane in lanes if lane.keeps is not None and lane.keeps.priority is Priority.BACKGROUND]
        if idle:
            # The youngest has lost least.
            lane = max(idle, key=lambda one: one[0])[1]
            assert lane.running is not None
            self._waiting.append(lane.running)
            lane.drop()

    def _pump(self) -> None:
        for lane in self._lanes[: self._at_once]:
            if lane.running is not None:
                continue
            job = self._next()
            if job is None:
                break
            self._waiting.remove(job)
            lane.begin(job)
        if not self._waiting:
            # The first answers questions too; a worker holds much memory.
            for lane in self._lanes[1:]:
                if lane.running is None:
                    lane.end()
        elif self._look is None and any(lane.running is None for lane in self._lanes[: self._at_once]):
            self._look = asyncio.get_running_loop().call_later(HOLD_S, self._look_again)

    def _next(self) -> Job | None:
        """Choose the job that begins now; None if all have to wait."""
        busy = {job.design for job in self.running}
        for job in sorted(self._waiting, key=lambda one: (one.priority, one.number)):
            if job.design in busy:
                continue
            job.held_by = self._hold(job) if job.priority is Priority.BACKGROUND else None
            if job.held_by is None:
                return job
        return None

    def _look_again(self) -> None:
        self._look = None
        self._pump()

    def _over(self, job: Job, result: Result | None, words: str) -> None:
        self._remember(job, result.status if result is not None else f"failed: {words}")

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
