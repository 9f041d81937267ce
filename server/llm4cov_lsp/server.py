"""The handlers of the language server, named after LSP's verbs. They look things up and hand work on; none of them waits.

It claims no navigation and no lint: other servers for the same files have those.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from llm4cov_lsp.about import versions
from llm4cov_lsp.answers import Answers
from llm4cov_lsp.betterment import Betterment
from llm4cov_lsp.commands import Answer, Commands
from llm4cov_lsp.features.actions import KINDS, actions_of
from llm4cov_lsp.features.answers import ANSWER, answers_of
from llm4cov_lsp.features.hover import hover_of
from llm4cov_lsp.features.lens import hints_of, lenses_of
from llm4cov_lsp.further import Further
from llm4cov_lsp.learning import Learning
from llm4cov_lsp.listing import modules_in
from llm4cov_lsp.logfile import LOGGER
from llm4cov_lsp.positions import changed, index_in
from llm4cov_lsp.project import WATCHED, is_project_file
from llm4cov_lsp.protocol import MODULES, as_json
from llm4cov_lsp.results import design_key
from llm4cov_lsp.rpc import Server
from llm4cov_lsp.session import Session
from llm4cov_lsp.settings import FILE_NAME, SECTION
from llm4cov_lsp.trajectories import Trajectories

_WATCHED = (*WATCHED, f"**/{FILE_NAME}")


def make_server() -> LanguageServer:
    """Make a server with all its handlers; it answers one client."""
    server = Server("llm4cov-lsp", importlib.metadata.version("llm4cov-lsp"))
    session = Session(server)
    learning, answers, further = Learning(server, session), Answers(server, session), Further(session)
    _register_lifecycle(server, session, learning, answers, further)
    _register_documents(server, session, answers, further)
    _register_features(server, session, answers)
    _register_own(server, session)
    commands = Commands(server, session, learning, answers)
    _register_proposals(server, session, commands, Betterment(session, answers), answers)
    _register_commands(server, session, commands, Trajectories(session, answers))
    return server


def _register_lifecycle(server: LanguageServer, session: Session, learning: Learning, answers: Answers, further: Further) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        options = params.initialization_options
        # Only an editor that knows of trust says that there is none.
        LOGGER.info("begins for %s: %s", params.client_info.name if params.client_info is not None else "an editor", versions())
        session.trusted = not (isinstance(options, dict) and options.get("trusted") is False)
        session.tells_coverage = isinstance(options, dict) and options.get("coverage") is True

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        can = server.client_capabilities.workspace
        if can is not None and can.did_change_watched_files and can.did_change_watched_files.dynamic_registration:
            watchers = [types.FileSystemWatcher(pattern) for pattern in _WATCHED]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            registration = types.Registration("llm4cov.watch", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.protocol.send_request(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([registration]))
        if can is not None and can.did_change_configuration and can.did_change_configuration.dynamic_registration:
            settings = types.Registration("llm4cov.settings", types.WORKSPACE_DID_CHANGE_CONFIGURATION, {"section": SECTION})
            server.protocol.send_request(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([settings]))
        await session.load_settings()
        learning.keep_schedule()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        can = server.client_capabilities.workspace
        if can is not None and can.configuration:
            await session.load_settings()
        elif isinstance(params.settings, dict):
            # A client that can't be asked sends its settings along.
            section = params.settings.get(SECTION, params.settings)
            session.take_settings(dict.fromkeys([*session.scopes.folders, None], section))

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        paths = [Path(path) for change in params.changes if (path := uris.to_fs_path(change.uri)) is not None]
        if any(path.name == FILE_NAME for path in paths):
            await session.load_settings()
        for change in params.changes:
            if change.uri in session.documents:
                session.documents[change.uri].take_saved()
        for touched in paths:
            answers.saved(touched)
            further.saved(touched)
            session.measure_what_changed(touched)
        if any(is_project_file(path) or session.scopes.is_waiver_file(path) for path in paths):
            session.measure_open()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def did_change_workspace_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        await session.load_settings()

    @server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def work_done_progress_cancel(params: types.WorkDoneProgressCancelParams) -> None:
        session.bars.cancel_token(params.token)
        learning.cancel_token(params.token)

    @server.feature(types.SHUTDOWN)
    def shutdown(params: None) -> None:
        learning.shut_down()
        session.shut_down()


def _register_documents(server: LanguageServer, session: Session, answers: Answers, further: Further) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        session.open(params.text_document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        document = session.documents.get(params.text_document.uri)
        if document is None:
            return
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                start, end = change.range.start, change.range.end
                document.follow((start.line, start.character), (end.line, end.character), change.text)
                text = changed(document.text, change.range, change.text, session.codec)
            else:
                document.replace_all(change.text)
                text = change.text
            document.set_text(text, params.text_document.version)
        session.freshness.edited(document)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        if (path := uris.to_fs_path(params.text_document.uri)) is not None:
            answers.saved(Path(path))
            further.saved(Path(path))
        session.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        if (path := uris.to_fs_path(params.text_document.uri)) is not None:
            answers.closed(Path(path))
        session.close(params.text_document.uri)


def _register_features(server: LanguageServer, session: Session, answers: Answers) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
    def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        document = session.documents.get(params.text_document.uri)
        if document is None or not session.scopes.settings_for(document.path).flag("codeLens.enabled"):
            return []
        keys = {design_key(document.path, module.name): module.name for module in document.modules}
        busy = {name: words for key, name in keys.items() if (words := session.doing(key)) is not None}
        return list(lenses_of(document, session.results, trusted=session.trusted, busy=busy))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        document = session.documents.get(params.text_document.uri)
        at = params.position
        if document is None or at.line >= len(document.lines):
            return None
        index = index_in(document.lines[at.line], at.character, session.codec, bom=document.has_bom and at.line == 0)
        return hover_of(document, session.results, at.line, index)

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        document = session.documents.get(params.text_document.uri)
        if document is None or not session.scopes.settings_for(document.path).flag("inlayHints.enabled"):
            return []
        return list(hints_of(document, session.results, params.range, session.codec))

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[*KINDS, ANSWER], resolve_provider=True))
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = session.documents.get(params.text_document.uri)
        if document is None:
            return []
        can = server.client_capabilities.text_document
        can_disable = bool(can is not None and can.code_action is not None and can.code_action.disabled_support)
        found = actions_of(document, session.results, params, session.codec, trusted=session.trusted, can_disable=can_disable)
        return [*found, *answers_of(document, params, session.proposals, answers.places)]

    @server.feature(types.CODE_ACTION_RESOLVE)
    def code_action_resolve(action: types.CodeAction) -> types.CodeAction:
        data = action.data
        if isinstance(data, dict) and action.command is None and action.disabled is None and isinstance(data.get("command"), str):
            action.command = types.Command(action.title, data["command"], arguments=data.get("arguments"))
        return action


def _register_own(server: LanguageServer, session: Session) -> None:
    @server.feature(MODULES)
    async def modules(params: Any) -> Any:
        # Files that are not open are read, so this is kept off the loop that answers while a person types.
        names = [str(uri) for uri in getattr(params, "uris", ())]
        found = await asyncio.to_thread(lambda: [modules_in(uri, session.documents, session.scopes) for uri in names])
        return [as_json(one) for one in found]


# pygls evaluates the annotations of commands, and can't those of a recursive type such as JSON: what they return is `object` here.
async def _answered(server: LanguageServer, session: Session, work: Coroutine[Any, Any, Answer]) -> object:
    """Do a command's work once the settings were read; cancelled with its request."""

    async def prepared() -> Answer:
        try:
            await session.ready.wait()
        except asyncio.CancelledError:
            work.close()
            raise
        return await work

    task = asyncio.ensure_future(prepared())
    # pygls ends the request that a client cancels, but not the command's own coroutine behind it.
    number = server.protocol.msg_id
    request = server.protocol._request_futures.get(number) if number is not None else None
    if request is not None:
        request.add_done_callback(lambda ended: task.cancel() if ended.cancelled() else None)
    try:
        return await task
    except asyncio.CancelledError:
        return {"cancelled": True}


def _register_proposals(server: LanguageServer, session: Session, commands: Commands, better: Betterment, answers: Answers) -> None:
    async def answered(work: Coroutine[Any, Any, Answer]) -> object:
        return await _answered(server, session, work)

    @server.command("llm4cov.generate")
    async def generate(uri: str, top: str, *options: Any) -> object:
        return await answered(commands.generate(uri, top, applies=_applies(options)))

    @server.command("llm4cov.improve")
    async def improve(uri: str, top: str, *options: Any) -> object:
        return await answered(better.improve(uri, top, applies=_applies(options)))

    @server.command("llm4cov.repair")
    async def repair(uri: str, top: str, *options: Any) -> object:
        return await answered(better.repair(uri, top, applies=_applies(options)))

    @server.command("llm4cov.cover")
    async def cover(uri: str, top: str, hole: str, *options: Any) -> object:
        return await answered(better.cover(uri, top, hole, applies=_applies(options)))

    @server.command("llm4cov.accept")
    async def accept(uri: str, top: str, *options: Any) -> object:
        part = _option(options, "text")
        return await answered(answers.accept(uri, top, part if isinstance(part, str) and part.strip() else None))

    @server.command("llm4cov.reject")
    async def reject(uri: str, top: str, *reason: str) -> object:
        return await answered(answers.reject(uri, top, "".join(_texts(reason, most=1))))

    @server.command("llm4cov.undo")
    async def undo(uri: str, top: str) -> object:
        return await answered(answers.undo(uri, top))


def _register_commands(server: LanguageServer, session: Session, commands: Commands, trajectories: Trajectories) -> None:
    async def answered(work: Coroutine[Any, Any, Answer]) -> object:
        return await _answered(server, session, work)

    @server.command("llm4cov.trajectory.list")
    async def list_trajectories(*uri: str) -> object:
        return await answered(trajectories.listed(*_texts(uri, most=1)))

    @server.command("llm4cov.trajectory.show")
    async def show_trajectory(name: str) -> object:
        return await answered(trajectories.shown(name))

    @server.command("llm4cov.trajectory.delete")
    async def delete_design(design: str) -> object:
        return await answered(trajectories.deleted(design))

    @server.command("llm4cov.measure")
    async def measure(uri: str, top: str, *testbench: str) -> object:
        return await answered(commands.measure(uri, top, *_texts(testbench, most=1)))

    @server.command("llm4cov.prove")
    async def prove(uri: str, top: str, hole: str) -> object:
        return await answered(commands.prove(uri, top, hole))

    @server.command("llm4cov.exclude")
    async def exclude(uri: str, top: str, hole: str, *reason: str) -> object:
        return await answered(commands.exclude(uri, top, hole, *_texts(reason, most=1)))

    @server.command("llm4cov.place")
    def place(uri: str, top: str, line: int) -> object:
        return commands.place(uri, top, line)

    @server.command("llm4cov.report")
    async def report(uri: str, top: str) -> object:
        return await answered(commands.report(uri, top))

    @server.command("llm4cov.consents")
    def consents() -> object:
        return commands.consents()

    @server.command("llm4cov.forgetConsent")
    def forget_consent(host: str) -> object:
        return commands.forget_consent(host)

    @server.command("llm4cov.explain")
    def explain(uri: str, top: str, hole: str) -> object:
        return commands.explain(uri, top, hole)

    @server.command("llm4cov.cancel")
    def cancel(uri: str, top: str) -> object:
        return commands.cancel(uri, top)

    @server.command("llm4cov.restart")
    def restart() -> object:
        return commands.restart()

    @server.command("llm4cov.retrain")
    async def retrain() -> object:
        return await answered(commands.retrain())

    @server.command("llm4cov.adapters")
    async def adapters() -> object:
        return await answered(commands.adapters())

    @server.command("llm4cov.rollBack")
    async def roll_back(*base: str) -> object:
        return await answered(commands.roll_back(*base[:1]))

    @server.command("llm4cov.doctor")
    async def doctor() -> object:
        return await answered(commands.doctor())

    @server.command("llm4cov.debugBundle")
    async def debug_bundle(*path_and_sources: str) -> object:
        return await answered(commands.debug_bundle(*_texts(path_and_sources, most=2)))

    @server.command("llm4cov.info")
    def info() -> object:
        return commands.info()


def _texts(given: tuple[object, ...], *, most: int) -> tuple[str, ...]:
    """Give the texts that a command takes at its end, up to the first that is left out by null; pygls looks at the others alone."""
    texts: list[str] = []
    for one in given[:most]:
        if one is None:
            break
        if not isinstance(one, str):
            raise JsonRpcInvalidParams(f"Invalid Params: Expected a text, got {type(one).__name__}")
        texts.append(one)
    return tuple(texts)


def _applies(options: tuple[Any, ...]) -> bool:
    """Say whether what is proposed is to be applied: unless `{"apply": false}` comes last among a command's arguments."""
    return _option(options, "apply") is not False


def _option(options: tuple[Any, ...], name: str) -> Any:
    """Read a key of the object that may come last among a command's arguments; pygls makes an object or a dictionary of it."""
    given = options[0] if options else None
    return given.get(name) if isinstance(given, dict) else getattr(given, name, None)
