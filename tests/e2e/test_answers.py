"""Accept, reject and undo as an editor asks for them, with the real simulator and a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from llm4cov_agent.bench.provenance import unstamped
from llm4cov_agent.trajectories.store import open_store
from tests.e2e.conftest import Editor, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
LOCK = """module lock(input logic clk, input logic rst, input logic [7:0] a, input logic [7:0] b, output logic opened);
  always_ff @(posedge clk)
    if (rst) opened <= 1'b0;
    else if (16'(a) * 16'(b) == 16'd60491) opened <= 1'b1;
endmodule
"""
QUICK: dict[str, Any] = {"generate": {"policy": "random"}, "background": {"maxLoad": 0, "onBattery": True}}


class Desk:
    """A folder with a design whose last branch random inputs miss, and a store."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder, self.store = folder, store
        self.file, self.testbench = folder / "lock.sv", folder / "tb_lock.sv"
        self.file.write_text(LOCK)

    @property
    def uri(self) -> str:
        return self.file.as_uri()

    def rounds(self) -> list[list[tuple[str, float | None]]]:
        """By trajectory: (policy, coverage) of each round."""
        if not self.store.exists():
            return []
        with open_store(self.store, writable=False) as store:
            return [[(one.policy, _overall(one)) for one in each.rounds] for each in store.trajectories()]

    def answers(self) -> list[str]:
        if not self.store.exists():
            return []
        with open_store(self.store, writable=False) as store:
            return [one.answer.value for each in store.trajectories() for one in each.acceptances]

    def better(self, text: str) -> str:
        return text.replace("    show_outputs;\n", "    a = 251;\n    b = 241;\n    tick(2);\n    show_outputs;\n")

    def apply(self, edit: types.WorkspaceEdit) -> None:
        """Do with the files what an editor would do."""
        for change in edit.document_changes or ():
            if isinstance(change, types.DeleteFile):
                self.testbench.unlink()
            elif isinstance(change, types.TextDocumentEdit):
                (text,) = change.edits
                path = Path(change.text_document.uri.removeprefix("file://"))
                path.write_text(text.new_text)


def _overall(one: Any) -> float:
    return sum(tally.covered for tally in one.after.values())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "store.db"))
    yield Desk(folder, tmp_path / "store.db")


@asynccontextmanager
async def opened(desk: Desk, **more: Any) -> AsyncIterator[Editor]:
    async with connected(desk.folder, settings=QUICK | more.pop("settings", {}) | {"mark0": 1}, **more) as editor:
        await _read(editor, "mark0")
        item = types.TextDocumentItem(desk.uri, "systemverilog", 1, desk.file.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        yield editor


async def actions(editor: Editor, path: Path, line: int = 0) -> dict[str, types.CodeAction]:
    place = types.Range(types.Position(line, 0), types.Position(line, 0))
    params = types.CodeActionParams(types.TextDocumentIdentifier(path.as_uri()), place, types.CodeActionContext([]))
    return {one.title.partition(" for ")[0]: one for one in await editor.actions(params)}


async def run(editor: Editor, action: types.CodeAction) -> Any:
    assert action.command is not None
    return await editor.command(action.command.command, *(action.command.arguments or ()))


def save(editor: Editor, path: Path) -> None:
    editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(path.as_uri())))


async def measured(editor: Editor, desk: Desk) -> float:
    answer = await editor.command("llm4cov.measure", desk.uri, "lock")
    assert answer["status"] == "ok"
    return float(answer["overall"])


async def test_a_proposal_is_reviewed_accepted_edited_and_the_edit_that_covers_more_is_stored(desk: Desk) -> None:
    async with opened(desk) as editor:
        proposed = await editor.command("llm4cov.generate", desk.uri, "lock", {"apply": False})
        assert proposed["applied"] is False and not editor.edits and not desk.testbench.exists()
        assert proposed["testbench"] == str(desk.testbench) and proposed["exists"] is False and proposed["before"] is None
        assert "module tb_lock;" in proposed["text"] and proposed["after"]["overall"] == proposed["overall"] > 50
        with open_store(desk.store, writable=False) as store:
            [holder] = store.holders(proposed["text"])
        assert (holder.trajectory, holder.testbench) == (proposed["trajectory"], proposed["digest"])

        offered = await actions(editor, desk.file)
        assert {"Accept this testbench", "Reject this testbench"} <= set(offered) and "Undo accepting the testbench" not in offered
        accepted = await run(editor, offered["Accept this testbench"])
        assert accepted["applied"] and accepted["stored"] and accepted["trajectory"] == proposed["trajectory"]
        [params] = editor.edits
        [words] = params.edit.change_annotations.values()
        assert not words.needs_confirmation and words.label == "Create tb_lock.sv"
        assert desk.answers() == ["accepted"]
        desk.apply(params.edit)
        assert "Undo accepting the testbench" in await actions(editor, desk.file)
        item = types.TextDocumentItem(desk.testbench.as_uri(), "systemverilog", 1, desk.testbench.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        assert list(await actions(editor, desk.testbench, line=9)) == ["Undo accepting the testbench"]
        first = await measured(editor, desk)
        assert first == proposed["overall"] and len(desk.rounds()[0]) == 1

        # Covers more, then less: only the first is stored, when the measurement of the save ends.
        text = desk.testbench.read_text()
        desk.testbench.write_text(desk.better(text))
        save(editor, desk.testbench)
        await until(lambda: True if len(desk.rounds()[0]) == 2 else None, 60)
        [[generated, edited]] = desk.rounds()
        assert (generated[0], edited[0]) == ("random", "human") and edited[1] > generated[1]
        await until(lambda: True if any("Your edit covers" in one.message for one in editor.client.messages) else None, 10)
        desk.testbench.write_text(text.replace("    show_outputs;\n", "    tick(3);\n    show_outputs;\n"))
        assert await measured(editor, desk) == first
        assert desk.answers() == ["accepted", "accepted"] and len(desk.rounds()[0]) == 2

        refused = await editor.command("llm4cov.undo", desk.uri, "lock")
        assert "edited since" in refused["error"] and len(editor.edits) == 1


async def test_undo_brings_back_what_was_there(desk: Desk) -> None:
    async with opened(desk) as editor:
        # Applying an edit that the editor asks about is accepting it.
        answer = await editor.command("llm4cov.generate", desk.uri, "lock")
        assert answer["applied"] and answer["accepted"] and answer["stored"] and desk.answers() == ["accepted"]
        desk.apply(editor.edits[-1].edit)
        first = desk.testbench.read_text()

        # Another seed: what is there is as it was generated, so it is replaced, and undone in one step.
        await _settle(editor, desk, {"simulation": {"seed": 5}})
        again = await editor.command("llm4cov.generate", desk.uri, "lock")
        assert again["testbench"] == str(desk.testbench) and again["stored"]
        edit = editor.edits[-1].edit
        [words] = edit.change_annotations.values()
        assert words.needs_confirmation and words.label == "Change tb_lock.sv"
        desk.apply(edit)
        assert desk.testbench.read_text() != first
        undone = await editor.command("llm4cov.undo", desk.uri, "lock")
        assert undone["applied"] and undone["stored"]
        desk.apply(editor.edits[-1].edit)
        assert desk.testbench.read_text() == first and desk.answers() == ["accepted", "accepted", "undone"]

        # What is there now stands as accepted too, and its file was made for it.
        stored = await editor.command("llm4cov.undo", desk.uri, "lock")
        assert stored["stored"] and stored["applied"]
        desk.apply(editor.edits[-1].edit)
        assert not desk.testbench.exists()
        assert "error" in await editor.command("llm4cov.undo", desk.uri, "lock")


async def _settle(editor: Editor, desk: Desk, settings: dict[str, Any]) -> None:
    mark = f"mark{len(editor.client.messages) + 1}"
    editor.client.set_configuration({"llm4cov": QUICK | settings | {mark: 1}})
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
    await _read(editor, mark)


async def _read(editor: Editor, mark: str) -> None:
    """Wait until the settings were read: a setting that there is none of is named."""
    await until(lambda: True if any(f"llm4cov.{mark} " in one.message for one in editor.client.messages) else None, 20)


async def test_undo_deletes_a_file_that_was_created(desk: Desk) -> None:
    async with opened(desk) as editor:
        await editor.command("llm4cov.generate", desk.uri, "lock")
        desk.apply(editor.edits[-1].edit)
        await editor.command("llm4cov.undo", desk.uri, "lock")
        [change] = editor.edits[-1].edit.document_changes
        assert change.kind == "delete" and change.uri == desk.testbench.as_uri()
        desk.apply(editor.edits[-1].edit)
        assert desk.answers() == ["accepted", "undone"]
        # Its coverage is gone too.
        assert all(" % " not in title for title in await editor.lenses(desk.uri))


async def test_reject_stores_the_reason_and_drops_the_proposal(desk: Desk) -> None:
    desk.testbench.write_text("// by hand\n")
    async with opened(desk, settings={"mode": "off"}) as editor:
        proposed = await editor.command("llm4cov.generate", desk.uri, "lock", {"apply": False})
        # What a person wrote is left alone.
        assert proposed["testbench"].endswith("tb_lock_2.sv")
        rejected = await editor.command("llm4cov.reject", desk.uri, "lock", "reads badly")
        assert rejected["stored"] and not editor.edits
        with open_store(desk.store, writable=False) as store:
            [one] = store.trajectories()
            assert [(each.answer.value, each.reason) for each in one.acceptances] == [("rejected", "reads badly")]
        assert "Accept this testbench" not in await actions(editor, desk.file)
        assert "error" in await editor.command("llm4cov.accept", desk.uri, "lock")
        assert "error" in await editor.command("llm4cov.reject", desk.uri, "lock", "")
        assert desk.testbench.read_text() == "// by hand\n"


async def test_nothing_that_is_unsaved_is_overwritten(desk: Desk) -> None:
    async with opened(desk, settings={"mode": "off"}) as editor:
        await editor.command("llm4cov.generate", desk.uri, "lock")
        desk.apply(editor.edits[-1].edit)
        text = desk.testbench.read_text()
        item = types.TextDocumentItem(desk.testbench.as_uri(), "systemverilog", 1, text + "// unsaved\n")
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        await _settle(editor, desk, {"simulation": {"seed": 5}, "mode": "off"})
        proposed = await editor.command("llm4cov.generate", desk.uri, "lock", {"apply": False})
        assert proposed["testbench"].endswith("tb_lock_2.sv")
        assert "edited since" in (await editor.command("llm4cov.undo", desk.uri, "lock"))["error"]


async def test_a_design_that_changed_takes_no_old_proposal(desk: Desk) -> None:
    async with opened(desk, settings={"mode": "off"}) as editor:
        await editor.command("llm4cov.generate", desk.uri, "lock", {"apply": False})
        desk.file.write_text(LOCK.replace("60491", "60490"))
        assert "changed since" in (await editor.command("llm4cov.accept", desk.uri, "lock"))["error"]
        assert not editor.edits and desk.answers() == []


async def test_where_the_editor_does_not_ask_saving_is_accepting(desk: Desk) -> None:
    async with opened(desk, capabilities="neovim") as editor:
        answer = await editor.command("llm4cov.generate", desk.uri, "lock")
        assert answer["applied"] and not answer["accepted"] and desk.answers() == []
        offered = await actions(editor, desk.file)
        assert {"Accept this testbench", "Reject this testbench", "Undo accepting the testbench"} <= set(offered)
        edit = editor.edits[-1].edit
        assert edit.change_annotations is None
        text = edit.document_changes[1].edits[0].new_text
        item = types.TextDocumentItem(desk.testbench.as_uri(), "systemverilog", 1, text)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        # Changed before it was saved for the first time: the testbench was taken, and what is measured is an edit of it.
        desk.testbench.write_text(desk.better(text))
        save(editor, desk.testbench)
        await until(lambda: True if desk.answers() == ["accepted", "accepted"] else None, 60)
        assert [policy for policy, _ in desk.rounds()[0]] == ["random", "human"]

        # One that is thrown away unsaved was never accepted.
        closing = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(desk.testbench.as_uri()))
        desk.testbench.unlink()
        editor.client.text_document_did_close(closing)
        await editor.command("llm4cov.generate", desk.uri, "lock")
        assert "Undo accepting the testbench" in await actions(editor, desk.file)
        editor.client.text_document_did_close(closing)
        assert "Undo accepting the testbench" not in await actions(editor, desk.file)
        assert desk.answers() == ["accepted", "accepted"]


async def test_a_broken_store_costs_a_message_and_no_testbench(desk: Desk) -> None:
    desk.store.write_text("no store\n" * 500)
    async with opened(desk) as editor:
        answer = await editor.command("llm4cov.generate", desk.uri, "lock")
        assert answer["applied"] and answer["stored"] is False and answer["trajectory"] is None
        desk.apply(editor.edits[-1].edit)
        await measured(editor, desk)
        assert sum("not an SQLite file" in one.message for one in editor.client.messages) <= 2
        assert "not an SQLite file" in (await editor.command("llm4cov.trajectory.list"))["error"]


async def test_two_editors_share_one_store(desk: Desk) -> None:
    async with opened(desk) as one, opened(desk, settings={"mode": "off"}) as other:
        first, second = await asyncio.gather(
            one.command("llm4cov.generate", desk.uri, "lock", {"apply": False}),
            other.command("llm4cov.generate", desk.uri, "lock", {"apply": False}),
        )
        assert first["digest"] == second["digest"] and first["trajectory"] != second["trajectory"]
        both = await asyncio.gather(
            one.command("llm4cov.accept", desk.uri, "lock"), other.command("llm4cov.reject", desk.uri, "lock", "no")
        )
        assert [answer["stored"] for answer in both] == [True, True]
        listed = (await other.command("llm4cov.trajectory.list", desk.uri))["trajectories"]
        assert {each["id"]: [one["answer"] for one in each["acceptances"]] for each in listed} == {
            first["trajectory"]: ["accepted"],
            second["trajectory"]: ["rejected"],
        }


async def test_what_is_stored_is_listed_shown_and_deleted_even_while_a_job_runs(desk: Desk) -> None:
    async with opened(desk) as editor:
        assert (await editor.command("llm4cov.trajectory.list"))["trajectories"] == []
        proposed = await editor.command("llm4cov.generate", desk.uri, "lock", {"apply": False})
        await _settle(editor, desk, {"generate": {"policy": "closure", "budgetSeconds": 30}, "simulation": {"seed": 9}})
        await editor.command("llm4cov.reject", desk.uri, "lock", "")
        job = asyncio.ensure_future(editor.command("llm4cov.generate", desk.uri, "lock"))
        await asyncio.sleep(1)
        [one] = (await asyncio.wait_for(editor.command("llm4cov.trajectory.list", desk.uri), 10))["trajectories"]
        assert one["id"] == proposed["trajectory"] and one["rounds"][0]["testbench"] == proposed["digest"]
        assert (await editor.command("llm4cov.info"))["running"] == ["generate lock"]
        await editor.command("llm4cov.cancel", desk.uri, "lock")
        assert await job == {"cancelled": True}
        # A cancelled job has a moment to end, and stores what it came to.
        await asyncio.sleep(3)
        shown = await editor.command("llm4cov.trajectory.show", one["id"][:8])
        assert shown["texts"][0]["testbench_text"] == unstamped(proposed["text"]) and shown["top"] == "lock"
        other = desk.folder / "other.sv"
        other.write_text("module other(input logic clk);\nendmodule\n")
        assert (await editor.command("llm4cov.trajectory.list", other.as_uri()))["trajectories"] == []
        assert "no design nothing" in (await editor.command("llm4cov.trajectory.delete", "nothing"))["error"]
        deleted = await editor.command("llm4cov.trajectory.delete", "lock")
        assert deleted["top"] == "lock" and deleted["trajectories"] >= 1
        assert (await editor.command("llm4cov.trajectory.list"))["trajectories"] == []


async def test_a_part_of_a_proposal_is_the_users_own_and_undone_in_one_step(desk: Desk) -> None:
    async with opened(desk) as editor:
        answer = await editor.command("llm4cov.generate", desk.uri, "lock")
        desk.apply(editor.edits[-1].edit)
        whole = desk.testbench.read_text()
        assert answer["accepted"] and "Made by llm4cov-lsp" in whole

        await _settle(editor, desk, {"simulation": {"seed": 5}, "mode": "off"})
        proposed = await editor.command("llm4cov.generate", desk.uri, "lock", {"apply": False})
        sequences = proposed["sequences"]
        assert sequences and all(f"task automatic {one['name']};" in proposed["text"] for one in sequences)
        part = proposed["text"].replace("    show_outputs;\n", "    a = 251;\n    b = 241;\n    tick(2);\n")
        taken = await editor.command("llm4cov.accept", desk.uri, "lock", {"text": part})
        assert taken["applied"] and not taken["stored"] and taken["overall"] is None and desk.answers() == ["accepted"]
        desk.apply(editor.edits[-1].edit)
        kept = desk.testbench.read_text()
        assert "b = 241;" in kept and "Made by" not in kept
        # It covers more than what stands as accepted, so it is stored as the user's edit, if it is measured with the loop's own seed.
        await _settle(editor, desk, {"mode": "off"})
        await measured(editor, desk)
        assert [policy for policy, _ in desk.rounds()[0]] == ["random", "human"] and desk.answers() == ["accepted", "accepted"]

        undone = await editor.command("llm4cov.undo", desk.uri, "lock")
        assert undone["applied"]
        desk.apply(editor.edits[-1].edit)
        assert desk.testbench.read_text() == whole
