"""What the teacher shows on one design: direct replies, more of them where one is not enough, and repairs of a student's states.

The teacher is the closure policy. Its replies are judged as those of a model are: the words are parsed, rendered and simulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random as Generator

from llm4cov_agent.bench.script_text import script_of
from llm4cov_agent.bench.stimulus import Sequence, Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.policy import Ask, PromptOptions, Proposal
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.loop.reply import parse_reply
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import State, instruction_for
from llm4cov_agent.loop.transition import Transition
from llm4cov_training.curation.sampling import has_failed, is_improvable
from llm4cov_training.synthesis.brief import OPENING, fitted, opening_sequence, simplified
from llm4cov_training.synthesis.novice import damaged, novice_reply

TEACHER = "closure"
STAND_IN = "random"
"""The policy that novice and damaged replies are stored as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How the teacher works."""

    budget_s: float = 20.0
    """Seconds of a search, compiling not counted where it takes longer."""
    rounds: int = 80
    """Rounds of a search at most. What takes more is seldom short enough to be said."""
    cycles: int = 20_000
    """Cycles of what a search may come to: words are what has to be few."""
    reply_tokens: int = 400
    """Tokens of a reply at most."""
    replies: int = 3
    """Replies in a row on one design, as long as the search found more than one holds."""
    prompt_tokens: int = 1400
    run_s: float = 20.0
    opening_cycles: int = 1000
    """Cycles in which a first reply draws all inputs at once, before what the search adds to that; 0 leaves all to the search."""
    stands_in: bool = True
    """Whether the teacher also repairs what a novice would have come to, for the time before there is a student."""
    repairs_all: bool = False
    """Whether all states of a student are repaired, not the worst alone: for comparing ways to sample."""

    @property
    def options(self) -> PromptOptions:
        """What prompts are rendered with."""
        return PromptOptions(budget_tokens=self.prompt_tokens)

    @property
    def limits(self) -> SimulationLimits:
        """Limits of a run."""
        return SimulationLimits(run_s=self.run_s)


class Says:
    """A policy that answers with words that are known already, as if a model had said them."""

    model = None

    def __init__(self, name: str, reply: str, options: PromptOptions) -> None:
        self.name, self._reply, self._options = name, reply, options

    def propose(self, state: State, ask: Ask) -> Proposal:
        """Read the words as those of a model are read."""
        reply = parse_reply(self._reply, state, self._options.format, seed=ask.seed)
        return Proposal(
            testbench=reply.testbench, stimulus=reply.stimulus, problems=reply.problems, reply=self._reply, options=self._options
        )


class Teacher:
    """The closure policy with a small budget, and what it says about states."""

    def __init__(self, simulator: Verilator, lesson: Lesson) -> None:
        self._simulator, self._lesson = simulator, lesson

    def found(self, state: State, seed: int, *, tells_lines: bool = True) -> tuple[Sequence, ...]:
        """Search from a state on; gives the sequences to be added to those that it has, in few words.

        With `tells_lines`, and where lines were missed, names tell which of them a sequence is for.
        """
        lesson = self._lesson
        plan = ClosePlan(seed=seed, budget_s=lesson.budget_s, rounds=lesson.rounds, cycles=lesson.cycles, workers=1, proves=False)
        policy = ClosurePolicy(self._simulator, replace(plan, limits=lesson.limits), Language.SYSTEMVERILOG)
        proposal = policy.propose(state, Ask(instruction=instruction_for(state), seed=seed, budget_s=lesson.budget_s))
        if proposal.stimulus is None:
            return ()
        given = len(state.stimulus.sequences) if state.stimulus is not None else 0
        tells_lines = tells_lines and state.observation is not None
        return simplified(proposal.stimulus.sequences[given:], state.design.design, tells_lines=tells_lines)

    def opening(self, start: State, seed: int) -> tuple[Sequence, ...]:
        """What a first reply is made of: all inputs drawn for a while, which takes few words, and what the search adds to that."""
        design = start.design.design
        drawn = opening_sequence(design, self._lesson.opening_cycles)
        if drawn is None:
            return self.found(start, seed)
        opened = self.said(start, script_of(replace(_frame(design.top), sequences=(drawn,)), design), seed)
        if opened.after.stimulus is None or has_failed(opened.after):
            return self.found(start, seed)
        return drawn, *self.found(opened.after, seed, tells_lines=False)

    def replies(self, state: State, sequences: tuple[Sequence, ...]) -> tuple[str, tuple[Sequence, ...]]:
        """Write as many sequences as fit into a reply to a state; gives the reply and what is left."""
        design = state.design.design
        frame, most_tokens = _frame(design.top), self._lesson.reply_tokens
        if sequences and sequences[0].name == OPENING:
            # What takes few words for most of the coverage is never left for later.
            cost = tokens_of(script_of(replace(frame, sequences=sequences[:1]), design))
            brief = fitted(sequences[1:], design, frame, most_tokens=most_tokens - cost)
            said = [one for one in sequences[1:] if one not in brief.left]
            return script_of(replace(frame, sequences=(sequences[0], *said)), design), brief.left
        brief = fitted(sequences, design, frame, most_tokens=most_tokens)
        return brief.reply, brief.left

    def said(self, state: State, reply: str, seed: int, *, policy: str = TEACHER) -> Transition:
        """Let a policy say a reply to a state, and let the judge tell what comes of it."""
        plan = RolloutPlan(rounds=1, seed=seed, limits=self._lesson.limits)
        (transition,) = rollout(state, Says(policy, reply, self._lesson.options), self._simulator, plan)
        return replace(transition, evaluation=None)

    def taught(self, start: State, seed: int) -> Iterator[Transition]:
        """Show how to begin, and how to go on while the search found more than one reply holds."""
        state, left = start, self.opening(start, seed)
        for number in range(self._lesson.replies):
            reply, left = self.replies(state, left)
            if not reply:
                return
            transition = self.said(state, reply, seed + number)
            yield transition
            if transition.kept:
                state = transition.after
            if not left:
                return

    def repaired(self, state: State, seed: int) -> Iterator[Transition]:
        """Repair a state that a student came to: give it what it missed, or words that can be read."""
        reply, _ = self.replies(state, self.found(state, seed))
        if reply:
            yield self.said(state, reply, seed)

    def with_stand_in(self, start: State, seed: int, good_reply: str) -> Iterator[Transition]:
        """Repair what a novice would have come to; for the time before there is a student."""
        generator = Generator(f"{seed}:{start.design.design.top}")
        weak = self.said(start, novice_reply(start.design.design, generator), seed, policy=STAND_IN)
        yield weak
        if is_improvable(weak.after):
            yield from self.repaired(weak.after, seed)
        broken = self.said(start, damaged(good_reply, generator), seed, policy=STAND_IN)
        yield broken
        if has_failed(broken.after):
            yield self.said(broken.after, good_reply, seed)


def _frame(top: str) -> Stimulus:
    """What sequences are written inside of; clocks are not written, and nothing is drawn."""
    return Stimulus(top, 1, (), ())
