"""A language model behind any OpenAI-compatible server: vLLM, llama.cpp, Ollama, LM Studio, hosted ones. Starts no server.

A server that is down, busy, slow or speaks something else is a value. The key is read from the environment for each request and goes
nowhere but into its header: no attribute holds it, and it is cut out of whatever the server says back.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event

import httpx

from llm4cov_agent import config
from llm4cov_agent.errors import BadConfiguration, Problem, Severity
from llm4cov_agent.loop.backend import Completion, CompletionEnding, OnText, Request
from llm4cov_agent.loop.policies.address import read_address
from llm4cov_agent.loop.policies.chat_stream import ChatReply, Payload, Unreadable, error_of, read_events, read_whole

DEFAULT_KEY_VARIABLE = "LLM4COV_API_KEY"

_CONNECT_S = 10.0
_POLL_S = 0.05
_CLEANUP_S = 0.5
"""How long a cancelled exchange may take to close its connection before it is left behind."""
_SETTLE_S = 0.1
"""How long the rest may take to end after that."""
_SHORTEST_SECRET = 8
"""Shorter keys are placeholders such as `none`; cutting those out would spoil ordinary words."""
_ERROR_BYTES = 64 << 10
_DAY_S = 86_400.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_OPTIONAL = ("seed", "stream_options", "top_p", "temperature", "chat_template_kwargs")
"""What a server may refuse to know; the request is made again without what its refusal names."""


# At its most talkative it writes down all that a server sends, and a server may send a key back.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class GrammarMode(Enum):
    """How a grammar is told to the server."""

    NONE = "none"
    LLAMA_CPP = "llama.cpp"
    """As `grammar`: the llama.cpp server and `python -m llama_cpp.server`."""
    VLLM = "vllm"
    """As `structured_outputs`: vLLM 0.11 and later."""
    VLLM_OLD = "vllm-guided"
    """As `guided_grammar`: vLLM before 0.12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and how soon a request is made again."""

    attempts: int = 5
    first_wait_s: float = 0.5
    """Doubled after each attempt; half of each wait is drawn at random, so that clients do not come back all at once."""
    longest_wait_s: float = 20.0


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt gave no reply."""

    message: str
    hint: str | None = None
    is_transient: bool = False
    """Whether the same request may well succeed a little later."""
    wait_s: float = 0.0
    """What the server asked to wait."""


class Endpoint:
    """A model behind an OpenAI-compatible server."""

    name = "endpoint"

    def __init__(
        self,
        *,
        url: str,
        model: str,
        context_tokens: int,
        grammar_mode: GrammarMode = GrammarMode.NONE,
        key_variable: str = DEFAULT_KEY_VARIABLE,
        enable_thinking: bool | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Check the settings; nothing is sent yet.

        Raises BadConfiguration for an address that can't be used, and where a key would travel unencrypted.
        """
        if not model:
            raise BadConfiguration("An endpoint needs the name of the model that it should use, such as Qwen/Qwen3-4B.")
        address = read_address(url)
        self._url, self._is_loopback = address.url, address.is_loopback
        self._key_variable = key_variable
        if not self._is_loopback and self._url.startswith("http:") and _key(key_variable):
            raise BadConfiguration(
                f"{_shown(self._url)} would get the key in {key_variable} unencrypted. "
                "Use https, or unset the variable if the server needs no key."
            )
        self._asked_model = model
        self._grammar_mode, self._enable_thinking = grammar_mode, enable_thinking
        self._context_tokens = context_tokens
        self._retries = retries or Retries()
        self._refused: set[str] = set()

    @property
    def model(self) -> str:
        """The name that the server knows; of a path only its last part."""
        is_path = self._asked_model.startswith(("/", "~", ".")) or "\\" in self._asked_model
        return Path(self._asked_model.replace("\\", "/")).name if is_path else self._asked_model

    @property
    def context_tokens(self) -> int:
        """As set; the protocol does not tell."""
        return self._context_tokens

    @property
    def enforces_grammar(self) -> bool:
        """Whether the server is told the grammar."""
        return self._grammar_mode is not GrammarMode.NONE

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask once, with as many attempts as it takes within the time limit; must not be called from inside an event loop.

        Once a piece of the reply was handed out there is no further attempt: the failure comes with the part that arrived.
        """
        started = time.monotonic()
        reply = ChatReply(max_tokens=request.max_tokens, clean=self._without_key, on_text=on_text)
        loop = asyncio.new_event_loop()
        try:
            failure = loop.run_until_complete(self._watched(request, reply, cancel, started + request.time_limit_s))
        finally:
            loop.run_until_complete(_settled())
            # Does not wait for a name look-up that hangs in a thread, as `asyncio.run` would.
            loop.close()
        return self._completion(reply, failure, time.monotonic() - started)

    def close(self) -> None:
        """Nothing is kept between requests."""

    async def _watched(self, request: Request, reply: ChatReply, cancel: Event | None, deadline: float) -> _Failure | None:
        """Run the exchange until it ends, is cancelled or is late; a cancelled one is told by `reply.is_cancelled`."""
        exchange = asyncio.ensure_future(self._exchange(request, reply, deadline))
        try:
            while not exchange.done():
                await asyncio.wait({exchange}, timeout=_POLL_S)
                if exchange.done():
                    break
                if cancel is not None and cancel.is_set():
                    reply.is_cancelled = True
                    return None
                if time.monotonic() > deadline:
                    return _Failure(
                        f"no complete reply within {request.time_limit_s:g} s; {len(reply.text)} characters came",
                        "Raise the time limit, or ask for fewer tokens.",
                    )
            return exchange.result()
        finally:
            if not exchange.done():
                exchange.cancel()
                await asyncio.wait({exchange}, timeout=_CLEANUP_S)

    async def _exchange(self, request: Request, reply: ChatReply, deadline: float) -> _Failure | None:
        key = _key(self._key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            # A proxy of the environment has no business with a server on this machine.
            client = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=_CONNECT_S), headers=headers, trust_env=not self._is_loopback)
        except (ImportError, ValueError) as error:
            return _Failure(f"the proxy settings of the environment can't be used: {error}")
        async with client:
            attempt = 0
            while True:
                before = len(self._refused)
                failure = await self._attempt(client, request, reply)
                if failure is None:
                    return None
                if len(self._refused) > before:
                    continue
                attempt += 1
                if not failure.is_transient or reply.text or attempt >= self._retries.attempts:
                    return failure if attempt == 1 else _after(failure, attempt)
                wait_s = max(failure.wait_s, self._wait_s(attempt))
                if time.monotonic() + wait_s > deadline:
                    longer = "more than a day" if wait_s > _DAY_S else f"another {wait_s:.0f} s"
                    return _after(failure, attempt, f"waiting {longer} would pass the time limit")
                await asyncio.sleep(wait_s)

    def _wait_s(self, attempt: int) -> float:
        longest: float = min(self._retries.longest_wait_s, self._retries.first_wait_s * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)

    async def _attempt(self, client: httpx.AsyncClient, request: Request, reply: ChatReply) -> _Failure | None:
        try:
            async with client.stream("POST", self._url, json=self._body(request)) as response:
                if response.status_code != 200:
                    return await self._refusal(response)
                if "json" in response.headers.get("content-type", ""):
                    await read_whole(response, reply)
                else:
                    await read_events(response, reply)
        except Unreadable as error:
            return _Failure(str(error), error.hint, is_transient=error.is_transient)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            reason = str(error) or "no answer"
            return _Failure(f"no server can be reached at {_shown(self._url)}: {reason}", "Is it running?", is_transient=True)
        except httpx.TransportError as error:
            part = f" after {len(reply.text)} characters" if reply.text else ""
            return _Failure(f"the connection broke{part}: {error or type(error).__name__}", is_transient=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _Failure(f"the exchange with {_shown(self._url)} failed: {error or type(error).__name__}")
        return None

    def _body(self, request: Request) -> dict[str, Payload]:
        limit = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        body: dict[str, Payload] = {
            "model": self._asked_model,
            "messages": [{"role": message.role.value, "content": message.content} for message in request.messages],
            limit: request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._enable_thinking is not None:
            body["chat_template_kwargs"] = {"enable_thinking": self._enable_thinking}
        if request.grammar is not None:
            match self._grammar_mode:
                case GrammarMode.LLAMA_CPP:
                    body["grammar"] = request.grammar
                case GrammarMode.VLLM:
                    body["structured_outputs"] = {"grammar": request.grammar}
                case GrammarMode.VLLM_OLD:
                    body["guided_grammar"] = request.grammar
                case GrammarMode.NONE:
                    pass
        return {name: value for name, value in body.items() if name not in self._refused}

    async def _refusal(self, response: httpx.Response) -> _Failure:
        """Say what a status other than 200 means, and note what the server does not take."""
        status = response.status_code
        if response.is_redirect:
            where = response.headers.get("location", "an address that it does not name")
            return _Failure(
                f"{_shown(self._url)} sends on to {where}, which is not followed", "Set that address if it is the one you mean."
            )
        received = bytearray()
        async for chunk in response.aiter_bytes():
            received += chunk
            if len(received) > _ERROR_BYTES:
                break
        said = error_of(bytes(received), self._without_key)
        if status in (400, 422) and self._learn(said):
            return _Failure(said)
        hints = {
            401: f"Set {self._key_variable} to a valid key."
            if self._key_variable
            else "The server needs a key; name a variable that holds it.",
            403: f"Check the key in {self._key_variable}, and that it may use this model.",
            404: "The address usually ends in /v1; the model's name has to be one that the server knows.",
            429: "The server limits the rate; wait, or use another one.",
        }
        message = f"the server answered with status {status} {response.reason_phrase}".rstrip() + (f": {said}" if said else "")
        return _Failure(message, hints.get(status), is_transient=status in _TRANSIENT, wait_s=_retry_after_s(response))

    def _learn(self, said: str) -> bool:
        """Take from a refusal which field is not known, so that the next request leaves it out."""
        if "max_completion_tokens" in said and "max_tokens" not in self._refused:
            self._refused.add("max_tokens")
            return True
        named = {name for name in _OPTIONAL if name in said and name not in self._refused}
        self._refused |= named
        return bool(named)

    def _completion(self, reply: ChatReply, failure: _Failure | None, seconds: float) -> Completion:
        problems = []
        if failure is not None:
            problems.append(Problem(failure.message, hint=failure.hint))
        if self._refused & set(_OPTIONAL):
            names = ", ".join(f"`{name}`" for name in _OPTIONAL if name in self._refused)
            problems.append(Problem(f"the server does not take {names}", severity=Severity.NOTE))
        if reply.ran_over:
            problems.append(Problem(f"the server went on far past {reply.max_tokens} tokens and was cut off", severity=Severity.WARNING))
        ending = CompletionEnding.FAILED if failure is not None else reply.ending
        return Completion(
            text=self._without_key(reply.text),
            ending=CompletionEnding.CANCELLED if reply.is_cancelled else ending,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            seconds=seconds,
            problems=tuple(
                Problem(self._without_key(one.message), hint=one.hint and self._without_key(one.hint), severity=one.severity)
                for one in problems
            ),
        )

    def _without_key(self, text: str) -> str:
        key = _key(self._key_variable)
        return text.replace(key, "[key]") if len(key) >= _SHORTEST_SECRET else text


async def _settled() -> None:
    """Let end what an answer that was not read to its end left behind, or asyncio would complain of it on standard error."""
    await asyncio.get_running_loop().shutdown_asyncgens()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=_SETTLE_S)


def _key(variable: str) -> str:
    """Read the key; empty where there is none.

    Raises BadConfiguration, without the value, if it can't be sent in a header.
    """
    key = config.secret(variable) if variable else ""
    if not (key.isascii() and key.isprintable()):
        raise BadConfiguration(f"{variable} holds characters that no key has.")
    return key


def _shown(url: str) -> str:
    return url.removesuffix("/chat/completions")


def _after(failure: _Failure, attempts: int, why: str = "") -> _Failure:
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    return _Failure(f"{failure.message} ({times}{'; ' + why if why else ''})", failure.hint)


def _retry_after_s(response: httpx.Response) -> float:
    """Read how long a server asks to wait, which it says in seconds or as a date; 0 where it does not."""
    text = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
