"""Transitions of a real judge: read back from the store, with the design's files made again elsewhere, they replay to the same digests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.backend import Completion, CompletionEnding
from llm4cov_agent.loop.judging import judge
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policies.random import RandomPolicy
from llm4cov_agent.loop.policies.recorded import Recorded, messages_digest
from llm4cov_agent.loop.policy import Ask, Policy, PromptOptions, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.rollout import RolloutPlan, is_kept, rollout
from llm4cov_agent.loop.state import State, instruction_for, read_design_text
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import open_store

pytestmark = pytest.mark.acceptance

PLAN = RolloutPlan(rounds=1, seed=3)
OPTIONS = {form: PromptOptions(format=form, budget_tokens=900) for form in ReplyFormat}
BENCH = """module tb_half_adder;
  reg a = 0, b = 0;
  wire sum, carry;
  half_adder dut(.a(a), .b(b), .sum(sum), .carry(carry));
  initial begin
    #5 a = 1; #5 b = 1; #5 $display("```\\n%m in `%s`: %b%b", "half_adder", sum, carry);
    $finish;
  end
endmodule
"""


def closure(simulator: Verilator) -> Policy:
    return ClosurePolicy(simulator, ClosePlan(rounds=2, budget_s=60, proves=False), Language.SYSTEMVERILOG)


def random(simulator: Verilator) -> Policy:
    return RandomPolicy(Language.SYSTEMVERILOG, cycles=60)


def replayed(one: Transition, policy: Policy, simulator: Verilator) -> Transition:
    ask = Ask(instruction=instruction_for(one.state), seed=one.seed, budget_s=60)
    proposal = policy.propose(one.state, ask)
    after, _ = judge(one.state, proposal, simulator, PLAN.limits)
    kept = is_kept(one.state, after, PLAN.target_percent)
    return replace(one, instruction=ask.instruction, proposal=proposal, after=after, kept=kept)


def answer(text: str, state: State, reply_format: ReplyFormat) -> Policy:
    """A model that says this to the prompt of a state, and to no other."""
    prompt = render_prompt(state, instruction_for(state), OPTIONS[reply_format])
    records = [(messages_digest(prompt), Completion(text=text, ending=CompletionEnding.STOP))]
    return ModelPolicy(Recorded(records), ModelSettings(options=OPTIONS[reply_format]))


def check(first: Policy, again: Callable[[Transition], Policy], name: str, folder: Path, simulator: Verilator) -> Transition:
    """Store one transition, replay it from what is stored, store that; both have the same digests."""
    start = State(read_design_text(loader.design(name)))
    with open_store(folder / "store.db") as store:
        trajectory = store.begin(start.design, command="generate")
        (one,) = rollout(start, first, simulator, PLAN)
        digest = store.append(trajectory, one)
        (stored,) = store.transitions(trajectory)
        assert not {file.path for file in stored.state.design.design.files} & {file.path for file in start.design.design.files}
        other = replayed(stored, again(stored), simulator)
        assert other.after == stored.after
        replay = store.begin(stored.state.design, command="replay")
        assert store.append(replay, other) == digest
        (row,), (row_again,) = store.trajectory_rows(trajectory), store.trajectory_rows(replay)
        assert (row["before_state"], row["after_state"]) == (row_again["before_state"], row_again["after_state"])
        assert store.verify() == ()
        return stored


@pytest.mark.parametrize("policy", [closure, random])
def test_the_deterministic_policies_replay(policy: Callable[[Verilator], Policy], tmp_path: Path, simulator: Verilator) -> None:
    stored = check(policy(simulator), lambda _: policy(simulator), "half_adder", tmp_path, simulator)
    assert stored.after.observation is not None and stored.after.observation.status is RunStatus.OK
    assert stored.proposal.testbench is not None and stored.proposal.options is None


@pytest.mark.parametrize("reply_format", list(ReplyFormat))
def test_a_reply_of_a_model_replays(reply_format: ReplyFormat, tmp_path: Path, simulator: Verilator) -> None:
    text = BENCH if reply_format is ReplyFormat.FULL else "sequence some\n  drive a=1 b=0\n  hold 2\n  drive b=1\nend\n"
    start = State(read_design_text(loader.design("half_adder")))
    first = answer(text, start, reply_format)

    def again(one: Transition) -> Policy:
        return answer(one.proposal.reply, one.state, reply_format)

    stored = check(first, again, "half_adder", tmp_path, simulator)
    seen = stored.after.observation
    assert seen is not None and seen.status is RunStatus.OK, seen
    assert 0 < (seen.overall or 0) < 100
    if reply_format is ReplyFormat.FULL:
        assert "```" in seen.log and str(tmp_path) not in seen.log
