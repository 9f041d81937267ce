"""Folding toggles loses nothing and reads well."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.fold import fold_toggles, unfold
from llm4cov_agent.judge.wording import folded_words, missed_words


def toggles(*comments: str, line: int = 1) -> list[CoveragePoint]:
    return [CoveragePoint(Kind.TOGGLE, "/p/a.sv", line, 3, comment) for comment in comments]


def both(*names: str) -> list[CoveragePoint]:
    return toggles(*(f"{name}:{edge}" for name in names for edge in ("0->1", "1->0")))


index = st.integers(-3, 12)
name = st.one_of(
    st.sampled_from(["busy", "count[07]", "odd[x]", "a:b"]),
    index.map(lambda bit: f"count[{bit}]"),
    st.tuples(index, index).map(lambda pair: f"mem[{pair[0]}][{pair[1]}]"),
    st.tuples(index, index, index).map(lambda row: f"q[{row[0]}].f[{row[1]}].g[{row[2]}]"),
)
point = st.builds(
    lambda file, line, name, edge: CoveragePoint(Kind.TOGGLE, file, line, 3, name + edge),
    st.sampled_from(["/p/a.sv", "/p/b.sv"]),
    st.integers(1, 2),
    name,
    st.sampled_from([":0->1", ":1->0", ""]),
)


@settings(deadline=None)
@given(st.sets(point, max_size=80))
def test_unfolding_gives_the_points_back(points: set[CoveragePoint]) -> None:
    unfolded = unfold(fold_toggles(points))
    assert len(unfolded) == len(set(unfolded))
    assert set(unfolded) == points


@settings(deadline=None)
@given(st.lists(point, max_size=30))
def test_folding_does_not_depend_on_order(points: list[CoveragePoint]) -> None:
    assert fold_toggles(points) == fold_toggles(reversed(points))


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (both("busy"), ["busy never toggled"]),
        (toggles("busy:0->1"), ["busy never 0->1"]),
        (toggles(*(f"count[{bit}]:0->1" for bit in (4, 5, 6, 7))), ["count[7:4] never 0->1"]),
        (both("d[1]", "d[2]") + toggles("d[0]:1->0"), ["d[2:1] never toggled", "d[0] never 1->0"]),
        (both("d[0]", "d[2]"), ["d[0] never toggled", "d[2] never toggled"]),
        (both(*(f"mem[{word}][{bit}]" for word in range(4) for bit in range(8))), ["mem[3:0][7:0] never toggled"]),
        (both("pk.a[1]", "pk.a[0]", "pk.b"), ["pk.a[1:0] never toggled", "pk.b never toggled"]),
        (toggles("old[3]"), ["old[3] never toggled"]),
        (both("n[-1]", "n[0]"), ["n[0:-1] never toggled"]),
    ],
)
def test_words(points: list[CoveragePoint], words: list[str]) -> None:
    assert [folded_words(folded) for folded in fold_toggles(points)] == words


def test_points_of_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="not a toggle"):
        fold_toggles([CoveragePoint(Kind.LINE, "/p/a.sv", 1, 1, "block")])


def test_nothing_folds_to_nothing() -> None:
    assert fold_toggles([]) == ()


@pytest.mark.parametrize(
    ("kind", "comment", "words"),
    [
        (Kind.BRANCH, "else", "branch 'else' never taken"),
        (Kind.BRANCH, "cond_then", "'?:' never chose its first value"),
        (Kind.BRANCH, "other", "branch 'other' never taken"),
        (Kind.LINE, "case", "case item never chosen"),
        (Kind.LINE, "other", "'other' never executed"),
        (Kind.EXPR, "(a==0) => 1", "expr (a==0) => 1 never seen"),
        (Kind.TOGGLE, "q[3]:1->0", "q[3] never 1->0"),
        (Kind.FSM, "u0.st::IDLE", "fsm u0.st: state IDLE never entered"),
        (Kind.FSM, "st::A->B", "fsm st: never went A -> B"),
        (Kind.FSM, "st::ANY->A[reset]", "fsm st: never reset into A"),
        (Kind.FSM, "st::A->B[default]", "fsm st: never went A -> B (default)"),
        (Kind.FSM, "strange", "fsm strange never seen"),
    ],
)
def test_words_of_single_points(kind: Kind, comment: str, words: str) -> None:
    assert missed_words(CoveragePoint(kind, "/p/a.sv", 1, 1, comment)) == words
