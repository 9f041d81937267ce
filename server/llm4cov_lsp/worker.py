"""The worker process: takes jobs and questions as lines on standard input, runs one job at a time, says how they go. Knows no LSP.

It ends when its standard input does, so that a server that is killed leaves none behind.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from llm4cov_agent.errors import Llm4covError, ToolMissing
from llm4cov_agent.judge.scratch import sweep_scratch_folders
from llm4cov_lsp.filelist_command import Listings
from llm4cov_lsp.records import Result
from llm4cov_lsp.stored import answer
from llm4cov_lsp.telling import Tell
from llm4cov_lsp.wire import Event, EventKind, Order, Question, read_order, written
from llm4cov_lsp.work import work

NICENESS = 10
_GRACE_S = 0.8
"""How long a job may take to end once nobody listens."""


def main() -> None:
    """Run until standard input ends."""
    # What a library prints must not come between our lines.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    os.nice(NICENESS)
    sweep_scratch_folders()
    worker = _Worker(answers)
    threading.Thread(target=worker.run, daemon=True).start()
    for line in sys.stdin.buffer:
        order = read_order(line)
        if order is not None:
            worker.take(order)
    worker.stop()
    os._exit(0)


class _Worker:
    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._waiting: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._cancels: dict[int, threading.Event] = {}
        self._lock = threading.Lock()
        self._listings = Listings()
        self._idle = threading.Event()
        self._idle.set()
        self._writing = threading.Lock()

    def take(self, order: Order) -> None:
        if order.question is not None:
            # The store is quick and has its own locks: nobody waits for the job that runs.
            threading.Thread(target=self._answer, args=(order.job, order.question), daemon=True).start()
            return
        with self._lock:
            if order.request is None:
                if order.job in self._cancels:
                    self._cancels[order.job].set()
                return
            self._cancels[order.job] = threading.Event()
        self._waiting.put(order)

    def stop(self) -> None:
        with self._lock:
            for cancel in self._cancels.values():
                cancel.set()
        self._idle.wait(_GRACE_S)

    def run(self) -> None:
        while True:
            order = self._waiting.get()
            self._idle.clear()
            try:
                self._say(self._done(order))
            finally:
                with self._lock:
                    del self._cancels[order.job]
                self._idle.set()

    def _answer(self, number: int, question: Question) -> None:
        self._say(_guarded(number, lambda: Event(job=number, kind=EventKind.RESULT, told=json.dumps(answer(question)))))

    def _done(self, order: Order) -> Event:
        request, cancel = order.request, self._cancels[order.job]
        assert request is not None

        def done() -> Event:
            result = work(request, tell=self._teller(order.job), cancel=cancel, listings=self._listings)
            if cancel.is_set() and not _worth_having(result):
                return Event(job=order.job, kind=EventKind.FAILED, words="cancelled")
            return Event(job=order.job, kind=EventKind.RESULT, result=result)

        return _guarded(order.job, done)

    def _teller(self, job: int) -> Tell:
        def tell(kind: EventKind, **said: Any) -> None:
            self._say(Event(job=job, kind=kind, **said))

        return tell

    def _say(self, event: Event) -> None:
        line = memoryview(written(event) + b"\n")
        try:
            with self._writing:
                while line:
                    line = line[self._answers.write(line) :]
        except BrokenPipeError:
            self.stop()
            os._exit(0)


def _guarded(job: int, do: Callable[[], Event]) -> Event:
    """Do something; what goes wrong is told, and ends neither the worker nor another job."""
    try:
        return do()
    except ToolMissing as error:
        return Event(job=job, kind=EventKind.FAILED, words=str(error), lacks_tool=True)
    except Llm4covError as error:
        return Event(job=job, kind=EventKind.FAILED, words=str(error))
    except OSError as error:
        return Event(job=job, kind=EventKind.FAILED, words=f"{error.filename or 'a file'}: {error.strerror}")
    except Exception as error:  # noqa: BLE001
        # A bug of ours ends the job, not the worker; the trace goes to the log of the editor.
        sys.excepthook(type(error), error, error.__traceback__)
        return Event(job=job, kind=EventKind.FAILED, words=f"internal error: {type(error).__name__}: {error}")


def _worth_having(result: Result) -> bool:
    return result.testbench_text is not None or (result.proposed is not None and result.proposed.text is not None)


if __name__ == "__main__":
    main()
