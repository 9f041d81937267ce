"""Whatever a model answered: what is stored of it renders the same prompts again, and replays to the same digests."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.script_grammar import script_grammar
from llm4cov_agent.digest import digest_text
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.simulator import Job, Progress, Run, RunStatus, SimulationLimits
from llm4cov_agent.loop.backend import Completion, CompletionEnding, Message, OnText, Request
from llm4cov_agent.loop.judging import judge
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policy import Ask, PromptOptions, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.reply import parse_reply
from llm4cov_agent.loop.rollout import RolloutPlan, is_kept, rollout
from llm4cov_agent.loop.state import DesignText, State, instruction_for
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import Store, open_store
from tests.unit import gbnf
from tests.unit.stored_values import design_in

LIMITS = SimulationLimits()
ENDED = (CompletionEnding.STOP, CompletionEnding.LENGTH)
BENCH = """module tb_counter;
  reg clk = 0, rst = 1, en = 0;
  wire [15:0] count;
  counter dut(.clk(clk), .rst(rst), .en(en), .count(count));
  always #5 clk = ~clk;
  initial begin #20 rst = 0; en = 1; #40 $display("```"); $finish; end
endmodule
"""
HOSTILE = BENCH.replace("#40", '#40 $system("id");')


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> DesignText:
    return design_in(tmp_path_factory.mktemp("counter"))


class Fake:
    """A simulator whose verdict depends on the testbench's text and on nothing else, and tells paths as a real one does."""

    name = "fake"

    def version(self) -> str:
        return "1"

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        generator = random.Random(digest_text(job.testbench.text.encode("utf-8", "replace").decode()))
        path = str(job.design.files[0].path)
        status = generator.choice([*RunStatus, RunStatus.OK, RunStatus.OK, RunStatus.OK])
        problem = Problem("something is odd", file=generator.choice([path, "/build/tb.sv"]), line=3, severity=Severity.WARNING)
        log = f"{path}:3: a note\n````\n" * generator.randint(0, 60)
        kinds = generator.sample(list(Kind), 3)
        points = [CoveragePoint(kind, path, line, 5, f"count[{line}]:0->1") for kind in kinds for line in range(3, 11)]
        generator.shuffle(points)
        hits = Coverage({point: generator.randint(0, 1) for point in points}) if status is RunStatus.OK else None
        return Run(status=status, problems=(problem,), coverage=hits, log=log)


@dataclass
class Answering:
    """A backend that gives the answers of a list under any name."""

    answers: list[Completion]
    name: str = "llama"
    model: str = "a-model@1"
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    context_tokens: int = 8192
    enforces_grammar: bool = True

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        self.asked.append(request.messages)
        return self.answers[len(self.asked) - 1]

    def close(self) -> None:
        pass


def written(rules: dict[str, gbnf.Part], seed: int) -> str:
    """A text of the grammar, of a testbench, or a broken one of either."""
    generator = random.Random(seed)
    text = generator.choice([lambda: gbnf.draw(rules, generator)] * 3 + [lambda: BENCH, lambda: HOSTILE])()
    if generator.random() < 0.5:
        place, size = generator.randrange(len(text) + 1), generator.choice([0, 1, 7, len(text)])
        text = text[:place] + generator.choice(["", "\n", "end\n", "\ud800", "nobody=1", "`"]) + text[place + size :]
    before = generator.choice(
        ["", "", "", "Sure:\n", "<think>\nsequence x\n  hold 1\nend\n</think>\n", "<think>\n", "tb_counter.sv\n```\n"]
    )
    return before + text


NOTE = Problem("the server does not take `seed`", severity=Severity.NOTE)
texts = st.integers(0, 2**32).map(lambda seed: (written, seed)) | st.text(max_size=80)
answers = st.lists(st.tuples(texts, st.sampled_from([*CompletionEnding, *ENDED, *ENDED]), st.booleans()), min_size=1, max_size=5)


def replayed(one: Transition, target_percent: float) -> Transition:
    """Go through a stored transition again: its prompt, its reply as it was read, and the judge."""
    proposal, options = one.proposal, one.proposal.options
    assert options is not None and proposal.ending is not None
    cut_off = proposal.ending is CompletionEnding.LENGTH
    of_reply = parse_reply(proposal.reply, one.state, options.format, seed=one.seed, cut_off=cut_off).problems
    noticed = proposal.problems[: len(proposal.problems) - len(of_reply)] if proposal.ending in ENDED else proposal.problems
    answer = Completion(text=proposal.reply, ending=proposal.ending, problems=noticed)
    policy = ModelPolicy(Answering([answer], one.policy, one.model or ""), ModelSettings(options=options))
    ask = Ask(instruction=instruction_for(one.state), seed=one.seed, budget_s=1)
    again = policy.propose(one.state, ask)
    after, _ = judge(one.state, again, Fake(), LIMITS)
    kept = proposal.ending in ENDED and is_kept(one.state, after, target_percent)
    return replace(one, policy=policy.name, model=policy.model, instruction=ask.instruction, proposal=again, after=after, kept=kept)


def stored_again(store: Store, transitions: tuple[Transition, ...]) -> list[str]:
    name = store.begin(transitions[0].state.design, command="replay")
    return [store.append(name, one) for one in transitions]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(answers, st.sampled_from(ReplyFormat), st.sampled_from([500, 900, 3000]), st.integers(1, 2**40), st.sampled_from([60.0, 100.0]))
def test_stored_transitions_render_the_same_prompts_and_replay_to_the_same_digests(
    counter: DesignText,
    given_answers: list[tuple[object, CompletionEnding, bool]],
    reply_format: ReplyFormat,
    budget_tokens: int,
    seed: int,
    target_percent: float,
) -> None:
    rules = gbnf.read(script_grammar(counter.design))
    completions = [
        Completion(
            text=text if isinstance(text, str) else written(rules, text[1]),  # type: ignore[index]
            ending=ending,
            problems=(NOTE,) * is_noticed,
            completion_tokens=9,
        )
        for text, ending, is_noticed in given_answers
    ]
    backend = Answering(completions)
    policy = ModelPolicy(backend, ModelSettings(options=PromptOptions(format=reply_format, budget_tokens=budget_tokens)))
    plan = RolloutPlan(rounds=len(completions), target_percent=target_percent, seed=seed, limits=LIMITS)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store.db") as store:
        name = store.begin(counter, command="generate")
        digests, states = [], []
        for one in rollout(State(counter), policy, Fake(), plan):
            digests.append(store.append(name, one))
            states.append(one)
        stored = store.transitions(name)
        assert len(stored) == len(states) == len(backend.asked)
        for one, asked in zip(stored, backend.asked, strict=True):
            assert one.proposal.options is not None
            assert render_prompt(one.state, one.instruction, one.proposal.options) == asked
        again = tuple(replayed(one, target_percent) for one in stored)
        for one, other in zip(stored, again, strict=True):
            assert other.after == one.after and other.proposal.problems == one.proposal.problems
            assert other.proposal.testbench == one.proposal.testbench and other.proposal.stimulus == one.proposal.stimulus
        assert stored_again(store, again) == digests == [row["digest"] for row in store.trajectory_rows(name)]
        columns = [[(row["before_state"], row["after_state"]) for row in store.trajectory_rows(each.id)] for each in store.trajectories()]
        assert columns[0] == columns[1]
        assert store.verify() == ()
