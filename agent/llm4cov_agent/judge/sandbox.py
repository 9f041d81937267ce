"""The operating-system sandbox around a process, as command-line prefixes. Starts nothing itself.

Bubblewrap gives all of it: no network, everything read-only but one folder, its own process numbers (so that killing
the first process kills every other). `unshare` gives the network and process numbers, not the file system.
"""

from __future__ import annotations

import shutil
from enum import Enum
from pathlib import Path


class Sandbox(Enum):
    """What holds a process, strongest first."""

    BUBBLEWRAP = "bubblewrap"
    UNSHARE = "unshare"
    NONE = "none"


def wrap(sandbox: Sandbox, argv: tuple[str, ...], *, writable: Path) -> tuple[str, ...]:
    """Put the sandbox's own command in front of `argv`; only the folder `writable` may be written."""
    folder = str(writable)
    match sandbox:
        case Sandbox.BUBBLEWRAP:
            return (
                *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", folder, folder),
                *("--unshare-user-try", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
                *("--die-with-parent", "--new-session", "--chdir", folder, "--", *argv),
            )
        case Sandbox.UNSHARE:
            # The first process of a process-number space is deaf to its own signals (an abort would hang), so a shell
            # takes that place and the program is its child.
            first = ("/bin/sh", "-c", '"$@"; exit $?', "sh")
            return ("unshare", "--user", "--map-current-user", "--net", "--pid", "--fork", "--kill-child=KILL", "--", *first, *argv)
        case Sandbox.NONE:
            return argv


def candidates() -> tuple[Sandbox, ...]:
    """Sandboxes whose program is installed, strongest first; whether the kernel lets them work is tried elsewhere."""
    found = tuple(
        kind for kind, program in ((Sandbox.BUBBLEWRAP, "bwrap"), (Sandbox.UNSHARE, "unshare")) if shutil.which(program) is not None
    )
    return (*found, Sandbox.NONE)
