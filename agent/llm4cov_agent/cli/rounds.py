"""What is said of each round of the loop: a line while it runs, a record in the JSON. Knows no option."""

from __future__ import annotations

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import Kind
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.state import Instruction, Observation, State
from llm4cov_agent.loop.transition import Transition

_ASKED = {
    Instruction.GENERATE: "asked for a testbench",
    Instruction.FIX_REPLY: "asked for a readable reply",
    Instruction.FIX_BUILD: "asked to fix the build",
    Instruction.FIX_RUN: "asked to fix the run",
    Instruction.RAISE_COVERAGE: "asked for more coverage",
}
_ENDED = {
    None: "no testbench in the reply",
    RunStatus.BUILD_FAILED: "does not compile",
    RunStatus.TIMED_OUT: "did not end",
    RunStatus.RUN_FAILED: "the run failed",
    RunStatus.NO_COVERAGE: "gave no coverage",
}


def round_line(transition: Transition) -> str:
    """One line for a person: who did what, at what cost, and what came of it."""
    asked = _ASKED[transition.instruction]
    parts = [f"round {transition.number + 1}: {transition.policy} was {asked}"]
    tokens = transition.proposal.completion_tokens
    cost = f"{transition.proposal.seconds:.1f} s"
    parts.append(f"{tokens} tokens in {cost}" if tokens is not None else cost)
    seen = transition.after.observation
    before = _overall(transition.state)
    if seen is not None and seen.status is RunStatus.OK and seen.overall is not None:
        gain = "" if before is None else f" ({seen.overall - before:+.1f})"
        parts.append(f"{seen.overall:.1f} %{gain}")
    else:
        parts.append(_ended(seen))
    if not transition.kept:
        parts.append("thrown away")
    return ", ".join(parts)


def rounds_json(transitions: tuple[Transition, ...]) -> list[Json]:
    """One record per round, in order; percentages are raw, null where there is no coverage."""
    return [_round_json(transition) for transition in transitions]


def _round_json(transition: Transition) -> Json:
    seen, proposal = transition.after.observation, transition.proposal
    return {
        "round": transition.number + 1,
        "policy": transition.policy,
        "model": transition.model,
        "seed": transition.seed,
        "instruction": transition.instruction.value,
        "status": "no_testbench" if seen is None or seen.status is None else seen.status.label,
        "prompt_tokens": proposal.prompt_tokens,
        "completion_tokens": proposal.completion_tokens,
        "policy_s": round(proposal.seconds, 3),
        "judge_s": round(transition.judge_s, 3),
        "loop_s": round(transition.loop_s, 3),
        "overall_before": _overall(transition.state),
        "overall_after": None if seen is None else seen.overall,
        "metrics_after": _metrics(seen),
        "kept": transition.kept,
        "problems": [problem.message for problem in (seen.problems if seen is not None else proposal.problems)],
    }


def _overall(state: State) -> float | None:
    return state.observation.overall if state.observation is not None else None


def _metrics(seen: Observation | None) -> Json:
    if seen is None:
        return {}
    return {kind.value: [seen.tallies[kind].covered, seen.tallies[kind].total] for kind in Kind if kind in seen.tallies}


def _ended(seen: Observation | None) -> str:
    words = _ENDED.get(seen.status if seen is not None else None, "failed")
    if seen is None or not seen.problems:
        return words
    first = seen.problems[0]
    place = f"line {first.line}: " if first.line is not None else ""
    return f"{words} ({place}{first.message})"
