"""Branches that parameters switch off, which parameters those are, and how a proof names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.closure.switched import Switched, name_parameters
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.rtl.elaborate.switches import Switches, read_switches
from llm4cov_agent.rtl.fileset import FileSet

SOURCE = """\
module leaf #(parameter FAST = 0, parameter DEEP = 4) (input logic a, output logic b);
  localparam TWICE = FAST * 2;
  function automatic int three(int x); return x + DEEP; endfunction
  always_comb begin
    b = a;
    if (TWICE != 0) b = ~a;
    if (three(1) == 2) b = 1;
  end
  for (genvar i = 0; i < 2; i++) begin : lane
    logic q;
    always_comb if (i == 7 + FAST) q = a; else q = b;
  end
  if (FAST > 3) begin : quick
    logic z;
    always_comb if (DEEP == 0) z = a; else z = b;
  end
endmodule
module m #(parameter P = 0, parameter bit KEEP = 0, parameter MODE = "slow", parameter SIZE = P + 2) (
    input logic a, output logic b, output logic c, output logic held
);
  leaf #(.FAST(P)) u0 (.a, .b);
  always_comb begin
    c = a;
    held = 0;
    case (SIZE)
      1: c = b;
      2: c = 0;
    endcase
    if (KEEP && a) held = 1;
    if (KEEP) held = 1;
    c = MODE == "quick" ? b : a;
    if (a == P) c = b;
  end
endmodule
"""


def read(path: Path, **overrides: str) -> tuple[Design, Switches]:
    path.write_text(SOURCE)
    design, problems = elaborate(FileSet(sources=(path,), top="m", parameters=tuple(overrides.items())))
    assert design is not None, problems
    return design, read_switches(design)


def line_of(text: str) -> int:
    return SOURCE[: SOURCE.index(text)].count("\n") + 1


def test_branches_that_are_off_in_every_instance(tmp_path: Path) -> None:
    _, switches = read(tmp_path / "m.sv")
    found = {(place.line, word): (one.parameters, one.module, set(one.tops), one.constants) for (place, word), one in switches.off.items()}
    assert found == {
        (line_of("if (TWICE"), "if"): ((("FAST", "0"),), "leaf", {"P"}, (0, 2)),
        # A function of the user's may read more than its arguments.
        (line_of("if (three"), "if"): ((), "", {*()}, (1, 2)),
        # Which lane it is decides too.
        (line_of("always_comb if (i =="), "if"): ((), "", {"P"}, (7,)),
        (line_of("1: c = b"), "case"): ((("SIZE", "2"),), "", {"SIZE", "P"}, (1,)),
        (line_of("if (KEEP) held"), "if"): ((("KEEP", "0"),), "", {"KEEP"}, ()),
        (line_of('c = MODE == "quick"'), "cond_then"): ((("MODE", '"slow"'),), "", {"MODE"}, ("quick",)),
    }
    assert [(place.line, here, set(one.tops)) for place, (here, one) in switches.blocks.items()] == [
        (line_of("if (FAST > 3)"), False, {"P"})
    ]


def test_other_values_switch_other_branches(tmp_path: Path) -> None:
    _, switches = read(tmp_path / "m.sv", P="4", KEEP="1")
    lines = {(place.line, word) for place, word in switches.off}
    assert (line_of("if (TWICE"), "if") not in lines and (line_of("if (TWICE"), "else") in lines
    assert (line_of("if (KEEP) held"), "else") in lines
    assert [here for here, _ in switches.blocks.values()] == [True]


@pytest.mark.parametrize(
    ("kind", "at", "comment", "named"),
    [
        (Kind.BRANCH, "if (TWICE", "if", "It lies in a branch that `FAST = 0` of `leaf` switches off, so it can never be executed."),
        (Kind.BRANCH, "if (KEEP) held", "if", "It lies in a branch that `KEEP = 0` switches off, so it can never be executed."),
        (Kind.BRANCH, "if (KEEP) held", "else", ""),
        (Kind.BRANCH, "if (three", "if", ""),
        (Kind.BRANCH, "if (a == P)", "if", ""),
    ],
)
def test_a_proof_names_the_parameters_only_where_they_are_certain(tmp_path: Path, kind: Kind, at: str, comment: str, named: str) -> None:
    design, _ = read(tmp_path / "m.sv")
    before = SOURCE[: SOURCE.index(at)]
    column = len(before) - before.rfind("\n") + (comment == "else")
    point = CoveragePoint(kind, str(tmp_path / "m.sv"), before.count("\n") + 1, column, comment)
    proved, bounded = Verdict(VerdictKind.UNREACHABLE, "General."), Verdict(VerdictKind.BOUNDED, "Not within 5.", 5)
    assert name_parameters({point: proved}, design) == {point: Verdict(VerdictKind.UNREACHABLE, named or "General.")}
    assert name_parameters({point: bounded}, design) == {point: bounded}


def test_a_signal_that_only_dead_branches_assign(tmp_path: Path) -> None:
    path = tmp_path / "m.sv"
    path.write_text(
        "module m #(parameter ON = 0, parameter TOO = 0) (input logic a, output logic q, r);\n"
        "  always_latch begin if (ON != 0) q = a; if (ON != 0) r = a; if (TOO != 0) r = 1; end\nendmodule\n"
    )
    design, _ = elaborate(FileSet(sources=(path,)))
    assert design is not None
    switched = Switched(read_conditions(design), read_switches(design))
    q, r = (CoveragePoint(Kind.TOGGLE, str(path), 1, 71 + 3 * rank, f"{name}:0->1") for rank, name in enumerate("qr"))
    assert switched.reason(q, "Never.") == "Never. Every assignment that could bring it about lies in a branch that `ON = 0` switches off."
    assert switched.reason(r, "Never.") == "Never."
    assert {top for one in switched.around(r) for top in one.tops} == {"ON", "TOO"}
