"""What a policy is to the loop: a state goes in, a proposal comes out. Knows no model and no simulator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from threading import Event
from typing import Protocol

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Testbench
from llm4cov_agent.closure.close import Closed
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.simulator import Progress
from llm4cov_agent.judge.standing import OnStanding
from llm4cov_agent.loop.backend import CompletionEnding, Message
from llm4cov_agent.loop.state import Instruction, State


class ReplyFormat(Enum):
    """What a model is asked to write."""

    FULL = "full"
    """A file name and one SystemVerilog file, as in the LLM4Cov paper."""
    STIMULUS = "stimulus"
    """Sequences in the stimulus language, which we render; see docs/stimulus-language.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOptions:
    """All that decides a prompt beside the state: stored with it, so that it can be rendered again."""

    format: ReplyFormat = ReplyFormat.STIMULUS
    budget_tokens: int = 3000
    """Tokens that a prompt may have, counted by `prompt.tokens_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a policy answered. A reply that holds no testbench is a value, with the reasons in `problems`."""

    testbench: Testbench | None
    stimulus: Stimulus | None = None
    """What it was rendered from, sequences of the state before included."""
    problems: tuple[Problem, ...] = ()
    """Why there is no testbench, or what was noticed while reading the reply; a testbench with errors is not built."""
    reply: str = ""
    """A model's own words; empty for the deterministic policies."""
    ending: CompletionEnding | None = None
    """How they ended, as a reply that was cut off is read more leniently; None where no model was asked."""
    options: PromptOptions | None = None
    """What the prompt was rendered with; None where there was no prompt."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0
    is_trusted: bool = True
    """Whether we rendered the testbench; what a model wrote itself is screened before it is built."""
    closed: Closed | None = None
    """How the closure policy came to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call of a policy."""

    instruction: Instruction
    seed: int
    budget_s: float
    """Seconds that the policy may take, about."""
    history: tuple[Message, ...] = ()
    """Earlier prompts and replies of this rollout; always empty in the memoryless loop."""
    progress: Progress | None = None
    on_standing: OnStanding | None = None
    cancel: Event | None = None


class Policy(Protocol):
    """Proposes testbenches."""

    @property
    def name(self) -> str:
        """`closure`, `random`, `llama`, `transformers`, `endpoint`, `recorded` or `human`."""

    @property
    def model(self) -> str | None:
        """Which model, adapter included; None for the deterministic policies."""

    def propose(self, state: State, ask: Ask) -> Proposal:
        """Answer one state; returns within a second of `ask.cancel` being set, except where the policy says otherwise."""
