"""What the server knows while it is connected: documents, settings, results, and the jobs that bring them up to date.

Called by the handlers in `server`, on the event loop; never waits for anything but a job or the client.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from llm4cov_agent.config import consents_file, read_config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.machine import reason_to_wait
from llm4cov_lsp.about import past_told
from llm4cov_lsp.bars import Bars
from llm4cov_lsp.consents import Consents
from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.coverage import coverage_message
from llm4cov_lsp.features.diagnostics import project_words
from llm4cov_lsp.freshness import Freshness, show_in
from llm4cov_lsp.gate import Gate, NotAllowed
from llm4cov_lsp.jobs import Jobs, Past
from llm4cov_lsp.kept import KeptResults
from llm4cov_lsp.lane import Job, JobFailed, LacksTool, Priority
from llm4cov_lsp.listing import declares
from llm4cov_lsp.logfile import LOGGER
from llm4cov_lsp.progress import Shown
from llm4cov_lsp.project import SUFFIXES, is_empty, request_of, testbench_of, testbench_places
from llm4cov_lsp.proposals import Proposal, proposal_of
from llm4cov_lsp.protocol import COVERAGE, as_json
from llm4cov_lsp.publishing import Publisher
from llm4cov_lsp.records import Result
from llm4cov_lsp.results import Held, Results, design_key, is_current
from llm4cov_lsp.scopes import Scopes
from llm4cov_lsp.wire import PROJECT_CODE, STORE_CODE, Event, EventKind, Request, RequestKind

_BEFORE = -1
"""Edition of the settings of a result that an earlier run of the server measured."""
_BUDGETED = (RequestKind.GENERATE, RequestKind.GO_ON, RequestKind.PROVE)
"""Jobs that have a budget, of which a bar can show how much is used up."""


class Session:
    """One connection."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self.documents: dict[str, Document] = {}
        self.results = Results()
        self.scopes = Scopes(server)
        self.publisher = Publisher(server, self.documents, self.results, self.scopes.settings_for)
        self.freshness = Freshness(self.documents, self.results, self.scopes, self.publisher)
        self._kept: KeptResults | None = None
        self.jobs = Jobs(self._crashed, hold=self._hold, on_past=_log_past)
        self.bars = Bars(server, self.jobs)
        self.gate = Gate(server, Consents(consents_file()))
        self.trusted = True
        self.tells_coverage = False
        """Whether the editor wants coverage as messages, to show it in its own way."""
        self.busy: dict[str, str] = {}
        """By design: what is being done for it."""
        self._busy_with: dict[str, Job] = {}
        self.proposals: dict[str, Proposal] = {}
        """By design: a testbench that was proposed and not taken yet."""
        self.ready = asyncio.Event()
        """Whether settings were read: before that nothing runs, as they may forbid it or name another policy."""
        self.measured: dict[str, Result] = {}
        """By design: the last measurement with coverage of a testbench that is in a file."""
        self.edition = 0
        """Of the settings: goes up when one changes, and when the worker is restarted on request."""
        self._said: set[str] = set()
        self._active_at_s = time.monotonic()
        """When a job ended last."""
        self._tasks: set[asyncio.Task[None]] = set()

    def document_at(self, path: Path) -> Document | None:
        """Give the open document of a file, as the editor names it."""
        return next((one for one in self.documents.values() if one.path == path), None)

    @property
    def codec(self) -> PositionCodec:
        """How the client counts characters."""
        return self._server.workspace.position_codec

    async def load_settings(self) -> None:
        """Ask the client, read the projects' files, and say what can't be used, each thing once."""
        values = await self.scopes.ask()
        if values is None:
            self.say("The editor did not answer what its settings are; the defaults are used.", types.MessageType.Warning)
            values = dict.fromkeys([*self.scopes.folders, None])
        self.take_settings(values)

    def take_settings(self, values: Mapping[Path | None, object]) -> None:
        """Take the client's settings by folder; None stands for files outside of all folders."""
        changed, problems = self.scopes.take(values, trusted=self.trusted)
        if changed:
            # They may name another policy.
            self.proposals.clear()
            self.edition += changed
        for problem in problems:
            LOGGER.warning("%s", problem)
            self.say_once(problem)
        if self._kept is None:
            try:
                self._kept = KeptResults(read_config().cache_dir / "results", self.log)
            except BadConfiguration as error:
                self.say_once(f"Results are not kept: {error}")
        self.jobs.allow(self.scopes.at_once)
        self.ready.set()
        for document in list(self.documents.values()):
            self._restore(document.path)
            self.publisher.soon(document, delay_s=0)
        self.measure_open()
        self.publisher.refresh()

    def say(self, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show a message."""
        self._server.window_show_message(types.ShowMessageParams(kind, text))

    def say_once(self, text: str) -> None:
        """Show a warning, unless it was shown before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text, types.MessageType.Warning)

    def log(self, text: str) -> None:
        """Write a line to the editor's log of this server."""
        self._server.window_log_message(types.LogMessageParams(types.MessageType.Log, text))

    def open(self, item: types.TextDocumentItem) -> None:
        """Take an opened document, show what is known about it, and measure if that is out of date."""
        path = uris.to_fs_path(item.uri)
        if path is None or not item.uri.startswith("file:") or "\0" in path:
            return
        document = Document(item.uri, Path(path), item.version, item.text)
        self.documents[item.uri] = document
        document.take_saved()
        for held in self.results:
            show_in(document, held)
        self._restore(document.path)
        self.publisher.soon(document, delay_s=0)
        self.measure_what_changed(document.path)

    def close(self, uri: str) -> None:
        """Forget a document; its errors stay in the list of problems, its holes go."""
        if self.documents.pop(uri, None) is not None:
            self.publisher.all()

    def saved(self, uri: str) -> None:
        """Look at a document's file again, and measure what rests on it.

        An editor that watches no files tells nothing of the project's own, so those are looked at too.
        """
        if self.scopes.are_outdated():
            self.start(self.load_settings())
        document = self.documents.get(uri)
        if document is not None:
            document.take_saved()
            self.publisher.soon(document, delay_s=0)
            self.measure_what_changed(document.path)
            if self.scopes.is_waiver_file(document.path):
                self.measure_open()

    def measure_what_changed(self, path: Path) -> None:
        """Queue background jobs for the designs that a file takes part in, where something that they rest on has changed."""
        if not self.trusted or not self.ready.is_set():
            return
        for file, top in dict.fromkeys(self._designs_near(path)):
            settings = self.scopes.settings_for(file)
            mode = settings.text("mode")
            key = design_key(file, top)
            testbench = testbench_of(file, top, settings)
            held = self.results.get(key)
            if held is not None and held.request.testbench is not None and not Path(held.request.testbench).is_file():
                # What a testbench covered that is gone holds for nothing.
                self._drop(key)
                held = None
            if testbench is not None and is_empty(testbench):
                # An editor makes a file first and fills it then.
                continue
            current = held is not None and is_current(held.rests_on)
            if held is not None:
                self.freshness.look(held, current=current)
            if mode == "off" or any(job.design == key and job.priority is Priority.USER for job in self.jobs.all):
                continue
            if testbench is None:
                proposed = self.proposals.get(key)
                if mode == "generate" and not (proposed is not None and is_current(proposed.rests_on)):
                    self.start(self._generate_idly(file, top))
                continue
            request = request_of(
                RequestKind.MEASURE, file, top, settings, folder=self.scopes.folder_of(file), testbench=testbench, edition=self.edition
            )
            if held is not None and held.status != "build_failed" and _same_run(held.request, request) and current:
                # A job that still runs is about what the files were in between.
                self.jobs.cancel_design(key)
                continue
            if any(job.design == key and job.request == request for job in self.jobs.waiting):
                # It will read the files as they are then.
                continue
            self.start(self._measure_idly(request, key))

    def measure_open(self) -> None:
        """Queue background jobs for all open documents whose designs have changed."""
        for document in list(self.documents.values()):
            self.measure_what_changed(document.path)

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the handlers, and keep it from being collected."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, request: Request, key: str, *, title: str, priority: Priority) -> Result:
        """Run a job with a progress bar; cancelled by its caller, the bar or a newer job. Raises JobFailed."""
        request = await self.gate.passed(request, trusted=self.trusted, asks=priority is Priority.USER)
        shown = Shown(percentage=0 if request.kind in _BUDGETED else None)
        token = await self.bars.begin(title, shown) if priority is Priority.USER else None
        asked = priority is Priority.USER

        def on_event(event: Event) -> None:
            if event.kind is EventKind.COVERAGE and event.result is not None:
                self.tell_coverage(request, event.result, interim=True, asked=asked)
            else:
                self.bars.report(token, shown, event)

        if request.kind in (RequestKind.GENERATE, RequestKind.GO_ON) and self.tells_coverage:
            request = replace(request, tells_coverage=True)
        job = self.jobs.submit(request, key, priority=priority, on_event=on_event)
        self.bars.belongs(token, job)
        self.busy[key], self._busy_with[key] = title, job
        self.publisher.refresh()
        self.start(self.bars.tick(token, shown, job))
        if priority is Priority.BACKGROUND:
            self.start(self.bars.begin_late(title, shown, job))
        try:
            result = await job.done
            self.tell_coverage(request, result, interim=False, asked=asked)
            return result
        finally:
            self.jobs.cancel(job)
            self._active_at_s = time.monotonic()
            if self._busy_with.get(key) is job:
                # Else a newer job has taken the place of this one.
                del self.busy[key], self._busy_with[key]
            self.bars.end(job, shown.words)
            self.publisher.refresh()

    def tell_coverage(self, request: Request, result: Result, *, interim: bool, asked: bool) -> None:
        """Tell an editor that shows coverage itself."""
        if self.tells_coverage and request.kind is not RequestKind.OUTLINE:
            message = coverage_message(request, result, interim=interim, asked=asked)
            self._server.protocol.notify(COVERAGE, as_json(message))

    def idle_s(self) -> float:
        """Give the seconds since a job ended last; 0 while one runs or waits."""
        return time.monotonic() - self._active_at_s if not self.jobs.all else 0.0

    def note(self, result: Result) -> None:
        """Say what a person has to know of a result besides coverage: what could not be read or stored, and what was."""
        for problem in result.problems:
            if problem.code in (PROJECT_CODE, STORE_CODE):
                self.say_once(project_words(problem))
        if result.human_edit:
            self.say(result.human_edit)

    def take(self, key: str, request: Request, result: Result) -> Held:
        """Keep a result and show it wherever the file is still the one that was measured."""
        self.note(result)
        if request.testbench is not None and result.status == "ok":
            self.measured[key] = result
        held = self.results.take(key, request, result)
        self.freshness.look(held, current=True)
        if not held.outdated:
            for document in self.documents.values():
                document.shown.pop(key, None)
                show_in(document, held)
        self.publisher.all()
        self.publisher.refresh()
        if request.kind in (RequestKind.MEASURE, RequestKind.PROVE) and result.status == "ok" and result.files:
            self.start(self._keep(key, request, result))
        return held

    def forget(self, key: str, file: Path) -> None:
        """Drop what is known about a design, and measure its testbench again if it has one."""
        self._drop(key)
        self.measure_what_changed(file)

    def shut_down(self) -> None:
        """End all jobs and the worker."""
        self.publisher.shut_down()
        for task in list(self._tasks):
            task.cancel()
        self.jobs.close()

    def _drop(self, key: str) -> None:
        self.results.drop(key)
        self.measured.pop(key, None)
        for document in self.documents.values():
            document.shown.pop(key, None)
        self.publisher.all()
        self.publisher.refresh()

    def _designs_near(self, path: Path) -> Iterator[tuple[Path, str]]:
        """Yield the designs that a file may change: its own modules, those whose result rests on it, those whose testbench it is."""
        for document in self.documents.values():
            for module in document.modules:
                if not module.has_ports:
                    continue
                if document.path == path or path in testbench_places(document.path, module.name, self.scopes.settings_for(document.path)):
                    yield document.path, module.name
        for held in self.results.designs_of(path):
            yield Path(held.request.file), held.request.top
        for held in self.results:
            # It may be what such a design lacks.
            near = path.suffix in SUFFIXES and self.scopes.folder_of(path) == self.scopes.folder_of(Path(held.request.file))
            if near and held.status == "build_failed":
                yield Path(held.request.file), held.request.top

    async def _measure_idly(self, request: Request, key: str) -> None:
        result = await self.judged_idly(request, key)
        if result is None:
            return
        if not result.files and not declares(Path(request.file), request.top):
            # It was renamed or deleted.
            self.log(f"{request.file} has no module {request.top} any more: what was measured of it is dropped")
            self._drop(key)
            return
        self.take(key, request, result)
        if result.rests_on and Path(request.file).is_file() and not is_current(result.rests_on):
            # A file changed while it was measured, and no editor said so.
            self.measure_what_changed(Path(request.file))

    async def judged_idly(self, request: Request, key: str) -> Result | None:
        """Measure a testbench when there is time; None where that came to nothing, which the log says."""
        try:
            return await self.run(request, key, title=f"Measuring {request.top}", priority=Priority.BACKGROUND)
        except LacksTool as error:
            self.say_once(str(error))
        except JobFailed as error:
            self.log(f"measuring {request.top}: {error}")
        except asyncio.CancelledError:
            self.log(f"measuring {request.top}: superseded")
        return None

    async def _generate_idly(self, file: Path, top: str) -> None:
        key = design_key(file, top)
        request = request_of(
            RequestKind.GENERATE, file, top, self.scopes.settings_for(file), folder=self.scopes.folder_of(file), edition=self.edition
        )
        try:
            result = await self.run(request, key, title=f"Generating a testbench for {top}", priority=Priority.BACKGROUND)
        except NotAllowed as error:
            self.say_once(f"No testbench for {top} by itself: {error}")
        except LacksTool as error:
            self.say_once(str(error))
        except JobFailed as error:
            self.log(f"generating for {top}: {error}")
        except asyncio.CancelledError:
            self.log(f"generating for {top}: superseded")
        else:
            if (proposal := proposal_of(request, result)) is not None:
                self.proposals[key] = proposal
            self.take(key, request, result)

    async def _keep(self, key: str, request: Request, result: Result) -> None:
        trouble = await asyncio.to_thread(self._kept.keep, key, request, result) if self._kept is not None else None
        if trouble is not None:
            self.log(trouble)

    def _restore(self, path: Path) -> None:
        """Show what an earlier run of the server measured for a file, if everything that it rests on is as it was."""
        if self._kept is None or not self.trusted or not self.ready.is_set():
            return
        for kept in self._kept.about(path):
            if self.results.get(kept.key) is not None:
                continue
            file, top = Path(kept.request.file), kept.request.top
            settings = self.scopes.settings_for(file)
            testbench = testbench_of(file, top, settings)
            wanted = request_of(RequestKind.MEASURE, file, top, settings, folder=self.scopes.folder_of(file), testbench=testbench)
            if not _same_run(replace(kept.request, edition=wanted.edition), wanted) or not is_current(kept.result.rests_on):
                continue
            named = {one.path for one in kept.result.rests_on}
            if any(os.path.realpath(name) not in named and Path(name).is_file() for name in wanted.waivers):
                # A waiver file that a setting names was missing then and is there now.
                continue
            # What a command would print now is not known, so that its results are old ones until it was asked.
            asked = bool(wanted.filelist_command)
            request = replace(kept.request, edition=_BEFORE) if asked else kept.request
            held = self.results.restore(kept.key, request, kept.result, outdated=asked)
            if not asked:
                self.tell_coverage(request, kept.result, interim=False, asked=False)
            for document in self.documents.values():
                show_in(document, held)

    def _hold(self, job: Job) -> str | None:
        settings = self.scopes.settings_for(Path(job.request.file))
        why = reason_to_wait(on_battery=settings.flag("background.onBattery"), max_load=settings.number("background.maxLoad"))
        if why != job.held_by:
            LOGGER.info("%s %s: %s", job.request.kind.value, job.request.top, f"waits: {why}" if why is not None else "goes on")
            self.log(f"{job.request.kind.value} {job.request.top}: {f'waits: {why}' if why is not None else 'goes on'}")
            self.publisher.refresh()
        return why

    def doing(self, key: str) -> str | None:
        """Say what is being done for a design, and what that waits for."""
        title = self.busy.get(key)
        held = next((job.held_by for job in self.jobs.waiting if job.design == key and job.held_by is not None), None)
        return f"{title} (waits: {held})" if title is not None and held is not None else title

    def _crashed(self, text: str) -> None:
        LOGGER.error("%s", text)
        self.say(text, types.MessageType.Error)


def _log_past(past: Past) -> None:
    LOGGER.info("job %s", json.dumps(past_told(past)))


def _same_run(one: Request, other: Request) -> bool:
    """Say whether two requests run the same testbench with the same options; a proof does what a measurement does first."""
    plain = replace(one, kind=other.kind, point=other.point, budget_s=other.budget_s, policy=other.policy)
    return replace(plain, model=other.model, stores=other.stores) == other
