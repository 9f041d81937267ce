"""What improve, repair and cover propose is accepted, rejected and taken back as a generated testbench is; undo outlives the server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from lsprotocol import types

from llm4cov_agent.trajectories.store import open_store
from llm4cov_agent.trajectories.trajectory import Answer, Replaced, place_of
from tests.acceptance.test_going_on import BY_HAND, LOCK, LOCKED
from tests.e2e.conftest import PROGRAM, Editor, connected, until
from tests.e2e.test_answers import actions, run, save
from tests.served import served

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
QUIET: dict[str, Any] = {"mode": "off", "generate": {"budgetSeconds": 15}, "background": {"maxLoad": 0, "onBattery": True}}
MENDED = BY_HAND.replace("#40 $finish;", "key = 8'ha7; #10 key = 8'h3c; #40 $finish;")
NO_ASKING = {"capabilities": "neovim"}


class Bench:
    """A design with a testbench, and a store."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder, self.store = folder, store
        self.file, self.testbench, self.more = folder / "lock.sv", folder / "tb_lock.sv", folder / "tb_lock_more.sv"
        self.file.write_text(LOCK)

    @property
    def uri(self) -> str:
        return self.file.as_uri()

    def generated(self) -> str:
        """Let the command line write a weak testbench; gives its text."""
        self.run("generate", str(self.file), "--policy", "random", "--cycles", "30", "-o", str(self.testbench))
        return self.testbench.read_text()

    def run(self, *words: str) -> str:
        done = subprocess.run([PROGRAM, *words], cwd=self.folder, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answers(self) -> list[tuple[str, str]]:
        """Answers in the store, with their reasons."""
        with open_store(self.store, writable=False) as store:
            return [(one.answer.value, one.reason) for each in store.trajectories() for one in each.acceptances]

    def policies(self) -> list[str]:
        with open_store(self.store, writable=False) as store:
            return [one.policy for each in store.trajectories() for one in each.rounds]

    def apply(self, editor: Editor) -> types.WorkspaceEdit:
        """Do with the files what an editor would do with the last edit."""
        edit = editor.edits[-1].edit
        for change in edit.document_changes or ():
            if isinstance(change, types.DeleteFile):
                _path(change.uri).unlink()
            elif isinstance(change, types.TextDocumentEdit):
                (text,) = change.edits
                _path(change.text_document.uri).write_text(text.new_text)
        return edit

    def open(self, editor: Editor, path: Path | None = None) -> None:
        path = path or self.file
        item = types.TextDocumentItem(path.as_uri(), "systemverilog", 1, path.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    async def hole(self, editor: Editor, line: int = LOCKED) -> str:
        """Measure, and give the id of a hole at a line."""
        assert (await editor.command("llm4cov.measure", self.uri, "lock"))["status"] == "ok"
        found = await editor.diagnostics(self.uri, lambda all_: any(one.range.start.line == line - 1 for one in all_))
        one = next(one for one in found if one.range.start.line == line - 1 and one.code in ("branch", "line"))
        return str(one.data["hole"] if isinstance(one.data, dict) else one.data.hole)


def _path(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "own.db"))
    return Bench(folder, tmp_path / "own.db")


async def test_a_covered_point_waits_for_an_answer_is_accepted_beside_edited_and_taken_back(bench: Bench) -> None:
    bench.testbench.write_text(BY_HAND)
    async with connected(bench.folder, settings=QUIET | {"mode": "measure"}) as editor:
        bench.open(editor)
        hole = await bench.hole(editor)
        proposed = await editor.command("llm4cov.cover", bench.uri, "lock", hole, {"apply": False})
        assert proposed["applied"] is False and not editor.edits and proposed["testbench"] == str(bench.more)
        assert proposed["exists"] is False and proposed["replaces"] is False and proposed["gained"] > 0
        assert proposed["before"]["testbench"] == str(bench.testbench) and proposed["after"]["overall"] == proposed["overall"]
        with open_store(bench.store, writable=False) as store:
            [holder] = store.holders(proposed["text"])
        assert (holder.trajectory, holder.testbench) == (proposed["trajectory"], proposed["digest"])

        offered = await actions(editor, bench.file)
        assert {"Accept this testbench", "Reject this testbench"} <= set(offered)
        accepted = await run(editor, offered["Accept this testbench"])
        assert accepted["applied"] and accepted["accepted"] and accepted["stored"] and bench.answers() == [("accepted", "")]
        edit = bench.apply(editor)
        assert [words.label for words in edit.change_annotations.values()] == ["Create tb_lock_more.sv"]
        assert bench.more.read_text() == proposed["text"] and bench.testbench.read_text() == BY_HAND

        # A further testbench that is saved is measured, and an edit of it that covers more is stored.
        text = bench.more.read_text()
        edited = text.replace("    show_outputs;\n", "    key = 8'h5a;\n    tick(3);\n    key = 8'ha5;\n    tick(3);\n    show_outputs;\n")
        assert edited != text
        bench.more.write_text(edited)
        save(editor, bench.more)
        await until(lambda: True if any("Your edit covers" in one.message for one in editor.client.messages) else None, 90)
        assert bench.policies()[-1] == "human" and bench.answers() == [("accepted", ""), ("accepted", "")]
        refused = await editor.command("llm4cov.undo", bench.uri, "lock")
        assert "edited since" in refused["error"]
        bench.more.write_text(text)
        undone = await editor.command("llm4cov.undo", bench.uri, "lock")
        assert undone["applied"] and undone["stored"]
        bench.apply(editor)
        assert not bench.more.exists() and bench.testbench.read_text() == BY_HAND


async def test_a_better_testbench_is_rejected_with_a_reason_or_takes_the_place_of_ours_and_undo_brings_that_back(bench: Bench) -> None:
    before = bench.generated()
    async with connected(bench.folder, settings=QUIET) as editor:
        bench.open(editor)
        proposed = await editor.command("llm4cov.improve", bench.uri, "lock", {"apply": False})
        assert proposed["exists"] and proposed["replaces"] and proposed["testbench"] == str(bench.testbench)
        rejected = await editor.command("llm4cov.reject", bench.uri, "lock", "reads badly")
        assert rejected["stored"] and bench.answers() == [("rejected", "reads badly")] and not editor.edits
        assert "error" in await editor.command("llm4cov.accept", bench.uri, "lock")

        # Asked by the testbench's own name; what was described is not searched for again.
        described = await editor.command("llm4cov.improve", bench.testbench.as_uri(), "lock", {"apply": False})
        bars = len(editor.tokens)
        applied = await editor.command("llm4cov.improve", bench.uri, "lock")
        assert applied["applied"] and applied["stored"] and applied["text"] == described["text"] and len(editor.tokens) == bars
        edit = bench.apply(editor)
        assert all(words.needs_confirmation for words in edit.change_annotations.values())
        assert bench.testbench.read_text() == applied["text"] != before
        assert bench.answers()[-1] == ("accepted", "")
        assert (await editor.command("llm4cov.undo", bench.testbench.as_uri(), "lock"))["applied"]
        bench.apply(editor)
        assert bench.testbench.read_text() == before and bench.answers()[-1] == ("undone", "")


async def test_a_design_or_a_testbench_that_changed_takes_no_old_proposal(bench: Bench) -> None:
    before = bench.generated()
    async with connected(bench.folder, settings=QUIET) as editor:
        bench.open(editor)
        await editor.command("llm4cov.improve", bench.uri, "lock", {"apply": False})
        bench.testbench.write_text(before + "// mine\n")
        assert "changed since" in (await editor.command("llm4cov.accept", bench.uri, "lock"))["error"]
        assert "error" in await editor.command("llm4cov.accept", bench.uri, "lock")
        bench.testbench.write_text(before)
        await editor.command("llm4cov.improve", bench.uri, "lock", {"apply": False})
        item = types.TextDocumentItem(bench.testbench.as_uri(), "systemverilog", 1, before + "// unsaved\n")
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        assert "not saved" in (await editor.command("llm4cov.accept", bench.uri, "lock"))["error"]
        assert not editor.edits and not bench.store.with_name("tb_lock_more.sv").exists()


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_text_of_a_person_that_a_model_replaced_after_being_asked_comes_back(bench: Bench, restarts: bool) -> None:
    broken = BY_HAND.replace("logic [1:0] q;", "")
    bench.testbench.write_text(broken)
    with served([f"File: tb_lock.sv\n```systemverilog\n{MENDED}```\n"]) as server:
        model = {"generate": {"policy": "endpoint"}, "model": {"endpoint": server.url, "name": "m"}}
        async with connected(bench.folder, settings=QUIET | model, **NO_ASKING) as editor:
            # An editor that asks nothing before it applies an edit gets it beside.
            bench.open(editor)
            described = await editor.command("llm4cov.repair", bench.uri, "lock", {"apply": False})
            assert described["testbench"] == str(bench.more) and not described["replaces"]
        async with connected(bench.folder, settings=QUIET | model) as editor:
            bench.open(editor)
            described = await editor.command("llm4cov.repair", bench.uri, "lock", {"apply": False})
            assert described["testbench"] == str(bench.testbench) and described["before"]["overall"] is None
            accepted = await editor.command("llm4cov.accept", bench.uri, "lock")
            assert accepted["applied"] and accepted["stored"]
            # That it takes a person's text away is confirmed in the edit, too.
            assert all(words.needs_confirmation for words in bench.apply(editor).change_annotations.values())
            assert bench.testbench.read_text() == described["text"] != broken
            if not restarts:
                assert (await editor.command("llm4cov.undo", bench.uri, "lock"))["stored"]
                bench.apply(editor)
    if restarts:
        async with connected(bench.folder, settings=QUIET) as editor:
            bench.open(editor)
            assert (await editor.command("llm4cov.undo", bench.uri, "lock"))["stored"]
            bench.apply(editor)
    assert bench.testbench.read_text() == broken and bench.answers() == [("accepted", ""), ("undone", "")]
    bench.run("trajectories", "verify")


async def test_undo_after_a_restart_brings_each_earlier_text_back_and_at_last_deletes_the_file(bench: Bench) -> None:
    random = {"generate": {"policy": "random"}}
    texts = []
    for seed in (1, 5):
        async with connected(bench.folder, settings=QUIET | random | {"simulation": {"seed": seed}}) as editor:
            bench.open(editor)
            assert (await editor.command("llm4cov.generate", bench.uri, "lock"))["stored"]
            bench.apply(editor)
            texts.append(bench.testbench.read_text())
    assert texts[0] != texts[1]
    async with connected(bench.folder, settings=QUIET | {"mode": "measure"}) as editor:
        bench.open(editor)
        # It is offered once the testbench was measured.
        await editor.diagnostics(bench.uri, bool)
        assert "Undo accepting the testbench" in await actions(editor, bench.file)
        item = types.TextDocumentItem(bench.testbench.as_uri(), "systemverilog", 1, texts[1] + "// unsaved\n")
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        assert "error" in await editor.command("llm4cov.undo", bench.uri, "lock") and not editor.edits
        closing = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(bench.testbench.as_uri()))
        editor.client.text_document_did_close(closing)
        for left in (texts[0], None):
            assert (await editor.command("llm4cov.undo", bench.uri, "lock"))["applied"]
            bench.apply(editor)
            assert (bench.testbench.read_text() if bench.testbench.exists() else None) == left
        assert "error" in await editor.command("llm4cov.undo", bench.uri, "lock")
    assert [answer for answer, _ in bench.answers()] == ["accepted", "undone", "accepted", "undone"]


async def test_the_command_line_takes_back_what_an_editor_accepted(bench: Bench) -> None:
    before = bench.generated()
    async with connected(bench.folder, settings=QUIET) as editor:
        bench.open(editor)
        assert (await editor.command("llm4cov.improve", bench.uri, "lock"))["stored"]
        bench.apply(editor)
    better = bench.testbench.read_text()
    copy = bench.folder / "copy.sv"
    copy.write_text(better)
    assert json.loads(bench.run("trajectories", "undo", str(bench.testbench), "--json"))["file"] == "restored"
    assert bench.testbench.read_text() == before and copy.read_text() == better
    assert [answer for answer, _ in bench.answers()] == ["accepted", "undone"]
    # `delete` leaves nothing of what was there before.
    marked = "// a mark of mine\n" + before
    bench.testbench.write_text(marked)
    with open_store(bench.store) as store:
        holder = store.holders(better)[0]
        store.answer(holder.trajectory, holder.testbench, Answer.ACCEPTED, replaced=Replaced(place_of(bench.testbench), marked))
    assert _holds(bench, "a mark of mine")
    bench.run("trajectories", "delete", "lock", "--yes")
    assert not _holds(bench, "a mark of mine") and not _holds(bench, "module lock")


def _holds(bench: Bench, words: str) -> bool:
    return any(words.encode() in path.read_bytes() for path in bench.store.parent.glob(f"{bench.store.name}*"))


async def test_deleting_ends_what_works_on_the_design_first(bench: Bench) -> None:
    bench.generated()
    async with connected(bench.folder, settings=QUIET | {"generate": {"budgetSeconds": 60}}) as editor:
        bench.open(editor)
        job = asyncio.ensure_future(editor.command("llm4cov.generate", bench.uri, "lock"))
        async with asyncio.timeout(100):
            while not (await editor.command("llm4cov.info"))["running"]:
                await asyncio.sleep(0.01)
        deleted = await editor.command("llm4cov.trajectory.delete", "lock")
        assert deleted["ended"] == 1 and deleted["trajectories"] >= 1
        assert await job == {"cancelled": True}
        assert not (await editor.command("llm4cov.info"))["running"]
        assert (await editor.command("llm4cov.trajectory.list"))["trajectories"] == []
        assert not _holds(bench, "module lock")


async def test_a_file_that_is_deleted_during_a_job_costs_no_trajectory(bench: Bench) -> None:
    bench.generated()
    async with connected(bench.folder, settings=QUIET) as editor:
        bench.open(editor)
        job = asyncio.ensure_future(editor.command("llm4cov.improve", bench.uri, "lock"))
        async with asyncio.timeout(100):
            while not editor.tokens or not any(
                "search" in (getattr(one, "message", None) or "") for one in editor.client.progress_reports[editor.tokens[0]]
            ):
                await asyncio.sleep(0.01)
        bench.testbench.unlink()
        answer = await job
        assert "changed since" in answer["error"] and answer["text"] and not editor.edits
        assert (await editor.command("llm4cov.trajectory.list"))["trajectories"][-1]["id"] == answer["trajectory"]
        assert await editor.lenses(bench.uri)
    assert bench.policies() == ["random", "closure"]
