"""Learning as an editor sees it: a bar that shows and ends it, and when it begins by itself. Learns nothing itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.machine import reason_to_wait
from llm4cov_lsp.logfile import LOGGER
from llm4cov_lsp.progress import Shown
from llm4cov_lsp.retraining import IDLE_S, Ended, Retraining, keep_schedule
from llm4cov_lsp.session import Session


class Learning:
    """Of one connection."""

    def __init__(self, server: LanguageServer, session: Session) -> None:
        self._server, self._session = server, session
        self._process = Retraining()
        self._bar: types.ProgressToken | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._process.is_running

    @property
    def schedule(self) -> str:
        """The most frequent schedule of any folder."""
        found = (
            {settings.text("retrain.schedule") for settings in self._session.scopes.settings.values()} if self._session.trusted else set()
        )
        return next((one for one in ("daily", "weekly") if one in found), "off")

    async def run(self, *, if_due: bool) -> Ended:
        """Run it to its end. Not to be called while it runs."""
        running = asyncio.ensure_future(self._process.run(if_due=if_due, on_line=self._report))
        self._bar = token = await self._session.bars.begin("Retraining", Shown())
        try:
            return await running
        finally:
            self._bar = None
            if token is not None:
                self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())

    def cancel_token(self, token: types.ProgressToken) -> None:
        """End it if this is its bar."""
        if token == self._bar:
            self._process.cancel()

    def shut_down(self) -> None:
        """End it."""
        self._process.cancel()

    def keep_schedule(self) -> None:
        """Let it begin by itself as the settings say; they are looked at each time."""
        try:
            state_dir = read_config().state_dir
        except BadConfiguration:
            # It was said already: the same variables decide where results are kept.
            return
        self._session.start(
            keep_schedule(
                schedule=lambda: self.schedule,
                is_idle=self._is_idle,
                run=lambda: self.run(if_due=True),
                say=self._session.say_once,
                state_dir=state_dir,
            )
        )

    def _report(self, words: str) -> None:
        LOGGER.info("retraining: %s", words)
        self._session.log(f"retraining: {words}")
        if self._bar is not None:
            self._server.work_done_progress.report(self._bar, types.WorkDoneProgressReport(message=words, cancellable=True))

    def _is_idle(self) -> bool:
        settings = self._session.scopes.settings_for(Path())
        waits = reason_to_wait(on_battery=settings.flag("background.onBattery"), max_load=settings.number("background.maxLoad"))
        return waits is None and not self.is_running and self._session.idle_s() > IDLE_S
