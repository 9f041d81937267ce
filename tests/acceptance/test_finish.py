"""Closure goes on from a testbench that another policy wrote, and keeps it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.judging import judge
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.policy import Ask, Proposal, ReplyFormat
from llm4cov_agent.loop.reply import parse_reply
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import Instruction, State, read_design_text
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

LIMITS = RolloutPlan().limits
NO_RESET = """module latch_up(input wire clk, input wire [7:0] key, output reg [3:0] level);
  initial level = 0;
  always @(posedge clk) begin
    if (level == 0 && key == 8'h5a) level <= 1;
    else if (level == 1 && key == 8'ha5) level <= 2;
    else if (level == 2) level <= key[0] ? 3 : 4;
  end
endmodule
"""


class Written:
    """A policy that proposes one script."""

    name, model = "written", None

    def __init__(self, script: str) -> None:
        self._script = script

    def propose(self, state: State, ask: Ask) -> Proposal:
        began = time.monotonic()
        reply = parse_reply(self._script, state, ReplyFormat.STIMULUS, seed=ask.seed)
        return Proposal(testbench=reply.testbench, stimulus=reply.stimulus, problems=reply.problems, seconds=time.monotonic() - began)


def _finished(design: Design, script: str, simulator: Verilator) -> tuple[Stimulus, State, State]:
    start = State(read_design_text(design))
    (first,) = rollout(start, Written(script), simulator, RolloutPlan(rounds=1, seed=7))
    assert first.after.stimulus is not None, first.after.observation
    policy = ClosurePolicy(simulator, ClosePlan(rounds=30, budget_s=60), Language.SYSTEMVERILOG)
    (then,) = rollout(first.after, policy, simulator, RolloutPlan(rounds=1, budget_s=60))
    assert then.kept and then.instruction is Instruction.RAISE_COVERAGE
    return first.after.stimulus, first.after, then.after


SCRIPT = "sequence fill\n  reset 3\n  drive push=1\n  hold 9\n  random 40 push pop wdata\nend\n"
SCRIPT += "sequence drain\n  drive push=0 pop=1\n  hold 5\nend\n"


def test_the_sequences_of_another_are_kept_and_what_they_hit_with_them(simulator: Verilator) -> None:
    written, before, after = _finished(loader.design("fifo_sync"), SCRIPT, simulator)
    assert after.stimulus is not None
    assert after.stimulus.sequences[: len(written.sequences)] == written.sequences
    assert len(after.stimulus.sequences) > len(written.sequences)
    assert before.observation is not None and after.observation is not None
    missed = {hole.point for hole in after.observation.holes}
    assert missed < {hole.point for hole in before.observation.holes}
    assert (after.observation.overall or 0) > (before.observation.overall or 0) + 10


def test_a_design_without_reset_goes_on_from_where_the_other_left_it(tmp_path: Path, simulator: Verilator) -> None:
    path = tmp_path / "latch_up.sv"
    path.write_text(NO_RESET)
    design, problems = elaborate(FileSet(sources=(path,)), search=False)
    assert design is not None, problems
    written, before, after = _finished(design, "sequence unlock\n  drive key=0x5a\n  hold 1\n  random 3 key\nend\n", simulator)
    assert after.stimulus is not None and after.stimulus.sequences[:1] == written.sequences
    assert after.observation is not None and before.observation is not None
    assert {hole.point for hole in after.observation.holes} < {hole.point for hole in before.observation.holes}
    # Level 3 and level 4 shut each other out, so one branch of the last line stays open.
    assert any(hole.point.line == 6 for hole in after.observation.holes)


def test_where_nothing_is_left_the_testbench_stays_as_it_is(simulator: Verilator) -> None:
    design = loader.design("half_adder")
    ports = list(design.driven_signals())
    script = "sequence all\n" + "".join(
        f"  drive {ports[0]}={value >> 1} {ports[1]}={value & 1}\n  hold 1\n" for value in (0, 1, 3, 2, 0, 3, 1, 0)
    )
    start = State(read_design_text(design))
    (first,) = rollout(start, Written(script + "end\n"), simulator, RolloutPlan(rounds=1))
    policy = ClosurePolicy(simulator, ClosePlan(rounds=5, budget_s=30), Language.SYSTEMVERILOG)
    ask = Ask(instruction=Instruction.RAISE_COVERAGE, seed=1, budget_s=30)
    proposal = policy.propose(first.after, ask)
    assert first.after.stimulus is not None and proposal.stimulus is not None
    assert proposal.stimulus.sequences[0] == first.after.stimulus.sequences[0]
    state, _ = judge(start, proposal, simulator, LIMITS)
    assert state.observation is not None and state.observation.status is RunStatus.OK
    assert state.observation.reachable == 100.0
