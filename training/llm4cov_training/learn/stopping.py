"""When a run waits, and when it stops. Knows no model and no trainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

PAUSE_S = 5.0
"""How often a run that waits looks again."""


class Stop(Protocol):
    """An event of `threading` or of `multiprocessing`."""

    def is_set(self) -> bool:
        """Whether someone asked to stop."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until then, or so many seconds."""


def is_asked(cancel: Stop | None) -> bool:
    """Say whether a run should stop."""
    return cancel is not None and cancel.is_set()


def wait_while(pause: Callable[[], bool] | None, cancel: Stop | None) -> float:
    """Wait for as long as `pause` says so, or until a stop is asked for; gives the seconds that were waited."""
    began = time.monotonic()
    while pause is not None and not is_asked(cancel) and pause():
        if cancel is None:
            time.sleep(PAUSE_S)
        else:
            cancel.wait(PAUSE_S)
    return time.monotonic() - began
