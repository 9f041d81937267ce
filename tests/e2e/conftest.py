"""A project that is a copy of a fixture, a testbench that leaves holes in it, and the real server over standard input and output."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fixtures import loader
from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import DEFAULT_CLIENT_FEATURES, register_lsp_features

PROGRAM = Path(sys.executable).parent / "llm4cov-lsp"
_OWN = (types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, types.WINDOW_WORK_DONE_PROGRESS_CREATE)
WEAK_TESTBENCH = """module tb_traffic_light;
  logic clk = 0, rst = 1, side_car = 0, pedestrian = 0, emergency = 0, night = 0;
  traffic_light dut (
      .clk(clk), .rst(rst), .side_car(side_car), .pedestrian(pedestrian), .emergency(emergency), .night(night),
      .main_light(), .side_light(), .walk(), .blink());
  always #5 clk = ~clk;
  initial begin
    #22 rst = 0;
    #200 $finish;
  end
endmodule
"""


class Project:
    """A folder with a design."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "traffic_light.sv"
        self.testbench = folder / "tb_traffic_light.sv"
        shutil.copy(loader.load("traffic_light").sources[0], self.file)

    @property
    def uri(self) -> str:
        return self.file.as_uri()

    def item(self, *, version: int = 1, text: str | None = None) -> types.TextDocumentItem:
        return types.TextDocumentItem(self.uri, "systemverilog", version, text if text is not None else self.file.read_text())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture(autouse=True)
def _kept_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("LLM4COV_STATE_DIR", str(tmp_path / "state"))
    folder = os.environ.get("LLM4COV_TEST_CACHE") or str(Path(tempfile.gettempdir()) / "llm4cov-test-cache")
    monkeypatch.setenv("LLM4COV_CACHE_DIR", folder)
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "store.db"))
    yield


class Editor:
    """A client with what a test wants to know of the server's side of the talk."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.edits: list[types.ApplyWorkspaceEditParams] = []
        self.published: list[types.PublishDiagnosticsParams] = []
        self.tokens: list[types.ProgressToken] = []

    async def diagnostics(
        self, uri: str, wanted: Callable[[list[types.Diagnostic]], bool], timeout_s: float = 450
    ) -> list[types.Diagnostic]:
        """Wait for published diagnostics that are as wanted."""
        return await until(lambda: self._last(uri, wanted), timeout_s)

    def _last(self, uri: str, wanted: Callable[[list[types.Diagnostic]], bool]) -> list[types.Diagnostic] | None:
        found = [one for one in self.published if one.uri == uri]
        return list(found[-1].diagnostics) if found and wanted(list(found[-1].diagnostics)) else None

    async def lenses(self, uri: str) -> list[str]:
        params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
        found = await self.client.text_document_code_lens_async(params)
        return [one.command.title for one in found or () if one.command is not None]

    async def actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """Ask for code actions; the client's own reader takes an action that names a command for the command alone."""
        name = f"actions-{time.monotonic_ns()}"
        sent = self.client.protocol.send_request(types.TEXT_DOCUMENT_CODE_ACTION, params, msg_id=name)
        self.client.protocol._result_types.pop(name)
        answer = await asyncio.wrap_future(sent)
        converter = self.client.protocol._converter
        return [converter.structure(_plain(one), types.CodeAction) for one in answer or ()]

    async def command(self, name: str, *arguments: Any) -> Any:
        return await self.client.workspace_execute_command_async(types.ExecuteCommandParams(name, list(arguments)))

    async def worker(self) -> int:
        """Wait until there is a worker process."""
        while True:
            pids = (await self.command("llm4cov.info"))["workers"]
            if pids:
                return int(pids[0])
            await asyncio.sleep(0.05)


def _plain(value: Any) -> Any:
    """Undo what pygls makes of an answer of unknown type."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value


async def until(found: Callable[[], Any], timeout_s: float) -> Any:
    """Wait until something is there."""
    deadline = time.monotonic() + timeout_s
    while (value := found()) is None:
        assert time.monotonic() < deadline, "it did not come in time"
        await asyncio.sleep(0.02)
    return value


Connect = Callable[..., Any]


@asynccontextmanager
async def connected(
    folder: Path,
    *,
    settings: dict[str, Any] | None = None,
    options: Any = None,
    capabilities: str = "visual-studio-code",
    change: Callable[[types.ClientCapabilities], Awaitable[None] | None] | None = None,
    beside: Sequence[Path] = (),
) -> AsyncIterator[Editor]:
    """Start the server and shake hands; shuts it down in the end."""
    client = LanguageClient(converter_factory=default_converter)
    register_lsp_features(client, {name: one for name, one in DEFAULT_CLIENT_FEATURES.items() if name not in _OWN})
    editor = Editor(client)
    # How busy the machine is that runs the tests, and whether it has mains, is not what they are about.
    client.set_configuration({"llm4cov": {"background": {"maxLoad": 0, "onBattery": True}} | (settings or {})})

    @client.feature(types.WORKSPACE_APPLY_EDIT)
    def apply_edit(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        editor.edits.append(params)
        return types.ApplyWorkspaceEditResult(applied=True)

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def publish(params: types.PublishDiagnosticsParams) -> None:
        editor.published.append(params)

    @client.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)
    def create(params: types.WorkDoneProgressCreateParams) -> None:
        client.progress_reports[params.token] = []
        editor.tokens.append(params.token)

    @client.feature(types.WORKSPACE_CODE_LENS_REFRESH)
    def refresh_lenses(params: None) -> None:
        return None

    @client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)
    def refresh_hints(params: None) -> None:
        return None

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        return None

    await client.start_io(str(PROGRAM), env=dict(os.environ), cwd=folder)
    can = client_capabilities(capabilities)
    if change is not None:
        change(can)
    await client.initialize_session(
        types.InitializeParams(
            capabilities=can,
            workspace_folders=[types.WorkspaceFolder(one.as_uri(), one.name) for one in (folder, *beside)],
            root_uri=folder.as_uri(),
            initialization_options=options,
        )
    )
    try:
        yield editor
    finally:
        await asyncio.wait_for(client.shutdown_session(), 60)
        await client.stop()
