"""The commands that code actions and lenses name: generate, measure, prove, exclude, explain, cancel, restart, info.

Each answers the client with a small JSON object; what a person has to read goes into a message.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.machine import load_per_processor
from llm4cov_lsp.about import jobs_told, past_told, settings_told, versions
from llm4cov_lsp.answers import Answers
from llm4cov_lsp.bundle import write_bundle
from llm4cov_lsp.documents import Document
from llm4cov_lsp.exclusion import exclude
from llm4cov_lsp.features.diagnostics import placed_words, words_of
from llm4cov_lsp.lane import JobFailed, Priority
from llm4cov_lsp.learned import adapters, roll_back
from llm4cov_lsp.learning import Learning
from llm4cov_lsp.project import request_of, testbench_of, testbench_places
from llm4cov_lsp.proposals import proposal_of
from llm4cov_lsp.reporting import report
from llm4cov_lsp.results import PlacedHole, design_key, is_current, placed_holes, present_line
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import RequestKind

Answer = dict[str, Json]
_NOT_TRUSTED = "The workspace is not trusted: nothing is built or run."


class Commands:
    """The commands of one connection."""

    def __init__(self, server: LanguageServer, session: Session, learning: Learning, answers: Answers) -> None:
        self._server, self._session, self._learning, self._answers = server, session, learning, answers

    async def generate(self, uri: str, top: str, *, applies: bool = True) -> Answer:
        """Generate a testbench and offer it as an edit; or only describe it, to be accepted or rejected later."""
        document = self._open(uri)
        if document is None or (refused := self._refusal(document)) is not None:
            return self._refuse(refused if document is not None else "The file is not open.")
        file, key = document.path, design_key(document.path, top)
        settings, folder = self._session.scopes.settings_for(file), self._session.scopes.folder_of(file)
        request = request_of(RequestKind.GENERATE, file, top, settings, folder=folder, edition=self._session.edition)
        proposal = self._session.proposals.get(key)
        if proposal is None or proposal.request != request or not is_current(proposal.rests_on):
            try:
                result = await self._session.run(request, key, title=f"Generating a testbench for {top}", priority=Priority.USER)
            except JobFailed as error:
                return self._refuse(f"No testbench for {top}: {error}")
            self._session.take(key, request, result)
            proposal = proposal_of(request, result)
            if proposal is None:
                first = next((one for one in result.problems if one.severity == "error"), None)
                why = placed_words(first) if first is not None else result.status
                hint = f". {first.hint}" if first is not None and first.hint else ""
                return self._refuse(f"No testbench for {top}: {why}{hint}")
        return await self._answers.propose(file, top, key, proposal, applies=applies)

    async def measure(self, uri: str, top: str, testbench: str | None = None) -> Answer:
        """Measure a module's testbench now; `testbench` is the URI of another than the first."""
        return await self._judge(uri, top, RequestKind.MEASURE, f"Measuring {top}", testbench=testbench)

    async def prove(self, uri: str, top: str, hole: str) -> Answer:
        """Ask whether a hole can be reached."""
        answer = await self._judge(uri, top, RequestKind.PROVE, f"Proving a point of {top}", hole)
        placed = self._placed(uri, hole)
        if placed is not None and "error" not in answer:
            reason = placed.hole.reason or placed.held.result.unproved
            self._session.say(f"{placed.hole.sentence} {words_of(placed)} {reason}".rstrip())
            answer |= {"verdict": placed.hole.verdict, "reason": reason}
        return answer

    async def exclude(self, uri: str, top: str, hole: str, reason: str | None = None) -> Answer:
        """Offer an entry in the waiver file for a hole; where nothing is proved and no `reason` is given, one is still to be written."""
        placed, document = self._placed(uri, hole), self._open(uri)
        if placed is None or document is None:
            return self._refuse(f"Nothing is known about this point of {top} any more.")
        answer = await exclude(self._server, self._session, placed, document.path, reason)
        if isinstance(error := answer.get("error"), str):
            self._session.say(error, types.MessageType.Warning)
        return answer

    def explain(self, uri: str, top: str, hole: str) -> Answer:
        """Say why a hole is one."""
        placed = self._placed(uri, hole)
        if placed is None:
            return self._refuse(f"Nothing is known about this point of {top} any more.")
        self._session.say(f"{placed.hole.sentence} {words_of(placed)}")
        return {"sentence": placed.hole.sentence, "markdown": placed.hole.detail, "verdict": placed.hole.verdict}

    def cancel(self, uri: str, top: str) -> Answer:
        """End the jobs of a module."""
        document = self._open(uri)
        for job in self._session.jobs.all if document is not None else ():
            if document is not None and (job.request.file, job.request.top) == (str(document.path), top):
                self._session.jobs.cancel(job)
        return {}

    def place(self, uri: str, top: str, line: int) -> Answer:
        """Say where a line that was measured (from 1) stands now: null if it is gone, or the file is not open."""
        document = self._open(uri)
        if document is None:
            return {"line": None}
        present = present_line(document, self._session.results, top, line)
        return {"line": present + 1 if present is not None else None}

    async def report(self, uri: str, top: str) -> Answer:
        """Tell all that a report of a module shows: see `protocol.ReportMessage`."""
        return await report(self._session, uri, top)

    def consents(self) -> Answer:
        """List the servers on other machines that may be sent designs."""
        consents = self._session.gate.consents
        return {"remembered": list(consents.remembered()), "for_now": list(consents.for_now()), "file": str(consents.path)}

    def forget_consent(self, host: str) -> Answer:
        """Take back the consent to a host, or to one address of it."""
        try:
            gone = self._session.gate.consents.forget(host)
        except OSError as error:
            return self._refuse(f"The consent to {host} could not be taken back: {error.filename}: {error.strerror}.")
        self._session.say(f"Nothing more is sent to {', '.join(gone)} without asking." if gone else f"There is no consent to {host}.")
        return {"forgotten": list(gone)}

    def restart(self) -> Answer:
        """End the workers; the next job starts a new one."""
        self._session.jobs.restart()
        self._session.edition += 1
        return {}

    async def retrain(self) -> Answer:
        """Learn from what is stored, in a process of its own."""
        if not self._session.trusted:
            return self._refuse(_NOT_TRUSTED)
        if self._learning.is_running:
            return self._refuse("Retraining runs already.")
        ended = await self._learning.run(if_due=False)
        if ended.was_cancelled:
            return {"cancelled": True}
        self._session.say(ended.words, types.MessageType.Info if ended.status == 0 else types.MessageType.Warning)
        return {"status": ended.status, "words": ended.words}

    async def adapters(self) -> Answer:
        """Tell what was learned so far: see `protocol.LearningMessage`."""
        return self._told(await adapters(schedule=self._learning.schedule, running=self._learning.is_running))

    async def roll_back(self, base: str = "") -> Answer:
        """Take the last promotion of an adapter back."""
        return self._told(await roll_back(base))

    async def doctor(self) -> Answer:
        """Check the tools, as `llm4cov-lsp doctor --json` does: the user's own, nothing of the workspace."""
        return await asyncio.to_thread(_doctor_record)

    async def debug_bundle(self, path: str = "", with_sources: str = "") -> Answer:
        """Write what a report needs into a file: the named one, or one in the state folder; with the word `sources` those go in too."""
        try:
            state_dir = read_config().state_dir
        except BadConfiguration as error:
            return self._refuse(str(error))
        place = Path(path) if path else state_dir / "bundles" / f"llm4cov-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.zip"
        if not place.is_absolute():
            return self._refuse(f"The debug bundle needs an absolute path, not {path!r}.")
        jobs = self._session.jobs
        history: list[Json] = [past_told(past) for past in jobs.history]
        rests_on = {one.path for held in self._session.results for one in held.rests_on}
        opened = {document.name for document in self._session.documents.values()}
        sources = [Path(name) for name in sorted(opened | rests_on)] if with_sources == "sources" else None
        told_settings = settings_told(self._session.scopes.settings)
        told_jobs: Json = {"over": history, "now": jobs_told(jobs)}

        def write() -> None:
            write_bundle(place, doctor=_doctor_record(), settings=told_settings, jobs=told_jobs, state_dir=state_dir, sources=sources)

        try:
            await asyncio.to_thread(write)
        except FileExistsError:
            return self._refuse(f"{place} exists already; name another file.")
        except OSError as error:
            return self._refuse(f"{place} can't be written: {error.strerror}")
        inside = "your sources are" if sources is not None else "no source is"
        self._session.say(f"{place}: read it before you send it. Names of files, folders and modules are in it; {inside}.")
        return {"path": str(place)}

    def info(self) -> Answer:
        """Give versions, the settings in force by folder, and the jobs."""
        return {
            "versions": versions(),
            "workers": list(self._session.jobs.worker_pids),
            "running": [f"{job.request.kind.value} {job.request.top}" for job in self._session.jobs.running],
            "waiting": len(self._session.jobs.waiting),
            "jobs": jobs_told(self._session.jobs),
            "load": round(load_per_processor(), 2),
            "settings": settings_told(self._session.scopes.settings),
            "trusted": self._session.trusted,
        }

    async def _judge(
        self, uri: str, top: str, kind: RequestKind, title: str, hole: str | None = None, testbench: str | None = None
    ) -> Answer:
        document = self._open(uri)
        if document is None or (refused := self._refusal(document)) is not None:
            return self._refuse(refused if document is not None else "The file is not open.")
        held = next((one for one in self._session.results if one.request.top == top and document.name in one.files), None)
        file = Path(held.request.file) if held is not None else document.path
        settings = self._session.scopes.settings_for(file)
        usual = testbench_of(file, top, settings)
        named = uris.to_fs_path(testbench) if testbench is not None else None
        bench = Path(named) if named is not None else usual
        if bench is None:
            names = ", ".join(path.name for path in testbench_places(file, top, settings)[:1])
            return self._refuse(f"{top} has no testbench yet; save one as {names}, or generate it.")
        folder, edition = self._session.scopes.folder_of(file), self._session.edition
        request = request_of(kind, file, top, settings, folder=folder, testbench=bench, point=hole, edition=edition)
        key = design_key(file, top)
        try:
            result = await self._session.run(request, key, title=title, priority=Priority.USER)
        except JobFailed as error:
            return self._refuse(f"{top}: {error}")
        if bench == usual:
            # What a document shows is about the testbench that is measured by itself.
            self._session.take(key, request, result)
        else:
            self._session.note(result)
            why = next((one for one in result.problems if one.severity == "error"), None)
            if result.status != "ok" and why is not None:
                # Nothing else tells of a testbench that is not the usual one.
                self._session.say(f"{bench.name} could not be measured: {placed_words(why)}", types.MessageType.Warning)
        return {"status": result.status, "overall": result.overall, "reachable": result.reachable}

    def _open(self, uri: str) -> Document | None:
        return self._session.documents.get(uri)

    def _refusal(self, document: Document) -> str | None:
        if not self._session.trusted:
            return _NOT_TRUSTED
        if document.saved_digest is None:
            return f"{document.path.name} is not on disk yet; save it first."
        return None

    def _refuse(self, text: str | None) -> Answer:
        self._session.say(text or "", types.MessageType.Warning)
        return {"error": text}

    def _told(self, answer: Answer) -> Answer:
        return self._refuse(str(answer["error"])) if "error" in answer else answer

    def _placed(self, uri: str, hole: str) -> PlacedHole | None:
        document = self._open(uri)
        found = placed_holes(document, self._session.results) if document is not None else []
        return next((one for one in found if hole in one.hole.ids), None)


def _doctor_record() -> dict[str, Json]:
    # It loads every tool's module, which would cost a second of each start of the server.
    from llm4cov_agent.cli.doctor import doctor_record

    return doctor_record()
