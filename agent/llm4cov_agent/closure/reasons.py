"""Puts explanations into the reasons of an evaluation's holes, for records that have no other room for them. Gives no verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llm4cov_agent.closure.explain import explain
from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.closure.reached import reached_of
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import NOT_TRIED, Verdict, rank_holes
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.conditions import read_conditions

MOST_REASONS = 200
"""Holes that are explained; a record with thousands is read by programs, and each costs time."""


def reasons(evaluation: Evaluation, design: Design, nearest: Mapping[str, NearestApproach] | None = None) -> Evaluation:
    """Say in the reasons of the holes that tell most (`MOST_REASONS`) what they need; verdicts and their grounds stay as they are."""
    coverage = evaluation.run.coverage
    if coverage is None or not evaluation.holes:
        return evaluation
    conditions = read_conditions(design)
    reached = reached_of(coverage, conditions)
    said: dict[int, Verdict] = {}
    places = {id(hole): place for place, hole in enumerate(evaluation.holes)}
    for hole in rank_holes(evaluation.holes)[:MOST_REASONS]:
        needs = explain(hole, design, conditions, nearest, reached).needs
        if needs:
            said[places[id(hole)]] = replace(hole.verdict, reason=_reason(hole.verdict, needs, evaluation.cycles))
    holes = tuple(replace(hole, verdict=said.get(place, hole.verdict)) for place, hole in enumerate(evaluation.holes))
    return replace(evaluation, holes=holes)


def _reason(verdict: Verdict, needs: str, cycles: int | None) -> str:
    if verdict != NOT_TRIED:
        return f"{verdict.reason} {needs[:1].upper()}{needs[1:]}."
    within = "" if cycles is None else f" in {cycles} cycle{'s' * (cycles != 1)}"
    return f"Not hit{within}: {needs}."
