"""Coverage as messages, for editors that show it in their own way."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import Any

import pytest
from lsprotocol import types

from llm4cov_lsp import protocol
from tests.e2e.conftest import WEAK_TESTBENCH, Editor, Project, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
_OPTIONS = {"coverage": True}


def _listen(editor: Editor) -> list[Any]:
    told: list[Any] = []

    @editor.client.feature(protocol.COVERAGE)
    def coverage(params: Any) -> None:
        told.append(params)

    return told


async def _modules(editor: Editor, *uris: str) -> Any:
    sent = editor.client.protocol.send_request(protocol.MODULES, {"uris": list(uris)})
    return await asyncio.wrap_future(sent)


async def test_a_measurement_tells_lines_branches_and_declarations(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    second = project.folder / "tb_traffic_light_2.sv"
    second.write_text(WEAK_TESTBENCH.replace("night = 0", "night = 1"))
    async with connected(project.folder, options=_OPTIONS) as editor:
        told = _listen(editor)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        message = await until(lambda: told[0] if told else None, 90)
        assert set(message._fields) == {protocol.camel(one.name) for one in dataclasses.fields(protocol.CoverageMessage)}
        assert (message.top, message.kind, message.interim, message.asked, message.status) == (
            "traffic_light",
            "measure",
            False,
            False,
            "ok",
        )
        [file] = message.files
        assert file.uri == project.uri and message.testbench == project.testbench.as_uri()
        source = project.file.read_text().splitlines()
        counts = dict(map(tuple, file.lines))
        never = next(number for number, text in enumerate(source, 1) if "SIDE_GO: if (expired || emergency)" in text)
        always = next(number for number, text in enumerate(source, 1) if "always_ff" in text)
        assert counts[never] == 0 and counts[always] > 0
        labels = {one.label: one.hits for one in file.branches}
        assert labels["case MAIN_GO"] > 0 and labels["case SIDE_GO"] == 0 and labels["default"] == 0
        assert labels["state MAIN_STOPS -> CLEAR_MAIN"] == 0 and "else" in labels
        kinds = {one.kind: one for one in file.declarations}
        assert kinds["module"].name == "traffic_light" and kinds["module"].hits == max(counts.values())
        assert any(one.name.startswith("always_ff @(posedge clk") for one in file.declarations)
        # The tallies are those of the lens, and every hole is one of them.
        lens = next(title for title in await editor.lenses(project.uri) if "holes" in title)
        left = sum(one.total - one.covered for one in file.tallies)
        assert f"{left} holes" in lens and sum(one.points for one in file.holes) == left

        [found] = await _modules(editor, project.uri)
        assert [one["name"] for one in found["modules"]] == ["traffic_light"]
        assert found["modules"][0]["testbenches"] == [project.testbench.as_uri(), second.as_uri()]

        told.clear()
        answer = await editor.command("llm4cov.measure", project.uri, "traffic_light", second.as_uri())
        message = await until(lambda: told[0] if told else None, 10)
        assert answer["status"] == "ok" and message.testbench == second.as_uri() and message.asked


async def test_generation_tells_what_is_hit_while_it_goes_on(project: Project) -> None:
    settings = {"generate": {"budgetSeconds": 12}}
    async with connected(project.folder, options=_OPTIONS, settings=settings) as editor:
        told = _listen(editor)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        await editor.command("llm4cov.generate", project.uri, "traffic_light")
        last = await until(lambda: told[-1] if told and not told[-1].interim else None, 10)
        interim = [one for one in told if one.interim]
        assert interim and all(one.kind == "generate" and one.asked for one in told)
        assert {hits for one in interim for _, hits in one.files[0].lines} == {0, 1}
        # What was hit stays hit, and the lines are those of the measurement.
        hit = [{line for line, hits in one.files[0].lines if hits} for one in interim]
        assert all(before <= after for before, after in itertools.pairwise(hit))
        assert {line for line, _ in interim[0].files[0].lines} == {line for line, _ in last.files[0].lines}
        assert max(hits for _, hits in last.files[0].lines) > 1


async def test_going_on_from_a_testbench_tells_what_is_hit_as_generating_does(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    settings = {"mode": "off", "generate": {"budgetSeconds": 12}}
    async with connected(project.folder, options=_OPTIONS, settings=settings) as editor:
        told = _listen(editor)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        answer = await editor.command("llm4cov.improve", project.uri, "traffic_light", {"apply": False})
        assert answer["gained"] > 0 and answer["testbench"].endswith("tb_traffic_light_more.sv")
        last = await until(lambda: told[-1] if told and not told[-1].interim else None, 10)
        interim = [one for one in told if one.interim]
        assert interim and all(one.kind == "go_on" and one.asked and one.uri == project.uri for one in told)
        assert {hits for one in interim for _, hits in one.files[0].lines} == {0, 1}
        # The end tells of the testbench that is there.
        assert last.testbench == project.testbench.as_uri() and last.overall == answer["before"]["overall"] < answer["overall"] + 100


async def test_an_editor_that_asks_for_nothing_is_told_nothing(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder) as editor:
        told = _listen(editor)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        await editor.diagnostics(project.uri, lambda found: any(one.data is not None for one in found))
        assert not told


async def test_a_report_tells_instances_bits_holes_and_what_is_stored(project: Project) -> None:
    async with connected(project.folder, options=_OPTIONS, settings={"generate": {"policy": "random", "budgetSeconds": 5}}) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        nothing = await editor.command("llm4cov.report", project.uri, "traffic_light")
        assert set(nothing) == {protocol.camel(one.name) for one in dataclasses.fields(protocol.ReportMessage)}
        assert (nothing["status"], nothing["overall"], nothing["trajectories"]) == (None, None, [])

        answer = await editor.command("llm4cov.generate", project.uri, "traffic_light", {"apply": False})
        report = await editor.command("llm4cov.report", project.uri, "traffic_light")
        assert (report["top"], report["status"], report["stale"], report["testbench"]) == ("traffic_light", "ok", False, None)
        assert report["overall"] == answer["overall"]
        [file] = report["files"]
        counts = {one["kind"]: (one["covered"], one["total"]) for one in file["tallies"]}
        # A design of one module has one instance with all of its points.
        [instance] = report["instances"]
        assert (
            instance["path"] == "traffic_light" and {one["kind"]: (one["covered"], one["total"]) for one in instance["tallies"]} == counts
        )
        ports = {one["name"]: one for one in report["ports"]}
        assert len(ports["clk"]["bits"]) == 1 and ports["clk"]["bits"][0]["rose"] > 0 and ports["clk"]["direction"] == "input"
        assert len(ports["main_light"]["bits"]) > 1 and file["holes"]
        [trajectory] = report["trajectories"]
        assert (trajectory["id"], trajectory["rounds"][-1]["policy"]) == (answer["trajectory"], "random")
        assert trajectory["rounds"][-1]["covered"] == sum(covered for covered, _ in counts.values())

        # A design of the same name in another file is another one.
        other = project.folder / "other.sv"
        other.write_text(project.file.read_text())
        assert not (await editor.command("llm4cov.report", other.as_uri(), "traffic_light"))["trajectories"]
        assert "error" in await editor.command("llm4cov.report", "untitled:x", "traffic_light")


async def test_a_measured_line_is_found_where_it_stands_now(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder, options=_OPTIONS) as editor:
        told = _listen(editor)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        await until(lambda: told[0] if told else None, 90)

        async def place(line: int) -> Any:
            return (await editor.command("llm4cov.place", project.uri, "traffic_light", line))["line"]

        assert [await place(line) for line in (3, 20)] == [3, 20]
        start = types.Position(9, 0)
        edit = types.TextDocumentContentChangePartial(types.Range(start, start), "// one\n// two\n")
        name = types.VersionedTextDocumentIdentifier(2, project.uri)
        editor.client.text_document_did_change(types.DidChangeTextDocumentParams(name, [edit]))
        assert [await place(line) for line in (3, 20)] == [3, 22]
        gone = types.TextDocumentContentChangePartial(types.Range(types.Position(0, 0), types.Position(5, 0)), "")
        name = types.VersionedTextDocumentIdentifier(3, project.uri)
        editor.client.text_document_did_change(types.DidChangeTextDocumentParams(name, [gone]))
        assert [await place(line) for line in (3, 20, 10_000)] == [None, 17, None]
        other = await editor.command("llm4cov.place", project.testbench.as_uri(), "traffic_light", 3)
        assert other == {"line": None}
