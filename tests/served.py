"""An OpenAI-compatible server on this machine that plays what it is told to: a model for tests, without a model."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Plays the next scene of the server's script; the last one is played again."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        scene = self.server.script[min(len(self.server.seen), len(self.server.script)) - 1]
        self.close_connection = True
        try:
            scene(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.was_left.set()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Plays a script, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, script: tuple[Scene, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        """Path, headers and body of each request."""
        self.was_left = threading.Event()
        """Set when a client goes away in mid-reply."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The body of each request."""
        return [body for _, _, body in self.seen]

    @property
    def keys(self) -> list[str]:
        """`Authorization` of each request."""
        return [headers.get("Authorization", "") for _, headers, _ in self.seen]


Scene = Callable[[Handler], None]


def plain(status: int, body: str, *, pause_s: float = 0.0, **headers: str) -> Scene:
    """A reply in one piece, after a pause."""

    def play(handler: Handler) -> None:
        time.sleep(pause_s)
        content = body.encode()
        handler.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"content-type": "application/json", "content-length": str(len(content))} | given).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return play


def streamed(*lines: str, pause_s: float = 0.0, is_whole: bool = True) -> Scene:
    """Lines of a stream in chunks; without `is_whole` the connection ends before the last, empty chunk."""

    def play(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for line in lines:
            content = f"{line}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
            time.sleep(pause_s)
        if is_whole:
            handler.wfile.write(b"0\r\n\r\n")

    return play


def piece(text: str | None = None, reason: str | None = None, **more: object) -> str:
    """One line of a stream."""
    delta = {} if text is None else {"content": text}
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more})


def said(text: str, *, pause_s: float = 0.0) -> Scene:
    """A text in one piece, after a pause."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return plain(200, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 10}}), pause_s=pause_s)


def spoken(text: str) -> Scene:
    """A text as most servers stream it."""
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    return streamed(piece(text), piece(reason="stop", usage=usage), "data: [DONE]")


def reset(handler: Handler) -> None:
    """Breaks the connection so that the client's system sees a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def silence(handler: Handler) -> None:
    """Says nothing until the client goes."""
    handler.connection.settimeout(20)
    if handler.connection.recv(1) == b"":
        handler.server.was_left.set()


@contextmanager
def playing(*script: Scene) -> Iterator[Server]:
    """Play the scenes in turn, the last one for ever."""
    with Server(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def served(replies: Sequence[str], *, pause_s: float = 0.0) -> AbstractContextManager[Server]:
    """Answer with the texts in turn, the last one for ever."""
    return playing(*(said(text, pause_s=pause_s) for text in replies))
