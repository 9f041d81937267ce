"""The JSON record keeps the names and shapes that other programs rely on."""

from __future__ import annotations

import json

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import CoveragePoint, Kind, Tally
from llm4cov_agent.judge.export import result_json
from llm4cov_agent.judge.holes import Hole, Verdict, VerdictKind
from llm4cov_agent.judge.simulator import RunStatus

POINT = CoveragePoint(Kind.BRANCH, "/p/a.sv", 4, 5, "if")


def test_a_whole_record() -> None:
    record = result_json(
        top="a",
        status=RunStatus.OK,
        testbench="tb.sv",
        seed=1,
        seconds=1.23456,
        cycles=20,
        tallies={Kind.TOGGLE: Tally(1, 2, 1), Kind.LINE: Tally(2, 2)},
        holes=[Hole(POINT, "tb.dut", Verdict(VerdictKind.BOUNDED, "tried", 30))],
        dropped=[("fsm", "internal error")],
        problems=[Problem("odd", "a.sv", 2, severity=Severity.WARNING)],
        name_of=lambda path: path.removeprefix("/p/"),
    )
    assert json.loads(json.dumps(record)) == {
        "top": "a",
        "status": "ok",
        "testbench": "tb.sv",
        "seed": 1,
        "seconds": 1.235,
        "cycles": 20,
        "overall": 75.0,
        "reachable": 100.0,
        "metrics": {
            "line": {"covered": 2, "total": 2, "unreachable": 0},
            "toggle": {"covered": 1, "total": 2, "unreachable": 1},
        },
        "holes": [
            {
                "id": POINT.id,
                "kind": "branch",
                "file": "a.sv",
                "line": 4,
                "column": 5,
                "comment": "if",
                "hier": "tb.dut",
                "verdict": "bounded(30)",
                "reason": "tried",
            }
        ],
        "dropped": [{"metric": "fsm", "reason": "internal error"}],
        "problems": [
            {"severity": "warning", "message": "odd", "file": "a.sv", "line": 2, "column": None, "hint": None, "code": None},
        ],
    }


def test_a_run_without_points_has_no_numbers() -> None:
    record = result_json(top=None, status=RunStatus.BUILD_FAILED, testbench=None, seed=None, seconds=0, cycles=None)
    assert record["status"] == "build_failed"
    assert record["overall"] is None
    assert record["reachable"] is None
    assert record["metrics"] == {}
    assert record["holes"] == []


def test_all_status_words() -> None:
    assert {status.label for status in RunStatus} == {"ok", "build_failed", "run_failed", "timed_out", "no_coverage"}


def test_the_comment_of_a_machine_is_the_simulators_own() -> None:
    hole = Hole(CoveragePoint(Kind.FSM, "/p/a.sv", 4, 5, "u0.st::A->B"), "tb.dut.u0")
    record = result_json(top="a", status=RunStatus.OK, testbench=None, seed=None, seconds=0, cycles=None, holes=[hole])
    assert '"comment": "tb.dut.u0.st::A->B"' in json.dumps(record)
