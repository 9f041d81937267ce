"""A language model as a policy: renders the prompt, asks a backend, reads the reply. Knows no backend by name."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from llm4cov_agent.bench.script_grammar import script_grammar
from llm4cov_agent.loop.backend import Backend, CompletionEnding, Message, Request
from llm4cov_agent.loop.policy import Ask, PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.loop.reply import parse_reply
from llm4cov_agent.loop.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How a model is asked."""

    options: PromptOptions = field(default_factory=PromptOptions)
    max_tokens: int = 1024
    """Tokens of a reply at most."""
    temperature: float = 0.7
    top_p: float = 0.95


class ModelPolicy:
    """Proposes what a model writes."""

    def __init__(self, backend: Backend, settings: ModelSettings) -> None:
        self._backend, self._settings = backend, settings

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._backend.name

    @property
    def model(self) -> str | None:
        """Which model the backend asks."""
        return self._backend.model

    def _messages(self, state: State, ask: Ask) -> tuple[Message, ...]:
        """The prompt with as many of the latest earlier turns as the context has room for."""
        history = ask.history
        room = self._backend.context_tokens - self._settings.max_tokens
        while True:
            messages = render_prompt(state, ask.instruction, self._settings.options, history=history)
            if not history or sum(tokens_of(message.content) for message in messages) <= room:
                return messages
            history = history[2:]

    def propose(self, state: State, ask: Ask) -> Proposal:
        """Ask the model once; a model that fails or writes nothing usable gives a proposal without a testbench."""
        began = time.monotonic()
        settings, design = self._settings, state.design.design
        options = settings.options
        stimulus = options.format is ReplyFormat.STIMULUS
        messages = self._messages(state, ask)
        request = Request(
            messages=messages,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=ask.seed,
            grammar=script_grammar(design) if stimulus else None,
            time_limit_s=max(1.0, ask.budget_s),
        )
        written = 0

        def on_text(piece: str) -> None:
            nonlocal written
            written += len(piece)
            if ask.progress is not None:
                ask.progress(f"{self.name} is writing: {tokens_of('x' * written)} tokens")

        if ask.progress is not None:
            ask.progress(f"{self.name} is reading {sum(tokens_of(message.content) for message in messages)} tokens")
        completion = self._backend.complete(request, on_text=on_text, cancel=ask.cancel)
        testbench, found, problems, ending = None, None, completion.problems, completion.ending
        if ending in (CompletionEnding.STOP, CompletionEnding.LENGTH):
            reply = parse_reply(completion.text, state, options.format, seed=ask.seed, cut_off=ending is CompletionEnding.LENGTH)
            testbench, found, problems = reply.testbench, reply.stimulus, (*problems, *reply.problems)
        return Proposal(
            testbench=testbench,
            stimulus=found,
            problems=problems,
            reply=completion.text,
            ending=ending,
            options=options,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            seconds=time.monotonic() - began,
            is_trusted=stimulus,
        )
