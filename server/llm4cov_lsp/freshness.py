"""Whether what is shown of a design is about its files as they are now: an edit in one makes it stale in all. Runs no job."""

from __future__ import annotations

from collections.abc import Mapping

from llm4cov_lsp.documents import Document
from llm4cov_lsp.publishing import PUBLISH_S, Publisher
from llm4cov_lsp.results import Held, Results
from llm4cov_lsp.scopes import Scopes


class Freshness:
    """That of the results of a session."""

    def __init__(self, documents: Mapping[str, Document], results: Results, scopes: Scopes, publisher: Publisher) -> None:
        self._documents, self._results, self._scopes, self._publisher = documents, results, scopes, publisher

    def edited(self, document: Document) -> None:
        """Follow an edit that was not saved yet."""
        # A waiver changes what is said about a measurement, not what was measured.
        is_waiver = self._scopes.is_waiver_file(document.path)
        found = [held for held in self._results.designs_of(document.path) if not held.edited and not is_waiver]
        for held in found:
            self._results.mark(held.key, edited=True)
        if found:
            self._publisher.all(delay_s=PUBLISH_S)
            self._publisher.refresh()
        else:
            self._publisher.soon(document)

    def look(self, held: Held, *, current: bool) -> None:
        """Look at a result again; `current` says whether the files on disk are those that were measured."""
        names = {one.path for one in held.rests_on}
        unsaved = any(
            document.saved.touched
            for document in self._documents.values()
            if document.name in names and not self._scopes.is_waiver_file(document.path)
        )
        if self._results.mark(held.key, edited=unsaved or not current):
            self._publisher.all()
            self._publisher.refresh()
        for document in self._documents.values():
            shown = document.shown.get(held.key)
            if current and shown is not None and shown.touched and not document.saved.touched:
                # Its text is again what was measured.
                show_in(document, held)
                self._publisher.soon(document, delay_s=0)


def show_in(document: Document, held: Held) -> None:
    """Show a result in a document, if the file is the one that it has coverage of."""
    measured = held.files.get(document.name)
    if measured is not None:
        document.show(held.key, measured.digest)
