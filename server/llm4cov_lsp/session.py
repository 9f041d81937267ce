"""What the server knows while it is connected: documents, settings, results, and the jobs that bring them up to date.

Called by the handlers in `server`, on the event loop; never waits for anything but a job or the client.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from llm4cov_agent.config import consents_file, read_config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.machine import reason_to_wait
from llm4cov_lsp.about import past_told
from llm4cov_lsp.consents import Consents
from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.coverage import coverage_message
from llm4cov_lsp.features.diagnostics import diagnostics_of, problem_diagnostic, project_words, shown_problems
from llm4cov_lsp.gate import Gate, NotAllowed
from llm4cov_lsp.jobs import Job, JobFailed, Jobs, Past, Priority
from llm4cov_lsp.kept import KeptResults
from llm4cov_lsp.logfile import LOGGER
from llm4cov_lsp.outline import modules_of
from llm4cov_lsp.progress import TICK_S, Shown, count_down, took
from llm4cov_lsp.project import request_of, testbench_of, testbench_places, testbenches_of, waiver_places
from llm4cov_lsp.protocol import COVERAGE, FileModules, ModuleMessage, as_json
from llm4cov_lsp.records import Result
from llm4cov_lsp.results import Held, Results, design_key, is_current
from llm4cov_lsp.settings import DEFAULTS, FILE_NAME, SECTION, Settings, read_project_file, read_settings
from llm4cov_lsp.wire import PROJECT_CODE, STORE_CODE, Event, EventKind, Request, RequestKind

PUBLISH_S = 0.15
"""How long edits are gathered before shifted diagnostics are sent."""
_BEFORE = -1
"""Edition of the settings of a result that an earlier run of the server measured."""
_BUDGETED = (RequestKind.GENERATE, RequestKind.GO_ON, RequestKind.PROVE)
"""Jobs that have a budget, of which a bar can show how much is used up."""
_CLIENT_S = 5.0
"""How long the client may take to answer a question about its settings or a progress bar."""


class Session:
    """One connection."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self.documents: dict[str, Document] = {}
        self.results = Results()
        self._kept: KeptResults | None = None
        self.jobs = Jobs(self._crashed, hold=self._hold, on_past=_log_past)
        self.gate = Gate(server, Consents(consents_file()))
        self.trusted = True
        self.tells_coverage = False
        """Whether the editor wants coverage as messages, to show it in its own way."""
        self.busy: dict[str, str] = {}
        """By design: what is being done for it."""
        self._busy_with: dict[str, Job] = {}
        self.proposals: dict[str, Result] = {}
        """By design: a testbench that was generated and not taken yet."""
        self.ready = asyncio.Event()
        """Whether settings were read: before that nothing runs, as they may forbid it or name another policy."""
        self.measured: dict[str, Result] = {}
        """By design: the last measurement with coverage of a testbench that is in a file."""
        self.edition = 0
        """Of the settings: goes up when one changes, and when the worker is restarted on request."""
        self._settings: dict[Path, Settings] = {}
        self._stamps: dict[Path, int | None] = {}
        """By folder: when its `llm4cov.toml` was changed, as it was read."""
        self._said: set[str] = set()
        self._published: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._by_token: dict[types.ProgressToken, Job] = {}
        self._active_at_s = time.monotonic()
        """When a job ended last."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def codec(self) -> PositionCodec:
        """How the client counts characters."""
        return self._server.workspace.position_codec

    @property
    def folders(self) -> list[Path]:
        """The workspace folders, innermost first."""
        names = [folder.uri for folder in self._server.workspace.folders.values()]
        if not names and self._server.workspace.root_uri:
            names = [self._server.workspace.root_uri]
        paths = [Path(path) for name in names if (path := uris.to_fs_path(name)) is not None]
        return sorted(paths, key=lambda path: -len(path.parts))

    def folder_of(self, path: Path) -> Path | None:
        """Give the workspace folder of a file."""
        return next((folder for folder in self.folders if path.is_relative_to(folder)), None)

    @property
    def settings(self) -> dict[str, Settings]:
        """The settings in force, by workspace folder; the empty name stands for files outside of all."""
        return {"" if scope == Path() else str(scope): found for scope, found in self._settings.items()}

    def is_waiver_file(self, path: Path) -> bool:
        """Say whether a file excludes points, there or not."""
        return path in waiver_places(self.folder_of(path) or path.parent, self.settings_for(path))

    def settings_for(self, path: Path) -> Settings:
        """Give the settings for a file."""
        folder = self.folder_of(path)
        return self._settings.get(folder, DEFAULTS) if folder is not None else self._settings.get(Path(), DEFAULTS)

    async def load_settings(self) -> None:
        """Ask the client, read the projects' files, and say what can't be used, each thing once."""
        scopes: list[Path | None] = [*self.folders, None]
        values: list[object] = [None] * len(scopes)
        can = self._server.client_capabilities.workspace
        if can is not None and can.configuration:
            items = [
                types.ConfigurationItem(scope_uri=uris.from_fs_path(str(scope)) if scope else None, section=SECTION) for scope in scopes
            ]
            try:
                answer = await asyncio.wait_for(
                    self._server.workspace_configuration_async(types.ConfigurationParams(items)), timeout=_CLIENT_S
                )
                values = [*answer, *values][: len(scopes)] if isinstance(answer, list | tuple) else values
            except (TimeoutError, JsonRpcException):
                self.say("The editor did not answer what its settings are; the defaults are used.", types.MessageType.Warning)
        self.take_settings(dict(zip(scopes, values, strict=True)))

    def take_settings(self, values: dict[Path | None, object]) -> None:
        """Take the client's settings by folder; None stands for files outside of all folders."""
        for scope, client in values.items():
            if scope is not None:
                self._stamps[scope] = _stamp(scope)
            project, problems = read_project_file(scope) if scope is not None else (None, ())
            settings, found = read_settings(client, project, trusted=self.trusted)
            if self._settings.get(scope or Path()) != settings:
                self._settings[scope or Path()] = settings
                # They may name another policy.
                self.proposals.clear()
                self.edition += 1
            for problem in (*problems, *found):
                LOGGER.warning("%s", problem)
                self.say_once(problem)
        if self._kept is None:
            try:
                self._kept = KeptResults(read_config().cache_dir / "results", self.log)
            except BadConfiguration as error:
                self.say_once(f"Results are not kept: {error}")
        self.ready.set()
        for document in list(self.documents.values()):
            self._restore(document.path)
            self.publish_soon(document, delay_s=0)
        self.measure_open()
        self.refresh()

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
            self._show_in(document, held)
        self._restore(document.path)
        self.publish_soon(document, delay_s=0)
        self.measure_what_changed(document.path)

    def close(self, uri: str) -> None:
        """Forget a document; its errors stay in the list of problems, its holes go."""
        if self.documents.pop(uri, None) is not None:
            self._publish_all()

    def saved(self, uri: str) -> None:
        """Look at a document's file again, and measure what rests on it.

        An editor that watches no files tells nothing of the project's own, so those are looked at too.
        """
        if any(_stamp(scope) != before for scope, before in self._stamps.items()):
            self.start(self.load_settings())
        document = self.documents.get(uri)
        if document is not None:
            document.take_saved()
            self.publish_soon(document, delay_s=0)
            self.measure_what_changed(document.path)
            if self.is_waiver_file(document.path):
                self.measure_open()

    def measure_what_changed(self, path: Path) -> None:
        """Queue background jobs for the designs that a file takes part in, where something that they rest on has changed."""
        if not self.trusted or not self.ready.is_set():
            return
        for file, top in dict.fromkeys(self._designs_near(path)):
            settings = self.settings_for(file)
            mode = settings.text("mode")
            key = design_key(file, top)
            if mode == "off" or any(job.design == key and job.priority is Priority.USER for job in self._jobs()):
                continue
            testbench = testbench_of(file, top, settings)
            held = self.results.get(key)
            if testbench is None:
                proposed = self.proposals.get(key)
                if mode == "generate" and not (proposed is not None and is_current(proposed.rests_on)):
                    self.start(self._generate_idly(file, top))
                continue
            request = request_of(
                RequestKind.MEASURE, file, top, settings, folder=self.folder_of(file), testbench=testbench, edition=self.edition
            )
            if held is not None and held.result.status != "build_failed" and _same_run(held.request, request) and is_current(held.rests_on):
                # A job that still runs is about what the files were in between.
                self.jobs.cancel_design(key)
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
        token = await self.begin(title, shown) if priority is Priority.USER else None
        asked = priority is Priority.USER

        def on_event(event: Event) -> None:
            if event.kind is EventKind.COVERAGE and event.result is not None:
                self.tell_coverage(request, event.result, interim=True, asked=asked)
            else:
                self._report(token, shown, event)

        if request.kind is RequestKind.GENERATE and self.tells_coverage:
            request = replace(request, tells_coverage=True)
        job = self.jobs.submit(request, key, priority=priority, on_event=on_event)
        if token is not None:
            self._by_token[token] = job
        self.busy[key], self._busy_with[key] = title, job
        self.refresh()
        self.start(self._tick(token, shown, job))
        if priority is Priority.BACKGROUND:
            self.start(self._begin_late(title, shown, job))
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
            for one in [one for one, other in self._by_token.items() if other is job]:
                del self._by_token[one]
                self._server.work_done_progress.tokens.pop(one, None)
                self._server.work_done_progress.end(one, types.WorkDoneProgressEnd(message=shown.words))
            self.refresh()

    def tell_coverage(self, request: Request, result: Result, *, interim: bool, asked: bool) -> None:
        """Tell an editor that shows coverage itself."""
        if self.tells_coverage and request.kind is not RequestKind.OUTLINE:
            message = coverage_message(request, result, interim=interim, asked=asked)
            self._server.protocol.notify(COVERAGE, as_json(message))

    def modules_in(self, uri: str) -> FileModules:
        """List the modules of a file, open or not, that can be measured."""
        name = uris.to_fs_path(uri)
        if name is None or not uri.startswith("file:"):
            return FileModules(uri=uri, modules=())
        path, document = Path(name), self.documents.get(uri)
        settings = self.settings_for(path)
        try:
            found = document.modules if document is not None else modules_of(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            found = ()
        return FileModules(
            uri=uri,
            modules=tuple(
                ModuleMessage(
                    name=one.name,
                    first_line=one.first_line,
                    last_line=one.last_line,
                    testbenches=tuple(bench.as_uri() for bench in testbenches_of(path, one.name, settings)),
                )
                for one in found
                if one.has_ports
            ),
        )

    def cancel_token(self, token: types.ProgressToken) -> None:
        """End the job behind a progress bar."""
        job = self._by_token.get(token)
        if job is not None:
            self.jobs.cancel(job)

    def idle_s(self) -> float:
        """Give the seconds since a job ended last; 0 while one runs or waits."""
        return time.monotonic() - self._active_at_s if next(self._jobs(), None) is None else 0.0

    def take(self, key: str, request: Request, result: Result) -> Held:
        """Keep a result and show it wherever the file is still the one that was measured."""
        for problem in result.problems:
            if problem.code in (PROJECT_CODE, STORE_CODE):
                self.say_once(project_words(problem))
        if result.human_edit:
            self.say(result.human_edit)
        if request.testbench is not None and result.status == "ok":
            self.measured[key] = result
        held = self.results.take(key, request, result)
        if not held.outdated:
            for document in self.documents.values():
                document.shown.pop(key, None)
                self._show_in(document, held)
        self._publish_all()
        self.refresh()
        if request.kind in (RequestKind.MEASURE, RequestKind.PROVE) and result.status == "ok" and result.files:
            self.start(self._keep(key, request, result))
        return held

    def forget(self, key: str, file: Path) -> None:
        """Drop what is known about a design, and measure its testbench again if it has one."""
        self.results.drop(key)
        self.measured.pop(key, None)
        for document in self.documents.values():
            document.shown.pop(key, None)
        self._publish_all()
        self.refresh()
        self.measure_what_changed(file)

    def publish_soon(self, document: Document, *, delay_s: float = PUBLISH_S) -> None:
        """Send a document's diagnostics once edits pause."""
        timer = self._timers.pop(document.uri, None)
        if timer is not None:
            timer.cancel()
        self._timers[document.uri] = asyncio.get_running_loop().call_later(delay_s, self._publish, document.uri)

    def refresh(self) -> None:
        """Ask the client to ask again for lenses and hints."""
        can = self._server.client_capabilities.workspace
        if can is not None and can.code_lens is not None and can.code_lens.refresh_support:
            self._server.protocol.send_request(types.WORKSPACE_CODE_LENS_REFRESH)
        if can is not None and can.inlay_hint is not None and can.inlay_hint.refresh_support:
            self._server.protocol.send_request(types.WORKSPACE_INLAY_HINT_REFRESH)

    def shut_down(self) -> None:
        """End all jobs and the worker."""
        for timer in self._timers.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        self.jobs.close()

    def _jobs(self) -> Iterator[Job]:
        yield from self.jobs.waiting
        if self.jobs.running is not None:
            yield self.jobs.running

    def _designs_near(self, path: Path) -> Iterator[tuple[Path, str]]:
        """Yield the designs that a file may change: its own modules, those whose result rests on it, those whose testbench it is."""
        for document in self.documents.values():
            for module in document.modules:
                if not module.has_ports:
                    continue
                if document.path == path or path in testbench_places(document.path, module.name, self.settings_for(document.path)):
                    yield document.path, module.name
        for held in self.results.designs_of(path):
            yield Path(held.request.file), held.request.top

    async def _measure_idly(self, request: Request, key: str) -> None:
        try:
            result = await self.run(request, key, title=f"Measuring {request.top}", priority=Priority.BACKGROUND)
        except JobFailed as error:
            self.log(f"measuring {request.top}: {error}")
        except asyncio.CancelledError:
            self.log(f"measuring {request.top}: superseded")
        else:
            self.take(key, request, result)
            if result.rests_on and Path(request.file).is_file() and not is_current(result.rests_on):
                # A file changed while it was measured, and no editor said so.
                self.measure_what_changed(Path(request.file))

    async def _generate_idly(self, file: Path, top: str) -> None:
        key = design_key(file, top)
        request = request_of(RequestKind.GENERATE, file, top, self.settings_for(file), folder=self.folder_of(file), edition=self.edition)
        try:
            result = await self.run(request, key, title=f"Generating a testbench for {top}", priority=Priority.BACKGROUND)
        except NotAllowed as error:
            self.say_once(f"No testbench for {top} by itself: {error}")
        except JobFailed as error:
            self.log(f"generating for {top}: {error}")
        except asyncio.CancelledError:
            self.log(f"generating for {top}: superseded")
        else:
            if result.testbench_text is not None:
                self.proposals[key] = result
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
            settings = self.settings_for(file)
            testbench = testbench_of(file, top, settings)
            wanted = request_of(RequestKind.MEASURE, file, top, settings, folder=self.folder_of(file), testbench=testbench)
            if not _same_run(replace(kept.request, edition=wanted.edition), wanted) or not is_current(kept.result.rests_on):
                continue
            named = {one.path for one in kept.result.rests_on}
            if any(name not in named and Path(name).is_file() for name in wanted.waivers):
                # A waiver file that a setting names was missing then and is there now.
                continue
            # What a command would print now is not known, so that its results are old ones until it was asked.
            asked = bool(wanted.filelist_command)
            request = replace(kept.request, edition=_BEFORE) if asked else kept.request
            held = self.results.restore(kept.key, request, kept.result, outdated=asked)
            if not asked:
                self.tell_coverage(request, kept.result, interim=False, asked=False)
            for document in self.documents.values():
                self._show_in(document, held)

    def _show_in(self, document: Document, held: Held) -> None:
        digest = next((one.digest for one in held.rests_on if one.path == str(document.path)), None)
        if digest is not None:
            document.show(held.key, digest)

    def _publish_all(self) -> None:
        for document in self.documents.values():
            self.publish_soon(document, delay_s=0)
        opened = {document.path for document in self.documents.values()}
        errors: dict[str, list[types.Diagnostic]] = {}
        for held in self.results:
            for problem in shown_problems(held):
                if problem.file is not None and Path(problem.file) not in opened and Path(problem.file).is_file():
                    uri = uris.from_fs_path(problem.file)
                    if uri is not None:
                        errors.setdefault(uri, []).append(problem_diagnostic(problem, (problem.line or 1) - 1))
        for uri in self._published - set(errors) - set(self.documents):
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        for uri, found in errors.items():
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found))
        self._published = set(errors) | {uri for uri in self._published if uri in self.documents}

    def _publish(self, uri: str) -> None:
        self._timers.pop(uri, None)
        document = self.documents.get(uri)
        if document is None:
            return
        can = self._server.client_capabilities.text_document
        related = bool(can is not None and can.publish_diagnostics is not None and can.publish_diagnostics.related_information)
        found = diagnostics_of(document, self.results, self.settings_for(document.path), self.codec, related=related)
        if found or uri in self._published:
            # A server that has nothing to say keeps quiet, so that it is no noise beside others.
            self._published.add(uri)
            self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))

    async def begin(self, title: str, shown: Shown) -> types.ProgressToken | None:
        """Begin a bar that can be cancelled; None where the client shows none."""
        can = self._server.client_capabilities.window
        if can is None or not can.work_done_progress:
            return None
        token = str(uuid.uuid4())
        try:
            await asyncio.wait_for(self._server.work_done_progress.create_async(token), timeout=_CLIENT_S)
        except (TimeoutError, JsonRpcException):
            return None
        # A client may pass over the percentages of a bar that begins without one.
        begin = types.WorkDoneProgressBegin(title=title, cancellable=True, message=shown.words or None, percentage=shown.percentage)
        self._server.work_done_progress.begin(token, begin)
        return token

    async def _begin_late(self, title: str, shown: Shown, job: Job) -> None:
        """Show a bar for a background job once it takes long enough to be noticed; one that waits has none."""
        await asyncio.sleep(1.0)
        while not job.done.done() and job is not self.jobs.running:
            await asyncio.sleep(0.5)
        if job.done.done():
            return
        token = await self.begin(title, shown)
        if token is not None and not job.done.done():
            shown.token = token
            self._by_token[token] = job
        elif token is not None:
            self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())

    def _report(self, token: types.ProgressToken | None, shown: Shown, event: Event) -> None:
        if took(shown, event):
            self._show(token, shown)

    def _show(self, token: types.ProgressToken | None, shown: Shown) -> None:
        at = token if token is not None else shown.token
        if at is not None and at in self._by_token:
            report = types.WorkDoneProgressReport(message=shown.words, percentage=shown.percentage, cancellable=True)
            self._server.work_done_progress.report(at, report)

    async def _tick(self, token: types.ProgressToken | None, shown: Shown, job: Job) -> None:
        """Count the seconds left down while nothing else is told."""
        while not job.done.done():
            await asyncio.sleep(TICK_S)
            if shown.deadline is not None and not job.done.done():
                count_down(shown)
                self._show(token, shown)

    def _hold(self, job: Job) -> str | None:
        settings = self.settings_for(Path(job.request.file))
        why = reason_to_wait(on_battery=settings.flag("background.onBattery"), max_load=settings.number("background.maxLoad"))
        if why != job.held_by:
            LOGGER.info("%s %s: %s", job.request.kind.value, job.request.top, f"waits: {why}" if why is not None else "goes on")
            self.log(f"{job.request.kind.value} {job.request.top}: {f'waits: {why}' if why is not None else 'goes on'}")
            self.refresh()
        return why

    def doing(self, key: str) -> str | None:
        """Say what is being done for a design, and what that waits for."""
        title = self.busy.get(key)
        held = next((job.held_by for job in self.jobs.waiting if job.design == key and job.held_by is not None), None)
        return f"{title} (waits: {held})" if title is not None and held is not None else title

    def _crashed(self, text: str) -> None:
        LOGGER.error("%s", text)
        self.say(text, types.MessageType.Error)


def _stamp(folder: Path) -> int | None:
    try:
        return (folder / FILE_NAME).stat().st_mtime_ns
    except OSError:
        return None


def _log_past(past: Past) -> None:
    LOGGER.info("job %s", json.dumps(past_told(past)))


def _same_run(one: Request, other: Request) -> bool:
    """Say whether two requests run the same testbench with the same options; a proof does what a measurement does first."""
    plain = replace(one, kind=other.kind, point=other.point, budget_s=other.budget_s, policy=other.policy)
    return replace(plain, model=other.model, stores=other.stores) == other
