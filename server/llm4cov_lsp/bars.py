"""The client's progress bars: each belongs to a job, or to work of another kind that begins and ends it itself. Runs nothing."""

from __future__ import annotations

import asyncio
import uuid

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from llm4cov_lsp.jobs import Jobs
from llm4cov_lsp.lane import Job
from llm4cov_lsp.progress import TICK_S, Shown, count_down, took
from llm4cov_lsp.wire import Event

CLIENT_S = 5.0
"""How long the client may take to answer a question about its settings or a progress bar."""


class Bars:
    """The bars of one connection."""

    def __init__(self, server: LanguageServer, jobs: Jobs) -> None:
        self._server, self._jobs = server, jobs
        self._by_token: dict[types.ProgressToken, Job] = {}

    async def begin(self, title: str, shown: Shown) -> types.ProgressToken | None:
        """Begin a bar that can be cancelled; None where the client shows none."""
        can = self._server.client_capabilities.window
        if can is None or not can.work_done_progress:
            return None
        token = str(uuid.uuid4())
        try:
            await asyncio.wait_for(self._server.work_done_progress.create_async(token), timeout=CLIENT_S)
        except (TimeoutError, JsonRpcException):
            return None
        # A client may pass over the percentages of a bar that begins without one.
        begin = types.WorkDoneProgressBegin(title=title, cancellable=True, message=shown.words or None, percentage=shown.percentage)
        self._server.work_done_progress.begin(token, begin)
        return token

    def belongs(self, token: types.ProgressToken | None, job: Job) -> None:
        """Let a bar be that of a job, so that it cancels it."""
        if token is not None:
            self._by_token[token] = job

    async def begin_late(self, title: str, shown: Shown, job: Job) -> None:
        """Show a bar for a background job once it takes long enough to be noticed; one that waits has none."""
        await asyncio.sleep(1.0)
        while not job.done.done() and job not in self._jobs.running:
            await asyncio.sleep(0.5)
        if job.done.done():
            return
        token = await self.begin(title, shown)
        if token is not None and not job.done.done():
            shown.token = token
            self.belongs(token, job)
        elif token is not None:
            self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())

    def report(self, token: types.ProgressToken | None, shown: Shown, event: Event) -> None:
        """Follow an event of the job."""
        if took(shown, event):
            self._show(token, shown)

    async def tick(self, token: types.ProgressToken | None, shown: Shown, job: Job) -> None:
        """Count the seconds left down while nothing else is told."""
        while not job.done.done():
            await asyncio.sleep(TICK_S)
            if shown.deadline is not None and not job.done.done():
                count_down(shown)
                self._show(token, shown)

    def cancel_token(self, token: types.ProgressToken) -> None:
        """End the job behind a progress bar."""
        job = self._by_token.get(token)
        if job is not None:
            self._jobs.cancel(job)

    def end(self, job: Job, words: str) -> None:
        """End the bars of a job."""
        for one in [one for one, other in self._by_token.items() if other is job]:
            del self._by_token[one]
            self._server.work_done_progress.tokens.pop(one, None)
            self._server.work_done_progress.end(one, types.WorkDoneProgressEnd(message=words))

    def _show(self, token: types.ProgressToken | None, shown: Shown) -> None:
        at = token if token is not None else shown.token
        if at is not None and at in self._by_token:
            report = types.WorkDoneProgressReport(message=shown.words, percentage=shown.percentage, cancellable=True)
            self._server.work_done_progress.report(at, report)
