"""What the store holds as JSON for programs, and what a person means by the name of a design. Reads no table and prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import Kind, Tally, overall
from llm4cov_agent.judge.export import score_json
from llm4cov_agent.trajectories.reading import StoredDesign
from llm4cov_agent.trajectories.trajectory import Round, Summary, standing


def summary_record(one: Summary) -> dict[str, Json]:
    """A trajectory in a few words; percentages are raw, null where there is no coverage."""
    return {
        "id": one.id,
        "design": one.design,
        "top": one.top,
        "command": one.command,
        "began": one.began,
        "rounds": [round_record(each) for each in one.rounds],
        "acceptances": [
            {"answer": each.answer.value, "testbench": each.testbench, "reason": each.reason, "at": each.at} for each in one.acceptances
        ],
        "accepted": sorted(standing(one.acceptances)),
    }


def round_record(one: Round) -> dict[str, Json]:
    """One transition in a few words."""
    return {
        "round": one.number,
        "digest": one.digest,
        "policy": one.policy,
        "model": one.model,
        "instruction": one.instruction,
        "status": one.status,
        "before": overall(one.before),
        "after": overall(one.after),
        "metrics": score_json(one.after)["metrics"],
        "covered_before": covered_of(one.before),
        "covered": covered_of(one.after),
        "kept": one.kept,
        "ended": one.ended,
        "prompt_tokens": one.prompt_tokens,
        "completion_tokens": one.completion_tokens,
        "policy_s": one.policy_s,
        "judge_s": one.judge_s,
        "testbench": one.testbench,
    }


def covered_of(tallies: Mapping[Kind, Tally]) -> int | None:
    """Give the points that were hit, of all metrics; None where nothing was measured."""
    return sum(one.covered for one in tallies.values()) if tallies else None


def designs_called(name: str, designs: Iterable[StoredDesign]) -> list[StoredDesign]:
    """Find the designs that a name means: a top, a digest, or else the beginning of a digest."""
    known = list(designs)
    found = [one for one in known if name in (one.top, one.digest)]
    bare = name.removeprefix("sha256:")
    if not found and bare:
        found = [one for one in known if one.digest.removeprefix("sha256:").startswith(bare)]
    return found
