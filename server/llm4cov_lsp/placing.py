"""Where a proposed testbench goes: into its own file, unless what is there is the user's, else beside it. Writes nothing.

What goes on from a testbench may take its place; a text that is not ours is given up only in an editor that asks before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pygls.lsp.server import LanguageServer

from llm4cov_lsp.features.edits import can_confirm, free_path
from llm4cov_lsp.lane import JobFailed
from llm4cov_lsp.project import testbench_of, testbench_places
from llm4cov_lsp.proposals import GoesOn, Proposal
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import Question, QuestionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a testbench goes."""

    path: Path
    before: str | None
    """Text that it takes the place of; None for a new file."""
    wanted: Path
    """Where it would go if nothing of the user's were there."""
    is_ours: bool = True
    """Whether nobody's own text is lost with what is there."""

    def is_there(self, text: str) -> bool:
        """Whether the file has this text already."""
        return self.before == text


class Placing:
    """Finds places for the testbenches of one connection."""

    def __init__(self, server: LanguageServer, session: Session, *, was_put: Callable[[Path, str], bool]) -> None:
        """`was_put` says whether a text went into a file by an edit of ours."""
        self._server, self._session, self._was_put = server, session, was_put

    async def place(self, file: Path, top: str, proposal: Proposal) -> Placement | str:
        """Find the file for a testbench; gives the reason, as a sentence, where there is none."""
        if proposal.goes_on is not None:
            return self._near(file, top, proposal.goes_on)
        settings = self._session.scopes.settings_for(file)
        existing = testbench_of(file, top, settings)
        wanted = existing if existing is not None and existing.suffix != ".py" else testbench_places(file, top, settings)[0]
        now, on_disk = self.text_of(wanted)
        # A buffer that was not saved is the user's too.
        if now is not None and now == on_disk and (now == proposal.text or await self._is_generated(wanted, now)):
            return Placement(path=wanted, before=now, wanted=wanted)
        return self._free(wanted)

    def text_of(self, path: Path) -> tuple[str | None, str | None]:
        """Give a file's text as the editor has it, and as it is on disk; None where there is none."""
        try:
            on_disk: str | None = path.read_bytes().decode("utf-8-sig", "surrogateescape")
        except OSError:
            on_disk = None
        document = self._session.document_at(path)
        return on_disk if document is None else document.text, on_disk

    def version_of(self, path: Path) -> int | None:
        """Give the version of a file that is open."""
        document = self._session.document_at(path)
        return document.version if document is not None else None

    def _near(self, file: Path, top: str, before: GoesOn) -> Placement | str:
        testbench = before.testbench
        if before.replaces and (before.is_ours or can_confirm(self._server.client_capabilities)):
            now, on_disk = self.text_of(testbench)
            if now != on_disk:
                return f"{testbench.name} has changes that are not saved, which the proposal would take away; save it and ask again."
            return Placement(path=testbench, before=now, wanted=testbench, is_ours=before.is_ours)
        usual = testbench_places(file, top, self._session.scopes.settings_for(file))[0]
        stem = re.sub(r"_more(_\d+)?$", "", testbench.stem or usual.stem)
        return self._free(testbench.with_name(f"{stem}_more{testbench.suffix}"))

    def _free(self, wanted: Path) -> Placement | str:
        path = free_path(wanted, {document.path for document in self._session.documents.values()})
        if path is None:
            return f"There are too many files named like {wanted.name}."
        return Placement(path=path, before=None, wanted=wanted)

    async def _is_generated(self, path: Path, text: str) -> bool:
        """Say whether a text is as a policy wrote it."""
        if self._was_put(path, text):
            return True
        try:
            found = json.loads(await self._session.jobs.ask(Question(kind=QuestionKind.FIND, text=text, place=str(path))))
        except JobFailed:
            return False
        return found["trajectory"] is not None and not found["by_hand"]
