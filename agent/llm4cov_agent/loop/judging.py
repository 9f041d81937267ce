"""From a state and a proposal to the state that it leads to. The judge decides; this only brings the two together."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

from llm4cov_agent.errors import has_errors
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Job, Progress, RunStatus, SimulationLimits, Simulator
from llm4cov_agent.loop.observe import named_problems, observe, unreadable
from llm4cov_agent.loop.policy import Proposal
from llm4cov_agent.loop.state import Observation, State
from llm4cov_agent.rtl.elaborate.condition_values import Conditions
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.rtl.elaborate.untrusted import screen_for_design


def judge(
    before: State,
    proposal: Proposal,
    simulator: Simulator,
    limits: SimulationLimits,
    *,
    conditions: Conditions | None = None,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> tuple[State, Evaluation | None]:
    """Find the state that a proposal leads to; without a testbench there is nothing to run, and the reasons are its observation.

    What was proved unreachable in the state before stays so, as the design is the same.
    """
    design = before.design
    if proposal.testbench is None:
        return State(design, observation=unreadable(named_problems(proposal.problems, design))), None
    problems = proposal.problems
    if not proposal.is_trusted and not has_errors(problems):
        # Its reply was screened when it was read; this holds whatever way it came here.
        problems = screen_for_design(proposal.testbench.text, design.design)
    if has_errors(problems):
        observation = Observation(status=RunStatus.BUILD_FAILED, problems=named_problems(problems, design), tallies={})
        return State(design, proposal.testbench, proposal.stimulus, observation), None
    job = Job(design=design.design, testbench=proposal.testbench, limits=limits)
    verdicts = proofs_of(before) | dict(proposal.closed.verdicts if proposal.closed is not None else {})
    evaluation = evaluate(simulator, job, verdicts=verdicts, progress=progress, cancel=cancel)
    observation = observe(evaluation, design, conditions or read_conditions(design.design))
    return State(design, proposal.testbench, proposal.stimulus, observation), evaluation


def proofs_of(state: State) -> dict[CoveragePoint, Verdict]:
    """What a state knows to be unreachable, as verdicts on the design's own points."""
    if state.observation is None:
        return {}
    proved = [hole.point for hole in state.observation.holes if hole.verdict is VerdictKind.UNREACHABLE]
    verdict = Verdict(VerdictKind.UNREACHABLE, "It was proved unreachable before.")
    return {replace(point, file=state.design.path_of(point.file)): verdict for point in proved}
