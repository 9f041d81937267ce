"""The only starter of processes: limits, sandbox, and a kill that leaves nothing. Knows no tool.

How a process ended is a value. Limits are set by a small shell in front of the program rather than between fork and
exec, because that is not safe in a program with threads.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from threading import Event
from typing import IO

from llm4cov_agent.judge import sentinel
from llm4cov_agent.judge.sandbox import Sandbox, candidates, wrap
from llm4cov_agent.judge.scratch import scratch_folder

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "CPATH", "LIBRARY_PATH")
"""Variables that a compiler may need; nothing else of the caller's environment is inherited, so no secret is."""

_TAG = "LLM4COV_RUN"
"""Marks every descendant, so that one which left its process group is still found and killed."""
_OWNER = "LLM4COV_OWNER"
"""Marks with who started it, for the sentinel that outlives us if we are killed."""

_POLL_S = 0.05
_WATCH_S = 0.1
_SLOWEST_WATCH_S = 1.0
"""How often processes are counted and the folder is measured: less often the longer a run takes, as each look costs time."""

_SHELL = 'ulimit -c 0; ulimit -S -t {cpu}; ulimit -H -t {last}; ulimit -f {blocks}; ulimit -v {kilobytes}; exec "$@"'
"""The hard limit of processor time lies above the soft one: at the same second the kernel kills without saying why."""


class Ending(Enum):
    """How a process ended."""

    EXITED = "exited"
    SIGNALLED = "was ended by a signal"
    TIMED_OUT = "ran longer than its time limit"
    CPU_LIMIT = "used more processor time than its limit"
    MEMORY_LIMIT = "needed more memory than its limit"
    FILE_LIMIT = "wrote more to disk than its limit"
    OUTPUT_LIMIT = "printed more than its limit"
    PROCESS_LIMIT = "started more processes than its limit"
    CANCELLED = "was cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one process and its children may take."""

    wall_s: float
    memory_bytes: int = 8 << 30
    """Address space of each process."""
    file_bytes: int = 256 << 20
    """Size of each file, and of all that is written into the folder."""
    output_bytes: int = 4 << 20
    """Bytes printed, standard output and error together."""
    processes: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended and what it printed."""

    ending: Ending
    returncode: int
    """Exit status; negative for a signal."""
    output: str
    """Standard output and error as they came, at most `Limits.output_bytes`."""
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.ending is Ending.EXITED and self.returncode == 0

    @property
    def reason(self) -> str:
        """One clause for a person: `exited with status 2`, `ran longer than its time limit`."""
        if self.ending is Ending.EXITED:
            return f"exited with status {self.returncode}"
        if self.ending is Ending.SIGNALLED:
            return f"was ended by {_signal_name(-self.returncode)}"
        return str(self.ending.value)


def run(
    argv: tuple[str, ...],
    *,
    folder: Path,
    limits: Limits,
    environment: Mapping[str, str] | None = None,
    sandbox: Sandbox | None = None,
    cancel: Event | None = None,
) -> Outcome:
    """Run a program in `folder`, the only place that it may write, until it ends or meets a limit.

    `sandbox` None takes the strongest that works here. Raises FileNotFoundError if the program does not exist; that is
    for the caller to prevent, by finding the tool first.
    """
    if shutil.which(argv[0]) is None:
        raise FileNotFoundError(argv[0])
    kind = strongest() if sandbox is None else sandbox
    tag = uuid.uuid4().hex
    _be_watched()
    command = _limited(argv, folder, limits, kind)
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(folder, tag, environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as child:
        try:
            ending, printed = _watch(child, folder, limits, cancel, None if kind.has_own_processes else tag)
        finally:
            _kill(child, tag, kind)
    returncode = _status(child.returncode, kind)
    output = printed.decode("utf-8", "replace")
    return Outcome(ending=ending or _ending(returncode, output), returncode=returncode, output=output, seconds=time.monotonic() - started)


class Served:
    """A running program that answers on its standard output what it is told on its standard input."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None and child.stdout is not None
        self._in, self._out = child.stdin.fileno(), child.stdout.fileno()
        os.set_blocking(self._in, False)
        self._listens = True
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)

    def pump(self, outgoing: memoryview, *, timeout_s: float) -> tuple[int, bytes | None]:
        """Wait for one chance to write or read and take it: (bytes written, bytes read).

        Nothing read within the time gives `b""`; None says that the program has ended and all its answers were read.
        """
        writes = bool(outgoing) and self._listens
        if writes:
            self._selector.register(self._in, selectors.EVENT_WRITE)
        try:
            ready = {key.fd for key, _ in self._selector.select(timeout_s)}
        finally:
            if writes:
                self._selector.unregister(self._in)
        written, chunk = 0, b""
        if self._in in ready:
            try:
                written = os.write(self._in, outgoing[: 1 << 16])
            except BrokenPipeError:
                # It listens no more, but what it answered before is still to be read, up to the end of the pipe.
                self._listens = False
        if self._out in ready:
            chunk = os.read(self._out, 1 << 18)
            if not chunk:
                return written, None
        return written, chunk

    def close(self) -> None:
        """Give the selector back; the process is ended by who started it."""
        self._selector.close()


@contextlib.contextmanager
def serve(argv: tuple[str, ...], *, folder: Path, limits: Limits, uses_gpu: bool = False) -> Iterator[Served]:
    """Keep a program running in `folder` while the block runs, under the limits and sandbox of `run`, then kill it.

    Of the limits, those on output and on the number of processes are not watched, and `wall_s` bounds processor time only:
    whoever waits for an answer decides how long. With `uses_gpu` the devices of graphics processors stay in sight.
    """
    kind, tag = strongest(), uuid.uuid4().hex
    _be_watched()
    with subprocess.Popen(
        _limited(argv, folder, limits, kind, uses_gpu=uses_gpu),
        cwd=folder,
        env=_environment(folder, tag, {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    ) as child:
        served = Served(child)
        try:
            yield served
        finally:
            served.close()
            _kill(child, tag, kind)


class OwnProgram:
    """A program of this project that runs beside us with our rights and environment, and is told and tells in lines.

    With `merged` its standard error is among the lines; otherwise it goes where ours goes.
    """

    def __init__(self, argv: tuple[str, ...], *, merged: bool = False) -> None:
        errors = subprocess.STDOUT if merged else None
        self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        self.pid = self._child.pid

    def tell(self, line: bytes) -> bool:
        """Write one line; False if the program listens no more."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
        except (BrokenPipeError, ValueError):
            return False
        return True

    def lines(self) -> Iterator[bytes]:
        """Yield what it prints, line by line, until it ends; blocks, so this is for a thread."""
        assert self._child.stdout is not None
        yield from self._child.stdout

    def wait(self) -> int:
        """Wait until it ends by itself; gives its exit status, negative for a signal. Blocks, so this is for a thread."""
        return self._child.wait()

    def end(self) -> int:
        """Kill it and whatever it started that has not left its group; gives its exit status, negative for a signal."""
        status = self._child.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            if self._child.stdin is not None:
                self._child.stdin.close()
        ended = self._child.wait()
        return ended if status is None else status


def _limited(argv: tuple[str, ...], folder: Path, limits: Limits, kind: Sandbox, *, uses_gpu: bool = False) -> tuple[str, ...]:
    """Put the limits and the sandbox in front of a command."""
    cpu = max(1, int(limits.wall_s * 4))
    script = _SHELL.format(cpu=cpu, last=cpu + 2, blocks=max(1, limits.file_bytes // 512), kilobytes=max(1, limits.memory_bytes // 1024))
    return wrap(kind, ("/bin/sh", "-c", script, "sh", *argv), writable=folder, uses_gpu=uses_gpu)


@cache
def strongest() -> Sandbox:
    """Find the strongest sandbox that the kernel lets work here, by trying each once."""
    for kind in candidates():
        if kind is Sandbox.NONE:
            break
        with scratch_folder() as folder:
            outcome = run(("/bin/sh", "-c", "exit 0"), folder=folder, limits=Limits(wall_s=10), sandbox=kind)
        if outcome.ok:
            return kind
    return Sandbox.NONE


def _be_watched() -> None:
    """Have what is started from now on killed if we are. Bubblewrap sees to that itself, but for what it has not begun yet."""
    if Path("/proc/self/environ").exists():
        _sentinel(os.getpid())


@cache
def _sentinel(pid: int) -> subprocess.Popen[bytes]:
    """Start the sentinel of this process, once; it ends after us, as the pipe to it does."""
    return subprocess.Popen(
        (sys.executable, "-I", "-S", str(Path(sentinel.__file__)), f"{_OWNER}={_owner(pid)}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )


@cache
def _owner(pid: int) -> str:
    """Give a name for this process that no other will have."""
    return f"{pid}-{uuid.uuid4().hex}"


def _environment(folder: Path, tag: str, extra: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own = {"HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8", _TAG: tag, _OWNER: _owner(os.getpid())}
    return inherited | own | dict(extra)


def _watch(
    child: subprocess.Popen[bytes], folder: Path, limits: Limits, cancel: Event | None, tag: str | None
) -> tuple[Ending | None, bytes]:
    """Read the output until the process ends; the ending is None where its exit status has to tell it.

    With a `tag`, processes are counted by it, because without a sandbox they can leave the tree below `child`.
    """
    assert child.stdout is not None
    printed = bytearray()
    started = time.monotonic()
    deadline, next_look = started + limits.wall_s, started + _WATCH_S
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        is_open = True
        while True:
            if is_open and selector.select(_POLL_S):
                is_open = _read(child.stdout, printed)
                if not is_open:
                    selector.unregister(child.stdout)
            now = time.monotonic()
            if len(printed) > limits.output_bytes:
                del printed[limits.output_bytes :]
                return Ending.OUTPUT_LIMIT, bytes(printed)
            if cancel is not None and cancel.is_set():
                return Ending.CANCELLED, bytes(printed)
            if now > deadline:
                return Ending.TIMED_OUT, bytes(printed)
            if now > next_look:
                next_look = now + min(_SLOWEST_WATCH_S, max(_WATCH_S, 0.1 * (now - started)))
                count = len(_tagged(tag)) if tag else _count_descendants(child.pid, limits.processes)
                if count > limits.processes:
                    return Ending.PROCESS_LIMIT, bytes(printed)
                if _folder_bytes(folder) > limits.file_bytes:
                    return Ending.FILE_LIMIT, bytes(printed)
            if not is_open:
                # Nothing can be printed any more; what is left is the end of the process itself.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_POLL_S)
            if child.poll() is not None:
                while is_open and selector.select(0):
                    is_open = _read(child.stdout, printed) and len(printed) <= limits.output_bytes
                del printed[limits.output_bytes :]
                return None, bytes(printed)


def _read(pipe: IO[bytes], printed: bytearray) -> bool:
    """Take what is there; False at the end of the pipe."""
    chunk = os.read(pipe.fileno(), 1 << 16)
    printed += chunk
    return bool(chunk)


def _count_descendants(pid: int, enough: int) -> int:
    """Count processes below `pid`, giving up at more than `enough`; 0 where the system does not tell."""
    count, pending = 0, [pid]
    while pending and count <= enough:
        for children in _children_files(pending.pop()):
            with contextlib.suppress(OSError):
                below = [int(text) for text in children.read_text().split()]
                count += len(below)
                pending += below
    return count


def _children_files(pid: int) -> list[Path]:
    try:
        return [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def _folder_bytes(folder: Path) -> int:
    """Bytes on disk below a folder; a sparse file counts what it takes, not what it claims."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).lstat().st_blocks * 512
    return total


def _kill(child: subprocess.Popen[bytes], tag: str, kind: Sandbox) -> None:
    """Kill the group, then everything that carries the tag until a look finds none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    # A bubblewrap's first process takes the rest along; elsewhere a process may have left the group.
    while kind is not Sandbox.BUBBLEWRAP and (strays := _tagged(tag)):
        for pid in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _tagged(tag: str) -> list[int]:
    """Processes whose environment carries the tag; none where the system does not tell."""
    return sentinel.marked(f"{_TAG}={tag}".encode()) if Path("/proc/self/environ").exists() else []


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Real-time signals have no name of their own.
        return f"signal {number}"


def _status(returncode: int, kind: Sandbox) -> int:
    """Undo what a sandbox does to the status: its own first process reports a signal N of the program as status 128 + N."""
    if kind.has_own_processes and 128 < returncode <= 128 + signal.SIGRTMAX:
        return 128 - returncode
    return returncode


def _ending(returncode: int, output: str) -> Ending:
    if returncode >= 0:
        return Ending.MEMORY_LIMIT if returncode and _ran_out_of_memory(output) else Ending.EXITED
    if returncode == -signal.SIGXCPU:
        return Ending.CPU_LIMIT
    if returncode == -signal.SIGXFSZ:
        return Ending.FILE_LIMIT
    if returncode == -signal.SIGABRT and _ran_out_of_memory(output):
        return Ending.MEMORY_LIMIT
    return Ending.SIGNALLED


def _ran_out_of_memory(output: str) -> bool:
    return any(words in output for words in ("bad_alloc", "out of memory", "Cannot allocate memory", "MemoryError"))
