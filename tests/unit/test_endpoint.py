"""What the endpoint makes of what servers do wrong."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from typing import Any

import pytest

from llm4cov_agent.errors import BadConfiguration, Severity
from llm4cov_agent.loop.backend import Completion, CompletionEnding, Message, Request, Role
from llm4cov_agent.loop.policies.endpoint import Endpoint, GrammarMode, Retries
from tests.served import Scene, Server, piece, plain, playing, reset, silence, streamed

KEY = "sk-this-is-the-secret-0123456789"
QUICK = Retries(attempts=3, first_wait_s=0.01, longest_wait_s=0.02)


USAGE = "data: " + json.dumps({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}})
GOOD = streamed(": keep-alive", piece(""), piece("Hello"), piece(", world"), piece(reason="stop"), USAGE, "data: [DONE]")


def request(**more: Any) -> Request:
    messages = (Message(Role.SYSTEM, "You write testbenches."), Message(Role.USER, "Write one."))
    return Request(messages=messages, **({"max_tokens": 50} | more))


def endpoint(server: Server, **more: Any) -> Endpoint:
    return Endpoint(**({"url": server.url, "model": "tiny", "context_tokens": 4096, "retries": QUICK} | more))


def ask(*script: Scene, **more: Any) -> tuple[Completion, Server]:
    with playing(*script) as server:
        return endpoint(server).complete(request(**more)), server


def message_of(completion: Completion) -> str:
    assert completion.ending is CompletionEnding.FAILED
    [problem] = completion.problems
    return problem.message


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM4COV_API_KEY", raising=False)


def test_a_streamed_reply_comes_in_pieces_with_its_counts() -> None:
    pieces: list[str] = []
    with playing(GOOD) as server:
        completion = endpoint(server).complete(request(temperature=0.5, top_p=0.9, seed=7), on_text=pieces.append)
    assert (completion.text, completion.ending, completion.problems) == ("Hello, world", CompletionEnding.STOP, ())
    assert (completion.prompt_tokens, completion.completion_tokens) == (12, 3)
    assert pieces == ["Hello", ", world"]
    [(path, headers, body)] = server.seen
    assert path == "/v1/chat/completions" and "Authorization" not in headers
    assert body["messages"][0] == {"role": "system", "content": "You write testbenches."}
    assert (body["model"], body["max_tokens"], body["temperature"], body["top_p"], body["seed"]) == ("tiny", 50, 0.5, 0.9, 7)
    assert not {"grammar", "structured_outputs", "guided_grammar", "chat_template_kwargs"} & body.keys()


def test_a_server_that_does_not_stream_is_understood_too() -> None:
    reply = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}], "usage": {"prompt_tokens": 4, "completion_tokens": 1}}
    completion, _ = ask(plain(200, json.dumps(reply)))
    assert (completion.text, completion.ending, completion.completion_tokens) == ("Hi", CompletionEnding.LENGTH, 1)


def test_counts_are_unknown_where_the_server_does_not_tell() -> None:
    completion, _ = ask(streamed(piece("a"), piece(reason="stop")))
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == ("a", None, None)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    completion, server = ask(plain(status, "{}"), plain(status, "<html>busy</html>", content_type="text/html"), GOOD)
    assert (completion.text, len(server.seen)) == ("Hello, world", 3)


def test_retry_after_is_kept_to() -> None:
    started = time.monotonic()
    completion, server = ask(plain(429, "{}", retry_after="1"), GOOD)
    assert completion.text == "Hello, world" and len(server.seen) == 2
    assert time.monotonic() - started >= 1


def test_a_wait_beyond_the_time_limit_is_not_begun() -> None:
    started = time.monotonic()
    completion, server = ask(plain(429, '{"error": {"message": "Slow down."}}', retry_after="3600"), GOOD, time_limit_s=5)
    assert "status 429" in message_of(completion) and "Slow down." in message_of(completion) and "3600 s" in message_of(completion)
    assert len(server.seen) == 1 and time.monotonic() - started < 2


def test_attempts_end() -> None:
    completion, server = ask(plain(500, '{"error": "out of memory"}'))
    assert message_of(completion) == "the server answered with status 500 Internal Server Error: out of memory (3 attempts)"
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "said"), [(401, "Set LLM4COV_API_KEY to a valid key."), (404, "usually ends in /v1"), (400, None), (403, "Check the key")]
)
def test_what_will_not_change_is_not_asked_again(status: int, said: str | None) -> None:
    completion, server = ask(plain(status, '{"error": {"message": "No."}}'))
    assert f"status {status}" in message_of(completion) and len(server.seen) == 1
    assert said is None or said in (completion.problems[0].hint or "")


def test_a_server_that_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        completion = Endpoint(url=url, model="tiny", context_tokens=99, retries=QUICK).complete(request())
    assert f"no server can be reached at {url}/v1" in message_of(completion) and "(3 attempts)" in message_of(completion)


def test_a_broken_connection_is_tried_again() -> None:
    completion, server = ask(reset, GOOD)
    assert (completion.text, len(server.seen)) == ("Hello, world", 2)
    completion, server = ask(reset)
    assert "the connection broke" in message_of(completion) and len(server.seen) == 3


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_truncated_stream_keeps_its_part_and_is_not_played_twice(is_whole: bool) -> None:
    pieces: list[str] = []
    with playing(streamed(piece("module "), piece("tb"), is_whole=is_whole), GOOD) as server:
        completion = endpoint(server).complete(request(), on_text=pieces.append)
    assert "broke" in message_of(completion) and "9 characters" in message_of(completion)
    assert completion.text == "".join(pieces) == "module tb" and len(server.seen) == 1


def test_a_stream_that_ends_before_its_first_piece_is_tried_again() -> None:
    completion, server = ask(streamed(piece("")), GOOD)
    assert (completion.text, len(server.seen)) == ("Hello, world", 2)


@pytest.mark.parametrize("line", ['data: {"choices": [{"delta": {"con', "data: nonsense", "data: " + "[" * 5000])
def test_malformed_json_in_a_stream(line: str) -> None:
    completion, server = ask(streamed(line, "data: [DONE]"))
    assert message_of(completion).startswith("the server sent malformed JSON") and len(server.seen) == 1


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "{}", '{"choices": []}', '{"choices": [1]}', '{"choices": [{"message": null}]}'])
def test_json_that_is_no_completion(body: str) -> None:
    completion, _ = ask(plain(200, body))
    assert any(words in message_of(completion) for words in ("malformed JSON", "is no object", "holds no completion", "reply is empty"))


def test_a_web_page() -> None:
    completion, _ = ask(plain(200, "<html><title>Welcome</title></html>", content_type="text/html; charset=utf-8"))
    assert "does not speak the OpenAI protocol: it sent text/html" in message_of(completion) and "Welcome" in message_of(completion)


def test_an_error_inside_a_stream() -> None:
    completion, _ = ask(streamed('data: {"error": {"message": "CUDA out of memory"}}'))
    assert "CUDA out of memory" in message_of(completion)


def test_a_withheld_reply() -> None:
    completion, _ = ask(streamed(piece("a"), piece(reason="content_filter"), "data: [DONE]"))
    assert "content filter" in message_of(completion)


@pytest.mark.parametrize("scene", [streamed(piece(" \n"), piece(reason="stop"), "data: [DONE]"), streamed("data: [DONE]")])
def test_an_empty_reply(scene: Scene) -> None:
    completion, server = ask(scene)
    assert message_of(completion) == "the reply is empty" and len(server.seen) == 1


def test_a_reply_of_reasoning_alone_says_so() -> None:
    thought = 'data: {"choices": [{"delta": {"reasoning_content": "Hmm"}, "finish_reason": "length"}]}'
    completion, _ = ask(streamed(thought, "data: [DONE]"))
    assert "reasoning" in (completion.problems[0].hint or "")


def test_a_reply_of_100_000_tokens_is_cut_off() -> None:
    started = time.monotonic()
    completion, _ = ask(streamed(*(piece("token ") for _ in range(100_000))), max_tokens=500)
    assert completion.ending is CompletionEnding.LENGTH and len(completion.text) == 16 * 500
    assert [problem.severity for problem in completion.problems] == [Severity.WARNING]
    assert time.monotonic() - started < 10


def test_a_line_without_end_is_cut_off() -> None:
    completion, _ = ask(streamed("data: " + "x" * (3 << 20)))
    assert completion.ending is CompletionEnding.FAILED


def test_a_slow_drip_meets_the_time_limit_with_what_came() -> None:
    with playing(streamed(*(piece("drip ") for _ in range(200)), pause_s=0.1)) as server:
        completion = endpoint(server).complete(request(time_limit_s=0.6))
        assert server.was_left.wait(5)
    assert message_of(completion).startswith("no complete reply within 0.6 s") and completion.text.startswith("drip drip")
    assert completion.seconds < 1.6


def test_a_silent_server_meets_the_time_limit() -> None:
    completion, _ = ask(silence, time_limit_s=0.3)
    assert message_of(completion) == "no complete reply within 0.3 s; 0 characters came" and completion.seconds < 1.3


@pytest.mark.parametrize("said", ["inf", "1e400", "9" * 400, "123456789"])
def test_a_server_that_asks_to_wait_for_ever_is_told_in_plain_words(said: str) -> None:
    completion, server = ask(plain(429, "{}", retry_after=said), GOOD, time_limit_s=5)
    assert "waiting more than a day would pass the time limit" in completion.problems[0].message and len(server.seen) == 1


@pytest.mark.parametrize("scene", [silence, streamed(*(piece("drip ") for _ in range(200)), pause_s=0.1), plain(503, "", retry_after="60")])
def test_a_cancelled_request_returns_within_a_second_and_leaves_the_server(scene: Scene) -> None:
    cancel = threading.Event()
    with playing(scene) as server:
        threading.Timer(0.3, cancel.set).start()
        started = time.monotonic()
        completion = endpoint(server).complete(request(), cancel=cancel)
        assert time.monotonic() - started < 1.3
        assert len(server.seen) == 1
        assert completion.ending is CompletionEnding.CANCELLED
        assert scene is not silence or server.was_left.wait(5)
    assert completion.problems == ()


def test_a_redirect_is_told_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_API_KEY", KEY)
    with playing(GOOD) as elsewhere:
        completion, server = ask(plain(307, "", location=f"{elsewhere.url}/chat/completions"))
        assert elsewhere.url in message_of(completion) and elsewhere.seen == [] and len(server.seen) == 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (GrammarMode.NONE, {}),
        (GrammarMode.LLAMA_CPP, {"grammar": 'root ::= "a"'}),
        (GrammarMode.VLLM, {"structured_outputs": {"grammar": 'root ::= "a"'}}),
        (GrammarMode.VLLM_OLD, {"guided_grammar": 'root ::= "a"'}),
    ],
)
def test_the_grammar_goes_where_the_server_takes_it(mode: GrammarMode, expected: dict[str, object]) -> None:
    with playing(GOOD) as server:
        backend = endpoint(server, grammar_mode=mode, enable_thinking=False)
        backend.complete(request(grammar='root ::= "a"'))
    assert backend.enforces_grammar is (mode is not GrammarMode.NONE)
    [(_, _, body)] = server.seen
    assert {name: body[name] for name in ("grammar", "structured_outputs", "guided_grammar") if name in body} == expected
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_fields_that_a_server_does_not_take_are_left_out_from_then_on() -> None:
    no_seed = plain(422, '{"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted"}]}')
    no_limit = plain(400, '{"error": {"message": "Use \'max_completion_tokens\' instead of \'max_tokens\'."}}')
    with playing(no_seed, no_limit, GOOD) as server:
        backend = endpoint(server)
        first, second = backend.complete(request()), backend.complete(request())
    assert [completion.text for completion in (first, second)] == ["Hello, world"] * 2 and len(server.seen) == 4
    bodies = [body for _, _, body in server.seen]
    assert "seed" in bodies[0] and all("seed" not in body for body in bodies[1:])
    assert bodies[2]["max_completion_tokens"] == bodies[3]["max_completion_tokens"] == 50 and "max_tokens" not in bodies[3]
    assert [(problem.severity, problem.message) for problem in second.problems] == [(Severity.NOTE, "the server does not take `seed`")]


def test_the_key_reaches_the_server_and_nothing_else(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("LLM4COV_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    padding = "x" * 185
    echoes = (
        plain(401, json.dumps({"error": {"message": f"Incorrect key {KEY}"}})),
        # Here a cut of the message would go through the key.
        plain(403, json.dumps({"error": {"message": f"{padding} {KEY}"}})),
        plain(400, f"<html>{padding}{KEY}</html>", content_type="text/html"),
        plain(200, f"{padding}{KEY}", content_type="text/plain"),
        plain(307, "", location=f"http://elsewhere.example/?key={KEY}"),
        streamed(f"data: {padding}{KEY}"),
        streamed("data: " + json.dumps({"error": {"message": f"bad key {KEY}"}})),
        streamed(piece(f"You said {KEY}."), piece(reason="stop"), "data: [DONE]"),
        reset,
    )
    told: list[object] = [caplog.text]
    for scene in echoes:
        with playing(scene) as server:
            backend = endpoint(server)
            told += [backend.complete(request()), vars(backend), backend, backend.model]
            assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _ in server.seen)
            assert KEY not in json.dumps([body for _, _, body in server.seen])
    told.append(caplog.text)
    shown = repr(told)
    # Part of a key is a secret too.
    assert KEY[:8] not in shown and "[key]" in shown


@pytest.mark.parametrize("url", ["http://models.example/v1", "http://192.0.2.7:8000", "http://localhost.example/v1"])
def test_a_key_does_not_travel_unencrypted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Endpoint(url=url, model="tiny", context_tokens=99)
    monkeypatch.setenv("MY_KEY", KEY)
    with pytest.raises(BadConfiguration) as caught:
        Endpoint(url=url, model="tiny", context_tokens=99, key_variable="MY_KEY")
    assert "unencrypted" in str(caught.value) and "MY_KEY" in str(caught.value) and KEY not in str(caught.value)
    for safe in ("https://models.example/v1", "http://localhost:11434", "http://[::1]:8000/v1", "http://127.0.0.2/v1"):
        Endpoint(url=safe, model="tiny", context_tokens=99, key_variable="MY_KEY")


@pytest.mark.parametrize(
    "url",
    ["", "models.example/v1", "ftp://models.example", "http://", "http://a:b@models.example", "http://x:99999999/v1", "http://x/v1?key=1"],
)
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(BadConfiguration, match="endpoint's address"):
        Endpoint(url=url, model="tiny", context_tokens=99)


def test_a_key_that_no_header_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_API_KEY", "abc\ndef")
    with playing(GOOD) as server, pytest.raises(BadConfiguration, match="LLM4COV_API_KEY holds characters") as caught:
        endpoint(server).complete(request())
    assert "abc" not in str(caught.value) and server.seen == []


def test_a_server_on_this_machine_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://192.0.2.1:9")
    completion, _ = ask(GOOD)
    assert completion.text == "Hello, world"


@pytest.mark.parametrize("name", ["/data/models/qwen", "~/models/qwen", "C:\\models\\qwen", "qwen"])
def test_the_stored_name_of_a_model_holds_no_path(name: str) -> None:
    backend = Endpoint(url="http://localhost", model=name, context_tokens=99)
    assert backend.model == "qwen"
    assert Endpoint(url="http://localhost", model="Qwen/Qwen3-4B", context_tokens=99).model == "Qwen/Qwen3-4B"


def test_an_error_of_the_listener_is_passed_on() -> None:
    def listen(text: str) -> None:
        raise RuntimeError(text)

    with playing(GOOD) as server, pytest.raises(RuntimeError, match="Hello"):
        endpoint(server).complete(request(), on_text=listen)
    assert "LLM4COV_API_KEY" not in os.environ
