"""The server as bytes: for tests that send what no client library would."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.conftest import PROGRAM

UTF16 = {"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}, "dataSupport": True}}}
PATIENCE_S = 300.0
"""Long enough for a machine that others use up; a green run waits for nothing that comes sooner."""


class Raw:
    """A server process, what it says, and what was asked of it."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.notes: list[dict[str, Any]] = []
        self.settings: Any = {}
        self.replies: dict[Any, dict[str, Any]] = {}
        self.errors = b""
        self.answers_requests = True
        self.applies: dict[str, Any] = {"result": {"applied": True}}
        """What an edit is answered with."""
        self._numbers = 0
        self._arrived: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        for reads in (self._read, self._read_errors):
            threading.Thread(target=reads, daemon=True).start()

    def write(self, data: bytes) -> None:
        assert self.child.stdin is not None
        with self._lock:
            self.child.stdin.write(data)
            self.child.stdin.flush()

    def send(self, message: Any) -> None:
        body = json.dumps(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, method: str, params: Any = None) -> int:
        self._numbers += 1
        self.send({"jsonrpc": "2.0", "id": self._numbers, "method": method, "params": params})
        return self._numbers

    def wait(self, number: Any, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while number not in self.replies:
            left = deadline - time.monotonic()
            assert left > 0, f"no answer to {number}; {self.errors.decode()}"
            with suppress(queue.Empty):
                self._arrived.get(timeout=min(left, 0.2))
        return self.replies.pop(number)

    def ask(self, method: str, params: Any = None, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        return self.wait(self.begin(method, params), timeout_s)

    def command(self, name: str, *arguments: Any, timeout_s: float = PATIENCE_S) -> Any:
        return self.ask("workspace/executeCommand", {"command": name, "arguments": list(arguments)}, timeout_s)["result"]

    def start(self, folder: Path, **more: Any) -> dict[str, Any]:
        workspace = {"configuration": True, "applyEdit": True, "workspaceEdit": {"resourceOperations": ["create"]}}
        capabilities = {"workspace": workspace, "window": {"workDoneProgress": True}, **UTF16}
        params = {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": capabilities, **more}
        reply = self.ask("initialize", params)
        self.notify("initialized", {})
        return dict(reply["result"])

    def open(self, path: Path, text: str | None = None, version: int = 1) -> str:
        uri = path.as_uri()
        item = {"uri": uri, "languageId": "systemverilog", "version": version, "text": path.read_text() if text is None else text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def messages(self, method: str = "window/showMessage") -> list[str]:
        return [one["params"]["message"] for one in self.notes if one.get("method") == method]

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        return [
            one["params"] for one in self.notes if one.get("method") == "textDocument/publishDiagnostics" and one["params"]["uri"] == uri
        ]

    def until(self, true: Any, timeout_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := true()):
            assert time.monotonic() < deadline, f"it did not come in time; {self.errors.decode()[-2000:]}"
            assert self.child.poll() is None, self.errors.decode()
            time.sleep(0.01)
        return found

    def leave(self, timeout_s: float = 120) -> float:
        """Shut down as the protocol says; gives the seconds that it took."""
        began = time.monotonic()
        self.ask("shutdown")
        self.notify("exit")
        self.child.wait(timeout_s)
        return time.monotonic() - began

    def _read(self) -> None:
        stream = self.child.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.split(b":")[1])
            while stream.readline().strip():
                pass
            message = json.loads(stream.read(length))
            if "method" in message:
                self.notes.append(message)
                if "id" in message and self.answers_requests:
                    with suppress(BrokenPipeError, ValueError):
                        self._answer(message)
            else:
                self.replies[message["id"]] = message
            self._arrived.put(None)

    def _answer(self, message: dict[str, Any]) -> None:
        match message["method"]:
            case "workspace/configuration":
                # How busy the machine is, and whether it has mains, is not what tests are about.
                always = {"background": {"maxLoad": 0, "onBattery": True}}
                told = always | self.settings if isinstance(self.settings, dict) else self.settings
                result: Any = [told for _ in message["params"]["items"]]
            case "workspace/applyEdit":
                self.send({"jsonrpc": "2.0", "id": message["id"], **self.applies})
                return
            case _:
                result = None
        self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _read_errors(self) -> None:
        assert self.child.stderr is not None
        for line in self.child.stderr:
            self.errors += line


@contextmanager
def raw(
    folder: Path, environment: Mapping[str, str] | None = None, *, before: tuple[str, ...] = (), program: str | None = None
) -> Iterator[Raw]:
    """Start a server, ours or another; it is killed in the end if it is there still. `before`: what stands before the command."""
    command = (*before, str(PROGRAM), "--stdio") if program is None else (program,)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=dict(environment or os.environ), **pipes) as child:  # type: ignore[call-overload]
        try:
            yield Raw(child)
        finally:
            child.kill()


def descendants(pid: int) -> set[int]:
    """Give all processes below one, by the parent that each names."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found, fresh = set(), {pid}
    while fresh:
        fresh = {one for one, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def tools_below(worker: int) -> set[int]:
    """Give what runs below a worker, but for the sentinel, which lives as long as the worker does."""
    return descendants(worker) - sentinels(descendants(worker))


def sentinels(pids: set[int]) -> set[int]:
    """Give those that are sentinels. One that is just being started is not yet seen to be one: it has the name of who starts it."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            if b"sentinel.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def alive(pids: set[int]) -> set[int]:
    """Give those that run; a zombie does not."""
    found = set()
    for pid in pids:
        with suppress(OSError, IndexError):
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                found.add(pid)
    return found
