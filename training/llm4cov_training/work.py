"""Does many independent tasks on all cores, or on a Dask cluster. Knows no design; the only module that imports distributed.

A worker that dies costs no result: its tasks are given to another one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
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


class Workers:
    """Something that runs tasks in other processes."""

    def __init__(self, make: Callable[[], Executor], count: int, died: tuple[type[BaseException], ...]) -> None:
        self._make, self.count, self._died = make, count, died
        self._executor = make()

    def close(self) -> None:
        """End the workers; what they have begun is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], *, cancel: Event | None = None
    ) -> Iterator[tuple[Task, Result | None]]:
        """Yield (task, result) as they are finished; the result is None where the task ended its worker again and again.

        Not all tasks are drawn at once. With `cancel` set, nothing more is handed out, and what runs is left.
        """
        left = iter(tasks)
        running: dict[Future[Result], Task] = {}
        deaths: dict[int, int] = {}
        waiting: list[Task] = []
        ended = False
        while True:
            while not ended and len(running) < self.count * _AHEAD:
                if waiting and deaths[id(waiting[-1])] >= _SUSPECT and running:
                    # Whose neighbour ended the worker is not known, so a suspect runs alone.
                    break
                task = waiting.pop() if waiting else next(left, None)
                if task is None or (cancel is not None and cancel.is_set()):
                    ended = True
                    break
                running[self._submit(function, task)] = task
                if deaths.get(id(task), 0) >= _SUSPECT:
                    break
            if not running:
                return
            done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            if cancel is not None and cancel.is_set() and not done:
                return
            for future in done:
                task = running.pop(future)
                try:
                    result = future.result()
                except self._died:
                    deaths[id(task)] = deaths.get(id(task), 0) + 1
                    if deaths[id(task)] < MOST_DEATHS:
                        waiting.append(task)
                        ended = False
                    else:
                        yield task, None
                    continue
                yield task, result

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
        workers = Workers(lambda: ProcessPoolExecutor(many, mp_context=context), many, (BrokenProcessPool,))
        try:
            yield workers
        finally:
            workers.close()
        return
    with contextlib.closing(_client(cluster)) as client:
        many = max(1, sum(int(one["nthreads"]) for one in client.scheduler_info()["workers"].values()))
        from distributed.scheduler import KilledWorker

        workers = Workers(lambda: client.get_executor(pure=False, retries=MOST_DEATHS), many, (KilledWorker,))
        try:
            yield workers
        finally:
            workers.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ToolMissing("distributed", "pip install 'llm4cov-lsp[cluster]'") from None
    try:
        return Client(address, timeout=20)
    except (OSError, TimeoutError, ValueError) as error:
        raise BadConfiguration(f"There is no Dask scheduler at {address}: {error}") from None
