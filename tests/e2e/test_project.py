"""What tells the server which files belong to a design, in each folder of a workspace, and that it follows when that changes."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.e2e.conftest import Editor, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]

TOP = """module top(input logic clk, input logic a, output logic [`WIDTH-1:0] q);
  leaf u(.clk(clk), .a(a), .q(q[0]));
endmodule
"""
LEAF = """module leaf(input logic clk, input logic a, output logic q);
  always_ff @(posedge clk) if (a) q <= ~q; else q <= q;
endmodule
"""
TESTBENCH = """module tb_top; logic clk = 0, a = 0; logic [`WIDTH-1:0] q; top dut(.*);
  initial begin repeat (9) #5 clk = ~clk; $finish; end
endmodule
"""


def _project(folder: Path) -> Path:
    """A design whose second file lies where nobody looks, and which needs a macro."""
    (folder / "rtl").mkdir(parents=True)
    (folder / "elsewhere/ip").mkdir(parents=True)
    (folder / "rtl/top.sv").write_text(TOP)
    (folder / "rtl/tb_top.sv").write_text(TESTBENCH)
    (folder / "elsewhere/ip/cells.sv").write_text(LEAF)
    return folder / "rtl/top.sv"


def _open(editor: Editor, file: Path) -> None:
    editor.client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text()))
    )


def _tell(editor: Editor, path: Path, kind: types.FileChangeType = types.FileChangeType.Changed) -> None:
    changes = types.DidChangeWatchedFilesParams([types.FileEvent(path.as_uri(), kind)])
    editor.client.workspace_did_change_watched_files(changes)


async def until_settings(editor: Editor, folder: str, key: str, value: object) -> None:
    """Wait until a folder's setting is in force."""
    deadline = time.monotonic() + 10
    while (await editor.command("llm4cov.info"))["settings"][folder][key] != value:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _measured(found: list[types.Diagnostic]) -> bool:
    return bool(found) and not _errors(found)


def _errors(found: list[types.Diagnostic]) -> list[types.Diagnostic]:
    return [one for one in found if one.severity == types.DiagnosticSeverity.Error]


def _slang(folder: Path) -> None:
    (folder / ".slang").mkdir()
    flags = "-D WIDTH=2 --std 1800-2023 elsewhere/ip/cells.sv"
    (folder / ".slang/server.json").write_text(json.dumps({"flags": flags}))


def _verible(folder: Path) -> None:
    (folder / "verible.filelist").write_text("rtl/top.sv\nrtl/tb_top.sv\nelsewhere/ip/cells.sv\n+define+WIDTH=2\n")


@pytest.mark.parametrize("write", [_slang, _verible])
async def test_another_tools_file_tells_where_missing_modules_are(tmp_path: Path, write: Any) -> None:
    folder = tmp_path / "p"
    file = _project(folder)
    async with connected(folder) as editor:
        _open(editor, file)
        assert _errors(await editor.diagnostics(file.as_uri(), lambda found: bool(_errors(found))))
        # It comes while the server runs, and nothing is restarted.
        write(folder)
        _tell(editor, folder / (".slang/server.json" if write is _slang else "verible.filelist"), types.FileChangeType.Created)
        await editor.diagnostics(file.as_uri(), _measured)
        if write is _slang:
            left = [one.message for one in editor.client.messages if "left out" in one.message]
            assert len(left) == 1 and left[0].endswith("--std 1800-2023")


async def test_a_filelist_that_changes_measures_again(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    file = _project(folder)
    (folder / "all.f").write_text("rtl/top.sv\nelsewhere/ip/cells.sv\n")
    async with connected(folder, settings={"files": {"filelists": ["all.f"]}}) as editor:
        _open(editor, file)
        assert _errors(await editor.diagnostics(file.as_uri(), lambda found: bool(_errors(found)))), "the macro is missing"
        (folder / "all.f").write_text("rtl/top.sv\nelsewhere/ip/cells.sv\n+define+WIDTH=2\n")
        _tell(editor, folder / "all.f")
        await editor.diagnostics(file.as_uri(), _measured)


async def test_a_command_prints_the_filelist_once_and_its_failure_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    file = _project(folder)
    count = tmp_path / "count"
    (folder / "list.sh").write_text(
        "echo rtl/top.sv elsewhere/ip/cells.sv\necho +define+WIDTH=2\necho careful >&2\ntouch here 2>/dev/null\nexit 0\n"
    )
    settings = {"files": {"filelistCommand": ["sh", "list.sh"]}}
    async with connected(folder, settings=settings) as editor:
        _open(editor, file)
        await editor.diagnostics(file.as_uri(), _measured)
        assert not (folder / "here").exists() and not count.exists()
        # What it printed is kept: that it would fail by now shows only after a restart.
        (folder / "list.sh").write_text("echo no such target >&2; exit 3\n")
        assert (await editor.command("llm4cov.measure", file.as_uri(), "top"))["status"] == "ok"
        await editor.command("llm4cov.restart")
        await editor.command("llm4cov.measure", file.as_uri(), "top")
        said = await until(lambda: next((one.message for one in editor.client.messages if "no such target" in one.message), None), 60)
        assert "the filelist command `sh list.sh` exited with status 3" in said
        # And a change of the settings lets it run again.
        (folder / "list.sh").write_text("echo rtl/top.sv elsewhere/ip/cells.sv +define+WIDTH=2\n")
        (folder / "llm4cov.toml").write_text("[simulation]\nseed = 2\n")
        _tell(editor, folder / "llm4cov.toml", types.FileChangeType.Created)
        await editor.diagnostics(file.as_uri(), _measured)


async def test_a_top_without_defaults_gets_its_parameters_from_the_project(tmp_path: Path) -> None:
    file = tmp_path / "wide.sv"
    file.write_text(
        "module wide #(parameter int W) (input logic clk, input logic [W-1:0] a, output logic [W-1:0] q);\n"
        "  always_ff @(posedge clk) q <= a;\nendmodule\n"
    )
    async with connected(tmp_path, settings={"generate": {"budgetSeconds": 5}}) as editor:
        _open(editor, file)
        refused = await editor.command("llm4cov.generate", file.as_uri(), "wide")
        assert "llm4cov.files.parameters" in refused["error"]
        (tmp_path / "llm4cov.toml").write_text('[files]\nparameters = ["wide.W=3"]\n')
        _tell(editor, tmp_path / "llm4cov.toml", types.FileChangeType.Created)
        await until_settings(editor, str(tmp_path), "files.parameters", ["wide.W=3"])
        made = await editor.command("llm4cov.generate", file.as_uri(), "wide", {"apply": False})
        assert ".W(3)" in made["text"] and made["overall"] == 100


async def test_each_folder_of_a_workspace_has_its_own_settings(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    files = [_project(one), _project(other)]
    (one / "llm4cov.toml").write_text('[files]\nfilelists = ["all.f"]\ndefines = ["WIDTH=2"]\n[diagnostics]\nkinds = ["branch"]\n')
    (one / "all.f").write_text("elsewhere/ip/cells.sv\n")
    (other / "llm4cov.toml").write_text(
        '[files]\nlibraryDirs = ["elsewhere/ip"]\ndefines = ["WIDTH=3"]\n[diagnostics]\nkinds = ["toggle"]\n'
    )
    (other / "elsewhere/ip/cells.sv").rename(other / "elsewhere/ip/leaf.sv")
    async with connected(one, beside=[other]) as editor:
        leaf = one / "elsewhere/ip/cells.sv"
        for file in (*files, leaf):
            _open(editor, file)
        branches = await editor.diagnostics(leaf.as_uri(), _measured)
        assert {item.code for item in branches} == {"branch"}
        toggles = await editor.diagnostics(files[1].as_uri(), _measured)
        assert {item.code for item in toggles} == {"toggle"} and any("q[2]" in item.message or "q[" in item.message for item in toggles)
        settings = (await editor.command("llm4cov.info"))["settings"]
        assert settings[str(one)]["files.defines"] == ["WIDTH=2"] and settings[str(other)]["files.defines"] == ["WIDTH=3"]
        # And the editor's own settings may be of one folder.
        editor.client.set_configuration({"inlayHints": {"enabled": True}}, section="llm4cov", scope_uri=other.as_uri())
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await until_settings(editor, str(other), "inlayHints.enabled", True)
        assert (await editor.command("llm4cov.info"))["settings"][str(one)]["inlayHints.enabled"] is False
        # An editor that watches no files: a save finds the change. One folder's settings change; the other's stay.
        (other / "llm4cov.toml").write_text((other / "llm4cov.toml").read_text().replace('"toggle"', '"fsm"'))
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(files[1].as_uri())))
        await until(lambda: True if not [p for p in editor.published if p.uri == files[1].as_uri()][-1].diagnostics else None, 30)
        assert [p for p in editor.published if p.uri == leaf.as_uri()][-1].diagnostics


async def test_an_untrusted_workspace_runs_no_filelist_command(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    file = _project(folder)
    (folder / "llm4cov.toml").write_text('[files]\nfilelistCommand = ["sh", "list.sh"]\n')
    settings = {"mode": "generate", "files": {"filelistCommand": ["sh", "list.sh"]}}
    async with connected(folder, settings=settings, options={"trusted": False}) as editor:
        _open(editor, file)
        for name in ("llm4cov.measure", "llm4cov.generate"):
            assert "not trusted" in (await editor.command(name, file.as_uri(), "top"))["error"]
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(file.as_uri())))
        _tell(editor, folder / "verible.filelist", types.FileChangeType.Created)
        info = await editor.command("llm4cov.info")
        assert not info["workers"] and not info["running"] and info["waiting"] == 0
        assert any("filelistCommand" in one.message and "not trusted" in one.message for one in editor.client.messages)
