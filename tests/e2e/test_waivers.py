"""Waivers in the editor, and that `cover` on the command line says the same about the same files."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures import loader
from lsprotocol import types

from llm4cov_agent.closure.waived import FILE_NAME
from llm4cov_agent.closure.waivers import Waiver, write_waivers
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from tests.e2e.conftest import PROGRAM, WEAK_TESTBENCH, Editor, Project, connected, until
from tests.e2e.raw import raw

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]


def _holes(found: list[types.Diagnostic]) -> list[types.Diagnostic]:
    return [one for one in found if one.severity == types.DiagnosticSeverity.Information and one.data is not None]


def _id(one: types.Diagnostic) -> str:
    return str(_data(one)["hole"])


def _data(one: types.Diagnostic) -> dict[str, Any]:
    data = one.data
    return data if isinstance(data, dict) else data._asdict()


async def _opened(editor: Editor, project: Project) -> list[types.Diagnostic]:
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
    return _holes(await editor.diagnostics(project.uri, lambda found: bool(_holes(found))))


async def _excluded(editor: Editor, project: Project, hole: types.Diagnostic, *reason: str) -> Any:
    return await editor.command("llm4cov.exclude", project.uri, "traffic_light", _id(hole), *reason)


async def test_excluding_by_judgement_makes_a_file_and_then_adds_to_its_present_text(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    waivers = project.folder / FILE_NAME
    async with connected(project.folder, settings={"diagnostics": {"maxPerFile": 1000}}) as editor:
        holes = await _opened(editor, project)
        at = types.TextDocumentIdentifier(project.uri)
        params = types.CodeActionParams(at, holes[0].range, types.CodeActionContext([holes[0]]))
        titles = [one.title for one in await editor.actions(params)]
        assert any(one.startswith("Prove this point: ") for one in titles)
        assert any(one.startswith("Exclude this point with a reason: ") for one in titles)
        assert not any("(proved unreachable)" in one for one in titles)

        first = await _excluded(editor, project, holes[0], "not used here")
        assert first["applied"] and not first["proved"] and first["file"] == str(waivers)
        created, text = editor.edits[0].edit.document_changes
        assert created.kind == "create" and not created.options.overwrite
        assert editor.edits[0].edit.change_annotations[created.annotation_id].needs_confirmation
        assert not waivers.exists(), "the client writes files, not the server"
        content = text.edits[0].new_text
        assert "proof" not in content.split("[[waiver]]", 1)[1]

        waivers.write_text(content)
        changed = types.FileEvent(waivers.as_uri(), types.FileChangeType.Created)
        editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([changed]))
        left = _holes(await editor.diagnostics(project.uri, lambda found: _holes(found) and _id(holes[0]) not in map(_id, _holes(found))))
        assert {_id(one) for one in left} == {_id(one) for one in holes[1:]}
        assert any("excluded (0 proved)" in title for title in await editor.lenses(project.uri))

        # The file is open with an edit that nobody saved: the entry goes behind it.
        present = content + "# mine, unsaved\n"
        item = types.TextDocumentItem(waivers.as_uri(), "toml", 7, present)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        second = await _excluded(editor, project, holes[1])
        assert second["applied"]
        (change,) = editor.edits[1].edit.document_changes
        assert change.text_document.version == 7
        (edit,) = change.edits
        assert edit.range.start == edit.range.end == types.Position(present.count("\n"), 0)
        assert 'reason = ""' in edit.new_text

        # It is not applied without a reason, and the entry is where that is said.
        waivers.write_text(present + edit.new_text)
        editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=8, uri=waivers.as_uri()),
                [types.TextDocumentContentChangeWholeDocument(present + edit.new_text)],
            )
        )
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(waivers.as_uri())))
        (problem,) = await editor.diagnostics(waivers.as_uri(), bool)
        assert "`reason` is empty" in problem.message and problem.severity == types.DiagnosticSeverity.Error
        assert waivers.read_text().splitlines()[problem.range.start.line] == 'reason = ""'


async def test_an_editor_that_can_not_show_the_entry_is_no_error(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    edits = {"documentChanges": True, "resourceOperations": ["create"]}
    workspace, window = {"configuration": True, "applyEdit": True, "workspaceEdit": edits}, {"showDocument": {"support": True}}
    with raw(project.folder) as server:
        server.start(project.folder, capabilities={"workspace": workspace, "window": window})
        uri = server.open(project.file)
        server.until(lambda: any(one["diagnostics"] for one in server.diagnostics(uri)))
        hole = next(one["data"]["hole"] for one in server.diagnostics(uri)[-1]["diagnostics"] if "data" in one)
        # The request to show it is answered with what is no answer.
        answer = server.command("llm4cov.exclude", uri, "traffic_light", hole)
        assert answer["applied"] and "error" not in answer
        assert [one["method"] for one in server.notes].count("window/showDocument") == 1
        said = server.messages()
        assert any("write the reason" in one for one in said) and not any("nternal" in one for one in said)
        assert "Traceback" not in server.errors.decode()


async def test_a_proved_point_is_excluded_with_its_proof_and_comes_back_when_the_rtl_changes(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    waivers = project.folder / FILE_NAME
    unreachable = {point.id for point in loader.load("traffic_light").unreachable}
    async with connected(project.folder, settings={"diagnostics": {"maxPerFile": 1000}}) as editor:
        holes = await _opened(editor, project)
        hole = next(one for one in holes if set(_data(one)["holes"]) & unreachable)
        answer = await editor.command("llm4cov.prove", project.uri, "traffic_light", _id(hole))
        assert answer["verdict"] == "unreachable"
        proved = await until(
            lambda: next((one for one in editor.published[-1].diagnostics if one.data and "[unreachable: proved]" in one.message), None), 20
        )
        params = types.CodeActionParams(types.TextDocumentIdentifier(project.uri), proved.range, types.CodeActionContext([proved]))
        assert any("(proved unreachable)" in one.title for one in await editor.actions(params))
        assert (await _excluded(editor, project, proved))["proved"]
        content = editor.edits[0].edit.document_changes[1].edits[0].new_text
        assert "\nproof = " in content and 'reason = "Proved unreachable."' in content
        waivers.write_text(content)
        changed = types.FileEvent(waivers.as_uri(), types.FileChangeType.Created)
        editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([changed]))
        await editor.diagnostics(project.uri, lambda found: _holes(found) and _id(proved) not in map(_id, _holes(found)))
        assert any("excluded" in title and "0 excluded" not in title for title in await editor.lenses(project.uri))

        text = project.file.read_text() + "// more\n"
        project.file.write_text(text)
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(project.uri)))
        await editor.diagnostics(project.uri, lambda found: _id(proved) in map(_id, _holes(found)))
        said = await editor.diagnostics(waivers.as_uri(), bool)
        assert all("is open again" in one.message and one.severity == types.DiagnosticSeverity.Warning for one in said)


BENCHES = {
    "traffic_light": WEAK_TESTBENCH,
    "watchdog": None,
    "fifo_sync": None,
}


def _bench(name: str) -> str:
    """Make a testbench that resets a design and does nothing else, for the ports that it has."""
    design = loader.design(name)
    clocks, resets = {one.port for one in design.clocks}, {one.port: one for one in design.resets}
    lines = []
    for port in design.ports:
        width = f"[{port.width - 1}:0] " if port.width > 1 else ""
        start = " = 0" if port.direction.value == "input" else ""
        lines.append(f"  logic {width}{port.name}{start};")
    lines += [f"  always #5 {clock} = ~{clock};" for clock in sorted(clocks)]
    active = [f"{name} = {int(not one.active_low)};" for name, one in resets.items()]
    idle = [f"{name} = {int(one.active_low)};" for name, one in resets.items()]
    body = f"  initial begin {' '.join(active)} #22 {' '.join(idle)} #100 $finish; end"
    return "\n".join([f"module tb_{design.top};", *lines, f"  {design.top} dut(.*);", body, "endmodule", ""])


@pytest.mark.parametrize(("name", "waives"), [("traffic_light", False), ("watchdog", True), ("fifo_sync", False)])
async def test_the_command_line_says_exactly_what_the_editor_shows(tmp_path: Path, name: str, waives: bool) -> None:
    fixture = loader.load(name)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".git").mkdir()
    for source in fixture.sources:
        (folder / source.name).write_bytes(source.read_bytes())
    file = folder / fixture.sources[-1].name
    top = loader.design(name).top
    bench = folder / f"tb_{top}.sv"
    bench.write_text(BENCHES[name] or _bench(name))
    design, problems = elaborate(FileSet(sources=tuple(folder / one.name for one in fixture.sources), top=top))
    assert design is not None, problems
    waived: list[str] = []
    if waives:
        points = [replace(one, file=str(folder / Path(one.file).name)) for one in fixture.unreachable]
        entries = [Waiver(one, "checked", proof="proved before") for one in points]
        assert not write_waivers(folder / FILE_NAME, design, entries)
        waived = ["--waivers", FILE_NAME]

    words = ["cover", *(one.name for one in fixture.sources), "--top", top, "--tb", bench.name, "--json", "--explain", "--sarif", "c.sarif"]
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), *words, *waived, cwd=folder, env=dict(os.environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    record, log = json.loads(output), json.loads((folder / "c.sarif").read_text())

    async with connected(folder, settings={"diagnostics": {"maxPerFile": 100_000}}) as editor:
        item = types.TextDocumentItem(file.as_uri(), "systemverilog", 1, file.read_text())
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        shown = _holes(await editor.diagnostics(file.as_uri(), lambda found: bool(_holes(found))))

    def region(one: types.Diagnostic) -> tuple[int, int, int]:
        return one.range.start.line + 1, one.range.start.character + 1, one.range.end.character + 1

    editors = {(_id(one), *region(one), one.code, one.message) for one in shown}
    told = [one for one in record["told"] if one["file"] == file.name]
    assert {(_id(one), one.range.start.line + 1, one.code, one.message) for one in shown} == {
        (one["ids"][0], one["line"], one["kind"], one["message"]) for one in told
    }
    assert {name for one in shown for name in _data(one)["holes"]} == {one["id"] for one in record["holes"] if one["file"] == file.name}
    logged = set()
    for one in log["runs"][0]["results"]:
        place = one["locations"][0]["physicalLocation"]
        if place["artifactLocation"]["uri"] == file.name and not one["suppressions"]:
            where = place["region"]
            words_ = (where["startLine"], where["startColumn"], where["endColumn"], one["ruleId"], one["message"]["text"])
            logged.add((one["partialFingerprints"]["llm4covHole/v1"], *words_))
    assert logged == editors
    if waives:
        assert record["waived"]["proved"] and any(one["suppressions"] for one in log["runs"][0]["results"])
