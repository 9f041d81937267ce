"""Ends what a process of ours started once that process is gone, however it went. A program of its own, that knows no tool.

It reads its standard input, whose other end that process alone holds, up to the end; then it kills all that carries the mark in its
environment, compilers below a killed compiler too. Standard library only: it is run isolated, and starts in milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

_LOOKS = 200
"""How often it looks for what is left, at most: what can't be killed is not waited for."""
_QUIET = 20
"""How many looks in a row have to find nothing: a process that is being started carries the mark a moment later only."""
_PAUSE_S = 0.02


def marked(mark: bytes) -> list[int]:
    """List the processes whose environment has the mark, `NAME=value`; zombies have none any more."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                if mark in file.read().split(b"\0"):
                    found.append(int(name))
    return found


def kill_marked(mark: bytes) -> None:
    """Kill them until nothing more comes."""
    quiet = 0
    for _ in range(_LOOKS):
        strays = marked(mark)
        quiet = 0 if strays else quiet + 1
        if quiet == _QUIET:
            return
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def main() -> None:
    """Wait for the end of the input, then kill; the mark is the argument."""
    # A terminal's Ctrl-C is not for us: who started us ends by it, and then it is our turn.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while os.read(0, 1 << 10):
        pass
    kill_marked(sys.argv[1].encode())


if __name__ == "__main__":
    main()
