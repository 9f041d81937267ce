"""The operating-system sandbox around a process, as command-line prefixes. Starts nothing itself.

Bubblewrap gives all of it: no network, everything read-only but one folder, its own process numbers (so that killing
the first process kills every other). `unshare` gives the network and process numbers, not the file system; Landlock
gives the file system and, on newer kernels, TCP and signals. The two together come near to bubblewrap.
"""

from __future__ import annotations

import shutil
import sys
from enum import Enum
from pathlib import Path

from llm4cov_agent.judge import landlock


class Sandbox(Enum):
    """What holds a process, strongest first."""

    BUBBLEWRAP = "bubblewrap"
    UNSHARE_LANDLOCK = "unshare and Landlock"
    UNSHARE = "unshare"
    LANDLOCK = "Landlock"
    NONE = "none"

    @property
    def has_own_processes(self) -> bool:
        """Whether its processes have numbers of their own; they end with the first of them, and its parent reports how."""
        return self in (Sandbox.BUBBLEWRAP, Sandbox.UNSHARE_LANDLOCK, Sandbox.UNSHARE)

    @property
    def gaps(self) -> str:
        """What it does not hold, one clause; empty if it holds all that is asked of it."""
        match self:
            case Sandbox.BUBBLEWRAP:
                return ""
            case Sandbox.UNSHARE_LANDLOCK:
                return "modes and times of your own files can be changed"
            case Sandbox.UNSHARE:
                return "files outside the run's folder can be written"
            case Sandbox.LANDLOCK:
                version = landlock.abi()
                network = "UDP and file sockets are open" if version >= 4 else "the network is open"
                signals = "" if version >= 6 else ", other processes of yours can be sent signals"
                return f"{network}{signals}, modes and times of your own files can be changed"
            case Sandbox.NONE:
                return "a run can write and send what you can"


_UNSHARED = (
    *("unshare", "--user", "--map-current-user", "--net", "--pid", "--fork", "--kill-child=KILL", "--"),
    # The first process of a process-number space is deaf to its own signals (an abort would hang), so a shell takes that
    # place and the program is its child.
    *("/bin/sh", "-c", '"$@"; exit $?', "sh"),
)


def wrap(sandbox: Sandbox, argv: tuple[str, ...], *, writable: Path, uses_gpu: bool = False) -> tuple[str, ...]:
    """Put the sandbox's own command in front of `argv`; only the folder `writable` may be written.

    With `uses_gpu` the devices of graphics processors can be opened, if there are any.
    """
    folder = str(writable)
    devices = _gpu_devices() if uses_gpu else ()
    match sandbox:
        case Sandbox.BUBBLEWRAP:
            return (
                *("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", folder, folder),
                *(word for path in devices for word in ("--dev-bind", path, path)),
                *("--unshare-user-try", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
                *("--die-with-parent", "--new-session", "--chdir", folder, "--", *argv),
            )
        case Sandbox.UNSHARE:
            return (*_UNSHARED, *argv)
        case Sandbox.UNSHARE_LANDLOCK:
            return (*_UNSHARED, *_landlocked(folder, devices), *argv)
        case Sandbox.LANDLOCK:
            return (*_landlocked(folder, devices), *argv)
        case Sandbox.NONE:
            return argv


def candidates() -> tuple[Sandbox, ...]:
    """Sandboxes whose program is installed, strongest first; whether the kernel lets them work is tried elsewhere."""
    has_unshare = shutil.which("unshare") is not None
    has_landlock = landlock.abi() >= landlock.OLDEST_ABI
    there = {
        Sandbox.BUBBLEWRAP: shutil.which("bwrap") is not None,
        Sandbox.UNSHARE_LANDLOCK: has_unshare and has_landlock,
        Sandbox.UNSHARE: has_unshare,
        Sandbox.LANDLOCK: has_landlock,
        Sandbox.NONE: True,
    }
    return tuple(kind for kind in Sandbox if there[kind])


def _landlocked(folder: str, devices: tuple[str, ...]) -> tuple[str, ...]:
    """Run the launcher as a file, isolated from the environment and without site packages: it starts in milliseconds."""
    return (sys.executable, "-I", "-S", str(Path(landlock.__file__)), folder, *devices, "--")


def _gpu_devices() -> tuple[str, ...]:
    """Give the device files and folders of graphics processors (NVIDIA, AMD, Intel) that this machine has."""
    places = sorted((*Path("/dev").glob("nvidia*"), *Path("/dev").glob("dri"), *Path("/dev").glob("kfd")))
    return tuple(str(place) for place in places)
