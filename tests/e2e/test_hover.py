"""Hovers of the real server: instances, names, the search before, what was tried, and verdicts that outlive a measurement."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from llm4cov_agent.cli.design import open_simulator
from llm4cov_agent.closure.verdicts import keep_verdicts
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from tests.e2e.conftest import Editor, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]

TWIN = """module leaf(input logic clk, input logic rst, input logic en, output logic [1:0] q);
  always_ff @(posedge clk)
    if (rst) q <= 0;
    else if (en) q <= q + 1;
endmodule

module twin(input logic clk, input logic rst, input logic [1:0] en, output logic [1:0] a, output logic [1:0] b);
  leaf u_a(.clk, .rst, .en(en[0]), .q(a));
  leaf u_b(.clk, .rst, .en(en[1]), .q(b));
endmodule
"""
TWIN_BENCH = """module tb_twin;
  logic clk = 0, rst = 1; logic [1:0] en = 0, a, b;
  twin dut(.*);
  always #5 clk = ~clk;
  initial begin #22 rst = 0; en = 1; #200 $finish; end
endmodule
"""
NEVER = """module never(input logic clk, input logic rst, input logic a, output logic [1:0] q);
  always_ff @(posedge clk)
    if (rst) q <= 0;
    else if (q == 3) q <= 0;
    else if (a && q < 2) q <= q + 1;
endmodule
"""
FAR = """module never(input logic clk, input logic rst, input logic a, output logic [1:0] q); logic [3:0] count;
  always_ff @(posedge clk)
    if (rst) count <= 0;
    else if (count == 9) count <= 0;
    else if (a && count < 7) count <= count + 1;
  assign q = count[1:0];
endmodule
"""
"""Its register is wide enough for the search to look at how near runs come to the value."""
NEVER_BENCH = """module tb_never; logic clk=0, rst=1, a=1; logic [1:0] q; never dut(.*);
initial begin #7 rst=0; #100 a=0; #20 $finish; end always #5 clk=~clk; endmodule
"""


def _open(editor: Editor, file: Path) -> None:
    item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))


async def _hover(editor: Editor, file: Path, line: int, character: int = 0) -> str:
    at = types.HoverParams(types.TextDocumentIdentifier(file.as_uri()), types.Position(line, character))
    hover = await editor.client.text_document_hover_async(at)
    return str(hover.contents.value) if hover is not None else ""


def _holes(found: list[types.Diagnostic]) -> list[types.Diagnostic]:
    return [one for one in found if one.data is not None]


def _branch(found: list[types.Diagnostic]) -> str:
    return next((one.message for one in _holes(found) if one.range.start.line == 3 and one.code in ("branch", "line")), "")


async def _measured_again(editor: Editor, file: Path, bench: Path, text: str) -> None:
    """Change the testbench, and wait until that is measured."""
    bench.write_text(text)
    changed = types.FileEvent(bench.as_uri(), types.FileChangeType.Changed)
    seen = len(editor.published)
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([changed]))
    await editor.command("llm4cov.measure", file.as_uri(), file.stem)
    await until(lambda: any(one.uri == file.as_uri() and one.diagnostics for one in editor.published[seen:]) or None, 60)


async def test_instances_and_bits_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "twin.sv"
    file.write_text(TWIN)
    (tmp_path / "tb_twin.sv").write_text(TWIN_BENCH)
    async with connected(tmp_path) as editor:
        _open(editor, file)
        await editor.diagnostics(file.as_uri(), lambda found: bool(_holes(found)))
        line = await _hover(editor, file, 3)
        assert "- `u_b`: executed 20 times, 1 of 2 points hit; branch 'if' never taken" in line
        assert "- `u_a`: executed 20 times, 1 of 2 points hit; branch 'else' never taken" in line
        name = await _hover(editor, file, 0, TWIN.splitlines()[0].index("q)"))
        assert name.startswith("**q** (line 1): 4 of 4 toggle points hit in 2 instances together.")
        assert "- `u_b`: 0 of 4; q[1:0] never toggled" in name and "- `u_a`: 4 of 4" in name
        assert "clk" not in name


async def test_a_verdict_outlives_the_measurement_and_ends_where_it_is_not_certain(tmp_path: Path) -> None:
    file, bench = tmp_path / "never.sv", tmp_path / "tb_never.sv"
    file.write_text(NEVER)
    bench.write_text(NEVER_BENCH)
    async with connected(tmp_path, settings={"prove": {"budgetSeconds": 10}}) as editor:
        _open(editor, file)
        found = _holes(await editor.diagnostics(file.as_uri(), lambda found: bool(_holes(found))))
        hole = next(one for one in found if one.range.start.line == 3 and one.code in ("branch", "line"))
        data = hole.data if isinstance(hole.data, dict) else hole.data._asdict()
        answer = await editor.command("llm4cov.prove", file.as_uri(), "never", data["hole"])
        assert answer["verdict"] == "unreachable"

        await _measured_again(editor, file, bench, NEVER_BENCH.replace("#100", "#200"))
        last = await editor.diagnostics(file.as_uri(), lambda found: "[unreachable: proved]" in _branch(found))
        assert not any("[unreachable: proved]" in one.message and one.range.start.line != 3 for one in last)
        assert answer["reason"] in await _hover(editor, file, 3)

        # This one puts a value into the design, so nothing is certain any more, whether it hits the point or not.
        forced = NEVER_BENCH.replace("#100", "#50 force dut.q = 1; #10 release dut.q; #90")
        await _measured_again(editor, file, bench, forced)
        await editor.diagnostics(file.as_uri(), lambda found: "[not hit in" in _branch(found))

        # The same with the testbench as it was: the proof was not lost.
        await _measured_again(editor, file, bench, NEVER_BENCH)
        await editor.diagnostics(file.as_uri(), lambda found: "[unreachable: proved]" in _branch(found))


async def test_a_proof_that_a_run_contradicts_is_warned_of_and_takes_all_with_it(tmp_path: Path) -> None:
    file, bench = tmp_path / "never.sv", tmp_path / "tb_never.sv"
    file.write_text(NEVER)
    bench.write_text(NEVER_BENCH)
    design, _ = elaborate(FileSet(sources=(file,), top="never"))
    assert design is not None
    cache = open_simulator().cache
    wrong = Verdict(VerdictKind.UNREACHABLE, "A wrong proof.")
    taken = CoveragePoint(Kind.BRANCH, str(file), 5, 10, "if")
    true = CoveragePoint(Kind.TOGGLE, str(file), 1, 1, "nothing:0->1")
    keep_verdicts(design, cache, {taken: wrong, true: wrong})
    async with connected(tmp_path) as editor:
        _open(editor, file)
        found = await editor.diagnostics(file.as_uri(), lambda found: any(one.code == "ContradictedProof" for one in found))
        (said,) = [one for one in found if one.code == "ContradictedProof"]
        assert said.severity == types.DiagnosticSeverity.Warning and said.range.start.line == 4
        assert "was proved unreachable, and this testbench hits it" in said.message
        assert not any("[unreachable" in one.message for one in found)
        await _measured_again(editor, file, bench, NEVER_BENCH.replace("#100", "#300"))
        await editor.diagnostics(file.as_uri(), lambda found: not any(one.code == "ContradictedProof" for one in found))


async def test_the_search_and_what_was_tried_are_told_later_as_what_they_are(tmp_path: Path) -> None:
    file, bench = tmp_path / "never.sv", tmp_path / "tb_never.sv"
    # The wanted value is one that no run has, so the nearest one is always the same.
    file.write_text(FAR)
    async with connected(tmp_path, settings={"mode": "measure", "generate": {"budgetSeconds": 10}}) as editor:
        _open(editor, file)
        answer = await editor.command("llm4cov.generate", file.as_uri(), "never")
        assert "error" not in answer, answer
        text = editor.edits[0].edit.document_changes[1].edits[0].new_text
        await _measured_again(editor, file, bench, text)
        hover = await _hover(editor, file, 3)
        assert "The search that made this testbench came this near in all of its runs:" in hover
        assert "- `count == 9`: nearest: 2 away from 9" in hover
        assert "- closure, round 1: " in hover and "accepted (20" in hover
        assert "- closure, round 1: " in await _hover(editor, file, 0)

        await _measured_again(editor, file, bench, NEVER_BENCH)
        hover = await _hover(editor, file, 3)
        assert "An earlier search, for another testbench of this design, came this near" in hover and "nearest: 2 away from 9" in hover

        file.write_text(FAR + "// changed\n")
        change = types.TextDocumentContentChangeWholeDocument(file.read_text())
        editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version=2, uri=file.as_uri()), [change])
        )
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(file.as_uri())))
        await _measured_again(editor, file, bench, NEVER_BENCH.replace("#100", "#150"))
        hover = await _hover(editor, file, 3)
        assert hover and "nearest" not in hover and "closure" not in hover
