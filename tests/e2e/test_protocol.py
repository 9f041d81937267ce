"""What no client should send, sent: the server answers each request, shows no trace, and goes on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PROGRAM, Project
from tests.e2e.raw import Raw, raw

pytestmark = pytest.mark.acceptance
NOT_INITIALIZED, INVALID_REQUEST, NOT_FOUND, INVALID_PARAMS = -32002, -32600, -32601, -32602


@pytest.fixture
def server(project: Project) -> Iterator[Raw]:
    with raw(project.folder) as server:
        yield server
        if server.child.poll() is None:
            assert "Traceback" not in server.errors.decode()
            assert server.leave() < 20


def _works(server: Raw) -> None:
    assert "versions" in server.command("llm4cov.info")


def test_requests_before_and_after_their_time_are_refused(server: Raw, project: Project) -> None:
    assert server.ask("textDocument/hover", {})["error"]["code"] == NOT_INITIALIZED
    assert server.ask("workspace/executeCommand", {"command": "llm4cov.restart"})["error"]["code"] == NOT_INITIALIZED
    server.notify("textDocument/didChange", {"textDocument": {"uri": project.uri, "version": 1}, "contentChanges": []})
    server.open(project.file)
    server.start(project.folder)
    assert server.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})["error"]["code"] == INVALID_REQUEST
    _works(server)
    assert server.ask("shutdown")["result"] is None
    assert server.ask("workspace/executeCommand", {"command": "llm4cov.info"})["error"]["code"] == INVALID_REQUEST
    server.notify("textDocument/didOpen", {})
    server.notify("exit")
    assert server.child.wait(120) == 0
    assert "Traceback" not in server.errors.decode() and not server.messages()


BODIES = (
    b"{",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"jsonrpc": "1.0", "id": 1, "method": "shutdown"}',
    b'{"jsonrpc": "2.0", "method": 5}',
    b'{"jsonrpc": "2.0", "method": "textDocument/didOpen"}',
    b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": [1]}}',
    b'{"jsonrpc": "2.0", "method": "$/cancelRequest"}',
    b'{"jsonrpc": "2.0", "method": "$/unknown", "params": [1]}',
    b'{"jsonrpc": "2.0", "id": {"a": 1}, "method": "shutdown"}',
    b'{"jsonrpc": "2.0", "id": null, "method": "shutdown"}',
    b'{"jsonrpc": "2.0", "id": 12345, "result": {}}',
    b'{"jsonrpc": "2.0", "id": [], "result": 1}',
    b'{"jsonrpc": "2.0", "id": 77, "error": "no"}',
    b"[" * 100_000,
    b'{"jsonrpc": "2.0", "method": "x", "params": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
)
HEADERS = (
    b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
    b"Content-Type: application/vscode-jsonrpc\r\nContent-Length: %d\r\n\r\n",
    b"content-length:%d\r\n\r\n",
    b"Content-Length: %d\n\n",
    b"\r\n\r\nX-Nonsense\r\nContent-Length: %d\r\n\r\n",
)


def test_messages_that_are_none_are_passed_over_and_headers_may_be_written_in_any_way(server: Raw, project: Project) -> None:
    server.start(project.folder)
    for body in BODIES:
        server.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        _works(server)
    assert not server.messages()
    for number, header in enumerate(HEADERS):
        params = {"command": "llm4cov.info"}
        body = json.dumps({"jsonrpc": "2.0", "id": f"h{number}", "method": "workspace/executeCommand", "params": params}).encode()
        server.write(header % len(body) + body)
        assert "result" in server.wait(f"h{number}")


def test_bad_parameters_are_answered(server: Raw, project: Project) -> None:
    server.start(project.folder)
    uri = server.open(project.file)
    at = {"textDocument": {"uri": uri}}
    bad: list[tuple[str, Any]] = [
        ("textDocument/hover", None),
        ("textDocument/hover", {}),
        ("textDocument/hover", {**at, "position": {"line": -1, "character": 0}}),
        ("textDocument/hover", {**at, "position": {"line": 2**40, "character": 0}}),
        ("textDocument/codeAction", {**at, "range": 3}),
        ("textDocument/codeLens", [1, 2]),
        ("workspace/executeCommand", {"command": "llm4cov.nothing"}),
        ("workspace/executeCommand", {"command": "llm4cov.generate"}),
        ("workspace/executeCommand", {"command": "llm4cov.explain", "arguments": [1, 2, 3, 4]}),
        ("workspace/executeCommand", {"command": "llm4cov.prove", "arguments": []}),
        ("workspace/executeCommand", {"command": "llm4cov.measure", "arguments": [uri, "traffic_light", 1.5]}),
        ("workspace/executeCommand", {"command": "llm4cov.exclude", "arguments": [uri, "traffic_light", "", {"a": 1}]}),
        ("workspace/executeCommand", {"command": "llm4cov.reject", "arguments": [uri, "traffic_light", [1]]}),
        ("workspace/executeCommand", {"command": "llm4cov.trajectory.list", "arguments": [True]}),
        ("workspace/executeCommand", {"command": "llm4cov.debugBundle", "arguments": ["", 3]}),
    ]
    for method, params in bad:
        reply = server.ask(method, params)
        assert reply.get("error", {}).get("code") == INVALID_PARAMS, (method, params, reply)
        assert "data" not in reply["error"] or "raceback" not in json.dumps(reply["error"])
    assert server.ask("textDocument/nothing", {})["error"]["code"] == NOT_FOUND
    assert server.ask("textDocument/hover", {**at, "position": {"line": 10**6, "character": 10**6}})["result"] is None
    for arguments in ([None, None], [{"a": 1}, ["b"]], [uri, "no_such_module"], ["file:///no/where.sv", "m"], ["\0", "\0"]):
        reply = server.ask("workspace/executeCommand", {"command": "llm4cov.measure", "arguments": arguments})
        assert "error" in (reply.get("result") or reply), reply
    assert not [text for text in server.messages() if "nternal" in text]


@pytest.mark.parametrize("length", [b"99999999999999999999", b"-5"])
def test_a_length_that_cannot_be_ends_the_server_with_a_sentence(project: Project, length: bytes) -> None:
    with raw(project.folder) as server:
        server.start(project.folder)
        server.write(b"Content-Length: " + length + b"\r\n\r\n{}")
        server.child.wait(120)
        time.sleep(0.1)
        text = server.errors.decode()
        assert "a message claims to have a length of" in text and "Traceback" not in text


def test_a_client_that_goes_without_a_word_ends_the_server(project: Project) -> None:
    with raw(project.folder) as server:
        server.start(project.folder)
        server.open(project.file)
        assert server.child.stdin is not None
        server.child.stdin.write(b"Content-Length: 100\r\n\r\n{half")
        server.child.stdin.close()
        server.child.wait(120)
        assert "Traceback" not in server.errors.decode()


@pytest.mark.parametrize("answer", [None, "no", [{"mode": []}] * 9])
def test_a_client_that_answers_nonsense_about_its_settings_is_served(project: Project, answer: Any) -> None:
    with raw(project.folder) as server:
        server.answers_requests = False
        server.start(project.folder)
        asked = server.until(lambda: [one for one in server.notes if one.get("method") == "workspace/configuration"])[0]
        reply = {"error": {"code": -32601, "message": "no"}} if answer == "no" else {"result": answer}
        server.send({"jsonrpc": "2.0", "id": asked["id"], **reply})
        uri = server.open(project.file)
        assert server.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})["result"]
        assert "Traceback" not in server.errors.decode()
        assert not [text for text in server.messages() if "nternal" in text]
        server.leave()


def test_odd_documents_are_no_harm(server: Raw, project: Project, tmp_path: Path) -> None:
    server.start(project.folder)
    pipe = tmp_path / "pipe.sv"
    os.mkfifo(pipe)
    uris = [
        "untitled:Untitled-1",
        "file:///dev/zero",
        "file:///a%00b.sv",
        "file:",
        "",
        "http://x/y.sv",
        "file:///" + "x" * 5000,
        pipe.as_uri(),
    ]
    for uri in uris:
        item = {"uri": uri, "languageId": "systemverilog", "version": 1, "text": "module m(input a);\nendmodule\n"}
        server.notify("textDocument/didOpen", {"textDocument": item})
        place = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
        change = {"range": place, "text": "// x\n"}
        server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]})
        server.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        server.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
        server.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}})
        server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    server.notify("textDocument/didChange", {"textDocument": {"uri": "file:///never/opened.sv", "version": 2}, "contentChanges": []})
    server.notify("textDocument/didClose", {"textDocument": {"uri": "file:///never/opened.sv"}})
    _works(server)
    assert not server.messages()


def test_one_client_is_served_over_tcp(project: Project) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen((str(PROGRAM), "--tcp", f"127.0.0.1:{port}"), cwd=project.folder, stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 60
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        params = {"processId": None, "rootUri": None, "capabilities": {}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
        client.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        assert client.recv(100).startswith(b"Content-Length")
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        child.wait(120)
        assert child.stderr is not None and b"Traceback" not in child.stderr.read()
