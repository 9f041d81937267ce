"""What the server does by itself, when it waits with that, and what it tells of itself."""

from __future__ import annotations

import json
import zipfile
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
        assert not info["workers"]
        assert any("waits: the machine is busy" in title for title in await editor.lenses(project.uri))
        answer = await editor.command("llm4cov.measure", project.uri, "traffic_light")
        assert answer["status"] == "ok"
        assert info["settings"][str(project.folder)]["background.maxLoad"] == 1e-9
        assert info["versions"]["llm4cov-lsp"]


async def test_learning_is_a_process_that_says_what_there_is(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "none.db"))
    async with connected(project.folder) as editor:
        answer = await editor.command("llm4cov.retrain")
        assert answer["status"] == 2 and "nothing to learn from" in answer["words"]
        assert any("nothing to learn from" in one.message for one in editor.client.messages)
        reports = await until(lambda: editor.client.progress_reports.get(editor.tokens[0]) if editor.tokens else None, 10)
        assert reports[0].title == "Retraining" and reports[0].cancellable


async def test_an_untrusted_workspace_starts_no_learning(project: Project) -> None:
    async with connected(project.folder, options={"trusted": False}, settings={"retrain": {"schedule": "daily"}}) as editor:
        assert "not trusted" in (await editor.command("llm4cov.retrain"))["error"]


async def test_a_debug_bundle_tells_what_happened_and_holds_no_secret_and_no_source(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "very-secret-words")
    project.testbench.write_text(WEAK_TESTBENCH)
    broken = project.file.read_text().replace("endmodule", "  assign nothing_known = missing_signal;\nendmodule")
    settings = {"files": {"defines": ["TOKEN=sk-abcdefgh12345678"]}, "mode": "very-secret-words"}
    async with connected(project.folder, settings=settings) as editor:
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))
        assert (await editor.command("llm4cov.measure", project.uri, "traffic_light"))["status"] == "ok"
        project.file.write_text(broken)
        await editor.command("llm4cov.measure", project.uri, "traffic_light")
        assert (await editor.command("llm4cov.doctor"))["checks"]
        answer = await editor.command("llm4cov.debugBundle")
        bundled = Path(answer["path"])
        assert bundled.is_relative_to(tmp_path / "state/bundles")
        with zipfile.ZipFile(bundled) as archive:
            parts = {name: archive.read(name).decode() for name in archive.namelist()}
        jobs = json.loads(parts["jobs.json"])["over"]
        assert [one["how"] for one in jobs if one["asked"] == "by a person"] == ["ok", "build_failed"]
        log = next(text for name, text in parts.items() if name.startswith("log/"))
        assert "begins for" in log and '"top": "traffic_light"' in log and "llm4cov.mode" in log
        whole = "".join(parts.values())
        assert "very-secret-words" not in whole and "abcdefgh12345678" not in whole
        telling = [line.strip() for line in f"{broken}\n{WEAK_TESTBENCH}".splitlines() if len(line.strip()) > 12]
        assert telling and not [line for line in telling if line in whole] and "nothing_known" not in whole

        asked = tmp_path / "with.zip"
        assert (await editor.command("llm4cov.debugBundle", str(asked), "sources"))["path"] == str(asked)
        with zipfile.ZipFile(asked) as archive:
            inside = {name: archive.read(name).decode() for name in archive.namelist() if name.startswith("sources/")}
        assert any("nothing_known" in text for text in inside.values())
        assert "exists already" in (await editor.command("llm4cov.debugBundle", str(asked)))["error"]
