"""Transitions made by hand, for tests that store them; no simulator is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llm4cov_agent.bench.stimulus import ClockDrive, Drive, Hold, Random, RandomField, Repeat, Sequence, Stimulus
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import CoveragePoint, Kind, Tally
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.policy import PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.state import DesignText, Missed, Observation, State, instruction_for, read_design_text
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

COUNTER = """`include "width.vh"
module counter #(parameter LIMIT = 9) (
  input wire clk, input wire rst, input wire en, output reg [`WIDTH-1:0] count
);
  wire step;
  gate u_gate (.a(en), .y(step));
  always @(posedge clk)
    if (rst) count <= 0;
    else if (step && count != LIMIT) count <= count + 1;
endmodule
"""
GATE = "module gate (input wire a, output wire y);\n  assign y = a;\nendmodule\n"


def design_in(folder: Path, code: str = COUNTER, *, top: str = "counter") -> DesignText:
    """A design of three files in two folders, with a macro, a parameter and an include folder."""
    for name, text in {"rtl/counter.v": code, "lib/gate.v": GATE, "inc/width.vh": "`define WIDTH (8 * `SCALE)\n"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    files = FileSet(
        sources=(folder / "rtl/counter.v",),
        library_files=(folder / "lib/gate.v",),
        include_dirs=(folder / "inc",),
        defines=(("SCALE", "2"), ("PLAIN", None)),
        parameters=(("LIMIT", "5"),),
        top=top,
    )
    design, problems = elaborate(files, search=False)
    assert design is not None, problems
    return read_design_text(design)


def bench(text: str = "module tb; endmodule\n") -> Testbench:
    return Testbench(Language.SYSTEMVERILOG, "tb_counter", text)


STIMULUS = Stimulus(
    "counter",
    7,
    (ClockDrive("clk", 5),),
    (
        Sequence(
            "first",
            "Counts.",
            (Drive((("rst", 1), ("en", 0))), Hold(2), Repeat(3, (Random(4, (RandomField("en", (0, 1), 50, 10),), 9),))),
        ),
    ),
)


def seen(covered: int = 5, status: RunStatus | None = RunStatus.OK, *, mark: str = "") -> Observation:
    holes = (
        Missed(CoveragePoint(Kind.BRANCH, "rtl/counter.v", 9, 5, "else"), VerdictKind.UNKNOWN, ("!rst", "step")),
        Missed(CoveragePoint(Kind.TOGGLE, "rtl/counter.v", 3, 8, "count[7]:0->1"), VerdictKind.UNREACHABLE),
    )
    warning = Problem("width differs", "rtl/counter.v", 9, 3, "Mind it.", Severity.WARNING, "WIDTHTRUNC")
    if status is not RunStatus.OK:
        return Observation(status=status, problems=(warning,), tallies={}, log=mark)
    tallies = {Kind.LINE: Tally(covered, 10), Kind.TOGGLE: Tally(covered, 20, 1)}
    return Observation(status=status, problems=(warning,), tallies=tallies, holes=holes, cycles=200, log=f"done {mark}\n")


def transition(design: DesignText, *, number: int = 0, state: State | None = None, covered: int = 5, mark: str = "") -> Transition:
    """One round of a model, with everything in it that can be stored."""
    before = state or State(design)
    testbench = bench(f"module tb; // {number} {mark}\nendmodule\n")
    after = State(design, testbench, STIMULUS, seen(covered, mark=mark))
    return Transition(
        number=number,
        policy="llama",
        model="SmolLM2",
        seed=number + 1,
        instruction=instruction_for(before),
        state=before,
        proposal=Proposal(
            testbench=testbench,
            stimulus=STIMULUS,
            problems=(Problem("a sequence was left out", severity=Severity.NOTE),),
            reply=f"reply {number} {mark}",
            options=PromptOptions(format=ReplyFormat.STIMULUS, budget_tokens=2000),
            prompt_tokens=700,
            completion_tokens=80,
            seconds=1.25,
            is_trusted=True,
        ),
        after=after,
        kept=True,
        judge_s=0.5,
        loop_s=0.01,
        ended=StopReason.ROUNDS if number == 3 else None,
    )


def rollout(design: DesignText, count: int = 3, *, mark: str = "") -> list[Transition]:
    found: list[Transition] = []
    state = State(design)
    for number in range(count):
        found.append(transition(design, number=number, state=state, covered=3 + number, mark=mark))
        state = found[-1].after
    return found


def refused(one: Transition) -> Transition:
    """The same state with a reply that held no testbench."""
    problem = Problem("the reply is a poem")
    observation = Observation(status=None, problems=(problem,), tallies={})
    after = State(one.state.design, observation=observation)
    proposal = Proposal(testbench=None, problems=(problem,), reply="Roses are red", options=PromptOptions(), is_trusted=False)
    return replace(one, number=one.number + 1, state=one.after, proposal=proposal, after=after, kept=False)
