"""What is shown is about the files as they are, or says that it is not: edits in other files, files that come and go, links."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lsprotocol import types

from tests.e2e.conftest import Editor, connected

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]

TOP = "module top(input logic clk, input logic en, output logic q);\n  leaf u(.clk, .en, .q);\nendmodule\n"
LEAF = (
    "module leaf(input logic clk, input logic en, output logic q);\n  always_ff @(posedge clk) if (en) q <= ~q; else q <= 0;\nendmodule\n"
)
TESTBENCH = """module tb_top; logic clk = 0, en = 0; top dut(.clk, .en, .q());
  initial begin repeat (9) #5 clk = ~clk; $finish; end
endmodule
"""
Wanted = Callable[[list[types.Diagnostic]], bool]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "top.sv").write_text(TOP)
    (tmp_path / "leaf.sv").write_text(LEAF)
    (tmp_path / "tb_top.sv").write_text(TESTBENCH)
    return tmp_path


def _open(editor: Editor, *files: Path) -> None:
    for file in files:
        item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))


def _edit(editor: Editor, file: Path, text: str, version: int) -> None:
    edited = types.VersionedTextDocumentIdentifier(version=version, uri=file.as_uri())
    change = types.TextDocumentContentChangeWholeDocument(text)
    editor.client.text_document_did_change(types.DidChangeTextDocumentParams(edited, [change]))


def _save(editor: Editor, file: Path) -> None:
    editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(file.as_uri())))


def _tell(editor: Editor, file: Path, kind: types.FileChangeType) -> None:
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([types.FileEvent(file.as_uri(), kind)]))


def _stale(found: list[types.Diagnostic]) -> bool:
    holes = [one for one in found if one.data is not None]
    return bool(holes) and all("[stale" in one.message for one in holes)


def _fresh(found: list[types.Diagnostic]) -> bool:
    return any(one.data is not None for one in found) and not any("[stale" in one.message for one in found)


async def test_an_edit_in_one_file_makes_the_others_of_its_design_stale_until_it_is_taken_back(folder: Path) -> None:
    top, leaf = folder / "top.sv", folder / "leaf.sv"
    async with connected(folder) as editor:
        _open(editor, top, leaf)
        await editor.diagnostics(leaf.as_uri(), _fresh)
        _edit(editor, leaf, LEAF.replace("q <= 0", "q <= 1"), 2)
        for file in (top, leaf):
            await editor.diagnostics(file.as_uri(), _stale)
        assert any("stale" in title for title in await editor.lenses(top.as_uri()))
        _edit(editor, leaf, LEAF, 3)
        _save(editor, leaf)
        for file in (top, leaf):
            await editor.diagnostics(file.as_uri(), _fresh)
        assert not any("stale" in title for title in await editor.lenses(top.as_uri()))


async def test_holes_of_other_files_stay_when_the_top_breaks_and_go_with_the_testbench(folder: Path) -> None:
    top, leaf, testbench = folder / "top.sv", folder / "leaf.sv", folder / "tb_top.sv"
    async with connected(folder) as editor:
        _open(editor, top, leaf)
        await editor.diagnostics(leaf.as_uri(), _fresh)
        broken = TOP.replace("leaf u(", "leaf u(;")
        _edit(editor, top, broken, 2)
        top.write_text(broken)
        _save(editor, top)
        await editor.diagnostics(top.as_uri(), lambda found: any(one.severity == types.DiagnosticSeverity.Error for one in found))
        await editor.diagnostics(leaf.as_uri(), _stale)
        _edit(editor, top, f"// more\n{broken}", 3)
        moved = await editor.diagnostics(top.as_uri(), lambda found: any("[stale: found" in one.message for one in found))
        assert next(one for one in moved if "[stale: found" in one.message).range.start.line == 2
        _edit(editor, top, TOP, 4)
        top.write_text(TOP)
        _save(editor, top)
        await editor.diagnostics(leaf.as_uri(), _fresh)
        testbench.unlink()
        _tell(editor, testbench, types.FileChangeType.Deleted)
        for file in (top, leaf):
            await editor.diagnostics(file.as_uri(), lambda found: not found)


async def test_a_missing_module_that_comes_is_found_and_a_renamed_one_is_forgotten(folder: Path) -> None:
    top, leaf = folder / "top.sv", folder / "leaf.sv"
    leaf.unlink()
    async with connected(folder) as editor:
        _open(editor, top)
        await editor.diagnostics(top.as_uri(), lambda found: any("'leaf' was not found" in one.message for one in found))
        leaf.write_text(LEAF)
        _tell(editor, leaf, types.FileChangeType.Created)
        await editor.diagnostics(top.as_uri(), _fresh)
        renamed = TOP.replace("module top", "module upper")
        _edit(editor, top, renamed, 2)
        top.write_text(renamed)
        _save(editor, top)
        await editor.diagnostics(top.as_uri(), lambda found: not found)


async def test_a_workspace_behind_a_link(folder: Path) -> None:
    link = folder / "by/link"
    link.parent.mkdir()
    link.symlink_to(folder)
    (folder / "tb_top.sv").write_text(TESTBENCH.replace("$finish", "no_such_thing"))
    async with connected(link) as editor:
        _open(editor, link / "top.sv", link / "leaf.sv")
        # The testbench is not open: its error is told under the name that the editor knows.
        testbench = link / "tb_top.sv"
        await editor.diagnostics(testbench.as_uri(), bool)
        (folder / "tb_top.sv").write_text(TESTBENCH)
        _tell(editor, testbench, types.FileChangeType.Changed)
        for name in ("top.sv", "leaf.sv"):
            await editor.diagnostics((link / name).as_uri(), _fresh)
        assert any("toggle" in title for title in await editor.lenses((link / "leaf.sv").as_uri()))
