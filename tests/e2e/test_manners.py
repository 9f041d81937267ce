"""What the server does by itself, when it waits with that, and what it tells of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from tests.e2e.conftest import WEAK_TESTBENCH, Project, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]


async def test_background_jobs_wait_for_a_busy_machine_and_what_is_asked_for_does_not(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    # No machine that runs this test is that idle.
    async with connected(project.folder, settings={"background": {"maxLoad": 1e-9, "onBattery": True}}) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        info = await editor.command("llm4cov.info")
        while not info["jobs"]:
            info = await editor.command("llm4cov.info")
        (job,) = info["jobs"]
        assert job["state"] == "waiting" and "the machine is busy" in job["because"] and job["asked"] == "by itself"
        assert info["worker"] is None
        assert any("waits: the machine is busy" in title for title in await editor.lenses(project.uri))
        answer = await editor.command("llm4cov.measure", project.uri, "traffic_light")
        assert answer["status"] == "ok"
        assert info["settings"][str(project.folder)]["background.maxLoad"] == 1e-9
        assert info["versions"]["llm4cov-lsp"]


async def test_learning_is_a_process_that_says_what_there_is(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "none.db"))
    async with connected(project.folder) as editor:
        answer = await editor.command("llm4cov.retrain")
        assert answer["status"] == 2 and "not built yet" in answer["words"]
        assert any("not built yet" in one.message for one in editor.client.messages)
        reports = await until(lambda: editor.client.progress_reports.get(editor.tokens[0]) if editor.tokens else None, 10)
        assert reports[0].title == "Retraining" and reports[0].cancellable


async def test_an_untrusted_workspace_starts_no_learning(project: Project) -> None:
    async with connected(project.folder, options={"trusted": False}, settings={"retrain": {"schedule": "daily"}}) as editor:
        assert "not trusted" in (await editor.command("llm4cov.retrain"))["error"]
