"""Language models in the editor: a server on this machine that answers with texts made before, and one that the user has to allow."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.e2e.conftest import Editor, Project, connected
from tests.served import Server, served

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]

SCRIPTS = (
    "sequence one\n  reset 3\n  hold 10\nend\n",
    "sequence two\n  drive side_car=1\n  hold 200\nend\n",
    "sequence three\n  drive pedestrian=1 night=1\n  hold 200\nend\n",
)


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM4COV_CONSENTS", str(tmp_path / "consents.json"))
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "own.db"))


def _settings(url: str, **more: Any) -> dict[str, Any]:
    return {"mode": "off", "generate": {"policy": "endpoint"}, "model": {"endpoint": url, "name": "small", "rounds": 2, **more}}


def _open(editor: Editor, project: Project) -> None:
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))


def _answering(editor: Editor, title: str | None) -> list[types.ShowMessageRequestParams]:
    """Let the client answer questions with the button of a title; gives the questions."""
    asked: list[types.ShowMessageRequestParams] = []

    @editor.client.feature(types.WINDOW_SHOW_MESSAGE_REQUEST)
    def show_message_request(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        asked.append(params)
        return next((one for one in params.actions or () if one.title == title), None)

    return asked


async def _generated(editor: Editor, project: Project) -> Any:
    return await editor.command("llm4cov.generate", project.uri, "traffic_light")


def _anywhere(server: Server) -> str:
    """The address of a server on this machine by a name that does not say so."""
    return server.url.replace("127.0.0.1", "0.0.0.0")


async def test_a_model_is_asked_round_by_round_and_the_bar_says_what_came_of_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-only-for-this-test")
    with served(SCRIPTS, pause_s=0.4) as server:
        async with connected(project.folder, settings=_settings(server.url, keyVariable="MY_KEY")) as editor:
            _open(editor, project)
            answer = await _generated(editor, project)
            reports = editor.client.progress_reports[editor.tokens[0]]
    assert answer["applied"] and answer["overall"] > 30
    assert [request["model"] for request in server.asked] == ["small"] * 3
    assert set(server.keys) == {"Bearer sk-only-for-this-test"}
    text = editor.edits[0].edit.document_changes[1].edits[0].new_text
    assert "task automatic one" in text and "task automatic two" in text and "sk-only" not in text
    words = [one.message for one in reports if getattr(one, "message", None)]
    assert any(re.match(r"round 1/3, \d+ s left: endpoint is", one) for one in words)
    assert any(re.match(r"round [23]/3, \d+\.\d % \(\+\d+\.\d\), \d+ s left: ", one) for one in words), words
    shares = [one.percentage for one in reports if getattr(one, "percentage", None) is not None]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] <= 99


async def test_a_server_elsewhere_gets_nothing_before_the_user_allows_it(project: Project, tmp_path: Path) -> None:
    with served(SCRIPTS) as server:
        async with connected(project.folder, settings=_settings(_anywhere(server))) as editor:
            _open(editor, project)
            asked = _answering(editor, "Not now")
            answer = await _generated(editor, project)
            assert "you did not allow it" in answer["error"] and not server.asked
            assert server.url.rpartition("/")[0].replace("127.0.0.1", "0.0.0.0") in asked[0].message
            assert [one.title for one in asked[0].actions] == ["Allow", "Always for this host", "Not now"]
            assert (await editor.command("llm4cov.consents"))["remembered"] == []

        async with connected(project.folder, settings=_settings(_anywhere(server))) as editor:
            _open(editor, project)
            asked = _answering(editor, "Allow")
            assert (await _generated(editor, project))["applied"] and len(server.asked) == 3
            assert len(asked) == 1 and not (tmp_path / "consents.json").exists()
            assert (await editor.command("llm4cov.consents"))["for_now"] == ["http://0.0.0.0:" + server.url.split(":")[2].split("/")[0]]


async def test_a_consent_is_remembered_listed_and_forgotten(project: Project, tmp_path: Path) -> None:
    with served(SCRIPTS) as server:
        async with connected(project.folder, settings=_settings(_anywhere(server))) as editor:
            _open(editor, project)
            _answering(editor, "Always for this host")
            assert (await _generated(editor, project))["applied"]
        origins = json.loads((tmp_path / "consents.json").read_text())["origins"]
        count = len(server.asked)
        async with connected(project.folder, settings=_settings(_anywhere(server))) as editor:
            _open(editor, project)
            asked = _answering(editor, "Not now")
            assert (await _generated(editor, project))["applied"] and not asked and len(server.asked) > count
            assert (await editor.command("llm4cov.consents"))["remembered"] == origins
            assert (await editor.command("llm4cov.forgetConsent", "0.0.0.0"))["forgotten"] == origins
            count = len(server.asked)
            (project.folder / "llm4cov.toml").write_text("[simulation]\nseed = 2\n")
            assert "did not allow" in (await editor.command("llm4cov.generate", project.uri, "traffic_light")).get("error", "") or asked
            assert len(server.asked) == count


async def test_a_client_that_can_not_ask_is_told_what_to_set_and_a_workspace_can_not_set_it(project: Project) -> None:
    def no_questions(can: types.ClientCapabilities) -> None:
        assert can.window is not None
        can.window.show_message = None

    with served(SCRIPTS) as server:
        origin = _anywhere(server).removesuffix("/v1")
        (project.folder / "llm4cov.toml").write_text(
            f'[generate]\npolicy = "endpoint"\n[model]\nname = "small"\nendpoint = "{_anywhere(server)}"\n'
            f'allowedHosts = ["{origin}"]\nkeyVariable = "HOME"\n'
        )
        async with connected(project.folder, settings={"mode": "off"}, change=no_questions) as editor:
            _open(editor, project)
            answer = await _generated(editor, project)
            assert f'add "{origin}" to `llm4cov.model.allowedHosts`' in answer["error"] and not server.asked
            said = [one.message for one in editor.client.messages]
            for name in ("allowedHosts", "keyVariable"):
                assert any(f"llm4cov.model.{name} in llm4cov.toml is not used: only your editor's own settings" in one for one in said)
        settings = {"mode": "off", "model": {"allowedHosts": [origin], "rounds": 0}}
        async with connected(project.folder, settings=settings, change=no_questions) as editor:
            _open(editor, project)
            assert (await _generated(editor, project))["applied"]
            assert server.keys == [""]


async def test_nothing_is_sent_from_a_workspace_that_is_not_trusted_or_by_itself(project: Project) -> None:
    with served(SCRIPTS) as server:
        settings = _settings(_anywhere(server))
        async with connected(project.folder, settings=settings, options={"trusted": False}) as editor:
            _open(editor, project)
            asked = _answering(editor, "Allow")
            assert "not trusted" in (await _generated(editor, project))["error"] and not asked and not server.asked
        async with connected(project.folder, settings=settings | {"mode": "generate"}) as editor:
            asked = _answering(editor, "Allow")
            _open(editor, project)
            async with asyncio.timeout(20):
                while not any("what you ask for yourself asks you" in one.message for one in editor.client.messages):
                    await asyncio.sleep(0.1)
            assert not asked and not server.asked


Change = Callable[[types.ClientCapabilities], Awaitable[None] | None]


async def test_settings_that_do_not_fit_together_are_named_as_settings(project: Project) -> None:
    settings = {"mode": "off", "generate": {"policy": "endpoint"}, "model": {"promptTokens": 8000}}
    async with connected(project.folder, settings=settings) as editor:
        _open(editor, project)
        answer = await _generated(editor, project)
        assert 'llm4cov.generate.policy = "endpoint" needs llm4cov.model.endpoint' in answer["error"]
