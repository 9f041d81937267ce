"""What the user says to proposed testbenches: accept, reject, undo, each as an edit and a row in the store. Runs no job.

All proposals go this way: a generated testbench, and one that goes on from another. One that was proposed is in no file yet. Where the
editor asks before it applies an edit, applying is accepting. Where it doesn't, the text is in an unsaved buffer, and saving it is.
No file that is unsaved or was edited by hand is overwritten or deleted, but by an edit that the editor has confirmed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from llm4cov_agent.bench.sequences import sequences_of
from llm4cov_agent.digest import Json
from llm4cov_lsp.applying import Outcome, hand_over
from llm4cov_lsp.features.edits import can_confirm, can_create, can_delete, creating, removing, replacing
from llm4cov_lsp.lane import JobFailed
from llm4cov_lsp.placing import Placement, Placing
from llm4cov_lsp.project import testbenches_of
from llm4cov_lsp.proposals import Proposal
from llm4cov_lsp.results import is_current
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import Question, QuestionKind

Told = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A testbench that went into a file."""

    key: str
    path: Path
    text: str
    before: str | None
    """Text that was there; None if the file was created. The text itself if it was there already, or if what was there isn't known."""
    trajectory: str | None
    digest: str | None
    accepted: bool
    """Whether the user took it; else it waits in a buffer for being saved."""

    @property
    def changed_file(self) -> bool:
        """Whether there is something to bring back."""
        return self.before != self.text


class Answers:
    """The answers of one connection."""

    def __init__(self, server: LanguageServer, session: Session) -> None:
        self._server, self._session = server, session
        self._taken: dict[str, Taken] = {}
        self._placing = Placing(server, session, was_put=self._was_put)

    @property
    def places(self) -> dict[str, tuple[Path, bool]]:
        """By design: the file that a testbench went into last, and whether it was accepted."""
        stored = {
            held.key: (Path(held.result.testbench), True)
            for held in self._session.results
            if held.result.testbench is not None and held.result.stands_accepted
        }
        return stored | {key: (taken.path, taken.accepted) for key, taken in self._taken.items()}

    async def propose(self, file: Path, top: str, key: str, proposal: Proposal, *, applies: bool) -> Told:
        """Keep a proposed testbench for an answer, and hand it over as an edit: who applies that after having been asked has accepted it.

        Without `applies` it is only described.
        """
        self._session.proposals[key] = proposal
        if applies:
            can_ask = can_confirm(self._server.client_capabilities)
            return await self._apply(file, top, key, proposal, asks=True, accepts=can_ask)
        place = await self._placing.place(file, top, proposal)
        return self._about(key, proposal, place) | {"applied": False}

    async def accept(self, uri: str, top: str, part: str | None = None) -> Told:
        """Take the proposed testbench: into its file, and as accepted into the store.

        With `part`, a text that was made of it, that goes into the file. It is the user's own, so nothing of it is stored before it
        was measured, as an edit of whatever stands as accepted.
        """
        file, key = self._named(uri, top)
        waiting = self._taken.get(key)
        if waiting is not None and not waiting.accepted and key not in self._session.proposals:
            return await self._accepted(waiting)
        proposal = self._session.proposals.get(key)
        if file is None or proposal is None:
            return self._refuse(f"There is no testbench for {top} to accept; generate one first.")
        return await self._apply(file, top, key, proposal if part is None else proposal.part(part), asks=False, accepts=True)

    async def reject(self, uri: str, top: str, reason: str) -> Told:
        """Drop the proposed testbench, and store why."""
        file, key = self._named(uri, top)
        proposal = self._session.proposals.pop(key, None)
        waiting = self._taken.get(key)
        if proposal is None and waiting is not None and not waiting.accepted:
            del self._taken[key]
            stored = await self._store(waiting, "rejected", reason)
            self._session.say(f"{waiting.path.name} is rejected; it is still open, close it without saving.")
            return {"stored": stored, "testbench": str(waiting.path)}
        if file is None or proposal is None:
            return self._refuse(f"There is no proposed testbench for {top} to reject.")
        stored = await self._store(proposal, "rejected", reason)
        if proposal.goes_on is None:
            # What is shown is what it would have covered.
            self._session.forget(key, file)
        return self._about(key, proposal, None) | {"stored": stored}

    async def undo(self, uri: str, top: str) -> Told:
        """Take the last acceptance back: the file is again what it was before, unless it was edited since.

        What an earlier session accepted is known from the store.
        """
        file, key = self._named(uri, top)
        if file is None:
            return self._refuse("This is no file on disk.")
        taken = self._taken.get(key) or await self._recalled(file, top, key)
        if taken is None:
            return self._refuse(f"No testbench of {top} was accepted as it is now.")
        now, on_disk = self._placing.text_of(taken.path)
        # Some editors make an empty file first and save the text later.
        if now not in (None, taken.text) or on_disk not in (None, "", taken.text, taken.before):
            return self._refuse(f"{taken.path.name} was edited since it was accepted; it is left as it is.")
        if taken.changed_file and now is not None:
            outcome = await self._take_out(taken, is_file=on_disk is not None)
            if not outcome.applied:
                told: Told = {"applied": False, "testbench": str(taken.path), "stored": False}
                return told | (self._refuse(f"{outcome.trouble} {taken.path.name} stays as it is.") if outcome.trouble is not None else {})
        self._taken.pop(key, None)
        stored = await self._store(taken, "undone", "") if taken.accepted else False
        self._session.forget(key, file)
        left = "" if taken.changed_file else " The file is left as it is: what was there before is not known, or it was the same."
        self._session.say(f"{taken.path.name}: accepting it was undone.{left}")
        return {"applied": taken.changed_file, "testbench": str(taken.path), "stored": stored}

    def saved(self, path: Path) -> None:
        """Take a testbench that waits in a buffer as accepted once its file is saved, whatever was changed in it before.

        The editor may not say so of a file that this server does not serve; then the file is found when something else is saved.
        """
        for taken in list(self._taken.values()):
            if taken.accepted:
                continue
            on_disk = self._placing.text_of(taken.path)[1]
            if on_disk == taken.text or (on_disk and taken.path == path):
                self._session.start(self._accept_saved(taken))

    def closed(self, path: Path) -> None:
        """Forget a testbench whose buffer was thrown away."""
        for key, taken in list(self._taken.items()):
            if taken.path != path:
                continue
            on_disk = self._placing.text_of(path)[1]
            if on_disk is None or (not taken.accepted and on_disk == taken.before != taken.text):
                del self._taken[key]

    def unstored(self, keys: set[str]) -> None:
        """Take note that nothing is stored of some designs any more: what they propose can still be taken, and taken back."""
        for key in keys & self._taken.keys():
            self._taken[key] = replace(self._taken[key], trajectory=None)
        for key in keys & self._session.proposals.keys():
            self._session.proposals[key] = replace(self._session.proposals[key], trajectory=None)

    async def _apply(self, file: Path, top: str, key: str, proposal: Proposal, *, asks: bool, accepts: bool) -> Told:
        capabilities, text = self._server.client_capabilities, proposal.text
        place = await self._placing.place(file, top, proposal)
        told = self._about(key, proposal, place) | {"applied": False}
        if not is_current(proposal.rests_on):
            self._session.proposals.pop(key, None)
            return told | self._refuse(f"{top} or its testbench changed since this one was proposed; ask for it again.")
        if isinstance(place, str):
            return told | self._refuse(place)
        if not place.is_there(text):
            if not can_create(capabilities):
                self._session.say("This editor applies no edits that create files; the testbench is in the command's answer.")
                return told
            if place.before is None:
                edit = creating(place.path, text, capabilities, about=proposal.about, asks=asks)
            else:
                # What a person wrote is given up by an answer to the edit itself.
                asks = asks or not place.is_ours
                version = self._placing.version_of(place.path)
                edit = replacing(place.path, place.before, text, version, capabilities, about=proposal.about, asks=asks)
            outcome = await hand_over(self._server, edit, f"Testbench {place.path.name}")
            if outcome.trouble is not None:
                # It stays proposed: who asks again, or accepts it, gets it without a new search.
                return told | self._refuse(f"{outcome.trouble} It is still proposed: ask again, or take it from the command's answer.")
            if not outcome.applied:
                return told
        self._session.proposals.pop(key, None)
        beside = f" {place.wanted.name} is there already and was left alone." if place.path != place.wanted else ""
        if beside or not (accepts and self._session.tells_coverage):
            # An editor that shows coverage itself has said that with the proposal.
            self._session.say(f"{place.path.name}: {proposal.about}.{beside}")
        # A text that is on disk needs no saving.
        accepts = accepts or place.is_there(text)
        taken = Taken(
            key=key,
            path=place.path,
            text=text,
            before=place.before,
            trajectory=proposal.trajectory,
            digest=proposal.digest,
            accepted=False,
        )
        self._taken[key] = taken
        stored = (await self._accepted(taken))["stored"] if accepts else False
        return told | {"applied": True, "accepted": accepts, "stored": stored}

    async def _accepted(self, taken: Taken) -> Told:
        self._taken[taken.key] = replace(taken, accepted=True)
        stored = await self._store(taken, "accepted", "")
        return {"applied": True, "accepted": True, "testbench": str(taken.path), "trajectory": taken.trajectory, "stored": stored}

    async def _accept_saved(self, taken: Taken) -> None:
        await self._accepted(taken)

    async def _recalled(self, file: Path, top: str, key: str) -> Taken | None:
        """Find what was accepted last of a module's testbenches and is still there, as the store knows it."""
        last, number = None, -1
        for path in testbenches_of(file, top, self._session.scopes.settings_for(file)):
            now, text = self._placing.text_of(path)
            if text is None or now != text:
                continue
            try:
                found: Any = json.loads(await self._session.jobs.ask(Question(kind=QuestionKind.FIND, text=text, place=str(path))))
            except JobFailed as error:
                self._session.say_once(f"What was accepted is not known: {error}")
                return None
            if found.get("acceptance") is None or found["acceptance"] <= number:
                continue
            number = found["acceptance"]
            before = found["before"] if found["replaced"] else text
            last = Taken(
                key=key,
                path=path,
                text=text,
                before=before,
                trajectory=found["trajectory"],
                digest=found["testbench"],
                accepted=True,
            )
        return last

    async def _take_out(self, taken: Taken, *, is_file: bool) -> Outcome:
        """Bring back what was there before a testbench; it was not edited."""
        capabilities = self._server.client_capabilities
        if taken.before is not None or not is_file:
            # A file that was never saved is no file yet: its buffer becomes empty.
            version = self._placing.version_of(taken.path)
            edit = replacing(taken.path, taken.text, taken.before or "", version, capabilities, about="as before accepting", asks=False)
        elif can_delete(capabilities):
            edit = removing(taken.path, capabilities)
        else:
            self._session.say(f"This editor applies no edits that delete files; delete {taken.path.name} yourself.")
            return Outcome(applied=True)
        return await hand_over(self._server, edit, f"Undo accepting {taken.path.name}")

    def _was_put(self, path: Path, text: str) -> bool:
        # What a person chose of a proposal is that person's.
        ours = (taken for taken in self._taken.values() if taken.digest is not None and taken.changed_file)
        return any(taken.path == path and taken.text == text for taken in ours)

    async def _store(self, what: Taken | Proposal, answer: str, reason: str) -> bool:
        """Store an answer; what keeps it from being stored is said once and costs nothing else."""
        if what.trajectory is None or what.digest is None:
            return False
        question = Question(kind=QuestionKind.ANSWER, name=what.trajectory, testbench=what.digest, answer=answer, text=reason)
        if isinstance(what, Taken) and what.changed_file:
            question = replace(question, place=str(what.path), before=what.before)
        try:
            await self._session.jobs.ask(question)
        except JobFailed as error:
            self._session.say_once(f"Your answer is not stored: {error}")
            return False
        return True

    def _about(self, key: str, proposal: Proposal, place: Placement | str | None) -> Told:
        """Describe a proposal, as all commands that make or answer one do."""
        before, measured = proposal.goes_on, self._session.measured.get(key)
        was: Json = None
        if before is not None:
            was = {"testbench": str(before.testbench), "overall": before.overall, "reachable": before.reachable}
        elif measured is not None and is_current(measured.rests_on):
            was = {"testbench": measured.testbench, "overall": measured.overall, "reachable": measured.reachable}
        found = place if isinstance(place, Placement) else None
        more: Told = {}
        if before is not None:
            more = {"gained": before.gained, "replaces": found is not None and found.path == before.testbench}
        return {
            **more,
            "testbench": str(found.path) if found is not None else None,
            "exists": found is not None and found.before is not None,
            "text": proposal.text,
            "sequences": [
                {"name": one.name, "comment": one.comment, "lines": [list(lines) for lines in one.lines]}
                for one in sequences_of(proposal.text)
            ],
            "before": was,
            "after": {"overall": proposal.overall, "reachable": proposal.reachable},
            "overall": proposal.overall,
            "reachable": proposal.reachable,
            "cycles": proposal.cycles,
            "ended": proposal.ended,
            "about": proposal.about,
            "digest": proposal.digest,
            "trajectory": proposal.trajectory,
        }

    def _named(self, uri: str, top: str) -> tuple[Path | None, str]:
        name = uris.to_fs_path(uri)
        return self._session.results.design_at(Path(name), top) if name is not None else (None, "")

    def _refuse(self, text: str) -> Told:
        self._session.say(text, types.MessageType.Warning)
        return {"error": text}
