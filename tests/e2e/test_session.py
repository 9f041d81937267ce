"""The server as an editor sees it, over standard input and output, with the real simulator."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from lsprotocol import types

from tests.e2e.conftest import WEAK_TESTBENCH, Editor, Project, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
INFORMATION = types.DiagnosticSeverity.Information


def _holes(found: list[types.Diagnostic]) -> list[types.Diagnostic]:
    return [one for one in found if one.severity == INFORMATION and one.data is not None]


def _any_holes(found: list[types.Diagnostic]) -> bool:
    return bool(_holes(found))


async def _opened(editor: Editor, project: Project) -> list[types.Diagnostic]:
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
    return await editor.diagnostics(project.uri, _any_holes)


async def test_a_file_with_a_testbench_shows_holes_lenses_hovers_and_actions(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder, settings={"inlayHints": {"enabled": True}}) as editor:
        found = _holes(await _opened(editor, project))
        assert {one.source for one in found} == {"llm4cov"}
        assert {one.code for one in found} <= {"line", "branch", "expr", "toggle", "fsm"}
        assert all("[not hit in " in one.message for one in found)
        lines = project.file.read_text().splitlines()
        for one in found:
            if one.code == "toggle":
                # A toggle's range is the name that its message begins with.
                word = lines[one.range.start.line][one.range.start.character : one.range.end.character]
                assert one.message.startswith(word)
        branch = next(one for one in found if one.code == "branch" and one.related_information)
        assert branch.related_information[0].location.uri == project.uri
        assert editor.published[-1].version == 1

        lenses = await editor.lenses(project.uri)
        assert any("line " in title and " % · " in title and " holes" in title for title in lenses)
        assert "Generate" in lenses

        at = types.TextDocumentIdentifier(project.uri)
        hover = await editor.client.text_document_hover_async(types.HoverParams(at, branch.range.start))
        assert hover is not None and "xecuted" in hover.contents.value
        assert await editor.client.text_document_hover_async(types.HoverParams(at, types.Position(0, 0))) is None

        whole = types.Range(types.Position(0, 0), types.Position(len(lines), 0))
        hints = await editor.client.text_document_inlay_hint_async(types.InlayHintParams(at, whole))
        assert hints and all(hint.label.endswith("x") for hint in hints)

        def asked(*only: str) -> types.CodeActionParams:
            return types.CodeActionParams(at, branch.range, types.CodeActionContext([branch], list(only) or None))

        actions = await editor.actions(asked())
        titles = [one.title for one in actions]
        assert "Generate high-coverage testbench for traffic_light" in titles
        why = next(one for one in actions if one.title.startswith("Show why"))
        assert list(why.diagnostics) == [branch] and why.kind == types.CodeActionKind.QuickFix
        answer = await editor.command(why.command.command, *why.command.arguments)
        assert branch.message.startswith(answer["sentence"])
        assert not await editor.actions(asked("source.fixAll"))
        resolved = await editor.client.code_action_resolve_async(actions[0])
        assert resolved.command is not None


async def test_after_an_edit_results_shift_are_stale_and_come_back_after_saving(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder) as editor:
        before = _holes(await _opened(editor, project))
        start = types.Position(0, 0)
        change = types.TextDocumentContentChangePartial(types.Range(start, start), "// one\n// two\n")
        identifier = types.VersionedTextDocumentIdentifier(version=2, uri=project.uri)
        editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
        shifted = _holes(await editor.diagnostics(project.uri, lambda found: _any_holes(found) and "[stale" in found[0].message))
        assert editor.published[-1].version == 2
        assert [one.range.start.line for one in shifted] == [one.range.start.line + 2 for one in before]
        assert all("[stale" in one.message for one in shifted)
        assert any("stale" in title for title in await editor.lenses(project.uri))

        project.file.write_text("// one\n// two\n" + project.file.read_text())
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(project.uri)))
        fresh = _holes(await editor.diagnostics(project.uri, lambda found: _any_holes(found) and "[stale" not in found[0].message))
        assert [one.range for one in fresh] == [one.range for one in shifted]


async def test_generate_offers_a_file_and_never_one_that_is_there(project: Project) -> None:
    async with connected(project.folder, settings={"generate": {"budgetSeconds": 8}}) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        answer = await editor.command("llm4cov.generate", project.uri, "traffic_light")
        assert answer["applied"] and answer["testbench"] == str(project.testbench) and answer["overall"] > 90
        edit = editor.edits[0].edit
        created, text = edit.document_changes
        assert created.kind == "create" and created.uri == project.testbench.as_uri() and not created.options.overwrite
        assert edit.change_annotations[created.annotation_id].needs_confirmation
        assert not project.testbench.exists(), "the client writes files, not the server"
        words = [one.message for one in editor.client.progress_reports[editor.tokens[0]] if one.message]
        assert words
        # What was generated is what is shown, at once.
        assert any(" % · " in title for title in await editor.lenses(project.uri))

        project.testbench.write_text("// by hand\n")
        again = await editor.command("llm4cov.generate", project.uri, "traffic_light")
        assert again["testbench"].endswith("tb_traffic_light_2.sv")
        assert project.testbench.read_text() == "// by hand\n"

        project.testbench.write_text(text.edits[0].new_text)
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(project.testbench.as_uri())))
        measured = await editor.command("llm4cov.measure", project.uri, "traffic_light")
        assert measured["status"] == "ok" and measured["overall"] == pytest.approx(answer["overall"])


async def test_a_job_is_cancelled_within_a_second_by_its_bar_and_by_its_request(project: Project) -> None:
    async with connected(project.folder) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        for by_bar in (True, False):
            seen = len(editor.tokens)
            sent = editor.client.protocol.send_request(
                types.WORKSPACE_EXECUTE_COMMAND,
                types.ExecuteCommandParams("llm4cov.generate", [project.uri, "traffic_light"]),
                msg_id=f"job-{seen}",
            )
            token = await until(lambda seen=seen: editor.tokens[seen] if len(editor.tokens) > seen else None, 10)
            await asyncio.sleep(1.5)
            began = time.monotonic()
            if by_bar:
                editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
                assert (await asyncio.wrap_future(sent)) == {"cancelled": True}
            else:
                editor.client.cancel_request(types.CancelParams(f"job-{seen}"))
            while (await editor.command("llm4cov.info"))["running"]:
                await asyncio.sleep(0.02)
            assert time.monotonic() - began < 1.5
        assert not editor.edits


async def test_a_worker_that_is_killed_is_reported_and_the_next_job_works(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder, settings={"mode": "off"}) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        job = asyncio.ensure_future(editor.command("llm4cov.generate", project.uri, "traffic_light"))
        pid = await editor.worker()
        await asyncio.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        answer = await job
        assert "killed by signal 9" in answer["error"]
        assert any("worker process was killed" in one.message for one in editor.client.messages)
        assert (await editor.command("llm4cov.measure", project.uri, "traffic_light"))["status"] == "ok"
        assert await editor.worker() != pid


async def test_an_untrusted_workspace_is_only_read(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder, options={"trusted": False}) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        answer = await editor.command("llm4cov.generate", project.uri, "traffic_light")
        assert "not trusted" in answer["error"]
        assert "Generate" not in await editor.lenses(project.uri)
        at = types.TextDocumentIdentifier(project.uri)
        whole = types.Range(types.Position(0, 0), types.Position(40, 0))
        actions = await editor.actions(types.CodeActionParams(at, whole, types.CodeActionContext([])))
        assert all(one.disabled is not None and one.command is None for one in actions)
        assert not (await editor.command("llm4cov.info"))["workers"]


async def test_errors_of_the_design_are_errors_at_their_line_and_go_when_mended(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    text = project.file.read_text()
    broken = text.replace("endmodule", "  assign nothing_known = missing_signal;\nendmodule")
    project.file.write_text(broken)
    async with connected(project.folder) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        found = await editor.diagnostics(project.uri, bool)
        errors = [one for one in found if one.severity == types.DiagnosticSeverity.Error]
        line = broken.splitlines().index("  assign nothing_known = missing_signal;")
        assert any(one.range.start.line == line for one in errors)
        identifier = types.VersionedTextDocumentIdentifier(version=2, uri=project.uri)
        editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(identifier, [types.TextDocumentContentChangeWholeDocument(text)])
        )
        project.file.write_text(text)
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(project.uri)))
        mended = await editor.diagnostics(project.uri, _any_holes)
        assert not [one for one in mended if one.severity == types.DiagnosticSeverity.Error]


async def test_a_bad_setting_is_named_and_a_project_file_is_used(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    (project.folder / "llm4cov.toml").write_text('[diagnostics]\nmaxPerFile = 3\nkinds = ["toggle"]\n')
    async with connected(project.folder, settings={"mode": "sometimes"}) as editor:
        found = _holes(await _opened(editor, project))
        assert len(found) == 3 and {one.code for one in found} == {"toggle"}
        assert any("llm4cov.mode" in one.message and '"sometimes"' in one.message for one in editor.client.messages)
        last = [one for one in editor.published if one.uri == project.uri][-1].diagnostics[-1]
        assert "more holes in this file" in last.message


async def test_places_are_right_in_a_file_with_tabs_emoji_and_carriage_returns(project: Project) -> None:
    text = (
        "\ufeff// é\r\nmodule m(input logic clk, input logic a, output logic b);\r\n\tlogic c; /* 😀é */ logic d;\r\n"
        "\talways_ff @(posedge clk) begin\r\n\t\t/* 😀 */ if (a) b <= 1'b1; else b <= 1'b0;\r\n\tend\r\n"
        " assign d = a; assign c = /*é*/ a ? d : b;\r\nendmodule\r\n"
    )
    file = project.folder / "m.sv"
    file.write_bytes(text.encode())
    (project.folder / "tb_m.sv").write_text(
        "module tb_m; logic clk=0, a=0, b; m dut(.*); initial begin repeat(5) #5 clk=~clk; $finish; end endmodule\n"
    )
    for encoding in (types.PositionEncodingKind.Utf16, types.PositionEncodingKind.Utf8):

        def count_in(can: types.ClientCapabilities, encoding: types.PositionEncodingKind = encoding) -> None:
            can.general = types.GeneralClientCapabilities(position_encodings=[encoding])

        async with connected(project.folder, change=count_in) as editor:
            # Editors keep the byte order mark to themselves.
            item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, text.removeprefix("\ufeff"))
            editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
            found = _holes(await editor.diagnostics(file.as_uri(), _any_holes))
            assert "[stale" not in found[0].message
            lines = text.removeprefix("\ufeff").split("\r\n")
            coded = "utf-16-le" if encoding is types.PositionEncodingKind.Utf16 else "utf-8"
            size = 2 if coded == "utf-16-le" else 1

            def marked(one: types.Diagnostic, lines: list[str] = lines, coded: str = coded, size: int = size) -> str:
                whole = lines[one.range.start.line].encode(coded)
                return whole[one.range.start.character * size : one.range.end.character * size].decode(coded)

            assert {marked(one) for one in found if one.code == "toggle"} == {"a", "b", "c", "d"}
            assert "if (a) b <= 1'b1; else b <= 1'b0;" in {marked(one) for one in found if one.code == "branch"}


async def test_a_server_that_is_killed_leaves_no_process(project: Project) -> None:
    async with connected(project.folder) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        job = asyncio.ensure_future(editor.command("llm4cov.generate", project.uri, "traffic_light"))
        pid = await editor.worker()
        await asyncio.sleep(2.5)
        server = editor.client._server
        assert server is not None
        server.kill()
        await until(lambda: None if _alive(pid) else True, 3)
        job.cancel()
        editor.client.error = RuntimeError("killed by the test")


async def test_a_hole_is_proved_on_request(project: Project) -> None:
    file = project.folder / "never.sv"
    file.write_text(
        "module never(input logic clk, input logic rst, input logic a, output logic [1:0] q);\n"
        "  always_ff @(posedge clk)\n    if (rst) q <= 0;\n    else if (q == 3) q <= 0;\n    else if (a && q < 2) q <= q + 1;\nendmodule\n"
    )
    (project.folder / "tb_never.sv").write_text(
        "module tb_never; logic clk=0, rst=1, a=1; logic [1:0] q; never dut(.*);\n"
        "initial begin #7 rst=0; #100 a=0; #20 $finish; end always #5 clk=~clk; endmodule\n"
    )
    async with connected(project.folder, settings={"prove": {"budgetSeconds": 10}}) as editor:
        item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        found = _holes(await editor.diagnostics(file.as_uri(), _any_holes))
        branch = next(one for one in found if one.code in ("branch", "line") and one.range.start.line == 3)
        at = types.TextDocumentIdentifier(file.as_uri())
        actions = await editor.actions(types.CodeActionParams(at, branch.range, types.CodeActionContext([branch])))
        prove = next(one for one in actions if one.title.startswith("Prove"))
        answer = await editor.command(prove.command.command, *prove.command.arguments)
        assert answer["verdict"] == "unreachable" and answer["reason"]
        proved = await editor.diagnostics(file.as_uri(), lambda found: any("[unreachable: proved]" in one.message for one in found))
        assert len(proved) <= len(found)


async def test_no_proof_speaks_for_a_testbench_that_may_set_parameters(project: Project) -> None:
    file, testbench = project.folder / "most.sv", project.folder / "tb_most.sv"
    file.write_text(
        "module most #(parameter MOST = 2) (input logic clk, input logic rst, output logic [1:0] q);\n"
        "  always_ff @(posedge clk)\n    if (rst) q <= 0;\n    else if (q == 3) q <= 0;\n    else if (q < MOST) q <= q + 1;\nendmodule\n"
    )
    text = (
        "module tb_most; logic clk=0, rst=1; logic [1:0] q; most #(.MOST(3)) dut(.*);\n"
        "initial begin #7 rst=0; #10 $finish; end always #5 clk=~clk; endmodule\n"
    )
    testbench.write_text(text)
    async with connected(project.folder, settings={"prove": {"budgetSeconds": 10}}) as editor:
        item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        found = _holes(await editor.diagnostics(file.as_uri(), _any_holes))
        hole = _hole_id(next(one for one in found if one.code in ("branch", "line") and one.range.start.line == 3))
        for command in ("llm4cov.prove", "llm4cov.cover"):
            answer = await editor.command(command, file.as_uri(), "most", hole)
            assert answer["verdict"] == "unknown" and "sets parameters" in answer["reason"], answer
            assert not any("proved" in one.message for one in editor.published[-1].diagnostics)
        # Without that the same point is out of reach.
        testbench.write_text(text.replace("#(.MOST(3)) ", ""))
        answer = await editor.command("llm4cov.prove", file.as_uri(), "most", hole)
        assert answer["verdict"] == "unreachable" and answer["reason"]


def _hole_id(one: types.Diagnostic) -> str:
    data = one.data
    return str(data["hole"] if isinstance(data, dict) else data.hole)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in (open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0])  # noqa: PTH123
    except OSError:
        return False
