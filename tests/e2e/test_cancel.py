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
from tests.e2e.raw import tools_below
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


HARD = """module hard(input logic clk, input logic rst, input logic [31:0] a, input logic [31:0] b, output logic q);
  logic [31:0] x, y;
  always_ff @(posedge clk)
    if (rst) begin x <= 3; y <= 3; q <= 0; end
    else begin
      x <= x * (a | 1) + y;
      y <= y * (b | 1) ^ x;
      if (x * y == 32'd1) q <= 1;
    end
endmodule
"""
TB_HARD = """module tb_hard; logic clk = 0, rst = 1; logic [31:0] a = 4, b = 6; logic q; hard dut(.*);
initial begin #7 rst = 0; #60 $finish; end always #5 clk = ~clk; endmodule
"""


async def test_a_proof_that_a_person_asked_for_ends_within_a_second_of_its_cancel(project: Project) -> None:
    file, testbench = project.folder / "hard.sv", project.folder / "tb_hard.sv"
    file.write_text(HARD)
    testbench.write_text(TB_HARD)
    line = next(number for number, text in enumerate(HARD.splitlines()) if "32'd1" in text)
    async with connected(project.folder, settings={"background": {"maxLoad": 0}, "prove": {"budgetSeconds": 120}}) as editor:
        uri = file.as_uri()
        item = types.TextDocumentItem(uri, "systemverilog", 1, HARD)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        found = await editor.diagnostics(uri, lambda all_: any(one.range.start.line == line for one in all_))
        data = next(one for one in found if one.range.start.line == line).data
        hole = str(data["hole"] if isinstance(data, dict) else data.hole)
        worker = await editor.worker()
        taken = {
            phase: await _cancelled_in(editor, phase, "llm4cov.prove", uri, "hard", hole)
            for phase in ("reading the design", "proving what can't be reached")
        }
        async with asyncio.timeout(CANCEL_S):
            while tools_below(worker):
                await asyncio.sleep(0.005)
        assert all(seconds < CANCEL_S for seconds in taken.values()), taken


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
