"""Sends diagnostics, and asks the client to ask again for what it fetches itself. Finds nothing out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.diagnostics import diagnostics_of, problem_diagnostic, shown_problems
from llm4cov_lsp.results import Results, as_asked
from llm4cov_lsp.settings import Settings

PUBLISH_S = 0.15
"""How long edits are gathered before shifted diagnostics are sent."""


class Publisher:
    """What the client was sent of the documents and results of a session."""

    def __init__(
        self, server: LanguageServer, documents: dict[str, Document], results: Results, settings_for: Callable[[Path], Settings]
    ) -> None:
        self._server, self._documents, self._results, self._settings_for = server, documents, results, settings_for
        self._published: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def soon(self, document: Document, *, delay_s: float = PUBLISH_S) -> None:
        """Send a document's diagnostics once edits pause."""
        timer = self._timers.pop(document.uri, None)
        if timer is not None:
            timer.cancel()
        self._timers[document.uri] = asyncio.get_running_loop().call_later(delay_s, self._publish, document.uri)

    def all(self, *, delay_s: float = 0.0) -> None:
        """Send those of all documents soon, and errors in files that are not open."""
        for document in self._documents.values():
            self.soon(document, delay_s=delay_s)
        opened = {document.name for document in self._documents.values()}
        errors: dict[str, list[types.Diagnostic]] = {}
        for held in self._results:
            for problem in shown_problems(held):
                if problem.file is not None and problem.file not in opened and Path(problem.file).is_file():
                    uri = uris.from_fs_path(as_asked(problem.file, held.request))
                    if uri is not None:
                        errors.setdefault(uri, []).append(problem_diagnostic(problem, (problem.line or 1) - 1, stale=held.edited))
        for uri in self._published - set(errors) - set(self._documents):
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        for uri, found in errors.items():
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))
        self._published = set(errors) | {uri for uri in self._published if uri in self._documents}

    def refresh(self) -> None:
        """Ask the client to ask again for lenses and hints."""
        can = self._server.client_capabilities.workspace
        if can is not None and can.code_lens is not None and can.code_lens.refresh_support:
            self._server.protocol.send_request(types.WORKSPACE_CODE_LENS_REFRESH)
        if can is not None and can.inlay_hint is not None and can.inlay_hint.refresh_support:
            self._server.protocol.send_request(types.WORKSPACE_INLAY_HINT_REFRESH)

    def shut_down(self) -> None:
        """Send nothing that waits."""
        for timer in self._timers.values():
            timer.cancel()

    def _publish(self, uri: str) -> None:
        self._timers.pop(uri, None)
        document = self._documents.get(uri)
        if document is None:
            return
        can = self._server.client_capabilities.text_document
        related = bool(can is not None and can.publish_diagnostics is not None and can.publish_diagnostics.related_information)
        found = diagnostics_of(
            document, self._results, self._settings_for(document.path), self._server.workspace.position_codec, related=related
        )
        if found or uri in self._published:
            # A server that has nothing to say keeps quiet, so that it is no noise beside others.
            self._published.add(uri)
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))
