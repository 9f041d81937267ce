"""Verilator's coverage file, from inline data in the form that 5.048 writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llm4cov_agent.errors import Severity
from llm4cov_agent.judge.coverage import CoveragePoint, InstancePoint, Kind, Tally
from llm4cov_agent.judge.coverage_dat import read_coverage, verbatim_comment

ROOT = Path("/p")
RTL = ROOT / "rtl/a.sv"
HEADER = "# SystemC::Coverage-3\n"


def row(count: int | str, **fields: str | int) -> str:
    values = {"f": "rtl/a.sv", "l": 5, "n": 7, "t": "line", "page": "v_line/a", "o": "block"} | fields
    return "C '" + "".join(f"\1{name}\2{value}" for name, value in values.items()) + f"' {count}\n"


def hits(*rows: str, keep: tuple[Path, ...] = (RTL,)) -> dict[CoveragePoint, int]:
    coverage, problems = read_coverage(HEADER + "".join(rows), root=ROOT, keep=keep)
    assert problems == ()
    assert coverage is not None
    return dict(coverage.hits)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("v_line/a", Kind.LINE),
        ("v_branch/a", Kind.BRANCH),
        ("v_expr/a", Kind.EXPR),
        ("v_toggle/a__W8", Kind.TOGGLE),
        ("v_fsm_state/$root", Kind.FSM),
        ("v_fsm_arc/a", Kind.FSM),
    ],
)
def test_the_page_decides_the_kind(page: str, kind: Kind) -> None:
    assert hits(row(3, page=page, o="x")) == {CoveragePoint(kind, str(RTL), 5, 7, "x"): 3}


@pytest.mark.parametrize("page", ["v_user/a", "sp_user/a"])
def test_cover_properties_are_no_code_coverage(page: str) -> None:
    assert hits(row(3, page=page)) == {}


def test_only_kept_files() -> None:
    assert hits(row(1), row(1, f="tb.sv"), row(1, f="/usr/x.sv")) == {CoveragePoint(Kind.LINE, str(RTL), 5, 7, "block"): 1}


@pytest.mark.parametrize("written", ["rtl/a.sv", "./rtl/../rtl/a.sv", "/p/rtl/a.sv"])
def test_names_are_resolved_from_the_root(written: str) -> None:
    assert [point.file for point in hits(row(1, f=written))] == [str(RTL)]


def test_parameterisations_and_instances_are_one_point() -> None:
    rows = (
        row(4, page="v_toggle/sub", o="q:0->1", h="tb.dut.u4*"),
        row(2, page="v_toggle/sub__W8", o="q:0->1", h="tb.dut.u8"),
        row(0, page="v_toggle/sub", o="q:1->0", h="tb.dut.u4*"),
    )
    coverage, _ = read_coverage(HEADER + "".join(rows), root=ROOT, keep=[RTL])
    rise = CoveragePoint(Kind.TOGGLE, str(RTL), 5, 7, "q:0->1")
    fall = CoveragePoint(Kind.TOGGLE, str(RTL), 5, 7, "q:1->0")
    assert coverage is not None
    assert coverage.hits == {rise: 6, fall: 0}
    assert coverage.instances == {
        InstancePoint(rise, "tb.dut.u4*"): 4,
        InstancePoint(rise, "tb.dut.u8"): 2,
        InstancePoint(fall, "tb.dut.u4*"): 0,
    }
    assert coverage.tallies() == {Kind.TOGGLE: Tally(1, 2)}


def test_lines_that_a_point_stands_for() -> None:
    coverage, _ = read_coverage(HEADER + row(1, S="13-15,17") + row(1, page="v_line/a__W8", S="20"), root=ROOT, keep=[RTL])
    assert coverage is not None
    assert list(coverage.lines.values()) == [(13, 14, 15, 17, 20)]


@pytest.mark.parametrize("accent", ["%FFFFFFC3%FFFFFFA9", "%C3%A9"])
def test_escapes_in_file_names(accent: str) -> None:
    path = ROOT / "sp \u00e9'%/a \"q.sv"
    assert [point.file for point in hits(row(1, f=f"sp {accent}'%25/a %22q.sv"), keep=(path,))] == [str(path)]


def test_escapes_in_comments() -> None:
    assert [point.comment for point in hits(row(1, page="v_expr/a", o="((a %25 2'h3)==0) => 1"))] == ["((a % 2'h3)==0) => 1"]


def test_quote_and_space_within_a_key() -> None:
    assert [point.comment for point in hits(row(7, page="v_expr/a", o="((d != 32'sh0)' 5==0) => 0"))] == ["((d != 32'sh0)' 5==0) => 0"]


def test_64_bit_counts() -> None:
    assert list(hits(row(2**64 - 1)).values()) == [2**64 - 1]


def machine(path: str, event: str, page: str = "v_fsm_state/$root") -> str:
    return row(1, page=page, o=f"{path}.st::{event}", Fv=f"{path}.st", Ft=event, h="TOP")


def test_machines_have_the_same_points_under_each_testbench() -> None:
    one = hits(row(1, h="tb.dut"), machine("tb.dut.u0", "IDLE"), machine("tb.dut", "IDLE"))
    two = hits(row(1, h="chip"), machine("chip.u0", "IDLE"), machine("chip", "IDLE"))
    assert one == two
    assert sorted(point.comment for point in one if point.kind is Kind.FSM) == ["st::IDLE", "u0.st::IDLE"]


def test_machines_of_two_instances_stay_apart_as_the_simulator_has_them() -> None:
    found = hits(row(1, h="tb.dut.u*"), machine("tb.dut.u0", "IDLE"), machine("tb.dut.u1", "IDLE"))
    assert sorted(point.comment for point in found if point.kind is Kind.FSM) == ["u0.st::IDLE", "u1.st::IDLE"]


def test_the_comment_of_a_machine_can_be_had_as_written() -> None:
    text = HEADER + row(1, h="tb.dut") + machine("tb.dut.u0", "A->B[reset]", "v_fsm_arc/$root")
    coverage, _ = read_coverage(text, root=ROOT, keep=[RTL])
    assert coverage is not None
    written = {verbatim_comment(entry.point, entry.hier) for entry in coverage.instances}
    assert written == {"block", "tb.dut.u0.st::A->B[reset]"}


@pytest.mark.parametrize(
    "broken",
    [
        "C 'nothing' 3\n",
        "C '\1f\2rtl/a.sv\1l\n",
        row("many"),
        row(""),
        row(1, l="x"),
        "C '\1f\2rtl/a.sv\1page\2v_line/a' 1\n",
        "\1\2\n",
        "C '\1f\2a\2b' 1\n",
        row(12)[:-1],
    ],
)
def test_a_line_that_cannot_be_read_is_a_warning(broken: str) -> None:
    coverage, problems = read_coverage(HEADER + row(1) + broken, root=ROOT, keep=[RTL])
    assert coverage is not None
    assert list(coverage.hits.values()) == [1]
    assert [(problem.severity, problem.line) for problem in problems] == [(Severity.WARNING, 3)]


def test_many_broken_lines_are_one_warning() -> None:
    _, problems = read_coverage(HEADER + "C x\n" * 1000, root=ROOT, keep=[RTL])
    assert len(problems) == 1
    assert problems[0].message.startswith("1000 lines")


@pytest.mark.parametrize("text", ["", "\n", "TN:\nSF:a\n", "\0\1"])
def test_another_file_is_an_error(text: str) -> None:
    coverage, problems = read_coverage(text, root=ROOT, keep=[RTL], name="x.dat")
    assert coverage is None
    assert [(problem.severity, problem.file) for problem in problems] == [(Severity.ERROR, "x.dat")]


def test_no_points_is_an_empty_coverage() -> None:
    assert hits() == {}


def seconds_of(work: Callable[[], object]) -> float:
    """Best of many short rounds: machines that test are often busy with other things."""
    best_s = float("inf")
    for _ in range(25):
        start_s = time.perf_counter()
        work()
        best_s = min(best_s, time.perf_counter() - start_s)
    return best_s


def test_a_point_costs_less_than_a_thousand_turns_of_an_empty_loop() -> None:
    # On a machine that turns 100 million times a second, this is 100,000 points in a second.
    # So few that a busy machine lets one of the rounds end undisturbed.
    count = 100
    rows = (row(number, l=number // 50, n=number % 50, page="v_toggle/a", o="q[3]:0->1", h="t.d") for number in range(count))
    text = HEADER + "".join(rows)

    def turn() -> None:
        for _ in range(1000):
            pass

    assert seconds_of(lambda: read_coverage(text, root=ROOT, keep=[RTL])) / count < seconds_of(turn)
