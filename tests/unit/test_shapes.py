"""Branches and declarations are named as the source has them."""

from __future__ import annotations

import pytest

from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_lsp.shapes import branches_of


def _label(kind: Kind, comment: str, line: str, *, hits: int = 0) -> tuple[str, str] | None:
    point = CoveragePoint(kind, "/a.sv", 1, 1, comment)
    found = list(branches_of([(point, hits)], [line], frozenset()))
    return (found[0].kind, found[0].label) if found else None


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("      2'b10: y = 1;", "case 2'b10"),
        ("  RUN, WAIT: begin", "case RUN, WAIT"),
        ("  default: ;", "default"),
        ("  {a[1:0], b[3 : 2]}: y = 0;", "case {a[1:0], b[3 : 2]}"),
        ("  pkg::RUN: y = 1;", "case pkg::RUN"),
        ("  pkg::RUN", "case item"),
        ("", "case item"),
    ],
)
def test_a_case_item_is_named_by_its_text(line: str, label: str) -> None:
    assert _label(Kind.LINE, "case", line) == ("case", label)


def test_sides_and_arcs_are_named() -> None:
    assert _label(Kind.BRANCH, "else", "") == ("branch", "else")
    assert _label(Kind.LINE, "elsif", "") == ("branch", "if")
    assert _label(Kind.BRANCH, "cond_then", "") == ("branch", "? first value")
    assert _label(Kind.FSM, "state::RUN->WAIT", "") == ("fsm", "state RUN -> WAIT")
    assert _label(Kind.FSM, "u_rx.state::ANY->IDLE[reset]", "") == ("fsm", "u_rx.state reset -> IDLE")
    assert _label(Kind.FSM, "state::RUN", "") == ("fsm", "state in RUN")


def test_what_is_no_branch_is_left_out() -> None:
    assert _label(Kind.LINE, "block", "always_comb") is None
    assert _label(Kind.TOGGLE, "a:0->1", "logic a;") is None
    assert _label(Kind.EXPR, "(a==0) => 1", "") is None


def test_only_what_was_not_hit_can_be_unreachable() -> None:
    points = [CoveragePoint(Kind.BRANCH, "/a.sv", line, 1, "else") for line in (1, 2)]
    found = list(branches_of([(points[0], 3), (points[1], 0)], ["", ""], frozenset(points)))
    assert [(one.hits, one.unreachable) for one in found] == [(3, False), (0, True)]
