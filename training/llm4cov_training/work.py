"""Does many independent tasks on all cores, or on a Dask cluster. Knows no design; the only module that imports distributed.

A worker that dies costs no result: its tasks are given to another one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

from llm4cov_agent.errors import BadConfiguration, ToolMissing

Task = TypeVar("Task")
Result = TypeVar("Result")
MOST_DEATHS = 3
"""Workers that one task may take with it before it is given up."""
_SUSPECT = 2
_AHEAD = 3
"""Tasks per worker that are handed out at once: enough that none waits, few enough that a stop is soon."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What there is of a task that came to no result."""

    reason: str


class Workers:
    """Something that runs tasks in other processes."""

    def __init__(self, make: Callable[[], Executor], count: int, died: tuple[type[BaseException], ...]) -> None:
        self._make, self.count, self._died = make, count, died
        self._executor = make()

    def close(self) -> None:
        """End the workers; what they have begun is not waited for."""
        self._executor.shutdown(wait=False)

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], *, cancel: Event | None = None
    ) -> Iterator[tuple[Task, Result | Failed]]:
        """Yield (task, result) as they are finished, or (task, why there is none).

        Raises what a task raises for a missing tool or a bad setting, as all tasks would; other exceptions of a task are its own.
        Not all tasks are drawn at once. With `cancel` set, nothing more is handed out, and what runs is left.
        """
        left = iter(tasks)
        running: dict[Future[Result], Task] = {}
        deaths: dict[int, int] = {}
        waiting: list[Task] = []
        ended = False
        while True:
            while not ended and len(running) < self.count * _AHEAD:
                # Which of several tasks ended a worker is not known, so those that were there twice run alone.
                is_suspect = any(deaths.get(id(task), 0) >= _SUSPECT for task in (*running.values(), *waiting[-1:]))
                if running and is_suspect:
                    break
                task = waiting.pop() if waiting else next(left, None)
                if task is None or (cancel is not None and cancel.is_set()):
                    ended = True
                    break
                running[self._submit(function, task)] = task
            if not running:
                return
            done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            if cancel is not None and cancel.is_set() and not done:
                return
            for future in done:
                task = running.pop(future)
                error = future.exception()
                if error is None:
                    yield task, future.result()
                elif isinstance(error, (ToolMissing, BadConfiguration)):
                    raise error
                elif not isinstance(error, self._died):
                    yield task, Failed(f"{type(error).__name__}: {error}")
                else:
                    deaths[id(task)] = deaths.get(id(task), 0) + 1
                    if deaths[id(task)] < MOST_DEATHS:
                        waiting.append(task)
                        ended = False
                    else:
                        yield task, Failed("it ended its worker again and again")

    def _submit(self, function: Callable[[Task], Result], task: Task) -> Future[Result]:
        try:
            return self._executor.submit(function, task)
        except BrokenProcessPool:
            self._executor.shutdown(wait=False)
            self._executor = self._make()
            return self._executor.submit(function, task)


@contextlib.contextmanager
def open_workers(count: int | None = None, *, cluster: str | None = None) -> Iterator[Workers]:
    """Open `count` processes on this machine, one per core by default, or the workers of a Dask scheduler such as `tcp://host:8786`.

    Raises ToolMissing without the extra `cluster`, and BadConfiguration where no scheduler answers.
    """
    if cluster is None:
        many = count or os.cpu_count() or 1
        # A fresh interpreter for each: threads of this process and what they hold are not copied.
        context = multiprocessing.get_context("spawn")
        others = set(multiprocessing.active_children())

        def make() -> Executor:
            return ProcessPoolExecutor(many, mp_context=context, initializer=begin_worker)

        workers = Workers(make, many, (BrokenProcessPool,))
        try:
            yield workers
        finally:
            workers.close()
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
        return
    with contextlib.closing(_client(cluster)) as client:
        many = max(1, sum(int(one["nthreads"]) for one in client.scheduler_info()["workers"].values()))
        from distributed.scheduler import KilledWorker

        workers = Workers(lambda: client.get_executor(pure=False, retries=MOST_DEATHS), many, (KilledWorker,))
        try:
            yield workers
        finally:
            workers.close()


def begin_worker() -> None:
    """What a worker does first: leave Ctrl-C to the process that handed out the work, and end when that one ends, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ToolMissing("distributed", "pip install 'llm4cov-lsp[cluster]'") from None
    try:
        return Client(address, timeout=20)
    except (OSError, TimeoutError, ValueError) as error:
        raise BadConfiguration(f"There is no Dask scheduler at {address}: {error}") from None
