"""The JSON record that `--json` prints. Decides names and shapes; computes no number itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Kind, Tally, overall, reachable
from llm4cov_agent.judge.coverage_dat import verbatim_comment
from llm4cov_agent.judge.holes import Hole
from llm4cov_agent.judge.simulator import RunStatus


def result_json(
    *,
    top: str | None,
    status: RunStatus,
    testbench: str | None,
    seed: int | None,
    seconds: float,
    cycles: int | None,
    tallies: Mapping[Kind, Tally] | None = None,
    holes: Iterable[Hole] = (),
    dropped: Iterable[tuple[str, str]] = (),
    problems: Iterable[Problem] = (),
    name_of: Callable[[str], str] = str,
) -> dict[str, Json]:
    """Build the record of one command.

    `overall` and `reachable` are percentages, raw, and null where there are no points; `seconds` is wall-clock time of
    the whole command; `cycles` is null where the testbench counts none. `dropped` names the metrics that the simulator
    could not measure. A hole's comment is the simulator's own, so that it can be looked up in the coverage file;
    `name_of` gives the name under which a source's path is written.
    """
    counted = tallies or {}
    return {
        "top": top,
        "status": status.label,
        "testbench": testbench,
        "seed": seed,
        "seconds": round(seconds, 3),
        "cycles": cycles,
        **score_json(counted),
        "holes": [_hole_json(hole, name_of) for hole in holes],
        "dropped": [{"metric": metric, "reason": reason} for metric, reason in dropped],
        "problems": [_problem_json(problem) for problem in problems],
    }


def score_json(tallies: Mapping[Kind, Tally]) -> dict[str, Json]:
    """Build the part of a record that says how much was hit."""
    return {
        "overall": overall(tallies),
        "reachable": reachable(tallies),
        "metrics": {kind.value: _tally_json(tallies[kind]) for kind in Kind if kind in tallies},
    }


def _tally_json(tally: Tally) -> dict[str, Json]:
    return {"covered": tally.covered, "total": tally.total, "unreachable": tally.unreachable}


def _hole_json(hole: Hole, name_of: Callable[[str], str]) -> dict[str, Json]:
    point = hole.point
    return {
        "id": point.id,
        "kind": point.kind.value,
        "file": name_of(point.file),
        "line": point.line,
        "column": point.column,
        "comment": verbatim_comment(point, hole.hier),
        "hier": hole.hier,
        "verdict": str(hole.verdict),
        "reason": hole.verdict.reason,
    }


def _problem_json(problem: Problem) -> dict[str, Json]:
    return {
        "severity": problem.severity.value,
        "message": problem.message,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "hint": problem.hint,
        "code": problem.code,
    }
