"""Results of an earlier run of the server: shown at once where nothing changed, and not as current where something did."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.e2e.conftest import WEAK_TESTBENCH, Editor, Project, connected, until

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio]
BOUND_S = 1.0
"""Ten times what it takes on an idle machine; a build alone takes seconds."""


def _holes(found: list[types.Diagnostic]) -> bool:
    return any(one.data is not None for one in found)


def _open(editor: Editor, project: Project) -> None:
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(project.item()))


def _results() -> Path:
    return Path(os.environ["LLM4COV_CACHE_DIR"]) / "results/designs"


@pytest_asyncio.fixture
async def measured(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that a server before this one has measured."""
    builds = Path(os.environ["LLM4COV_CACHE_DIR"]) / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("LLM4COV_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/builds").symlink_to(builds)
    project.testbench.write_text(WEAK_TESTBENCH)
    async with connected(project.folder) as editor:
        _open(editor, project)
        await editor.diagnostics(project.uri, _holes)
        await until(lambda: list(_results().glob("*.json")) or None, 10)
    return project


async def test_holes_are_there_at_once_without_any_work(measured: Project) -> None:
    async with connected(measured.folder) as editor:
        await editor.command("llm4cov.info")
        began = time.monotonic()
        _open(editor, measured)
        found = await editor.diagnostics(measured.uri, _holes, BOUND_S)
        took_s = time.monotonic() - began
        print(f"shown {took_s * 1000:.0f} ms after opening")
        assert took_s < BOUND_S and not any("[stale" in one.message for one in found)
        await asyncio.sleep(0.5)
        info = await editor.command("llm4cov.info")
        assert not info["workers"] and not info["running"] and info["waiting"] == 0
        assert any(" % · " in title for title in await editor.lenses(measured.uri))


@pytest.mark.parametrize("what", ["testbench", "design", "settings", "damage"])
async def test_what_changed_is_not_shown_as_current(measured: Project, what: str) -> None:
    settings = None
    match what:
        case "testbench":
            measured.testbench.write_text(WEAK_TESTBENCH.replace("#200", "#300"))
        case "design":
            measured.file.write_text(measured.file.read_text() + "// changed\n")
        case "settings":
            settings = {"files": {"defines": ["OTHER"]}}
        case "damage":
            for path in _results().glob("*.json"):
                path.write_bytes(path.read_bytes()[:100])
    async with connected(measured.folder, settings=settings) as editor:
        await editor.command("llm4cov.info")
        _open(editor, measured)
        # It is being measured, and nothing is shown meanwhile.
        assert await editor.worker()
        assert not [one for one in editor.published if one.uri == measured.uri and _holes(list(one.diagnostics))]
        await editor.diagnostics(measured.uri, _holes)
        if what == "damage":
            assert any("is passed over" in one.message for one in editor.client.log_messages)


async def test_an_untrusted_workspace_shows_nothing_kept(measured: Project) -> None:
    async with connected(measured.folder, options={"trusted": False}) as editor:
        _open(editor, measured)
        await editor.command("llm4cov.info")
        await asyncio.sleep(0.5)
        assert not editor.published


async def test_with_a_filelist_command_old_results_are_stale_until_it_was_asked(measured: Project) -> None:
    command = {"files": {"filelistCommand": ["echo", "traffic_light.sv"]}}
    async with connected(measured.folder, settings=command) as editor:
        _open(editor, measured)
        await editor.diagnostics(measured.uri, _holes)
        await until(lambda: any(b'"echo"' in path.read_bytes() for path in _results().glob("*.json")) or None, 10)
    async with connected(measured.folder, settings=command) as editor:
        _open(editor, measured)
        first = await editor.diagnostics(measured.uri, _holes)
        assert all("[stale" in one.message for one in first if one.data is not None)
        await editor.diagnostics(measured.uri, lambda found: _holes(found) and not any("[stale" in one.message for one in found))
