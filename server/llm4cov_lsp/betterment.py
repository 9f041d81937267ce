"""The commands that go on from a testbench that exists: improve, repair, cover. Runs nothing itself; what is proposed goes to `answers`."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types
from pygls import uris

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_lsp.answers import Answers
from llm4cov_lsp.lane import JobFailed, Priority
from llm4cov_lsp.project import request_of, testbench_of
from llm4cov_lsp.proposals import proposal_of
from llm4cov_lsp.records import Proposed, Result
from llm4cov_lsp.results import is_current
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import RequestKind

Answer = dict[str, Json]
_NOT_TRUSTED = "The workspace is not trusted: nothing is built or run."


class Betterment:
    """These commands of one connection."""

    def __init__(self, session: Session, answers: Answers) -> None:
        self._session, self._answers = session, answers

    async def improve(self, uri: str, top: str, *, applies: bool = True) -> Answer:
        """Propose a testbench that covers more than the present one; or only describe it, to be accepted or rejected later."""
        return await self._go_on(uri, top, "Improving the testbench of", None, applies)

    async def repair(self, uri: str, top: str, *, applies: bool = True) -> Answer:
        """Propose a testbench that builds and runs, in place of one that does not."""
        return await self._go_on(uri, top, "Repairing the testbench of", None, applies)

    async def cover(self, uri: str, top: str, hole: str, *, applies: bool = True) -> Answer:
        """Propose a testbench that reaches one more point, or say why there is none."""
        return await self._go_on(uri, top, "Covering a point of", hole, applies)

    async def _go_on(self, uri: str, top: str, title: str, hole: str | None, applies: bool) -> Answer:
        name = uris.to_fs_path(uri)
        if not self._session.trusted:
            return self._refuse(_NOT_TRUSTED)
        if name is None:
            return self._refuse(f"{uri} is no file.")
        file, key = self._session.results.design_at(Path(name), top)
        settings, held = self._session.scopes.settings_for(file), self._session.results.get(key)
        testbench = Path(held.result.testbench) if held is not None and held.result.testbench else testbench_of(file, top, settings)
        if testbench is None or not testbench.is_file():
            return self._refuse(f"{top} has no testbench yet; generate one first.")
        if any(one.path == testbench and not one.is_saved for one in self._session.documents.values()):
            return self._refuse(f"{testbench.name} has changes that are not saved; save it first.")
        folder, edition = self._session.scopes.folder_of(file), self._session.edition
        request = request_of(RequestKind.GO_ON, file, top, settings, folder=folder, testbench=testbench, point=hole, edition=edition)
        kept = self._session.proposals.get(key)
        if kept is not None and kept.request == request and is_current(kept.rests_on):
            return await self._answers.propose(file, top, key, kept, applies=applies)
        try:
            result = await self._session.run(request, key, title=f"{title} {top}", priority=Priority.USER)
        except JobFailed as error:
            return self._refuse(f"{top}: {error}")
        self._session.take(key, request, result)
        proposed, proposal = result.proposed, proposal_of(request, result)
        if proposed is None:
            return self._refuse(f"{testbench.name} stays as it is: {_first_error(result)}")
        found: Answer = {"status": result.status, "verdict": proposed.verdict, "reason": proposed.reason}
        if proposal is None:
            text = _nothing(testbench, result, proposed, hole)
            self._session.say(text)
            return {**found, "testbench": str(testbench), "applied": False, "message": text}
        return found | await self._answers.propose(file, top, key, proposal, applies=applies)

    def _refuse(self, text: str) -> Answer:
        self._session.say(text, types.MessageType.Warning)
        return {"error": text}


def _first_error(result: Result) -> str:
    errors = [one for one in result.problems if one.severity == "error"]
    # What refuses the work comes after what is wrong with the testbench itself.
    last = errors[-1] if errors else None
    return (f"{last.message}." + (f" {last.hint}" if last.hint else "")) if last is not None else result.status


def _nothing(testbench: Path, result: Result, proposed: Proposed, hole: str | None) -> str:
    covers = f" ({percent_text(result.overall)} %)" if result.overall is not None else ""
    if hole is None:
        return f"Nothing better than {testbench.name}{covers} was found."
    if proposed.verdict == VerdictKind.UNREACHABLE.value:
        return f"The point can't be reached by any testbench: {proposed.reason}"
    if proposed.verdict is None:
        return f"{testbench.name} hits the point already."
    return f"No way to the point was found, and it is not proved unreachable. {proposed.reason}".rstrip()
