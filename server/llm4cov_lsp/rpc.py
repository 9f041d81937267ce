"""What is put right of pygls' protocol: every request has an answer, no answer has a trace, nothing runs before or after its time.

Knows messages and their order, nothing of coverage. Texts of documents are kept by `documents` alone, so pygls' own copy is left out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, BinaryIO, cast

from lsprotocol import types
from pygls.exceptions import FeatureNotificationError, JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.exceptions import JsonRpcServerNotInitialized as NotInitialized
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

MOST_BYTES = 64 << 20
"""Of one message. What claims to be longer is no message, and where the next one begins is then unknown."""
_log = logging.getLogger(__name__)


class Protocol(LanguageServerProtocol):
    """The messages of one connection, in their order."""

    _was_initialized = False

    def structure_message(self, data: dict[str, Any]) -> dict[str, Any]:
        """Leave it as it is: pygls asks this of every object in a message, and a bad one would lose the number of its request."""
        return data

    def handle_message(self, message: Any) -> None:
        """Answer what is wrong with a message, else hand it on in lsprotocol's values."""
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            self._answer(message, JsonRpcInvalidRequest("A message is one JSON object that has `jsonrpc` with the value 2.0."))
            return
        method = message.get("method")
        if ("id" in message and not _is_number(message["id"])) or not isinstance(method, str | None):
            self._answer(message, JsonRpcInvalidRequest("A request has a number or a text as its `id`, and a text as its `method`."))
            return
        if (early_or_late := self._out_of_turn(method)) is not None:
            self._answer(message, early_or_late)
            return
        try:
            structured = super().structure_message(message)
        except JsonRpcException:
            wrong = JsonRpcInvalidParams(f"The parameters of {method} are not what the protocol says.")
            if method is None and _is_number(message.get("id")):
                # An answer of the client's that can't be read is a refusal to who waits for it.
                self._handle_response(message["id"], error=types.ResponseError(wrong.code, "the answer can't be read"))
            else:
                self._answer(message, wrong)
            return
        if method == types.CANCEL_REQUEST and not _is_number(getattr(getattr(structured, "params", None), "id", None)):
            self._answer(message, JsonRpcInvalidParams("A request is cancelled by its `id`."))
            return
        if method == types.INITIALIZE:
            self._was_initialized = True
        super().handle_message(structured)

    def _out_of_turn(self, method: object) -> JsonRpcException | None:
        """Say what is wrong with the time of a message; answers of the client always come in time."""
        if method is None or method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("The server was shut down.")
        if method == types.INITIALIZE:
            return JsonRpcInvalidRequest("The server is initialized already.") if self._was_initialized else None
        return None if self._was_initialized else NotInitialized("The server is not initialized yet.")

    def _answer(self, message: object, wrong: JsonRpcException) -> None:
        """Answer a bad request; what is no request has no answer, but a line in the log."""
        number = message.get("id") if isinstance(message, dict) else None
        if _is_number(number) and isinstance(message, dict) and isinstance(message.get("method"), str):
            self._send_response(cast("str | int", number), error=wrong.to_response_error())
        else:
            _log.warning("passed over a message: %s", wrong.message)

    def _send_response(self, msg_id: str | int, result: Any | None = None, error: types.ResponseError | None = None) -> None:
        if error is not None and isinstance(error.data, dict) and "traceback" in error.data:
            # The trace is in the log; a person can do nothing with it.
            error = types.ResponseError(error.code, f"internal error: {error.message}")
        super()._send_response(msg_id, result, error)

    def _run_generator(self, future: Future[Any] | None, *, gen: Generator[Any, Any, Any], result_future: Future[Any]) -> None:
        # pygls passes on what a handler returned or raised, not that it was cancelled.
        if future is not None and future.cancelled():
            result_future.cancel()
        else:
            super()._run_generator(future, gen=gen, result_future=result_future)

    def _execute_handler(
        self, msg_id: str | int, handler: Callable[..., Any], callback: Callable[[Future[Any]], None], *rest: Any, **more: Any
    ) -> None:
        """Run a handler, and forget it once it is over: pygls forgets requests only, so each key pressed would cost memory for good."""

        def over(future: Future[Any]) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, over, *rest, **more)

    def _check_handler_result(self, future: Future[Any]) -> None:
        # What was cancelled by the end of the connection is no error.
        if not future.cancelled():
            super()._check_handler_result(future)

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """Run our own handler, and cancel all requests but this one."""
        yield self.fm.features[types.SHUTDOWN], args, None
        # Over a copy, which pygls does not make: a cancelled request takes itself off the list.
        for number, request in list(self._request_futures.items()):
            if number != self.msg_id:
                request.cancel()
        self._shutdown = True

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Generator[Any, Any, None]:
        """Hand it to our own handler."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Generator[Any, Any, None]:
        """Hand it to our own handler."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Generator[Any, Any, None]:
        """Hand it to our own handler."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        """Run a command; arguments that were left out are none, so that their number is looked at."""
        params.arguments = params.arguments or []
        return (yield from super().lsp_workspace__execute_command(params))


class Server(LanguageServer):
    """pygls' server with that protocol. What goes wrong outside of a request is said in one sentence."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(name, version, protocol_cls=Protocol)
        logging.getLogger("pygls.server").addFilter(_without_traces_of_bad_input)
        logging.getLogger("pygls.protocol.json_rpc").addFilter(_without_traces_of_bad_input)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Show bugs of ours; what the client sent and nobody can read goes to the log."""
        if source == FeatureNotificationError:
            name = type(error).__name__
            text = f"Internal error ({name}: {error}). The server goes on; its log has more, please report it."
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, text))


class Input:
    """Standard input whose messages have a length that can be."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readline(self) -> bytes:
        """Give a line of a header; a line that is longer than any header is cut."""
        line = self._stream.readline(4096)
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"content-length":
            text = value.strip()
            if not text.isdigit() or not 0 < int(text[:20]) <= MOST_BYTES:
                _log.error("a message claims to have a length of %s; the rest of the input can't be read", text[:20].decode("latin-1"))
                return b""
            # pygls knows one way of writing it only.
            return b"Content-Length: " + text + b"\r\n"
        return b"\r\n" if line == b"\n" else line

    def read(self, size: int) -> bytes:
        """Give the body of a message."""
        return self._stream.read(size)


def _without_traces_of_bad_input(record: logging.LogRecord) -> bool:
    """Cut the trace off what is no bug of ours: text that is no JSON, parameters that don't fit, a client that has gone."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError | JsonRpcInvalidParams | BrokenPipeError):
        record.exc_info = record.exc_text = None
        record.msg, record.args = "%s (%s)", (record.getMessage(), error)
    return not (record.levelno >= logging.ERROR and record.getMessage().startswith("Unable to deserialize message"))


def _is_number(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
