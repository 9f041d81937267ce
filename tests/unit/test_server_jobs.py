"""The queue of jobs against a worker that does what a test says."""

from __future__ import annotations

import asyncio
import queue
import signal
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm4cov_lsp import jobs as jobs_module
from llm4cov_lsp.about import jobs_told
from llm4cov_lsp.jobs import Jobs
from llm4cov_lsp.lane import CANCEL_S, JobFailed, Priority
from llm4cov_lsp.records import Result
from llm4cov_lsp.wire import Event, EventKind, Order, Question, QuestionKind, Request, RequestKind, read_event, read_order, written


class Program:
    """A worker in this process. It leaves a job when it is told to, unless it is deaf."""

    pid = 1

    def __init__(self, *, deaf: bool = False) -> None:
        self.orders: list[Order] = []
        self.deaf = deaf
        self.status = 0
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def tell(self, line: bytes) -> bool:
        order = read_order(line)
        assert order is not None
        self.orders.append(order)
        if order.request is None and order.question is None and not self.deaf:
            self.say(Event(job=order.job, kind=EventKind.FAILED, words="cancelled"))
        return True

    def say(self, event: Event) -> None:
        self._lines.put(written(event) + b"\n")

    def finish(self, top: str = "m") -> None:
        begun = [order.job for order in self.orders if order.request is not None][-1]
        self.say(Event(job=begun, kind=EventKind.RESULT, result=Result(top=top, status="ok")))

    def lines(self) -> Iterator[bytes]:
        while (line := self._lines.get()) is not None:
            yield line

    def end(self) -> int:
        self._lines.put(None)
        return self.status or -signal.SIGKILL


def _request(top: str = "m") -> Request:
    return Request(kind=RequestKind.MEASURE, file=f"/p/{top}.sv", top=top)


def _run(test: Callable[[Jobs, list[Program], list[str]], Awaitable[None]], *, deaf: bool = False) -> None:
    async def inside() -> None:
        programs: list[Program] = []
        crashes: list[str] = []

        def start() -> Program:
            programs.append(Program(deaf=deaf))
            return programs[-1]

        jobs = Jobs(crashes.append, start=start)  # type: ignore[arg-type]
        await asyncio.wait_for(test(jobs, programs, crashes), 10)
        jobs.close()

    asyncio.run(inside())


async def _soon(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


def _begun(program: Program) -> list[str]:
    return [order.request.top for order in program.orders if order.request is not None]


def test_what_a_person_asked_for_goes_first_and_what_it_put_off_is_done_after() -> None:
    async def test(jobs: Jobs, programs: list[Program], _: list[str]) -> None:
        first = jobs.submit(_request("a"), "a", priority=Priority.BACKGROUND)
        second = jobs.submit(_request("b"), "b", priority=Priority.BACKGROUND)
        asked = jobs.submit(_request("c"), "c", priority=Priority.USER)
        for job in (asked, first, second):
            await _soon(lambda job=job: jobs.running == (job,) and _begun(programs[0])[-1] == job.request.top)  # type: ignore[misc]
            programs[0].finish(job.request.top)
            assert (await job.done).top == job.request.top
        assert _begun(programs[0]) == ["a", "c", "a", "b"] and len(programs) == 1

    _run(test)


def test_a_newer_job_of_a_design_takes_the_older_ones_place() -> None:
    async def test(jobs: Jobs, programs: list[Program], _: list[str]) -> None:
        old = jobs.submit(_request(), "m", priority=Priority.BACKGROUND)
        newer = jobs.submit(_request(), "m", priority=Priority.BACKGROUND)
        newest = jobs.submit(_request(), "m", priority=Priority.USER)
        assert old.done.cancelled() and newer.done.cancelled()
        background = jobs.submit(_request(), "m", priority=Priority.BACKGROUND)
        await _soon(lambda: jobs.running == (newest,))
        assert not newest.done.cancelled() and background in jobs.waiting

    _run(test)


def test_a_worker_that_does_not_let_go_is_ended_and_the_next_job_has_another() -> None:
    async def test(jobs: Jobs, programs: list[Program], crashes: list[str]) -> None:
        job = jobs.submit(_request(), "m", priority=Priority.USER)
        began = asyncio.get_running_loop().time()
        jobs.cancel(job)
        assert job.done.cancelled()
        await _soon(lambda: not jobs.running)
        assert CANCEL_S <= asyncio.get_running_loop().time() - began < CANCEL_S + 0.3
        other = jobs.submit(_request(), "m", priority=Priority.USER)
        programs[1].finish()
        assert (await other.done).status == "ok"
        assert not crashes, "a worker that we ended did not crash"

    _run(test, deaf=True)


@pytest.mark.parametrize("deaf", [False, True])
def test_ending_jobs_waits_until_no_worker_does_them(deaf: bool) -> None:
    async def test(jobs: Jobs, programs: list[Program], _: list[str]) -> None:
        running = jobs.submit(_request("a"), "a", priority=Priority.USER)
        waiting = jobs.submit(_request("b"), "b", priority=Priority.USER)
        other = jobs.submit(_request("c"), "c", priority=Priority.USER)
        assert set(jobs.all) == {running, waiting, other}
        ended = asyncio.ensure_future(jobs.end([running, waiting]))
        await asyncio.sleep(0)
        assert running.done.cancelled() and waiting.done.cancelled()
        if not deaf:
            assert jobs.running == (running,) and not ended.done()
        await ended
        assert jobs.all == (other,)

    _run(test, deaf=deaf)


def test_a_crash_fails_its_job_and_is_reported_and_the_queue_goes_on() -> None:
    async def test(jobs: Jobs, programs: list[Program], crashes: list[str]) -> None:
        job = jobs.submit(_request("a"), "a", priority=Priority.USER)
        other = jobs.submit(_request("b"), "b", priority=Priority.USER)
        programs[0].end()
        with pytest.raises(JobFailed, match="killed by signal 9"):
            await job.done
        assert len(crashes) == 1 and "`measure` of a" in crashes[0]
        await _soon(lambda: len(programs) == 2)
        programs[1].finish("b")
        assert (await other.done).top == "b"

    _run(test)


def test_what_is_no_message_is_passed_over() -> None:
    async def test(jobs: Jobs, programs: list[Program], _: list[str]) -> None:
        seen: list[Event] = []
        job = jobs.submit(_request(), "m", priority=Priority.USER, on_event=seen.append)
        for line in (b"\n", b"not JSON\n", b'{"job": 1}\n', b"[]\n", b"\xff\n"):
            programs[0]._lines.put(line)
        programs[0].say(Event(job=99, kind=EventKind.PROGRESS, words="of another"))
        programs[0].say(Event(job=job.number, kind=EventKind.PROGRESS, words="reading"))
        programs[0].finish()
        await job.done
        assert [one.words for one in seen if one.kind is EventKind.PROGRESS] == ["reading"]

    _run(test)


def test_messages_are_read_back_as_they_were() -> None:
    order = Order(job=3, request=_request())
    assert read_order(written(order)) == order
    event = Event(job=3, kind=EventKind.RESULT, result=Result(top="m", status="ok", overall=99.5))
    assert read_event(written(event)) == event


@given(st.binary(max_size=60))
def test_no_bytes_break_the_readers(line: bytes) -> None:
    assert read_order(line) is None or read_order(line)
    assert read_event(line) is None or read_event(line)


def test_what_happens_by_itself_waits_while_the_machine_has_no_time_and_what_is_asked_for_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "HOLD_S", 0.02)

    async def inside() -> None:
        programs: list[Program] = []
        why: list[str | None] = ["on battery"]

        def start() -> Program:
            programs.append(Program())
            return programs[-1]

        over: list[str] = []
        jobs = Jobs(over.append, start=start, hold=lambda job: why[0], on_past=lambda past: over.append(f"{past.top} {past.how}"))  # type: ignore[arg-type, return-value]
        idle = jobs.submit(_request("idle"), "idle", priority=Priority.BACKGROUND)
        assert not jobs.running and idle.held_by == "on battery" and not programs
        asked = jobs.submit(_request("asked"), "asked", priority=Priority.USER)
        await _soon(lambda: jobs.running == (asked,))
        programs[0].finish("asked")
        await asked.done
        assert not jobs.running and jobs_told(jobs)[0]["because"] == "on battery"  # type: ignore[index, call-overload]
        why[0] = None
        await _soon(lambda: jobs.running == (idle,))
        assert idle.held_by is None and jobs_told(jobs)[0]["state"] == "running"  # type: ignore[index, call-overload]
        programs[0].finish("idle")
        await idle.done
        assert over == ["asked ok", "idle ok"]
        dropped = jobs.submit(_request("dropped"), "d", priority=Priority.USER)
        jobs.cancel(dropped)
        jobs.cancel(dropped)
        assert [past.how for past in jobs.history] == ["ok", "ok", "cancelled"]
        jobs.close()

    asyncio.run(asyncio.wait_for(inside(), 10))


def test_a_question_is_answered_beside_a_job_and_asked_again_of_the_next_worker() -> None:
    async def test(jobs: Jobs, programs: list[Program], crashes: list[str]) -> None:
        job = jobs.submit(_request(), "m", priority=Priority.USER)
        first, second, third = (asyncio.ensure_future(jobs.ask(Question(kind=QuestionKind.LIST, name=name))) for name in "abc")
        await asyncio.sleep(0)
        [worker] = programs
        asked = {order.question.name: order.job for order in worker.orders if order.question is not None}
        assert list(asked) == ["a", "b", "c"]
        worker.say(Event(job=asked["a"], kind=EventKind.RESULT, told="[1]"))
        assert await first == "[1]" and not job.done.done()
        worker.say(Event(job=asked["b"], kind=EventKind.FAILED, words="no store"))
        with pytest.raises(JobFailed, match="no store"):
            await second
        worker.end()
        with pytest.raises(JobFailed):
            await job.done
        assert len(programs) == 2
        again = [order for order in programs[1].orders if order.question is not None]
        assert [order.question.name for order in again if order.question is not None] == ["c"]
        programs[1].end()
        with pytest.raises(JobFailed, match="killed by signal 9"):
            await third

    _run(test)


def test_several_jobs_run_at_once_where_they_may_but_never_two_of_one_design() -> None:
    async def test(jobs: Jobs, programs: list[Program], _: list[str]) -> None:
        jobs.allow(2)
        first, second, third = (jobs.submit(_request(top), top, priority=Priority.BACKGROUND) for top in "abc")
        assert jobs.running == (first, second) and jobs.waiting == (third,) and len(jobs.worker_pids) == 2
        asked = jobs.submit(_request("a"), "a", priority=Priority.USER)
        assert first.done.cancelled(), "it is about the same design"
        again = jobs.submit(_request("a"), "a", priority=Priority.BACKGROUND)
        await _soon(lambda: asked in jobs.running)
        programs[1].finish("b")
        await second.done
        await _soon(lambda: third in jobs.running)
        assert again in jobs.waiting
        programs[1].finish("c")
        await third.done
        assert jobs.running == (asked,) and jobs.waiting == (again,), "there is room, but not for the same design"
        programs[0].finish("a")
        await asked.done
        await _soon(lambda: again in jobs.running)

    _run(test)


def test_what_a_person_asked_for_takes_a_free_worker_before_it_puts_anything_off() -> None:
    async def test(jobs: Jobs, programs: list[Program], _: list[str]) -> None:
        jobs.allow(3)
        idle = [jobs.submit(_request(top), top, priority=Priority.BACKGROUND) for top in "ab"]
        one = jobs.submit(_request("c"), "c", priority=Priority.USER)
        assert jobs.running == (*idle, one)
        two, three, four = (jobs.submit(_request(top), top, priority=Priority.USER) for top in "def")
        await _soon(lambda: {*jobs.running} == {one, two, three})
        assert {*jobs.waiting} == {*idle, four}, "nobody who asked is put off"

    _run(test)


def test_workers_that_are_not_needed_end_but_for_the_first() -> None:
    async def test(jobs: Jobs, programs: list[Program], crashes: list[str]) -> None:
        jobs.allow(2)
        done = [jobs.submit(_request(top), top, priority=Priority.USER) for top in "ab"]
        programs[0].finish("a")
        programs[1].finish("b")
        await asyncio.gather(*(job.done for job in done))
        assert len(jobs.worker_pids) == 1 and not crashes
        more = [jobs.submit(_request(top), top, priority=Priority.USER) for top in "cd"]
        assert len(programs) == 3 and _begun(programs[2]) == ["d"]
        programs[0].finish("c")
        programs[2].finish("d")
        assert [(await job.done).top for job in more] == ["c", "d"]

    _run(test)


def test_a_job_that_is_asked_for_right_after_a_restart_has_a_new_worker() -> None:
    async def test(jobs: Jobs, programs: list[Program], crashes: list[str]) -> None:
        old = jobs.submit(_request("a"), "a", priority=Priority.USER)
        jobs.restart()
        job = jobs.submit(_request("b"), "b", priority=Priority.USER)
        assert old.done.cancelled() and len(programs) == 2
        programs[1].finish("b")
        assert (await job.done).top == "b" and not crashes

    _run(test)
