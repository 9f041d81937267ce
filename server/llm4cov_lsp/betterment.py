"""The commands that go on from a testbench that exists: improve, repair, cover. Runs nothing itself, and writes no file.

What may take a testbench's place is an edit of that file; anything else goes into a further file beside it. A text that is not ours is
replaced only by an edit that the client asks to have confirmed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_lsp.applying import hand_over
from llm4cov_lsp.features.edits import can_confirm, can_create, changing, creating, free_path
from llm4cov_lsp.lane import JobFailed, Priority
from llm4cov_lsp.project import request_of, testbench_of, testbench_places
from llm4cov_lsp.records import Proposed, Result
from llm4cov_lsp.results import Held, design_key, is_current
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import RequestKind

Answer = dict[str, Json]
_NOT_TRUSTED = "The workspace is not trusted: nothing is built or run."


class Betterment:
    """These commands of one connection."""

    def __init__(self, server: LanguageServer, session: Session) -> None:
        self._server, self._session = server, session

    async def improve(self, uri: str, top: str, options: object = None) -> Answer:
        """Propose a testbench that covers more than the present one; `{"apply": false}` as options proposes without an edit."""
        return await self._go_on(uri, top, "Improving the testbench of", None, options)

    async def repair(self, uri: str, top: str, options: object = None) -> Answer:
        """Propose a testbench that builds and runs, in place of one that does not."""
        return await self._go_on(uri, top, "Repairing the testbench of", None, options)

    async def cover(self, uri: str, top: str, hole: str, options: object = None) -> Answer:
        """Propose a testbench that reaches one more point, or say why there is none."""
        return await self._go_on(uri, top, "Covering a point of", hole, options)

    async def _go_on(self, uri: str, top: str, title: str, hole: str | None, options: object) -> Answer:
        name = uris.to_fs_path(uri)
        if not self._session.trusted:
            return self._refuse(_NOT_TRUSTED)
        if name is None:
            return self._refuse(f"{uri} is no file.")
        path = Path(name)
        held = self._held(path, top)
        file = Path(held.request.file) if held is not None else path
        settings = self._session.scopes.settings_for(file)
        testbench = Path(held.result.testbench) if held is not None and held.result.testbench else testbench_of(file, top, settings)
        if testbench is None or not testbench.is_file():
            return self._refuse(f"{top} has no testbench yet; generate one first.")
        if any(one.path == testbench and not one.is_saved for one in self._session.documents.values()):
            return self._refuse(f"{testbench.name} has changes that are not saved; save it first.")
        folder, edition = self._session.scopes.folder_of(file), self._session.edition
        request = request_of(RequestKind.GO_ON, file, top, settings, folder=folder, testbench=testbench, point=hole, edition=edition)
        key = design_key(file, top)
        try:
            result = await self._session.run(request, key, title=f"{title} {top}", priority=Priority.USER)
        except JobFailed as error:
            return self._refuse(f"{top}: {error}")
        self._session.take(key, request, result)
        proposed = result.proposed
        if proposed is None:
            return self._refuse(f"{testbench.name} stays as it is: {_first_error(result)}")
        answer: Answer = {
            "testbench": str(testbench),
            "status": result.status,
            "before": result.overall,
            "overall": proposed.overall,
            "gained": proposed.gained,
            "verdict": proposed.verdict,
            "reason": proposed.reason,
            "applied": False,
        }
        if proposed.text is None:
            text = _nothing(testbench, result, proposed, hole)
            self._session.say(text)
            return answer | {"message": text}
        return answer | await self._offer(file, top, testbench, result, proposed, apply=_applies(options))

    async def _offer(self, file: Path, top: str, testbench: Path, result: Result, proposed: Proposed, *, apply: bool) -> Answer:
        can = self._server.client_capabilities
        assert proposed.text is not None
        # Without a question before it, an edit must not take away what a person wrote.
        in_place = proposed.replaces and (proposed.is_ours or can_confirm(can))
        opened = {document.path for document in self._session.documents.values()}
        beside = _beside(testbench_places(file, top, self._session.scopes.settings_for(file))[0], testbench)
        target = testbench if in_place else free_path(beside, opened)
        if target is None:
            return self._refuse(f"There are too many files named like {beside.name}.")
        was = f"{percent_text(result.overall)} %" if result.overall is not None else "it did not run"
        about = f"{percent_text(proposed.overall)} % overall, before {was}; hits {proposed.gained} more points"
        if not proposed.replaces:
            about = f"hits {proposed.gained} points that {testbench.name} leaves, {percent_text(proposed.overall)} % by itself"
        answer: Answer = {"testbench": str(target), "replaces": in_place, "text": proposed.text, "message": f"{target.name}: {about}."}
        if not apply:
            return answer
        if not is_current(result.rests_on):
            return self._refuse("A file changed meanwhile, so the proposal is about what is no more; ask again.")
        if in_place:
            document = next((one for one in self._session.documents.values() if one.path == target), None)
            if document is not None and not document.is_saved:
                return self._refuse(f"{target.name} was edited meanwhile, so the proposal would take that away; save it and ask again.")
            lines = target.read_text(encoding="utf-8", errors="replace").count("\n") + 1
            version = document.version if document is not None else None
            whole = types.Range(types.Position(0, 0), types.Position(lines, 0))
            name = uris.from_fs_path(str(target)) or target.as_uri()
            edit = changing(name, version, [(whole, proposed.text)], can, label=f"Replace {target.name}", about=about)
        elif can_create(can):
            edit = creating(target, proposed.text, can, about=about)
        else:
            self._session.say("This editor applies no edits that create files; the testbench is in the command's answer.")
            return answer
        outcome = await hand_over(self._server, edit, f"Testbench {target.name}")
        if outcome.trouble is not None:
            return answer | self._refuse(f"{outcome.trouble} The proposal is in the command's answer.")
        if outcome.applied:
            self._session.say(f"{target.name}: {about}.")
        return answer | {"applied": outcome.applied}

    def _held(self, path: Path, top: str) -> Held | None:
        """Find what is known of the design that a file or a testbench belongs to."""
        for held in self._session.results:
            ours = (held.request.file, held.request.testbench, *held.files)
            if held.request.top == top and str(path) in ours:
                return held
        return None

    def _refuse(self, text: str) -> Answer:
        self._session.say(text, types.MessageType.Warning)
        return {"error": text}


def _applies(options: object) -> bool:
    # What a client sends as an object comes as a named tuple where nobody said what it is.
    named = options._asdict() if hasattr(options, "_asdict") else options
    return not (isinstance(named, Mapping) and named.get("apply") is False)


def _beside(usual: Path, testbench: Path) -> Path:
    """Name a further testbench after the one that exists: `tb_x_more.sv`."""
    stem = re.sub(r"_more(_\d+)?$", "", testbench.stem or usual.stem)
    return testbench.with_name(f"{stem}_more{testbench.suffix}")


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
