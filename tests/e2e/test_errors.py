"""What keeps a testbench from being measured is an Error at its own line, in the file that is to blame, open or not."""

from __future__ import annotations

import pytest
from lsprotocol import types

from tests.e2e.conftest import WEAK_TESTBENCH, Editor, Project, connected

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]


def _errors(found: list[types.Diagnostic]) -> list[types.Diagnostic]:
    return [one for one in found if one.severity == types.DiagnosticSeverity.Error]


async def _errors_of(editor: Editor, project: Project, uri: str) -> list[types.Diagnostic]:
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
    return _errors(await editor.diagnostics(uri, lambda found: bool(_errors(found))))


async def test_a_syntax_error_of_the_design(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    project.file.write_text(project.file.read_text().replace("endmodule", "  assign = 1;\nendmodule"))
    async with connected(project.folder) as editor:
        found = await _errors_of(editor, project, project.uri)
        line = project.file.read_text().splitlines().index("  assign = 1;")
        assert found[0].range.start.line == line and all(one.source == "llm4cov" for one in found)


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_testbench_that_does_not_compile(project: Project, is_open: bool) -> None:
    project.testbench.write_text(WEAK_TESTBENCH.replace("    #22 rst = 0;", "    #22 no_such_signal = 0;"))
    async with connected(project.folder) as editor:
        if is_open:
            item = types.TextDocumentItem(project.testbench.as_uri(), "systemverilog", 1, project.testbench.read_text())
            editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        found = await _errors_of(editor, project, project.testbench.as_uri())
        line = project.testbench.read_text().splitlines().index("    #22 no_such_signal = 0;")
        assert any(one.range.start.line == line and "no_such_signal" in one.message for one in found)

        project.testbench.write_text(WEAK_TESTBENCH)
        changed = types.FileEvent(project.testbench.as_uri(), types.FileChangeType.Changed)
        editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([changed]))
        await editor.diagnostics(project.testbench.as_uri(), lambda found: not _errors(found))
        await editor.diagnostics(project.uri, lambda found: any(one.data is not None for one in found))


async def test_a_run_that_ends_by_fatal(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH.replace("    #200 $finish;", '    #200;\n    $fatal(1, "the light was red");'))
    async with connected(project.folder) as editor:
        (one,) = await _errors_of(editor, project, project.testbench.as_uri())
        line = next(at for at, text in enumerate(project.testbench.read_text().splitlines()) if "$fatal" in text)
        assert one.range.start.line == line and "the light was red" in one.message
