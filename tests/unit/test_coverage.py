"""The arithmetic of coverage."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, InstancePoint, Kind, Tally, overall, percent_text, reachable

LINE = CoveragePoint(Kind.LINE, "/p/a.sv", 3, 1, "block")
BRANCH = CoveragePoint(Kind.BRANCH, "/p/a.sv", 4, 5, "if")
TOGGLE = CoveragePoint(Kind.TOGGLE, "/p/a.sv", 2, 7, "q:0->1")

tallies = st.integers(0, 10**6).flatmap(lambda total: st.integers(0, total).map(lambda covered: Tally(covered, total)))


@settings(deadline=None)
@given(tallies)
def test_100_and_0_are_written_only_where_they_are_exact(tally: Tally) -> None:
    text = percent_text(tally.percent)
    if not tally.total:
        assert text == "-"
        return
    assert (text == "100.0") == (tally.covered == tally.total)
    assert (text == "0.0") == (tally.covered == 0)


@settings(deadline=None)
@given(st.floats(0, 100))
def test_percent_text_is_within_a_tenth(percent: float) -> None:
    assert abs(float(percent_text(percent)) - percent) <= 0.1


@settings(deadline=None)
@given(tallies, tallies, tallies)
def test_tallies_add(one: Tally, two: Tally, three: Tally) -> None:
    assert (one + two) + three == one + (two + three)
    assert one + Tally() == one


def test_coverages_add_hits_instances_and_lines() -> None:
    one = Coverage({LINE: 1, BRANCH: 0}, {InstancePoint(LINE, "t.a"): 1}, {LINE: (3, 4)})
    two = Coverage({LINE: 2, TOGGLE: 5}, {InstancePoint(LINE, "t.a"): 1, InstancePoint(LINE, "t.b"): 1}, {LINE: (4, 6), BRANCH: (4,)})
    added = one + two
    assert added.hits == {LINE: 3, BRANCH: 0, TOGGLE: 5}
    assert added.instances == {InstancePoint(LINE, "t.a"): 2, InstancePoint(LINE, "t.b"): 1}
    assert added.lines == {LINE: (3, 4, 6), BRANCH: (4,)}
    assert added.covered() == {LINE, TOGGLE}
    assert added.missed() == (BRANCH,)


def test_tallies_count_proofs_only_for_points_not_hit() -> None:
    coverage = Coverage({LINE: 1, BRANCH: 0, TOGGLE: 0})
    counted = coverage.tallies(unreachable=[LINE, BRANCH])
    assert counted == {Kind.LINE: Tally(1, 1, 0), Kind.BRANCH: Tally(0, 1, 1), Kind.TOGGLE: Tally(0, 1, 0)}
    assert list(counted) == [Kind.LINE, Kind.BRANCH, Kind.TOGGLE]


def test_overall_is_the_mean_of_the_metrics_present() -> None:
    counted = {Kind.LINE: Tally(1, 2), Kind.TOGGLE: Tally(100, 100), Kind.FSM: Tally(0, 0)}
    assert overall(counted) == 75.0
    assert overall({}) is None


def test_reachable_leaves_proved_points_out() -> None:
    counted = {Kind.LINE: Tally(1, 2, 1), Kind.BRANCH: Tally(0, 4, 4)}
    assert overall(counted) == 25.0
    assert reachable(counted) == 100.0


def test_by_instance() -> None:
    coverage = Coverage({LINE: 1}, {InstancePoint(LINE, "t.b"): 0, InstancePoint(LINE, "t.a"): 1})
    assert coverage.by_instance() == {"t.a": {Kind.LINE: Tally(1, 1)}, "t.b": {Kind.LINE: Tally(0, 1)}}


def test_ids_differ_by_comment_and_not_by_folder() -> None:
    moved = CoveragePoint(Kind.BRANCH, "/q/a.sv", 4, 5, "if")
    other = CoveragePoint(Kind.BRANCH, "/p/a.sv", 4, 5, "else")
    assert BRANCH.id == moved.id != other.id
