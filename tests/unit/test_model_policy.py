"""A model as a policy, with a backend that follows a script: what it is asked, what is made of its answers, and what they cost."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Event

import pytest

from llm4cov_agent.bench.script_grammar import script_grammar
from llm4cov_agent.errors import Problem, Severity, has_errors
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus
from llm4cov_agent.loop.backend import Completion, CompletionEnding, OnText, Request, Role
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policy import Ask, PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import Instruction, State, read_design_text
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from tests.unit import gbnf

CODE = "module gate(input wire clk, input wire rst, input wire [3:0] a, output reg q);\nalways @(posedge clk) q <= !rst && &a;\nendmodule\n"
BENCH = "module tb_gate;\n  reg clk = 0, rst = 1;\n  reg [3:0] a = 0;\n  wire q;\n  gate dut(.clk(clk), .rst(rst), .a(a), .q(q));\n"
BENCH += "  always #5 clk = ~clk;\n  initial begin #20 rst = 0; a = 4'hf; #40 $finish; end\nendmodule\n"
SCRIPT = "sequence all_ones\n  drive rst=0 a=0xf\n  hold 4\nend\n"
HOSTILE = BENCH.replace("#40", '#40 $system("id");')
POINT = CoveragePoint(Kind.LINE, "gate.v", 2, 1, "block")
STOP, LENGTH = CompletionEnding.STOP, CompletionEnding.LENGTH
FORMATS = list(ReplyFormat)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> State:
    path = tmp_path_factory.mktemp("rtl") / "gate.v"
    path.write_text(CODE)
    design, problems = elaborate(FileSet(sources=(path,)), search=False)
    assert design is not None, problems
    return State(read_design_text(design))


@dataclass
class Scripted:
    """A backend that answers with one completion after the other."""

    answers: list[Completion]
    pieces: int = 3
    asked: list[Request] = field(default_factory=list)
    name: str = "scripted"
    model: str = "a-model@1"
    context_tokens: int = 8192
    enforces_grammar: bool = True

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        answer = self.answers[len(self.asked)]
        self.asked.append(request)
        size = max(1, -(-len(answer.text) // self.pieces))
        for place in range(0, len(answer.text), size):
            if on_text is not None:
                on_text(answer.text[place : place + size])
        return answer

    def close(self) -> None:
        pass


@dataclass
class Passing:
    """A simulator whose runs hit the only point there is."""

    jobs: list[Job] = field(default_factory=list)
    name: str = "passing"

    def version(self) -> str:
        return "1"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        self.jobs.append(job)
        return Run(status=RunStatus.OK, coverage=Coverage({POINT: 1}))


class Untouchable:
    """A simulator that must not be asked."""

    name = "untouchable"

    def version(self) -> str:
        return "1"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        pytest.fail(f"this reached the simulator:\n{job.testbench.text[:500]}")


def said(text: str, ending: CompletionEnding = STOP, **more: object) -> Completion:
    return Completion(text=text, ending=ending, **more)  # type: ignore[arg-type]


def settings(reply_format: ReplyFormat = ReplyFormat.STIMULUS, **more: object) -> ModelSettings:
    return ModelSettings(options=PromptOptions(format=reply_format), **more)  # type: ignore[arg-type]


def asked(
    start: State, completion: Completion, reply_format: ReplyFormat = ReplyFormat.STIMULUS, **ask: object
) -> tuple[Proposal, Request]:
    backend = Scripted([completion])
    policy = ModelPolicy(backend, settings(reply_format))
    ask = {"instruction": Instruction.GENERATE, "seed": 7, "budget_s": 30.0} | ask
    proposal = policy.propose(start, Ask(**ask))  # type: ignore[arg-type]
    return proposal, backend.asked[0]


def rounds(
    start: State, answers: Iterable[Completion], simulator: Passing | Untouchable, reply_format: ReplyFormat, **plan: object
) -> tuple[list[Transition], list[Request]]:
    backend = Scripted(list(answers))
    given = RolloutPlan(**({"rounds": len(backend.answers)} | plan))  # type: ignore[arg-type]
    return list(rollout(start, ModelPolicy(backend, settings(reply_format)), simulator, given)), backend.asked


def user_text(request: Request) -> str:
    assert request.messages[-1].role is Role.USER
    return request.messages[-1].content


def test_the_grammar_of_the_design_goes_along_in_the_stimulus_format_only(start: State) -> None:
    _, request = asked(start, said(SCRIPT))
    assert request.grammar == script_grammar(start.design.design)
    _, request = asked(start, said(BENCH), ReplyFormat.FULL)
    assert request.grammar is None


@pytest.mark.parametrize("reply_format", FORMATS)
def test_a_model_is_asked_with_the_prompt_of_the_state_and_the_settings_as_given(start: State, reply_format: ReplyFormat) -> None:
    backend = Scripted([said("")])
    given = settings(reply_format, max_tokens=77, temperature=0.2, top_p=0.5)
    policy = ModelPolicy(backend, given)
    policy.propose(start, Ask(instruction=Instruction.GENERATE, seed=7, budget_s=30.0))
    (request,) = backend.asked
    assert request.messages == render_prompt(start, Instruction.GENERATE, given.options)
    assert (request.max_tokens, request.temperature, request.top_p, request.seed, request.time_limit_s) == (77, 0.2, 0.5, 7, 30.0)
    assert (policy.name, policy.model) == ("scripted", "a-model@1")


def test_an_exhausted_budget_still_leaves_a_second(start: State) -> None:
    assert asked(start, said(SCRIPT), budget_s=-3.0)[1].time_limit_s == 1.0


def test_only_a_testbench_that_we_rendered_is_trusted(start: State) -> None:
    assert asked(start, said(SCRIPT))[0].is_trusted
    written = asked(start, said(BENCH), ReplyFormat.FULL)[0]
    assert written.testbench is not None and not has_errors(written.problems) and not written.is_trusted


@pytest.mark.parametrize("reply_format", FORMATS)
@pytest.mark.parametrize("ending", [CompletionEnding.FAILED, CompletionEnding.CANCELLED])
def test_what_a_model_that_failed_or_was_stopped_had_written_is_no_testbench(
    start: State, ending: CompletionEnding, reply_format: ReplyFormat
) -> None:
    problem = Problem("the server went away", hint="Start it.")
    text = SCRIPT if reply_format is ReplyFormat.STIMULUS else BENCH
    proposal, _ = asked(start, said(text, ending, problems=(problem,), completion_tokens=9), reply_format)
    assert proposal.testbench is None and proposal.stimulus is None
    assert (proposal.problems, proposal.reply, proposal.ending, proposal.completion_tokens) == ((problem,), text, ending, 9)


def test_a_script_that_was_cut_off_is_used_as_far_as_it_goes(start: State) -> None:
    text = SCRIPT + "sequence more\n  hold 3\n  drive a=0x"
    whole, cut = (asked(start, said(text, ending))[0] for ending in (STOP, LENGTH))
    assert whole.testbench is None and has_errors(whole.problems)
    assert cut.stimulus is not None and [one.name for one in cut.stimulus.sequences] == ["all_ones", "more"]
    assert not has_errors(cut.problems) and "cut off" in cut.problems[0].message


def test_a_file_that_was_cut_off_says_so(start: State) -> None:
    proposal, _ = asked(start, said(BENCH.replace("endmodule\n", ""), LENGTH), ReplyFormat.FULL)
    assert proposal.testbench is None and "cut off" in proposal.problems[0].message


def test_what_a_backend_noticed_stands_in_front_of_what_the_reply_says(start: State) -> None:
    note = Problem("the server does not take `seed`", severity=Severity.NOTE)
    proposal, _ = asked(start, said("sequence x\n  drive nobody=1\nend\n", problems=(note,)))
    assert proposal.problems[0] == note and "nobody" in proposal.problems[1].message
    proposal, _ = asked(start, said(SCRIPT, problems=(note,)))
    assert proposal.testbench is not None and proposal.problems == (note,)


def test_tokens_and_seconds_are_those_of_the_backend_and_the_clock(start: State) -> None:
    class Slow(Scripted):
        def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
            time.sleep(0.05)
            return super().complete(request, on_text=on_text, cancel=cancel)

    answers = [said(SCRIPT, prompt_tokens=700, completion_tokens=31, seconds=99.0), said("no tokens counted")]
    policy = ModelPolicy(Slow(answers), settings())
    first, second = rollout(start, policy, Passing(), RolloutPlan(rounds=2, target_percent=101))
    assert (first.proposal.prompt_tokens, first.proposal.completion_tokens) == (700, 31)
    assert 0.05 <= first.proposal.seconds < 5
    assert (second.proposal.prompt_tokens, second.proposal.completion_tokens) == (None, None)
    assert (first.policy, first.model) == ("scripted", "a-model@1")


def test_progress_says_what_is_read_and_what_was_written_by_now(start: State) -> None:
    words: list[str] = []
    text = "sequence x\n" + "  hold 1\n" * 40 + "end\n"
    _, request = asked(start, said(text), progress=words.append)
    prompt = sum(tokens_of(message.content) for message in request.messages)
    assert words[0] == f"scripted is reading {prompt} tokens"
    counts = [int(word.removeprefix("scripted is writing: ").removesuffix(" tokens")) for word in words[1:]]
    assert counts == sorted(counts) and len(counts) == 3 and counts[-1] == tokens_of(text)


@pytest.mark.parametrize("reply_format", FORMATS)
@pytest.mark.parametrize("text", ["", "\n \t\n"])
def test_an_empty_reply_is_no_testbench(start: State, text: str, reply_format: ReplyFormat) -> None:
    (one,), _ = rounds(start, [said(text)], Untouchable(), reply_format)
    assert one.proposal.problems[0].message == "the reply is empty"
    assert one.after.observation is not None and one.after.observation.status is None and one.ended is StopReason.ROUNDS


LONG = {
    "the same word": "word " * 100_000,
    "one line": "x" * 400_000,
    "an endless sequence": "sequence x\n" + "  drive a=1\n" * 100_000,
    "sequences without end": "sequence x\n  hold 1\n" * 50_000,
    "an endless module": "```\nmodule tb_gate;\n" + "  initial a = 1;\n" * 60_000,
    "fences": "```\n" * 100_000,
    "modules": ("module x; endmodule // " + "x" * 60 + "\n") * 5000,
    "white space": " " * 300_000 + "x",
    "tags": "<think></think>" * 25_000,
    "open tags": "<think>" * 50_000,
}


@pytest.mark.parametrize("reply_format", FORMATS)
@pytest.mark.parametrize("name", LONG)
def test_a_reply_of_a_hundred_thousand_tokens_is_read_or_refused_within_seconds(start: State, name: str, reply_format: ReplyFormat) -> None:
    began = time.monotonic()
    proposal, _ = asked(start, said(LONG[name], LENGTH, completion_tokens=100_000), reply_format)
    assert time.monotonic() - began < 15
    assert proposal.testbench is not None or proposal.problems


@pytest.mark.parametrize("reply_format", FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "import cocotb\n\n@cocotb.test()\nasync def run(dut):\n    dut.a.value = 15\n",
        "```python\nimport os\nos.system('id')\n```",
        "library ieee;\nuse ieee.std_logic_1164.all;\nentity tb_gate is end;\narchitecture sim of tb_gate is begin end;\n",
        '#include "Vgate.h"\nint main() { Vgate top; top.a = 15; top.eval(); }\n',
        "#!/bin/sh\nrm -rf /\n",
        "<html><body>502 Bad Gateway</body></html>",
        '{"testbench": null}',
        "Es tut mir leid, das kann ich nicht.",
        "很抱歉,我无法编写测试平台。",
        "\x00\x1b[2J\ud800",
    ],
    ids=["cocotb", "python", "vhdl", "c++", "shell", "html", "json", "german", "chinese", "control characters"],
)
def test_another_language_is_never_run(start: State, text: str, reply_format: ReplyFormat) -> None:
    (one,), _ = rounds(start, [said(text)], Untouchable(), reply_format)
    assert one.proposal.testbench is None and one.proposal.problems and one.proposal.reply == text
    assert one.after.testbench is None


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        f"```systemverilog\n{HOSTILE}```",
        '`include "/etc/passwd"\n' + BENCH,
        BENCH.replace("#40", '#40 $c("system(0);");'),
        BENCH.replace("#40", "force dut.q = 1; #40"),
        "<think>Just a moment.</think>\n" + HOSTILE,
        "<think>\n" + BENCH + "</think>\n" + HOSTILE,
        f"```\n{BENCH}```\n```\n{HOSTILE}// longer\n```",
        BENCH.replace("initial begin", "initial begn"),
    ],
    ids=["bare", "fenced", "include", "c++", "force", "thinking first", "harmless thinking", "two files", "no syntax"],
)
def test_refused_systemverilog_never_reaches_the_simulator_and_the_reason_goes_into_the_next_prompt(start: State, text: str) -> None:
    (first, second), requests = rounds(start, [said(text), said("")], Untouchable(), ReplyFormat.FULL)
    (reason, *_) = [problem for problem in first.proposal.problems if problem.severity is Severity.ERROR]
    assert first.after.observation is not None and reason.message in [problem.message for problem in first.after.observation.problems]
    assert second.instruction in (Instruction.FIX_REPLY, Instruction.FIX_BUILD)
    assert " ".join(reason.message.split()) in user_text(requests[1])


def test_a_wrong_script_never_reaches_the_simulator_and_the_reason_goes_into_the_next_prompt(start: State) -> None:
    text = "sequence x\n  drive nobody=1\nend\n"
    (first, second), requests = rounds(start, [said(text), said("")], Untouchable(), ReplyFormat.STIMULUS)
    assert first.kept and second.instruction is Instruction.FIX_REPLY
    assert "What was wrong with the reply:" in user_text(requests[1]) and "line 2: " in user_text(requests[1])
    assert "nobody" in user_text(requests[1])


def test_a_reply_behind_a_testbench_that_works_leaves_its_reason_and_not_its_text(start: State) -> None:
    answers = [said(SCRIPT), said("sequence x\n  drive nobody=1\nend\n"), said(SCRIPT)]
    found, requests = rounds(start, answers, Passing(), ReplyFormat.STIMULUS, target_percent=101)
    assert [one.kept for one in found] == [True, False, False]
    assert "all_ones" in user_text(requests[1]) and "thrown away" not in user_text(requests[1])
    assert "Your last reply was thrown away:" in user_text(requests[2]) and "nobody" in user_text(requests[2])
    assert all(len(request.messages) == 2 for request in requests)


def test_thinking_is_stored_with_the_reply_and_no_part_of_the_testbench(start: State) -> None:
    thought = "<think>\nsequence draft\n  hold 9\nend\n</think>\n"
    plain, thinking = (asked(start, said(text))[0] for text in (SCRIPT, thought + SCRIPT))
    assert thinking.testbench == plain.testbench and thinking.reply == thought + SCRIPT
    lost, _ = asked(start, said("<think>\n" + SCRIPT, LENGTH))
    assert lost.testbench is None and "reasoning" in lost.problems[0].message


def test_what_the_grammar_allows_reaches_the_simulator(start: State) -> None:
    rules = gbnf.read(script_grammar(start.design.design))
    generator = random.Random(3)
    answers = [said(gbnf.draw(rules, generator)) for _ in range(10)]
    simulator = Passing()
    found, _ = rounds(start, answers, simulator, ReplyFormat.STIMULUS, target_percent=101)
    assert len(simulator.jobs) == len(found) == 10
    assert all(one.proposal.is_trusted and one.proposal.testbench is not None for one in found)


def test_a_cancelled_reply_ends_the_rollout(start: State) -> None:
    cancel = Event()

    class Stopped(Scripted):
        def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
            assert cancel is not None
            cancel.set()
            return super().complete(request, on_text=on_text, cancel=cancel)

    backend = Stopped([said(SCRIPT, CompletionEnding.CANCELLED)] * 4)
    found = list(rollout(start, ModelPolicy(backend, settings()), Untouchable(), RolloutPlan(), cancel=cancel))
    assert [one.ended for one in found] == [StopReason.CANCELLED]
    assert found[0].proposal.reply == SCRIPT and found[0].after.testbench is None


FAILED = said("sequence half\n", CompletionEnding.FAILED, problems=(Problem("no server can be reached at http://10.1.2.3:8000/v1"),))
OTHER = said("", CompletionEnding.FAILED, problems=(Problem("the connection broke"),))


@pytest.mark.parametrize("keeps_history", [False, True])
def test_a_failure_of_the_backend_is_no_reply_and_gets_into_no_prompt(start: State, keeps_history: bool) -> None:
    answers = [FAILED, said(SCRIPT), FAILED, said("sequence x\n  drive nobody=1\nend\n"), OTHER, said(SCRIPT)]
    found, requests = rounds(start, answers, Passing(), ReplyFormat.STIMULUS, target_percent=101, keeps_history=keeps_history)
    assert [one.kept for one in found] == [False, True, False, False, False, False]
    generate, more = Instruction.GENERATE, Instruction.RAISE_COVERAGE
    assert [one.instruction for one in found] == [generate, generate, more, more, more, more]
    assert requests[0].messages == requests[1].messages and requests[2].messages == requests[3].messages
    assert requests[4].messages == requests[5].messages and "nobody" in user_text(requests[5])
    assert not any("server" in m.content or "broke" in m.content or "half" in m.content for one in requests for m in one.messages)
    assert found[0].proposal.problems == FAILED.problems and found[0].after.observation is not None
    assert found[0].after.observation.status is None and found[0].after.observation.problems == FAILED.problems


def test_a_backend_that_fails_twice_for_the_same_reason_is_not_asked_again(start: State) -> None:
    found, requests = rounds(start, [FAILED, OTHER, FAILED, FAILED, said(SCRIPT)], Untouchable(), ReplyFormat.STIMULUS)
    assert [one.ended for one in found] == [None, None, None, StopReason.NO_ANSWER] and len(requests) == 4
