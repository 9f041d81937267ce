"""Functions in which points are asked about: those that are called in plain assignments only, never with constants alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.closure.reach.instrument import instrument
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

TEXT = """\
module top(input logic clk, input logic [2:0] a, b, output logic [2:0] y, z);
  function automatic logic [2:0] f(input logic [2:0] v);
    if (v[0])
      f = 3'd1;
    else f = v;
  endfunction
  parameter int P = 0;
  assign y = f(a) ^ b;
  always_ff @(posedge clk)
    if (P != 0) z <= f(b);
endmodule
"""


def _is_mapped(text: str, folder: Path) -> bool:
    path = folder / "top.sv"
    path.write_text(text)
    design, problems = elaborate(FileSet(sources=(path,), top="top"))
    assert design is not None, [str(problem) for problem in problems]
    point = CoveragePoint(Kind.BRANCH, str(path), 3, 5, "if")
    found = instrument(design, [point])
    assert (point in found.conditions) != (point in found.unmapped)
    if point in found.conditions:
        assert "f = 3'd1" in found.texts[path].splitlines()[3]
        assert "cover (1'b1)" in found.texts[path].splitlines()[3]
    return point in found.conditions


def test_a_function_of_plain_assignments_is_asked_about(tmp_path: Path) -> None:
    assert _is_mapped(TEXT, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("f(a) ^ b", "f(3'd1) ^ b"),
        ("f(a) ^ b", "f(3'(P)) ^ b"),
        ("f(a) ^ b", "f(3'($bits(a))) ^ b"),
        ("f(a) ^ b", "a[0] ? f(a) : b"),
        ("f(a) ^ b", "3'(a[0] && f(a) == 3'd1)"),
        ("f(a) ^ b", "f(f(a))"),
        ("if (P != 0) z <= f(b);", "if (f(b) == 3'd2) z <= b;"),
        ("if (P != 0) z <= f(b);", "case (a) f(b): z <= b; default: z <= a; endcase"),
        ("if (P != 0) z <= f(b);", "for (int i = 0; i < 32'(f(b)); i++) z <= b;"),
        ("parameter int P = 0;", "parameter int P = 0; logic [2:0] w = f(3'd2);"),
        ("parameter int P = 0;", "parameter int P = 0; wire [2:0] w = f(a);"),
        ("parameter int P = 0;", "parameter int P = 32'(f(3'd2));"),
        ("parameter int P = 0;", "parameter int P = 0; logic [2:0] w; initial w = f(a);"),
        ("parameter int P = 0;", "parameter int P = 0; always @(posedge clk) $display(f(a));"),
        ("parameter int P = 0;", "parameter int P = 0; always @(posedge clk) assert (f(a) != 3'd7);"),
        ("parameter int P = 0;", "parameter int P = 0; function automatic logic g(input logic v); g = 1'(f({v, v, v})); endfunction"),
        ("else f = v;", "else return v;"),
        ("else f = v;", "else f = v == 3'd0 ? 3'd0 : f(v >> 1);"),
    ],
)
def test_a_function_that_may_run_elsewhere_is_not(old: str, new: str, tmp_path: Path) -> None:
    assert TEXT.count(old) == 1
    assert not _is_mapped(TEXT.replace(old, new), tmp_path)
