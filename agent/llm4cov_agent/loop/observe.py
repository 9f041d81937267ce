"""From the judge's evaluation to what a policy is shown of it. Judges nothing and renders no prompt."""

from __future__ import annotations

from dataclasses import replace

from llm4cov_agent.closure.needs import needs_of
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import Hole, rank_holes
from llm4cov_agent.loop.state import DesignText, Missed, Observation
from llm4cov_agent.rtl.elaborate.condition_values import Conditions

MOST_HOLES = 2000
"""Holes of an observation; the tallies still count all of them."""
MOST_EXPLAINED = 60
"""Holes whose conditions are worked out: more than any prompt has room for."""
_LOG_CHARACTERS = 2000
_MOST_PROBLEMS = 20


def observe(evaluation: Evaluation, design: DesignText, conditions: Conditions) -> Observation:
    """Distil an evaluation: the most telling holes first, with what must hold for them."""
    ranked = rank_holes(evaluation.holes)[:MOST_HOLES]
    resets = {reset.port for reset in design.design.resets}
    explained = [hole.point for hole in ranked if hole.point.kind is not Kind.TOGGLE][:MOST_EXPLAINED]
    chains = {point: tuple(part.text for part in needs_of(point, conditions, resets).chain) for point in explained}
    names = {str(file.path): source.name for file, source in zip(design.design.files, design.sources, strict=True)}
    return Observation(
        status=evaluation.status,
        problems=named_problems(evaluation.problems, design),
        tallies=dict(evaluation.tallies),
        holes=tuple(_missed(hole, names, chains.get(hole.point, ())) for hole in ranked),
        cycles=evaluation.cycles,
        log=_tail(evaluation.run.log, design),
    )


def unreadable(problems: tuple[Problem, ...]) -> Observation:
    """Tell that a reply held no testbench."""
    return Observation(status=None, problems=problems[:_MOST_PROBLEMS], tallies={})


def named_problems(problems: tuple[Problem, ...], design: DesignText) -> tuple[Problem, ...]:
    """Give the problems' files the design's short names, so that no path of this machine gets into a prompt."""
    return tuple(replace(problem, file=problem.file and design.name_of(problem.file)) for problem in problems[:_MOST_PROBLEMS])


def _missed(hole: Hole, names: dict[str, str], chain: tuple[str, ...]) -> Missed:
    point = hole.point
    name = names.get(point.file, point.file.rsplit("/", 1)[-1])
    return Missed(CoveragePoint(point.kind, name, point.line, point.column, point.comment), hole.verdict.kind, chain)


def _tail(log: str, design: DesignText) -> str:
    """Keep the end of a log, from the beginning of a line on, with short names for the design's files."""
    for file, source in zip(design.design.files, design.sources, strict=True):
        log = log.replace(str(file.path), source.name)
    if len(log) <= _LOG_CHARACTERS:
        return log
    return log[-_LOG_CHARACTERS:].partition("\n")[2]
