"""From a testbench that is there, in the editor: a point covered, a testbench bettered and mended, and whose text is never taken away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lsprotocol import types

from tests.acceptance.test_going_on import BY_HAND, LOCK, LOCKED, NEVER
from tests.e2e.conftest import PROGRAM, Editor, Project, connected
from tests.e2e.test_session import _any_holes, _holes

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
SETTINGS = {"generate": {"budgetSeconds": 15}}


@pytest.fixture
def folder(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "own.db"))
    project.file.unlink()
    (project.folder / "lock.sv").write_text(LOCK)
    return project.folder


async def _opened(editor: Editor, file: Path) -> list[types.Diagnostic]:
    item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    return _holes(await editor.diagnostics(file.as_uri(), _any_holes))


async def _action(editor: Editor, file: Path, one: types.Diagnostic | None, title: str) -> types.Command:
    place = one.range if one is not None else types.Range(types.Position(0, 0), types.Position(0, 0))
    context = types.CodeActionContext([one] if one is not None else [])
    actions = await editor.actions(types.CodeActionParams(types.TextDocumentIdentifier(file.as_uri()), place, context))
    found = next(action for action in actions if action.title.startswith(title))
    assert found.command is not None
    return found.command


async def test_a_point_is_covered_beside_what_a_person_wrote_or_is_said_to_be_out_of_reach(folder: Path) -> None:
    file, testbench = folder / "lock.sv", folder / "tb_lock.sv"
    testbench.write_text(BY_HAND)
    async with connected(folder, settings=SETTINGS) as editor:
        holes = await _opened(editor, file)

        def hole_at(line: int) -> types.Diagnostic:
            return next(one for one in holes if one.range.start.line == line - 1 and one.code in ("branch", "line"))

        command = await _action(editor, file, hole_at(LOCKED), "Cover this point")
        answer = await editor.command(command.command, *command.arguments, {"apply": False})
        assert answer["gained"] > 0 and not answer["replaces"] and not editor.edits
        answer = await editor.command(command.command, *command.arguments)
        assert answer["applied"] and answer["testbench"] == str(folder / "tb_lock_more.sv")
        created, text = editor.edits[0].edit.document_changes
        assert created.kind == "create" and "module tb_lock" in text.edits[0].new_text
        assert testbench.read_text() == BY_HAND

        command = await _action(editor, file, hole_at(NEVER), "Cover this point")
        answer = await editor.command(command.command, *command.arguments)
        assert answer["verdict"] == "unreachable" and answer["reason"] in answer["message"] and not answer["applied"]
        await editor.diagnostics(file.as_uri(), lambda found: any("[unreachable: proved]" in one.message for one in found))
        assert len(editor.edits) == 1


async def test_a_testbench_of_ours_is_bettered_and_mended_in_its_place(folder: Path) -> None:
    file, testbench = folder / "lock.sv", folder / "tb_lock.sv"
    made = ("generate", str(file), "--policy", "random", "--cycles", "30", "-o", str(testbench))
    assert subprocess.run([PROGRAM, *made], cwd=folder, capture_output=True, timeout=100).returncode == 0
    text = testbench.read_text()
    async with connected(folder, settings=SETTINGS) as editor:
        await _opened(editor, file)
        command = await _action(editor, file, None, "Improve the testbench of lock")
        answer = await editor.command(command.command, *command.arguments)
        assert answer["applied"] and answer["replaces"] and answer["overall"] > answer["before"]["overall"]
        [change] = editor.edits[0].edit.document_changes
        assert change.text_document.uri == testbench.as_uri()
        better = change.edits[0].new_text
        assert editor.edits[0].edit.change_annotations[change.edits[0].annotation_id].needs_confirmation
        tasks = [line.split()[2].rstrip(";(") for line in text.splitlines() if line.strip().startswith("task automatic")]
        assert tasks and all(f"task automatic {name}" in better for name in tasks)
        assert change.edits[0].range.end.line >= text.count("\n")
        testbench.write_text(better)

        file.write_text(LOCK.replace("key", "code"))
        broken = await editor.command("llm4cov.measure", file.as_uri(), "lock")
        assert broken["status"] == "build_failed"
        command = await _action(editor, file, None, "Repair the testbench of lock")
        answer = await editor.command(command.command, *command.arguments)
        assert answer["applied"] and answer["before"]["overall"] is None and answer["overall"] > 90
        assert ".code" in editor.edits[-1].edit.document_changes[0].edits[0].new_text


async def test_a_broken_text_of_a_person_stays_and_a_model_is_named(folder: Path) -> None:
    file, testbench = folder / "lock.sv", folder / "tb_lock.sv"
    testbench.write_text(BY_HAND.replace("logic [1:0] q;", ""))
    async with connected(folder, settings=SETTINGS | {"mode": "off"}) as editor:
        item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        answer = await editor.command("llm4cov.repair", file.as_uri(), "lock")
        assert "needs a model" in answer["error"] and not editor.edits
