"""What the user says to proposed testbenches: accept, reject, undo, each as an edit and a row in the store. Runs no job.

A testbench that was proposed is in no file yet. Where the editor asks before it applies an edit, applying is accepting. Where it
doesn't, the new file is an unsaved buffer, and saving it is. No file that is unsaved or was edited by hand is ever overwritten
or deleted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_lsp.applying import Outcome, hand_over
from llm4cov_lsp.features.edits import can_confirm, can_create, can_delete, creating, free_path, removing, replacing
from llm4cov_lsp.lane import JobFailed
from llm4cov_lsp.listing import modules_in
from llm4cov_lsp.project import testbench_of, testbench_places
from llm4cov_lsp.records import Result
from llm4cov_lsp.results import design_key, is_current
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import Question, QuestionKind

Told = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a testbench goes."""

    path: Path
    before: str | None
    """Text that it takes the place of; None for a new file."""
    wanted: Path
    """Where it would go if nothing of the user's were there."""

    def is_there(self, text: str) -> bool:
        """Whether the file has this text already."""
        return self.before == text


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A testbench that went into a file."""

    key: str
    path: Path
    text: str
    before: str | None
    """Text that was there; None if the file was created. The text itself if it was there already."""
    trajectory: str | None
    digest: str | None
    accepted: bool
    """Whether the user took it; else it waits in a buffer for being saved."""


class Answers:
    """The answers of one connection."""

    def __init__(self, server: LanguageServer, session: Session) -> None:
        self._server, self._session = server, session
        self._taken: dict[str, Taken] = {}

    @property
    def places(self) -> dict[str, tuple[Path, bool]]:
        """By design: the file that a testbench went into last, and whether it was accepted."""
        return {key: (taken.path, taken.accepted) for key, taken in self._taken.items()}

    async def offer(self, file: Path, top: str, result: Result) -> Told:
        """Hand a proposed testbench over as an edit; who applies it after having been asked has accepted it."""
        can_ask = can_confirm(self._server.client_capabilities)
        return await self._apply(file, top, result, asks=True, accepts=can_ask)

    async def proposal(self, file: Path, top: str, result: Result, measured: Result | None) -> Told:
        """Describe a proposed testbench without applying it."""
        assert result.testbench_text is not None
        place = await self._place(file, top, result.testbench_text)
        before: Json = None
        if measured is not None and is_current(measured.rests_on):
            before = {"testbench": measured.testbench, "overall": measured.overall, "reachable": measured.reachable}
        return {
            **_about(result),
            "applied": False,
            "testbench": str(place.path) if place is not None else None,
            "exists": place is not None and place.before is not None,
            "text": result.testbench_text,
            "before": before,
            "after": {"overall": result.overall, "reachable": result.reachable},
        }

    async def accept(self, uri: str, top: str) -> Told:
        """Take the proposed testbench: into its file, and as accepted into the store."""
        file, key = self._named(uri, top)
        waiting = self._taken.get(key)
        if waiting is not None and not waiting.accepted and key not in self._session.proposals:
            return await self._accepted(waiting)
        result = self._session.proposals.get(key)
        if file is None or result is None or result.testbench_text is None:
            return self._refuse(f"There is no testbench for {top} to accept; generate one first.")
        if not is_current(result.rests_on):
            del self._session.proposals[key]
            return self._refuse(f"{top} changed since its testbench was generated; generate it again.")
        return await self._apply(file, top, result, asks=False, accepts=True)

    async def reject(self, uri: str, top: str, reason: str) -> Told:
        """Drop the proposed testbench, and store why."""
        file, key = self._named(uri, top)
        result = self._session.proposals.pop(key, None)
        waiting = self._taken.get(key)
        if result is None and waiting is not None and not waiting.accepted:
            del self._taken[key]
            stored = await self._store(waiting.trajectory, waiting.digest, "rejected", reason)
            self._session.say(f"{waiting.path.name} is rejected; it is still open, close it without saving.")
            return {"stored": stored, "testbench": str(waiting.path)}
        if file is None or result is None:
            return self._refuse(f"There is no proposed testbench for {top} to reject.")
        stored = await self._store(result.trajectory, result.testbench_digest, "rejected", reason)
        self._session.forget(key, file)
        return {**_about(result), "stored": stored}

    async def undo(self, uri: str, top: str) -> Told:
        """Take the last acceptance back: the file is again what it was before, unless it was edited since."""
        file, key = self._named(uri, top)
        taken = self._taken.get(key)
        if file is None:
            return self._refuse("This is no file on disk.")
        if taken is None:
            return await self._undo_stored(file, top)
        now, on_disk = self._text_of(taken.path)
        # Some editors make an empty file first and save the text later.
        if now not in (None, taken.text) or on_disk not in (None, "", taken.text):
            return self._refuse(f"{taken.path.name} was edited since it was accepted; it is left as it is.")
        if taken.before != taken.text and now is not None:
            outcome = await self._take_out(taken, is_file=on_disk is not None)
            if not outcome.applied:
                told: Told = {"applied": False, "testbench": str(taken.path), "stored": False}
                return told | (self._refuse(f"{outcome.trouble} {taken.path.name} stays as it is.") if outcome.trouble is not None else {})
        self._taken.pop(key, None)
        stored = await self._store(taken.trajectory, taken.digest, "undone", "") if taken.accepted else False
        self._session.forget(key, file)
        self._session.say(f"{taken.path.name}: accepting it was undone.")
        return {"applied": True, "testbench": str(taken.path), "stored": stored}

    def saved(self, path: Path) -> None:
        """Take a testbench that waits in a buffer as accepted once its file is saved, whatever was changed in it before.

        The editor may not say so of a file that this server does not serve; then the file is found when something else is saved.
        """
        for taken in list(self._taken.values()):
            if taken.accepted:
                continue
            on_disk = self._text_of(taken.path)[1]
            if on_disk == taken.text or (on_disk and taken.path == path):
                self._session.start(self._accept_saved(taken))

    def closed(self, path: Path) -> None:
        """Forget a testbench whose buffer was thrown away."""
        for key, taken in list(self._taken.items()):
            if taken.path == path and not path.is_file():
                del self._taken[key]

    async def listed(self, uri: str | None) -> Told:
        """List the trajectories, or those of the modules in a file."""
        tops: tuple[str, ...] = ()
        if uri is not None:
            tops = tuple(module.name for module in modules_in(uri, self._session.documents, self._session.scopes).modules)
            if not tops:
                return {"trajectories": []}
        return await self._ask(Question(kind=QuestionKind.LIST, tops=tops))

    async def shown(self, name: str) -> Told:
        """Show a trajectory with its texts."""
        return await self._ask(Question(kind=QuestionKind.SHOW, name=name))

    async def deleted(self, name: str) -> Told:
        """Delete a design, by its top or the beginning of its digest."""
        return await self._ask(Question(kind=QuestionKind.DELETE, name=name))

    async def _apply(self, file: Path, top: str, result: Result, *, asks: bool, accepts: bool) -> Told:
        text = result.testbench_text
        assert text is not None
        capabilities, key = self._server.client_capabilities, design_key(file, top)
        place = await self._place(file, top, text)
        if place is None:
            return self._refuse(
                f"There are too many files named like {testbench_places(file, top, self._session.scopes.settings_for(file))[0].name}."
            )
        told = _about(result) | {"testbench": str(place.path)}
        about = f"{percent_text(result.overall)} % overall; {result.ended}"
        if not place.is_there(text):
            if not can_create(capabilities):
                self._session.say("This editor applies no edits that create files; the testbench is in the command's answer.")
                return told | {"applied": False, "text": text}
            if place.before is None:
                edit = creating(place.path, text, capabilities, about=about, asks=asks)
            else:
                edit = replacing(place.path, place.before, text, self._version_of(place.path), capabilities, about=about, asks=asks)
            outcome = await hand_over(self._server, edit, f"Testbench {place.path.name}")
            if outcome.trouble is not None:
                # It stays proposed: who asks again, or accepts it, gets it without a new search.
                refused = self._refuse(f"{outcome.trouble} It is still proposed: ask again, or take it from the command's answer.")
                return told | {"applied": False, "text": text} | refused
            if not outcome.applied:
                return told | {"applied": False}
        self._session.proposals.pop(key, None)
        beside = f" {place.wanted.name} is there already and was left alone." if place.path != place.wanted else ""
        self._session.say(f"{place.path.name}: {about}.{beside}")
        # A text that is on disk needs no saving.
        accepts = accepts or place.is_there(text)
        taken = Taken(
            key=key,
            path=place.path,
            text=text,
            before=place.before,
            trajectory=result.trajectory,
            digest=result.testbench_digest,
            accepted=False,
        )
        self._taken[key] = taken
        stored = (await self._accepted(taken))["stored"] if accepts else False
        return told | {"applied": True, "accepted": accepts, "stored": stored}

    async def _accepted(self, taken: Taken) -> Told:
        self._taken[taken.key] = replace(taken, accepted=True)
        stored = await self._store(taken.trajectory, taken.digest, "accepted", "")
        return {"applied": True, "accepted": True, "testbench": str(taken.path), "trajectory": taken.trajectory, "stored": stored}

    async def _accept_saved(self, taken: Taken) -> None:
        await self._accepted(taken)

    async def _undo_stored(self, file: Path, top: str) -> Told:
        """Take an acceptance back that an earlier session stored: what was there before it is not known any more."""
        testbench = testbench_of(file, top, self._session.scopes.settings_for(file))
        text = self._text_of(testbench)[1] if testbench is not None else None
        found = await self._ask(Question(kind=QuestionKind.FIND, text=text)) if text is not None else {}
        if testbench is None or not found.get("accepted"):
            return self._refuse(f"No testbench of {top} was accepted as it is now.")
        stored = await self._store(str(found["trajectory"]), str(found["testbench"]), "undone", "")
        self._session.say(f"{testbench.name} is no longer accepted; the file is left as it is, as it was accepted in an earlier session.")
        return {"applied": False, "testbench": str(testbench), "stored": stored}

    async def _take_out(self, taken: Taken, *, is_file: bool) -> Outcome:
        """Bring back what was there before a testbench; it was not edited."""
        capabilities = self._server.client_capabilities
        if taken.before is not None or not is_file:
            # A file that was never saved is no file yet: its buffer becomes empty.
            version = self._version_of(taken.path)
            edit = replacing(taken.path, taken.text, taken.before or "", version, capabilities, about="as before accepting", asks=False)
        elif can_delete(capabilities):
            edit = removing(taken.path, capabilities)
        else:
            self._session.say(f"This editor applies no edits that delete files; delete {taken.path.name} yourself.")
            return Outcome(applied=True)
        return await hand_over(self._server, edit, f"Undo accepting {taken.path.name}")

    async def _place(self, file: Path, top: str, text: str) -> Placement | None:
        """Find the file for a testbench: the module's own, unless what is there is the user's."""
        settings = self._session.scopes.settings_for(file)
        existing = testbench_of(file, top, settings)
        wanted = existing if existing is not None and existing.suffix != ".py" else testbench_places(file, top, settings)[0]
        now, on_disk = self._text_of(wanted)
        # A buffer that was not saved is the user's too.
        if now is not None and now == on_disk and (now == text or await self._is_generated(wanted, now)):
            return Placement(path=wanted, before=now, wanted=wanted)
        path = free_path(wanted, {document.path for document in self._session.documents.values()})
        return Placement(path=path, before=None, wanted=wanted) if path is not None else None

    async def _is_generated(self, path: Path, text: str) -> bool:
        """Say whether a text is as a policy wrote it."""
        if any(taken.path == path and taken.text == text and taken.before != text for taken in self._taken.values()):
            return True
        try:
            found = json.loads(await self._session.jobs.ask(Question(kind=QuestionKind.FIND, text=text)))
        except JobFailed:
            return False
        return found["trajectory"] is not None and not found["by_hand"]

    def _text_of(self, path: Path) -> tuple[str | None, str | None]:
        """Give a file's text as the editor has it, and as it is on disk; None where there is none."""
        try:
            on_disk: str | None = path.read_bytes().decode("utf-8-sig", "surrogateescape")
        except OSError:
            on_disk = None
        document = next((one for one in self._session.documents.values() if one.path == path), None)
        return on_disk if document is None else document.text, on_disk

    def _version_of(self, path: Path) -> int | None:
        return next((one.version for one in self._session.documents.values() if one.path == path), None)

    async def _store(self, trajectory: str | None, digest: str | None, answer: str, reason: str) -> bool:
        """Store an answer; what keeps it from being stored is said once and costs nothing else."""
        if trajectory is None or digest is None:
            return False
        question = Question(kind=QuestionKind.ANSWER, name=trajectory, testbench=digest, answer=answer, text=reason)
        try:
            await self._session.jobs.ask(question)
        except JobFailed as error:
            self._session.say_once(f"Your answer is not stored: {error}")
            return False
        return True

    async def _ask(self, question: Question) -> Told:
        try:
            answer: Any = json.loads(await self._session.jobs.ask(question))
        except JobFailed as error:
            return self._refuse(str(error))
        if "error" in answer:
            self._session.say(answer["error"], types.MessageType.Warning)
        return dict(answer)

    def _named(self, uri: str, top: str) -> tuple[Path | None, str]:
        name = uris.to_fs_path(uri)
        file = Path(name) if name is not None else None
        return file, design_key(file, top) if file is not None else ""

    def _refuse(self, text: str) -> Told:
        self._session.say(text, types.MessageType.Warning)
        return {"error": text}


def _about(result: Result) -> Told:
    return {
        "overall": result.overall,
        "reachable": result.reachable,
        "cycles": result.cycles,
        "ended": result.ended,
        "digest": result.testbench_digest,
        "trajectory": result.trajectory,
    }
