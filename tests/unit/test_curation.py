"""What is learned from: kept by execution, from the worst states, never from a held-out design; every row renders again from the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rapidfuzz")

from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.backend import Completion, CompletionEnding, Request
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policies.recorded import Recorded
from llm4cov_agent.loop.policy import Ask, PromptOptions
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.state import DesignText, Observation, State, instruction_for, read_design_text
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.trajectories.store import Store, open_store
from llm4cov_training.corpus.split import HeldOut, text_of_design
from llm4cov_training.curation.curate import Curated, CurationPlan, curate
from llm4cov_training.curation.judged import reason_to_drop
from llm4cov_training.curation.sampling import Sampling, sampled
from llm4cov_training.examples import read_examples, write_examples
from llm4cov_training.synthesis.lessons import Says
from llm4cov_training.synthesis.rules import WithRules

NOTHING = HeldOut((), held_out_percent=0.0)
OPTIONS = PromptOptions(budget_tokens=1200)


CHOOSER = """module chooser(input clock, input go, input hold_line, input [7:0] left_word, right_word, output reg [7:0] picked);
always @(posedge clock) begin
  case ({go, hold_line}) 2'b00: picked <= left_word; 2'b01: picked <= right_word; 2'b10: picked <= ~left_word; default: picked <= picked;
  endcase
end
endmodule
"""


def made(folder: Path, name: str, operator: str = "+") -> DesignText:
    path = folder / f"{name}.v"
    path.write_text(
        CHOOSER
        if name == "chooser"
        else f"module {name}(input clk, input rst, input go, input [3:0] {name}_in, output reg [3:0] {name}_out);\n"
        f"always @(posedge clk) if (rst) {name}_out <= 0; else if (go) {name}_out <= {name}_in {operator} 4'd3;\nendmodule\n"
    )
    design, problems = elaborate(FileSet(sources=(path,), top=name), search=False)
    assert design is not None, problems
    return read_design_text(design)


def saw(line: int, toggle: int = 10, *, status: RunStatus | None = RunStatus.OK) -> Observation:
    ok = status is RunStatus.OK
    return Observation(status=status, tallies={Kind.LINE: Tally(line, 100), Kind.TOGGLE: Tally(toggle, 100)} if ok else {})


def step(state: State, reply: str, after: Observation, *, policy: str = "closure", seed: int = 1) -> Transition:
    """A reply that is read as a model's is, with an outcome made by hand."""
    ask = Ask(instruction=instruction_for(state), seed=seed, budget_s=1.0)
    proposal = Says(policy, reply, OPTIONS).propose(state, ask)
    reached = State(state.design, proposal.testbench, proposal.stimulus, after)
    return Transition(
        number=0,
        policy=policy,
        model=None,
        seed=seed,
        instruction=ask.instruction,
        state=state,
        proposal=proposal,
        after=reached,
        kept=True,
        judge_s=0.0,
        loop_s=0.0,
    )


def script(cycles: int) -> str:
    return f"sequence part1\n  reset 2\n  drive go=1\n  hold {cycles}\nend\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "t.db") as opened:
        yield opened


def put(store: Store, *transitions: Transition) -> None:
    trajectory = store.begin(transitions[0].state.design, command="test")
    for one in transitions:
        store.append(trajectory, one)


def reasons(curated: Curated) -> list[str]:
    return [one.reason for one in curated.left]


def test_the_rules_that_a_teacher_sees_are_in_no_row_and_not_in_the_store(tmp_path: Path) -> None:
    rules, heard = "Think of each branch before you write.", []

    class Teacher(Recorded):
        def complete(self, request: Request, **_: object) -> Completion:  # type: ignore[override]
            heard.append(request.messages[-1].content)
            return Completion(text=script(3), ending=CompletionEnding.STOP)

    start = State(made(tmp_path, "adder"))
    policy = ModelPolicy(WithRules(Teacher(()), rules), ModelSettings(options=OPTIONS))
    proposal = policy.propose(start, Ask(instruction=instruction_for(start), seed=1, budget_s=1.0))
    with open_store(tmp_path / "t.db") as opened:
        put(opened, replace(step(start, script(3), saw(50)), proposal=proposal))
        [row] = curate(opened, NOTHING, CurationPlan()).examples
    assert heard[0].endswith(rules) and heard[0].startswith(row.messages[-1].content)
    assert row.messages == render_prompt(start, instruction_for(start), OPTIONS) and row.completion == script(3)
    assert not any(rules.encode() in file.read_bytes() for file in tmp_path.glob("t.db*"))


def test_only_what_fixed_or_raised_without_loss_is_kept(tmp_path: Path) -> None:
    design = made(tmp_path, "adder")
    start = State(design)
    good = step(start, script(3), saw(50))
    assert reason_to_drop(good) is None
    assert reason_to_drop(step(start, script(3), saw(0, 0, status=RunStatus.TIMED_OUT))) == "its outcome did not simulate"
    assert reason_to_drop(step(start, "no script", saw(0, 0, status=None))) == "its outcome did not simulate"
    # The mean over both metrics rises by 1.0 and by 1.5.
    assert reason_to_drop(step(good.after, script(4), saw(51, 11))) == "it raised coverage by one point or less"
    assert reason_to_drop(step(good.after, script(4), saw(52, 11))) is None
    assert reason_to_drop(step(good.after, script(4), saw(60, 9))) == "it lost coverage of the metric toggle"
    failed = step(start, "no script", Observation(status=None, tallies={}))
    assert reason_to_drop(step(failed.after, script(1), saw(1, 1))) is None


def test_the_worst_state_comes_first_then_a_median_that_is_much_better_then_one_that_failed(tmp_path: Path) -> None:
    design = made(tmp_path, "adder")

    def states(*overall: int) -> list[State]:
        return [State(design, observation=saw(value, value)) for value in overall]

    def chosen(*overall: int, sampling: Sampling = Sampling.WORST, more: tuple[State, ...] = ()) -> list[float | None]:
        found = sampled([*states(*overall), *more], lambda state: state, sampling=sampling, seed=3)
        return [state.observation.overall if state.observation is not None else None for state in found]

    assert chosen(60, 20, 90, 40, 100) == [20, 60]
    assert chosen(30, 20, 25) == [20]
    assert chosen(20, 30, 30) == [20]
    assert chosen(20, 30.5, 31) == [20, 30.5]  # type: ignore[arg-type]
    assert chosen(100, 100) == [] and chosen() == []
    failed = State(design, observation=saw(0, status=RunStatus.BUILD_FAILED))
    assert chosen(20, more=(State(design), failed, failed)) == [20, None]
    assert chosen(60, 20, 90, sampling=Sampling.BEST) == [90, 60]
    drawn = chosen(60, 20, 90, sampling=Sampling.RANDOM)
    assert len(drawn) == 2 and set(drawn) <= {60, 20, 90} and drawn == chosen(60, 20, 90, sampling=Sampling.RANDOM)


def test_one_best_reply_of_each_kind_is_kept_and_rows_render_again_from_the_store(tmp_path: Path, store: Store) -> None:
    design = made(tmp_path, "adder")
    start = State(design)
    poor, better = step(start, script(3), saw(40)), step(start, script(5), saw(60))
    broken = step(start, "sequence x\n  jump 3\nend\n", saw(0, status=None), policy="random")
    put(store, poor, better, step(poor.after, script(7), saw(70)), step(poor.after, script(8), saw(80)))
    put(store, step(better.after, script(9), saw(90)), broken, step(broken.after, script(5), saw(60)))
    curated = curate(store, NOTHING, CurationPlan(stage=2))
    kinds = {(one.instruction, one.stage): one for one in curated.examples}
    assert set(kinds) == {("generate", 0), ("raise_coverage", 2), ("fix_reply", 2)}
    assert kinds["generate", 0].completion == script(5)
    # The state at 25 % is the worst; of its two repairs the better one is taken, and the state at 35 % is near.
    assert kinds["raise_coverage", 2].completion == script(8)
    assert len(curated.examples) == 3 and curated.seen == 7
    assert sorted(reasons(curated)) == ["another one of its design and kind is better"] * 3 + ["its outcome did not simulate"]
    stored = {
        digest.digest: one
        for summary in store.trajectories()
        for digest, one in zip(summary.rounds, store.transitions(summary.id), strict=True)
    }
    for example in curated.examples:
        one = stored[example.transition]
        assert one.proposal.options is not None
        assert example.messages == render_prompt(one.state, one.instruction, one.proposal.options)
    write_examples(curated.examples, tmp_path / "rows.jsonl")
    assert read_examples(tmp_path / "rows.jsonl") == (tuple(curated.examples), ())
    manifest = curated.manifest(CurationPlan(stage=2), NOTHING)
    assert manifest["examples"] == 3 and manifest["by_instruction"] == {"fix_reply": 1, "generate": 1, "raise_coverage": 1}
    assert json.dumps(manifest) == json.dumps(curate(store, NOTHING, CurationPlan(stage=2)).manifest(CurationPlan(stage=2), NOTHING))


def test_data_of_a_held_out_design_never_gets_into_training(tmp_path: Path, store: Store) -> None:
    kept, out, copied = made(tmp_path, "chooser"), made(tmp_path, "secret", "^"), made(tmp_path, "renamed", "^")
    for design in (kept, out, copied):
        put(store, step(State(design), script(3).replace("  reset 2\n", ""), saw(50)))
    held_out = HeldOut([("secret", text_of_design(out))], held_out_percent=0.0)
    curated = curate(store, held_out, CurationPlan())
    assert [one.top for one in curated.examples] == ["chooser"]
    # Another name and other words are the same structure.
    assert sorted(reasons(curated)) == ["held out (it is the held-out design secret)"] * 2
    everything = curate(store, HeldOut((), held_out_percent=100.0), CurationPlan())
    assert not everything.examples and set(reasons(everything)) == {"held out (the split holds it out)"}
    like = HeldOut([("like", text_of_design(kept) + "\nmodule more(input a, output b); assign b = a; endmodule")], held_out_percent=0.0)
    assert "chooser" not in [one.top for one in curate(store, like, CurationPlan()).examples]


def test_long_replies_cut_ones_and_what_does_not_replay_are_left_out(tmp_path: Path, store: Store) -> None:
    design = made(tmp_path, "adder")
    long = "".join(f"sequence part{number}\n  drive adder_in={number % 16}\n  hold 1\nend\n" for number in range(60))
    other = step(State(design), script(3), saw(50))
    wrong = replace(other, proposal=replace(other.proposal, reply=script(4)))
    put(store, step(State(design), long, saw(90)), wrong)
    curated = curate(store, NOTHING, CurationPlan())
    assert not curated.examples
    assert sorted(reasons(curated)) == [
        "its reply does not come to the stored testbench again",
        "its reply is too long (more than 450 tokens)",
    ]


def test_near_duplicates_are_left_out(tmp_path: Path, store: Store) -> None:
    (tmp_path / "two").mkdir()
    one, two = made(tmp_path, "adder"), made(tmp_path / "two", "adder", "-")
    put(store, step(State(one), script(3), saw(50)))
    put(store, step(State(two), script(3), saw(50)))
    curated = curate(store, NOTHING, CurationPlan())
    assert len(curated.examples) == 1 and reasons(curated) == ["it is nearly the same as another one"]


def test_what_closure_found_for_a_user_becomes_a_reply_in_the_stimulus_language(tmp_path: Path, store: Store) -> None:
    design = made(tmp_path, "adder")
    said = step(State(design), script(3), saw(50))
    silent = replace(said, proposal=replace(said.proposal, reply="", options=None))
    put(store, silent)
    (example,) = curate(store, NOTHING, CurationPlan()).examples
    assert example.completion == script(3) and example.format == "stimulus" and example.policy == "closure"


def test_without_curation_all_that_ran_is_kept_for_comparison(tmp_path: Path, store: Store) -> None:
    design = made(tmp_path, "adder")
    first = step(State(design), script(3), saw(50))
    put(store, first, step(first.after, script(4), saw(50)))
    assert [one.instruction for one in curate(store, NOTHING, CurationPlan(by_execution=False)).examples] == ["generate", "raise_coverage"]
