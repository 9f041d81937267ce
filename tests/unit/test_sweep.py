"""Which other parameter values are tried for points that the given ones make impossible."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.closure.sweep import candidate_values, choose
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

SOURCE = """\
module part #(parameter KEEP = 0, parameter WIDTH = 4) (input logic a, output logic q);
  if (WIDTH > 5) $error("too wide");
  always_comb begin
    q = a;
    if (KEEP != 0) q = 0;
    if (WIDTH > 8) q = 1;
  end
endmodule
"""


def test_values_to_try() -> None:
    assert list(candidate_values("0", [0])) == ["1"]
    assert list(candidate_values("4", [8])) == ["8", "9", "7", "5", "3", "0", "1"]
    assert list(candidate_values('"slow"', ["quick", 3])) == ['"quick"']


def test_a_value_that_brings_code_in_is_chosen_and_a_refused_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "part.sv"
    path.write_text(SOURCE)
    files = FileSet(sources=(path,))
    design, _ = elaborate(files)
    assert design is not None
    proved = [CoveragePoint(Kind.BRANCH, str(path), line, 5, "if") for line in (5, 6)]
    choice = choose(files, design, proved)
    assert [(one.values, one.name) for one in choice.configurations] == [((("KEEP", "1"),), "KEEP_1")]
    assert any("WIDTH = 9 is not tried" in one.message for one in choice.refused)
    given = FileSet(sources=(path,), parameters=(("KEEP", "0"),))
    fixed, _ = elaborate(given)
    assert fixed is not None
    assert (choose(given, fixed, proved).configurations, choose(given, fixed, proved).fixed) == ((), ("KEEP",))
