"""Cancel in each phase of a job: how long until nothing runs any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.e2e.conftest import Editor, Project, connected
from tests.served import served

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
CANCEL_S = 1.0


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "own.db"))


async def _cancelled_in(editor: Editor, phase: str, name: str, *arguments: str, begun: Callable[[], object] = lambda: True) -> float:
    """Begin a command, cancel it by its bar once that shows the phase, and give the seconds until nothing runs."""
    seen = len(editor.tokens)
    job = asyncio.ensure_future(editor.command(name, *arguments))
    async with asyncio.timeout(100):
        while True:
            await asyncio.sleep(0.005)
            assert not job.done(), f"it was over before {phase!r}: {job.result()}"
            reports = editor.client.progress_reports[editor.tokens[seen]] if len(editor.tokens) > seen else []
            if any(phase in (getattr(one, "message", None) or "") for one in reports) and begun():
                break
    began = time.monotonic()
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(editor.tokens[seen]))
    assert await job == {"cancelled": True}
    while (await editor.command("llm4cov.info"))["running"]:
        await asyncio.sleep(0.005)
    return time.monotonic() - began


def _wide(project: Project) -> str:
    """A module that takes seconds to read."""
    ports = ", ".join(f"input logic [31:0] a{number}" for number in range(400))
    blocks = []
    for number in range(6000):
        port, register = f"a{number % 400}", f"r{number}"
        blocks.append(f"  logic [31:0] {register};\n  always_ff @(posedge clk) if ({port} == {number}) {register} <= {port} + {register};")
        blocks.append(f"    else if ({port}[3]) {register} <= {register} ^ {number};")
    file = project.folder / "wide.sv"
    text = "\n".join([f"module wide(input logic clk, {ports});", *blocks, "endmodule", ""])
    file.write_text(text)
    return file.as_uri()


async def test_a_job_ends_within_a_second_of_its_cancel_in_every_phase(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    taken: dict[str, float] = {}
    settings = {"mode": "off", "generate": {"budgetSeconds": 60}}
    monkeypatch.setenv("LLM4COV_CACHE_DIR", str(tmp_path / "cache"))
    async with connected(project.folder, settings=settings) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        uri = _wide(project)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "systemverilog", 1, "")))
        taken["elaborate"] = await _cancelled_in(editor, "reading the design", "llm4cov.generate", uri, "wide")
        taken["build"] = await _cancelled_in(editor, "compiling", "llm4cov.generate", project.uri, "traffic_light")
        taken["search"] = await _cancelled_in(editor, "searching", "llm4cov.generate", project.uri, "traffic_light")
        taken["prove"] = await _cancelled_in(editor, "proving", "llm4cov.generate", project.uri, "traffic_light")
    with served(["sequence one\n  hold 3\nend\n"], pause_s=20) as server:
        model = {"generate": {"policy": "endpoint"}, "model": {"endpoint": server.url, "name": "slow"}}
        async with connected(project.folder, settings={"mode": "off"} | model) as editor:
            editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
            command = ("llm4cov.generate", project.uri, "traffic_light")
            taken["model"] = await _cancelled_in(editor, "endpoint is reading", *command, begun=lambda: server.asked)
    record_property("cancel_s", {phase: round(seconds, 2) for phase, seconds in taken.items()})
    print("cancel, seconds:", {phase: round(seconds, 2) for phase, seconds in taken.items()})
    assert all(seconds < CANCEL_S for seconds in taken.values()), taken
