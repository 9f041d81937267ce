"""From opening a file to a testbench in its place, with what several editors say that they can do, and with one that refuses edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.e2e.conftest import Editor, connected
from tests.e2e.raw import raw
from tests.e2e.test_answers import LOCK

pytestmark = pytest.mark.acceptance
CREATES = {"neovim": True, "neovim@v0.7": True, "visual-studio-code": True, "emacs": False}
WEAK = """module tb_lock;
  logic clk = 0, rst = 1, opened;
  logic [7:0] a = 0, b = 0;
  lock dut (.clk(clk), .rst(rst), .a(a), .b(b), .opened(opened));
  always #5 clk = ~clk;
  initial begin
    #22 rst = 0;
    #100 $finish;
  end
endmodule
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "lock.sv").write_text(LOCK)
    # In a file, as not every editor tells its settings when it is asked.
    (folder / "llm4cov.toml").write_text('[generate]\npolicy = "random"\n[background]\nmaxLoad = 0\nonBattery = true\n')
    return folder / "lock.sv"


def _put(edit: types.WorkspaceEdit, *, creates: bool) -> Path:
    """Do what an editor does with a testbench for a new file; says which file that was."""
    changes = list(edit.document_changes or ())
    if creates:
        first = changes.pop(0)
        assert isinstance(first, types.CreateFile) and first.uri == changes[0].text_document.uri  # type: ignore[union-attr]
    (change,) = changes
    assert isinstance(change, types.TextDocumentEdit) and change.text_document.version is None
    path = Path(change.text_document.uri.removeprefix("file://"))
    assert not path.exists()
    path.write_text(change.edits[0].new_text)  # type: ignore[union-attr]
    return path


async def _generate_action(editor: Editor, uri: str) -> types.Command:
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), start, types.CodeActionContext([]))
    (found,) = [one for one in await editor.actions(params) if one.title.startswith("Generate high-coverage testbench")]
    assert found.command is not None
    return found.command


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CREATES)
async def test_from_opening_a_file_to_its_testbench(lock: Path, name: str) -> None:
    (lock.parent / "tb_lock.sv").write_text(WEAK)
    uri = lock.as_uri()
    async with connected(lock.parent, capabilities=name) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "verilog", 1, LOCK)))
        holes = await editor.diagnostics(uri, bool)
        assert any("[not hit in " in str(one.message) for one in holes)
        command = await _generate_action(editor, uri)
        answer = await editor.command(command.command, *(command.arguments or ()))
        assert answer["applied"], answer
        (asked,) = editor.edits
        written = _put(asked.edit, creates=CREATES[name])
        # The person's own testbench was left alone.
        assert written.name == "tb_lock_2.sv" and (lock.parent / "tb_lock.sv").read_text() == WEAK
        measured = await editor.command("llm4cov.measure", uri, "lock", written.as_uri())
        assert measured["status"] == "ok" and measured["overall"] == answer["overall"]


REFUSALS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"error": {"code": -32603, "message": "no room in this window"}}, "no room in this window"),
    ({"result": {"applied": False, "failureReason": "the buffer is read-only"}}, "the buffer is read-only"),
    ({"result": None}, "the answer can't be read"),
)


def test_an_editor_that_refuses_an_edit_is_told_of_and_the_proposal_is_kept(lock: Path) -> None:
    with raw(lock.parent) as server:
        server.settings = {"mode": "off"}
        server.start(lock.parent)
        uri = server.open(lock)
        texts = set()
        for refusal, words in REFUSALS:
            server.applies = refusal
            answer = server.command("llm4cov.generate", uri, "lock")
            assert words in answer["error"] and "still proposed" in answer["error"] and answer["applied"] is False, answer
            assert words in server.messages()[-1]
            texts.add(answer["text"])
        server.applies = {"result": {"applied": False}}
        assert "error" not in server.command("llm4cov.generate", uri, "lock")
        begun = sum(one["params"]["value"]["kind"] == "begin" for one in server.notes if one.get("method") == "$/progress")
        server.applies = {"result": {"applied": True}}
        assert server.command("llm4cov.accept", uri, "lock")["applied"]
        edits = [one["params"]["edit"] for one in server.notes if one.get("method") == "workspace/applyEdit"]
        assert texts == {edits[-1]["documentChanges"][-1]["edits"][0]["newText"]}
        assert begun == 1, "what was proposed is offered again without another search"
        assert not [text for text in server.messages() if "nternal" in text] and "Traceback" not in server.errors.decode()
