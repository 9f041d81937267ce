"""The lcov tracefile: lines and branches, and nothing else."""

from __future__ import annotations

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.lcov import to_lcov


def point(kind: Kind, line: int, column: int, comment: str, file: str = "/p/a.sv") -> CoveragePoint:
    return CoveragePoint(kind, file, line, column, comment)


BLOCK = point(Kind.LINE, 2, 3, "block")
IF, ELSE = point(Kind.BRANCH, 3, 5, "if"), point(Kind.BRANCH, 3, 6, "else")
THEN, OTHER = point(Kind.BRANCH, 5, 9, "cond_then"), point(Kind.BRANCH, 5, 10, "cond_else")


def test_a_whole_record() -> None:
    coverage = Coverage(
        {
            IF: 0,
            ELSE: 7,
            BLOCK: 9,
            THEN: 0,
            OTHER: 0,
            point(Kind.TOGGLE, 1, 1, "q:0->1"): 4,
            point(Kind.EXPR, 3, 8, "(a==0) => 1"): 4,
            point(Kind.FSM, 3, 8, "st::IDLE"): 4,
        },
        lines={BLOCK: (2,), IF: (3, 4), ELSE: (3,), THEN: (5,), OTHER: (5,)},
    )
    assert to_lcov(coverage, name_of=lambda path: path.removeprefix("/p/")).splitlines() == [
        "TN:",
        "SF:a.sv",
        "BRDA:3,0,0,0",
        "BRDA:3,0,1,7",
        "BRDA:5,0,0,-",
        "BRDA:5,0,1,-",
        "BRF:4",
        "BRH:1",
        "DA:2,9",
        "DA:3,7",
        "DA:4,0",
        "DA:5,0",
        "LF:4",
        "LH:2",
        "end_of_record",
    ]


def test_two_conditions_on_one_line_are_two_blocks() -> None:
    hits = {IF: 1, ELSE: 1, point(Kind.BRANCH, 3, 20, "if"): 1, point(Kind.BRANCH, 3, 21, "else"): 0}
    text = to_lcov(Coverage(hits), name_of=str)
    assert [line for line in text.splitlines() if line.startswith("BRDA")] == [
        "BRDA:3,0,0,1",
        "BRDA:3,0,1,1",
        "BRDA:3,1,0,1",
        "BRDA:3,1,1,0",
    ]


def test_files_are_sorted_and_each_has_a_record() -> None:
    hits = {point(Kind.LINE, 1, 1, "block", file): 1 for file in ("/p/b.sv", "/p/a.sv")}
    text = to_lcov(Coverage(hits), name_of=str)
    assert [line for line in text.splitlines() if line.startswith("SF")] == ["SF:/p/a.sv", "SF:/p/b.sv"]
    assert text.count("end_of_record") == 2


def test_nothing_measured_is_an_empty_file() -> None:
    assert to_lcov(Coverage({}), name_of=str) == ""
    assert to_lcov(Coverage({point(Kind.TOGGLE, 1, 1, "q:0->1"): 1}), name_of=str) == ""
