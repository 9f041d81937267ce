"""Holes are derived: what was never hit, less what the user excluded."""

from __future__ import annotations

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, InstancePoint, Kind
from llm4cov_agent.judge.holes import NOT_TRIED, Exclusion, Verdict, VerdictKind, find_holes, rank_holes


def point(kind: Kind, line: int, comment: str = "x") -> CoveragePoint:
    return CoveragePoint(kind, "/p/a.sv", line, 1, comment)


LINE, BRANCH, TOGGLE = point(Kind.LINE, 9), point(Kind.BRANCH, 5), point(Kind.TOGGLE, 1)
PROOF = Verdict(VerdictKind.UNREACHABLE, "en is tied to 0")


def test_holes_are_the_points_never_hit_in_source_order() -> None:
    holes = find_holes(Coverage({LINE: 0, BRANCH: 2, TOGGLE: 0}))
    assert [hole.point for hole in holes] == [TOGGLE, LINE]
    assert all(hole.verdict is NOT_TRIED and hole.hier == "" for hole in holes)


def test_excluded_points_are_no_holes() -> None:
    holes = find_holes(Coverage({LINE: 0, BRANCH: 0}), exclusions=[Exclusion(LINE, "debug only")])
    assert [hole.point for hole in holes] == [BRANCH]


def test_holes_carry_verdicts_and_instances() -> None:
    coverage = Coverage({LINE: 0}, {InstancePoint(LINE, "t.b"): 0, InstancePoint(LINE, "t.a"): 0})
    (hole,) = find_holes(coverage, verdicts={LINE: PROOF})
    assert hole.hier == "t.a,t.b"
    assert hole.verdict is PROOF


def test_no_points_no_holes() -> None:
    assert find_holes(Coverage({})) == ()


def test_ranking_puts_control_first_and_proved_holes_last() -> None:
    fsm, proved = point(Kind.FSM, 20), point(Kind.FSM, 2)
    holes = find_holes(Coverage(dict.fromkeys((LINE, BRANCH, TOGGLE, fsm, proved), 0)), verdicts={proved: PROOF})
    assert [hole.point for hole in rank_holes(holes)] == [fsm, BRANCH, LINE, TOGGLE, proved]


def test_verdicts_as_text() -> None:
    assert str(PROOF) == "unreachable"
    assert str(Verdict(VerdictKind.BOUNDED, "", 30)) == "bounded(30)"
    assert str(NOT_TRIED) == "unknown"
