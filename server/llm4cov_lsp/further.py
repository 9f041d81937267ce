"""Further testbenches of a module that are saved: measured, so that edits which cover more are stored. Shows none of it in the source."""

from __future__ import annotations

from pathlib import Path

from llm4cov_lsp.project import is_further_testbench, request_of
from llm4cov_lsp.records import Result
from llm4cov_lsp.results import design_key, is_current
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import Request, RequestKind


class Further:
    """Those of one connection."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._measured: dict[str, Result] = {}

    def saved(self, path: Path) -> None:
        """Queue a background job for a testbench that lies beside the one which is measured by itself."""
        session = self._session
        if not session.trusted or not session.ready.is_set():
            return
        opened = [
            (document.path, module.name) for document in session.documents.values() for module in document.modules if module.has_ports
        ]
        held = [(Path(one.request.file), one.request.top) for one in session.results]
        for file, top in dict.fromkeys([*opened, *held]):
            settings = session.scopes.settings_for(file)
            if settings.text("mode") == "off" or not is_further_testbench(path, file, top, settings) or not path.is_file():
                continue
            key = f"{design_key(file, top)}::{path.name}"
            last = self._measured.get(key)
            if last is None or not is_current(last.rests_on):
                folder, edition = session.scopes.folder_of(file), session.edition
                request = request_of(RequestKind.MEASURE, file, top, settings, folder=folder, testbench=path, edition=edition)
                session.start(self._measure(request, key))

    async def _measure(self, request: Request, key: str) -> None:
        result = await self._session.judged_idly(request, key)
        if result is not None:
            self._measured[key] = result
            self._session.note(result)
