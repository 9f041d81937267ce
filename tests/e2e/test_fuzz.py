"""Random traffic, valid and not: the server crashes never, shows no trace, answers all requests, and holds on to nothing."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import WEAK_TESTBENCH, Project
from tests.e2e.raw import Raw, alive, descendants, raw

pytestmark = pytest.mark.acceptance
METHODS = ("hover", "codeLens", "codeAction", "inlayHint")
COMMANDS = ("generate", "measure", "prove", "explain", "cancel", "restart", "info", "nothing")
TEXTS = ("", "x", "\n", "\r\n", "module q(input a);\nendmodule\n", "😀é", "\ufeff", "\t/* ", '"', "\ud800", "\0")


def _value(draw: random.Random, uri: str) -> Any:
    return draw.choice([None, -1, 0, 2**40, 1.5, "", uri, "traffic_light", [], {}, [[]], {"line": 1}, True])


def _place(draw: random.Random) -> dict[str, int]:
    return {"line": draw.choice([0, 1, 5, 40, 80, 2**31 - 1]), "character": draw.choice([0, 1, 7, 200, 2**31 - 1])}


def _step(draw: random.Random, server: Raw, uri: str, version: int) -> int | None:
    """Send one thing; gives the number of a request."""
    at: Any = {"textDocument": {"uri": uri}}
    match draw.randrange(8):
        case 0 | 1:
            change: Any = {"range": {"start": _place(draw), "end": _place(draw)}, "text": draw.choice(TEXTS)}
            server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]})
        case 2:
            whole = [{"text": Path(uri.removeprefix("file://")).read_text()}]
            server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": whole})
        case 3:
            server.notify(
                f"textDocument/{draw.choice(['didSave', 'didChange', 'didOpen', 'nothing'])}", draw.choice([at, _value(draw, uri)])
            )
        case 4:
            arguments = [_value(draw, uri) for _ in range(draw.randrange(4))]
            return server.begin("workspace/executeCommand", {"command": f"llm4cov.{draw.choice(COMMANDS)}", "arguments": arguments})
        case 5:
            server.notify("$/cancelRequest", {"id": draw.choice([version, "x", None])})
        case 6:
            return server.begin(f"textDocument/{draw.choice(METHODS)}", _value(draw, uri))
        case _:
            place = _place(draw)
            more = {"position": place, "range": {"start": place, "end": _place(draw)}, "context": {"diagnostics": []}}
            return server.begin(f"textDocument/{draw.choice(METHODS)}", at | more)
    return None


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_random_traffic_is_no_harm(project: Project, seconds: float) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    draw = random.Random(20)
    with raw(project.folder) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        server.until(lambda: any(one["diagnostics"] for one in server.diagnostics(uri)), 600)
        before, files = _memory(server), _files(server)
        asked: list[int] = []
        version, ends = 1, time.monotonic() + seconds
        while time.monotonic() < ends:
            version += 1
            number = _step(draw, server, uri, version)
            asked += [number] if number is not None else []
            if version % 50 == 0:
                server.command("llm4cov.info")
        server.command("llm4cov.restart")
        for number in asked:
            server.wait(number, 600)
        assert "versions" in server.command("llm4cov.info")
        assert "Traceback" not in server.errors.decode() and not [text for text in server.messages() if "nternal" in text]
        assert _memory(server) < before + (8 << 20)
        assert _files(server) < files + 20
        below = descendants(server.child.pid)
        assert server.leave() < 20
        deadline = time.monotonic() + 60
        while left := alive(below):
            assert time.monotonic() < deadline, left
            time.sleep(0.02)


def _memory(server: Raw) -> int:
    line = next(one for one in Path(f"/proc/{server.child.pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) << 10


def _files(server: Raw) -> int:
    return len(list(Path(f"/proc/{server.child.pid}/fd").iterdir()))
