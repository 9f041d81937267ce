"""From a model's words to a testbench: the other half of the contract that `prompt` renders. Judges nothing.

A reply that holds no testbench is a value; its reasons go into the next prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from llm4cov_agent.bench.script import parse_script
from llm4cov_agent.bench.stimulus import Sequence, Stimulus, most_cycles
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.bench.text import Names
from llm4cov_agent.errors import Problem, has_errors
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_agent.loop.prompt import testbench_module
from llm4cov_agent.loop.state import State
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import read_testbench
from llm4cov_agent.rtl.elaborate.untrusted import REFUSED, screen_for_design

MOST_REPLY_CHARACTERS = 1_000_000
MOST_CYCLES = 200_000
"""Cycles of a testbench that is put together from replies."""
_THINK, _THOUGHT = "<think>", "</think>"
"""Around what a model such as Qwen3 reasons before it answers."""
_THOUGHT_LINE = re.compile(rf"^[ \t]*{_THOUGHT}[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_START = re.compile(
    r"^[ \t]*(?:`(?:timescale|default_nettype|define|undef|include|ifn?def|resetall|pragma|line|verilator_config|systemc_\w+)"
    r"|(?:import|package|module)\b)",
    re.MULTILINE,
)
"""What a file may begin with. Directives that are refused are among them: what a model wrote is refused, not passed over."""
_MODULE = re.compile(r"\bmodule\s+(?:automatic\s+|static\s+)?(?P<name>\\\S+|[A-Za-z_][\w$]*)")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model's words came to."""

    testbench: Testbench | None
    """Not to be built if there are errors among the problems."""
    stimulus: Stimulus | None = None
    problems: tuple[Problem, ...] = ()


def parse_reply(text: str, state: State, reply_format: ReplyFormat, *, seed: int, cut_off: bool = False) -> Reply:
    """Read a reply to a state; with `cut_off` the model met its limit of tokens in mid-reply."""
    if not text.strip():
        return Reply(None, problems=(Problem("the reply is empty"),))
    if len(text) > MOST_REPLY_CHARACTERS:
        return Reply(None, problems=(Problem(f"the reply has {len(text)} characters; {MOST_REPLY_CHARACTERS} are read at most"),))
    answer = without_thinking(text)
    if answer is None:
        hint = "Reason in fewer words, or not at all, and then answer."
        return Reply(None, problems=(Problem(f"the reply ends before the reasoning does: there is no `{_THOUGHT}`", hint=hint),))
    if not answer.strip():
        return Reply(None, problems=(Problem("the reply holds reasoning and no answer"),))
    if reply_format is ReplyFormat.STIMULUS:
        return _read_script(answer, state, seed, cut_off)
    return _read_testbench(answer, state.design.design, cut_off)


def without_thinking(text: str) -> str | None:
    """Blank out what a model reasoned before its answer, but for the line breaks, so that lines keep their numbers; None if it never ends.

    Some chat templates open the section themselves: then the reply has its closing tag alone, on a line of its own.
    """
    blank, answer = "", text
    while answer.lstrip().startswith(_THINK):
        thought, closing, rest = answer.partition(_THOUGHT)
        if not closing:
            return None
        blank, answer = blank + "\n" * thought.count("\n"), rest
    if answer is text and (closed := _THOUGHT_LINE.search(text)):
        blank, answer = "\n" * text.count("\n", 0, closed.end()), text[closed.end() :]
    return blank + answer


def _read_script(text: str, state: State, seed: int, cut_off: bool) -> Reply:
    design = state.design.design
    stimulus, problems = parse_script(text, design, seed=seed, cut_off=cut_off)
    if stimulus is None:
        return Reply(None, problems=problems)
    if state.stimulus is not None:
        stimulus = followed_by(state.stimulus, stimulus)
        if most_cycles(stimulus) > MOST_CYCLES:
            hint = "Write shorter sequences."
            return Reply(None, problems=(Problem(f"with these sequences the testbench takes more than {MOST_CYCLES} cycles", hint=hint),))
    return Reply(render_systemverilog(stimulus, design), stimulus, problems)


def followed_by(first: Stimulus, then: Stimulus) -> Stimulus:
    """Put one stimulus's sequences behind another's; a name that is taken gets a number."""
    names = Names(sequence.name for sequence in first.sequences)
    added = tuple(Sequence(names.pick(sequence.name), sequence.comment, sequence.steps) for sequence in then.sequences)
    return replace(first, sequences=(*first.sequences, *added))


def _read_testbench(text: str, design: Design, cut_off: bool) -> Reply:
    code = _code_of(text)
    if not _MODULE.search(code):
        return Reply(None, problems=(Problem("the reply holds no module", hint="Write one module in a fenced block."),))
    if "endmodule" not in code:
        why = "the reply was cut off before `endmodule`" if cut_off else "there is no `endmodule`"
        return Reply(None, problems=(Problem(why, hint="Write a shorter testbench." if cut_off else None),))
    name = testbench_module(design)
    screened = screen_for_design(code, design)
    if any(problem.code == REFUSED for problem in screened):
        return Reply(None, problems=screened)
    if has_errors(screened):
        # What can't be read can't be screened, so it never gets to a tool; its errors are those of a build all the same.
        return Reply(Testbench(Language.SYSTEMVERILOG, name, code), problems=screened)
    with scratch_folder() as folder:
        path = folder / f"{name}.sv"
        path.write_text(code, encoding="utf-8", errors="replace")
        found, _ = read_testbench(path, design)
    declared = [match["name"] for match in _MODULE.finditer(code)]
    top = found.top if found is not None else name if name in declared else declared[-1]
    return Reply(Testbench(Language.SYSTEMVERILOG, top, code), problems=screened)


def _code_of(text: str) -> str:
    """The fenced block that holds a module, the longest of several; without fences, from the first module, directive or import on."""
    holding = [body for body in _fenced(text) if _MODULE.search(body)]
    if holding:
        return max(holding, key=len).rstrip() + "\n"
    start = _START.search(text)
    return text[start.start() :].rstrip() + "\n" if start else text


def _fenced(text: str) -> Iterator[str]:
    """Yield the bodies of fenced blocks; one that is never closed goes on to the end."""
    fence = ""
    body: list[str] = []
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        if not fence:
            if found:
                fence, body = found[1], []
        elif found and line.strip() == fence:
            yield "".join(body)
            fence = ""
        else:
            body.append(line)
    if fence:
        yield "".join(body)
