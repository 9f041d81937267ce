"""What a model should have said to come to a stored testbench. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from llm4cov_agent.bench.script_text import script_of
from llm4cov_agent.bench.stimulus import Sequence
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.loop.backend import CompletionEnding
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat
from llm4cov_agent.loop.reply import parse_reply
from llm4cov_agent.loop.transition import Transition


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply and what its prompt is rendered with."""

    text: str
    options: PromptOptions


def completion_of(transition: Transition, *, prompt_tokens: int) -> Completion | str:
    """The reply behind a transition, or why there is none.

    A model's own words are taken as they are. What closure found is written in the stimulus language, and what a person
    edited as a file. In any case, reading the reply to the stored state has to come to the stored testbench again.
    """
    proposal = transition.proposal
    options = proposal.options or PromptOptions(budget_tokens=prompt_tokens)
    if proposal.reply and proposal.options is not None:
        if proposal.ending is CompletionEnding.LENGTH:
            return "its reply was cut off"
        text = proposal.reply
    elif proposal.stimulus is not None and transition.policy != "human":
        found = _added(transition)
        if found is None:
            return "it does not begin with the sequences that were there"
        stimulus = replace(proposal.stimulus, sequences=tuple(Sequence(one.name, "", one.steps) for one in found))
        text = script_of(stimulus, transition.state.design.design)
    elif proposal.testbench is not None and proposal.testbench.language is Language.SYSTEMVERILOG:
        options = replace(options, format=ReplyFormat.FULL)
        text = file_reply(proposal.testbench)
    else:
        return "there is no reply in it that a model could give"
    if not text.strip():
        return "its reply is empty"
    return (
        Completion(text, options)
        if _comes_to_the_same(transition, text, options)
        else "its reply does not come to the stored testbench again"
    )


def file_reply(testbench: Testbench) -> str:
    """A testbench as a reply in the format `full`."""
    return f"{testbench.name}.sv\n```systemverilog\n{testbench.text.rstrip()}\n```\n"


def _added(transition: Transition) -> tuple[Sequence, ...] | None:
    stimulus = transition.proposal.stimulus
    assert stimulus is not None
    there = transition.state.stimulus.sequences if transition.state.stimulus is not None else ()
    if stimulus.sequences[: len(there)] != there:
        return None
    return stimulus.sequences[len(there) :]


def _comes_to_the_same(transition: Transition, text: str, options: PromptOptions) -> bool:
    reply = parse_reply(text, transition.state, options.format, seed=transition.seed)
    wanted = transition.after.testbench
    if reply.testbench is None or wanted is None:
        return False
    if options.format is ReplyFormat.FULL:
        return reply.testbench.text.strip() == wanted.text.strip()
    if transition.proposal.reply:
        return reply.testbench.text == wanted.text
    # Comments of the sequences are not in the reply, and a testbench shows them.
    given, found = transition.proposal.stimulus, reply.stimulus
    assert given is not None
    return found is not None and [one.steps for one in found.sequences] == [one.steps for one in given.sequences]
