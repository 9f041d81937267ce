"""The terminal report, looked at as text."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest
from rich.console import Console, RenderableType

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, InstancePoint, Kind, Tally
from llm4cov_agent.judge.holes import Verdict, VerdictKind, find_holes
from llm4cov_agent.judge.report import annotated_source, coverage_table, instance_table, problem_text, write

FILE = "/p/a.sv"
SOURCE = """\
module a(input logic clk, en, output logic [7:0] count);
  // one
  // two
  // three
  always_ff @(posedge clk) begin
    if (en)
      count <= count + 1;
    else
      count <= 0;
  end
  // four
  // five
  // six
endmodule
"""
BLOCK = CoveragePoint(Kind.LINE, FILE, 5, 3, "block")
THEN, ELSE = CoveragePoint(Kind.BRANCH, FILE, 6, 5, "if"), CoveragePoint(Kind.BRANCH, FILE, 6, 6, "else")
BITS = [CoveragePoint(Kind.TOGGLE, FILE, 1, 50, f"count[{bit}]:0->1") for bit in range(4, 8)]
COVERAGE = Coverage({BLOCK: 12, THEN: 12, ELSE: 0, **dict.fromkeys(BITS, 0)}, lines={BLOCK: (5,), THEN: (6, 7), ELSE: (8, 9)})


def render(*parts: RenderableType, width: int = 80, terminal: bool = False, colour: bool = False) -> str:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=terminal, color_system="standard" if colour else None, _environ={})
    write(console, *parts)
    return output.getvalue()


def annotated(coverage: Coverage = COVERAGE, *, verdicts: Mapping[CoveragePoint, Verdict] | None = None, **options: int) -> RenderableType:
    return annotated_source(
        coverage,
        find_holes(coverage, verdicts=verdicts),
        {FILE: SOURCE},
        whole_file=bool(options.pop("whole_file", 0)),
        **options,
    )


def test_the_neighbourhood_of_holes() -> None:
    assert render(annotated()).splitlines() == [
        "/p/a.sv",
        "  5 holes: 1 branch, 4 toggle",
        "  x never executed   ~ executed, with holes",
        "~   1       | module a(input logic clk, en, output logic [7:0] count);",
        "            ^ count[7:4] never 0->1",
        "    2       |   // one",
        "    3       |   // two",
        "    4       |   // three",
        "    5    12 |   always_ff @(posedge clk) begin",
        "~   6    12 |     if (en)",
        "                ^ branch 'else' never taken",
        "    7    12 |       count <= count + 1;",
        "x   8     0 |     else",
    ]


def test_a_gap_is_marked() -> None:
    lines = render(annotated(context_lines=1)).splitlines()
    assert lines[5:8] == ["    2       |   // one", "  ...", "    5    12 |   always_ff @(posedge clk) begin"]


def test_the_whole_file() -> None:
    text = render(annotated(whole_file=1))
    assert all(line in text for line in SOURCE.splitlines())
    assert "x   9     0 |       count <= 0;" in text


def test_a_verdict_is_said_with_its_reason() -> None:
    text = render(annotated(verdicts={ELSE: Verdict(VerdictKind.UNREACHABLE, "en is tied to 1")}))
    assert "^ branch 'else' never taken  [unreachable: en is tied to 1]" in text


def test_holes_of_a_file_are_capped_by_what_they_say() -> None:
    text = render(annotated(most_holes=1))
    assert "branch 'else' never taken" in text
    assert "count[7:4]" not in text
    assert "  ... and 1 more" in text


def test_a_file_without_text_still_shows_its_holes() -> None:
    text = render(annotated_source(COVERAGE, find_holes(COVERAGE), {}))
    assert "branch 'else' never taken" in text
    assert "count[7:4] never 0->1" in text


def test_no_holes_nothing_to_show() -> None:
    assert render(annotated(Coverage({BLOCK: 1}))) == ""
    assert "no holes" in render(annotated(Coverage({BLOCK: 1}), whole_file=1))


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_folds_long_lines_behind_the_gutter(width: int) -> None:
    point = CoveragePoint(Kind.EXPR, FILE, 1, 1, "(" + " && ".join(f"signal_{number}==1" for number in range(20)) + ") => 1")
    lines = render(annotated(Coverage({point: 0})), width=width, terminal=True).splitlines()
    assert max(len(line) for line in lines) <= width
    assert any(line.startswith(" " * 12 + "signal_") for line in lines)


def test_elsewhere_lines_stay_whole() -> None:
    point = CoveragePoint(Kind.EXPR, FILE, 1, 1, "(" + " && ".join(f"signal_{number}==1" for number in range(20)) + ") => 1")
    assert f"^ expr {point.comment} never seen\n" in render(annotated(Coverage({point: 0})))


def test_no_escape_codes_where_there_is_no_terminal() -> None:
    parts = (coverage_table(COVERAGE.tallies()), annotated(), instance_table(COVERAGE), problem_text(Problem("odd", "a.sv", 1)))
    assert "\x1b" not in render(*parts)
    assert "\x1b[31m" in render(*parts, terminal=True, colour=True)


def test_brackets_in_sources_are_no_markup() -> None:
    text = render(annotated_source(COVERAGE, find_holes(COVERAGE), {FILE: "wire [bold] x; // [/red]\n"}))
    assert "| wire [bold] x; // [/red]" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_paths_are_never_cut(terminal: bool) -> None:
    path = "/very" * 40 + "/a.sv"
    point = CoveragePoint(Kind.LINE, path, 1, 1, "block")
    coverage = Coverage({point: 0})
    text = render(annotated_source(coverage, find_holes(coverage), {}), problem_text(Problem("odd", path, 3)), terminal=terminal)
    assert text.splitlines()[0] == path
    assert f"{path}:3: error: odd" in text


def test_the_table() -> None:
    tallies = {Kind.LINE: Tally(10, 10), Kind.BRANCH: Tally(1, 3000), Kind.TOGGLE: Tally(2999, 3000)}
    lines = render(coverage_table(tallies, dropped=[("fsm", "internal error")])).splitlines()
    assert lines[0].split() == ["metric", "covered", "total", "%", "unreachable", "left"]
    assert lines[2].split() == ["line", "10", "10", "100.0", "0", "0"]
    assert lines[3].split() == ["branch", "1", "3000", "0.1", "0", "2999"]
    assert lines[4].split() == ["toggle", "2999", "3000", "99.9", "0", "1"]
    assert lines[6].split() == ["overall", "3010", "6010", "66.7", "0", "3000"]
    assert lines[-1] == "fsm was not measured: internal error"


def test_the_table_shows_the_reachable_share_once_something_is_proved() -> None:
    lines = render(coverage_table({Kind.LINE: Tally(3, 4, 1)})).splitlines()
    assert lines[0].split() == ["metric", "covered", "total", "%", "reachable", "%", "unreachable", "left"]
    assert lines[2].split() == ["line", "3", "4", "75.0", "100.0", "1", "0"]


def test_the_table_of_nothing() -> None:
    assert render(coverage_table({})).splitlines()[-1].split() == ["overall", "0", "0", "-", "0", "0"]


def test_instances() -> None:
    long_name = "tb.dut." + "deep." * 30 + "u1"
    coverage = Coverage(
        {BLOCK: 1, THEN: 0},
        {InstancePoint(BLOCK, "tb.dut"): 1, InstancePoint(THEN, "tb.dut"): 0, InstancePoint(BLOCK, long_name): 0},
    )
    lines = render(instance_table(coverage)).splitlines()
    assert lines[0].split() == ["instance", "line", "branch", "overall", "left"]
    assert lines[2].split() == ["tb.dut", "100.0", "0.0", "50.0", "1"]
    assert lines[3].split() == [long_name, "0.0", "-", "0.0", "1"]


def test_problems_read_like_a_compilers() -> None:
    problem = Problem("macro is not defined", "rtl/a.sv", 3, 4, "Define it.\nWith -D.", Severity.WARNING, "NoMacro")
    assert render(problem_text(problem)) == "rtl/a.sv:3:4: warning: macro is not defined [NoMacro]\n  Define it.\n  With -D.\n"
    assert render(problem_text(Problem("odd"))) == "error: odd\n"
