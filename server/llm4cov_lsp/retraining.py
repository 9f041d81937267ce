"""Learning as a process of its own: when it is started, what it says, how it is ended. Knows no LSP and nothing of how it is learned.

It runs `llm4cov-lsp retrain`, at the lowest priority; whether there is enough to learn from is that command's own decision.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.judge.process import OwnProgram

PERIODS_S = {"daily": 86_400.0, "weekly": 7 * 86_400.0}
LOOK_S = 60.0
"""How often the schedule is looked at."""
IDLE_S = 120.0
"""How long nothing may have happened before it starts by itself."""
_LAST_LINES = 6
_STAMP = "retrain-began"


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended."""

    status: int
    """Exit status; negative for a signal."""
    words: str
    """The end of what it printed."""
    was_cancelled: bool = False


def start_retraining(if_due: bool) -> OwnProgram:
    """Start the command with this interpreter."""
    command = (sys.executable, "-m", "llm4cov_lsp.cli", "retrain", *(["--if-due"] if if_due else []))
    return OwnProgram(("/bin/sh", "-c", 'exec nice -n 19 "$@"', "sh", *command), merged=True)


class Retraining:
    """At most one run of it."""

    def __init__(self, start: Callable[[bool], OwnProgram] = start_retraining) -> None:
        self._start = start
        self._program: OwnProgram | None = None
        self._cancelled = False

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._program is not None

    async def run(self, *, if_due: bool, on_line: Callable[[str], None]) -> Ended:
        """Run it to its end; each line that it prints is given to `on_line`. Not to be called while it runs."""
        assert self._program is None
        self._program = program = self._start(if_due)
        self._cancelled = False
        last: deque[str] = deque(maxlen=_LAST_LINES)
        lines = iter(program.lines())
        try:
            while (line := await asyncio.to_thread(next, lines, None)) is not None:
                words = line.decode("utf-8", "replace").strip()
                if words:
                    last.append(words)
                    on_line(words)
            status = await asyncio.to_thread(program.wait)
        finally:
            # It is over already, unless nobody waits for it any more.
            program.end()
            self._program = None
        return Ended(status, "\n".join(last), self._cancelled)

    def cancel(self) -> None:
        """End it, with all that it started."""
        if self._program is not None:
            self._cancelled = True
            self._program.end()


def is_due(schedule: str, state_dir: Path, now_s: float) -> bool:
    """Say whether the schedule wants it by now; the last time is shared by all servers of this user."""
    period_s = PERIODS_S.get(schedule)
    if period_s is None:
        return False
    try:
        began_s = (state_dir / _STAMP).stat().st_mtime
    except OSError:
        return True
    return not 0 <= now_s - began_s < period_s


def remember(state_dir: Path) -> None:
    """Note that it begins; where nothing can be written it begins again in the next session."""
    with contextlib.suppress(OSError):
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        (state_dir / _STAMP).touch()


async def keep_schedule(
    *,
    schedule: Callable[[], str],
    is_idle: Callable[[], bool],
    run: Callable[[], Awaitable[Ended]],
    say: Callable[[str], None],
    state_dir: Path,
    look_s: float = LOOK_S,
) -> None:
    """Start it when it is due and nothing else is to do, until it fails: that is said once, and this ends."""
    while True:
        await asyncio.sleep(look_s)
        if not is_idle() or not is_due(schedule(), state_dir, time.time()):
            continue
        remember(state_dir)
        ended = await run()
        if ended.status != 0 and not ended.was_cancelled:
            say(f"Retraining by itself stops until the server is started again. {ended.words}")
            return
