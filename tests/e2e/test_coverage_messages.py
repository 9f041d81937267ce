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


async def test_an_editor_that_asks_for_nothing_is_told_nothing(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder) as editor:
        told = _listen(editor)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        await editor.diagnostics(project.uri, lambda found: any(one.data is not None for one in found))
        assert not told
