"""Explanations of holes: the conditions around them, how near runs came, and the inputs behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.closure.explain import MAX_INPUTS, Explanation, NearestApproach, code, explain
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import Hole, Verdict, VerdictKind
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.elaborate.condition_text import alternatives, negated, shortened
from llm4cov_agent.rtl.elaborate.condition_values import Conditions
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.rtl.fileset import FileSet

SOURCE = """\
module leaf #(parameter bit FAST = 0) (
    input  logic       clk, rst_n, go,
    input  logic [7:0] div,
    output logic       done
);
  typedef enum logic [1:0] {IDLE, RUN, STOP} state_t;
  state_t state;
  logic [7:0] cnt;
  logic wide;
  assign wide = go ? cnt[0] & div[1] : div[0];
  always_ff @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      state <= IDLE;
      cnt   <= 8'd0;
      done  <= 1'b0;
    end else begin
      case (state)
        IDLE: if (go) state <= RUN;
        RUN: begin
          if (cnt == 8'd255) done <= 1'b1;  // reached
          else cnt <= cnt + div;
          if (FAST) state <= STOP;
          else if (done) state <= STOP;
        end
        default: state <= IDLE;
      endcase
    end
  end
endmodule
module m (input logic clk, rst_n, start, other, input logic [7:0] div, output logic done);
  leaf u0 (.clk, .rst_n, .go(start), .div, .done);
endmodule
"""


class Read:
    """A source with what was read of it."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        path.write_text(text)
        design, problems = elaborate(FileSet(sources=(path,), top="m"))
        assert design is not None, [str(problem) for problem in problems]
        self.design: Design = design
        self.conditions: Conditions = read_conditions(design)

    def point(self, kind: Kind, at: str, comment: str, behind: int = 0) -> CoveragePoint:
        offset = self.text.index(at) + behind
        line_start = self.text.rfind("\n", 0, offset) + 1
        return CoveragePoint(kind, str(self.path), self.text.count("\n", 0, offset) + 1, offset - line_start + 1, comment)

    def explain(self, kind: Kind, at: str, comment: str, behind: int = 0, *near: NearestApproach) -> Explanation:
        found = explain(
            Hole(self.point(kind, at, comment, behind), ""),
            self.design,
            self.conditions,
            {str(index): one for index, one in enumerate(near)},
        )
        assert found.sentence.endswith(".")
        assert "\n" not in found.sentence
        return found


@pytest.fixture
def small(tmp_path: Path) -> Read:
    return Read(tmp_path / "m.sv", SOURCE)


def test_a_branch_with_the_value_that_came_nearest(small: Read) -> None:
    found = small.explain(Kind.BRANCH, "if (cnt ==", "if", 0, NearestApproach("u0.cnt", 255, 238, 17))
    assert found.sentence == (
        "Branch `if (cnt == 8'd255)` at line 20 was never taken: needs `state == RUN` (line 19) and then `cnt == 8'd255`"
        " (nearest: 17 of 255); driven by inputs `div`, `start`."
    )
    assert found.conditions == (("rst_n", 12), ("state == RUN", 19), ("cnt == 8'd255", 20))
    assert found.nearest == ("nearest: 17 of 255",)
    assert found.inputs == ("div", "start")
    assert found.detail == "\n".join(
        [
            "**Branch `if (cnt == 8'd255)` at line 20 was never taken**",
            "",
            "Must hold, outermost first:",
            "",
            "1. `rst_n` (line 12)",
            "2. `state == RUN` (line 19)",
            "3. `cnt == 8'd255` (line 20, nearest: 17 of 255)",
            "",
            "Hangs on inputs: `div`, `start`.",
        ]
    )


def test_nearness_is_said_only_of_what_was_not_reached_and_is_wanted(small: Read) -> None:
    reached = small.explain(Kind.BRANCH, "if (cnt ==", "if", 0, NearestApproach("u0.cnt", 255, 0, 255))
    other = small.explain(Kind.BRANCH, "if (cnt ==", "if", 0, NearestApproach("u0.cnt", 254, 3))
    avoided = small.explain(Kind.BRANCH, "if (cnt ==", "else", 1, NearestApproach("u0.cnt", 255, 3))
    assert reached.nearest == other.nearest == avoided.nearest == ()
    assert small.explain(Kind.BRANCH, "if (cnt ==", "if", 0, NearestApproach("u0.cnt", 255, 3)).nearest == ("nearest: 3 away from 255",)
    state = small.explain(Kind.LINE, "RUN: begin", "case", 3, NearestApproach("u0.state", 1, 1, 0))
    assert state.nearest == ("nearest: IDLE of RUN",)


def test_the_other_branch_turns_the_condition_round(small: Read) -> None:
    found = small.explain(Kind.BRANCH, "if (cnt ==", "else", 1)
    assert found.sentence.startswith("Branch `else` of `if (cnt == 8'd255)` at line 20 was never taken: needs `state == RUN`")
    assert found.conditions[-1] == ("cnt != 8'd255", 20)


def test_case_items_and_their_default(small: Read) -> None:
    item = small.explain(Kind.LINE, "RUN: begin", "case", 3)
    assert item.sentence == "Case item `RUN` at line 19 was never chosen: needs `state == RUN`; driven by inputs `start`, `div`."
    default = small.explain(Kind.LINE, "default: state", "case")
    assert default.conditions[-1] == ("!(state == IDLE || state == RUN)", 25)


def test_a_branch_that_only_parameters_decide(small: Read) -> None:
    found = small.explain(Kind.LINE, "if (FAST)", "elsif")
    assert found.sentence == (
        "The part of `if (FAST)` at line 22 was never executed: needs `state == RUN` (line 19) and then `FAST`;"
        " only parameters and constants decide it."
    )
    behind = small.explain(Kind.BRANCH, "if (done)", "if")
    assert [text for text, _ in behind.conditions] == ["rst_n", "state == RUN", "!FAST", "done"]


def test_a_choice_is_not_around_its_own_condition(small: Read) -> None:
    for comment, behind, text in (("cond_then", 0, "go"), ("cond_else", 1, "!go")):
        found = small.explain(Kind.BRANCH, "& div[1]", comment, behind)
        assert found.conditions == ((text, 10),)
        assert found.inputs == ("start",)


def test_an_expression_hangs_on_branches_and_not_on_case_items(small: Read) -> None:
    found = small.explain(Kind.EXPR, "& div[1]", "(cnt[0]==1 && div[1]==0) => 0")
    assert found.conditions == (("cnt[0] && !div[1]", 10),)
    assert found.inputs == ("div", "start")
    inside = small.explain(Kind.EXPR, "(cnt == 8'd255) done", "((cnt == 8'hff)==0) => 0", 5)
    assert inside.conditions == (("rst_n", 12), ("cnt != 8'hff", 20))


def test_a_signal_names_the_assignments_that_can_do_it(small: Read) -> None:
    rise = small.explain(Kind.TOGGLE, "cnt;", "cnt[7]:0->1")
    assert rise.sentence == (
        "cnt[7] never 0->1 (line 8): needs `state == RUN` (line 19) and then `cnt != 8'd255` (line 20);"
        " assigned by `cnt <= cnt + div` (line 21); driven by inputs `div`, `start`."
    )
    fall = small.explain(Kind.TOGGLE, "cnt;", "cnt[7]:1->0")
    assert fall.conditions == ()
    assert "- `cnt <= 8'd0` (line 14) under `!rst_n`" in fall.detail
    assert "assigned at lines 14, 21" in fall.sentence


def test_an_input_that_no_stimulus_drove(small: Read) -> None:
    found = small.explain(Kind.TOGGLE, "other, input", "other:0->1")
    assert found.sentence == "other never 0->1 (line 30): it is an input of the top, so no stimulus drove it so."
    assert found.inputs == ("other",)


def test_states_and_transitions(small: Read) -> None:
    state = small.explain(Kind.FSM, "case (state)", "u0.state::STOP")
    assert state.sentence.startswith(
        "FSM u0.state: state STOP never entered (line 17): needs `state == RUN` (line 19); assigned at lines 22, 23"
    )
    move = small.explain(Kind.FSM, "case (state)", "u0.state::IDLE->RUN")
    assert [text for text, _ in move.conditions] == ["rst_n", "state == IDLE", "go"]
    back = small.explain(Kind.FSM, "case (state)", "u0.state::STOP->IDLE")
    assert [text for text, _ in back.conditions] == ["rst_n", "!(state == IDLE || state == RUN)"]
    reset = small.explain(Kind.FSM, "case (state)", "u0.state::ANY->IDLE[reset]")
    assert [text for text, _ in reset.conditions] == ["!rst_n"]


def test_a_machine_with_two_processes_and_states_without_names() -> None:
    design = loader.design("watchdog")
    conditions = read_conditions(design)
    source = str(loader.load("watchdog").sources[0])

    def texts(comment: str) -> list[str]:
        hole = Hole(CoveragePoint(Kind.FSM, source, 38, 9, comment), "")
        return [text for text, _ in explain(hole, design, conditions).conditions]

    assert texts("state::2'h1") == ["state == WAIT_A", "service_we && service_key == KEY_A"]
    assert texts("state::2'h1->2'h2") == ["count == BITE_AT || (service && windowed && count < WINDOW_OPENS)"]


def test_staying_in_a_state_does_not_lead_there() -> None:
    design = loader.design("sequence_lock")
    hole = Hole(CoveragePoint(Kind.FSM, str(loader.load("sequence_lock").sources[0]), 62, 7, "state::STEP_4"), "")
    assert explain(hole, design, read_conditions(design)).conditions == (("!rst", 59), ("state == STEP_3", 66))


def test_verdicts_are_said(small: Read) -> None:
    point = small.point(Kind.BRANCH, "if (cnt ==", "if")
    proved = explain(Hole(point, "", Verdict(VerdictKind.UNREACHABLE, "From no state.")), small.design, small.conditions)
    assert proved.sentence == (
        "Branch `if (cnt == 8'd255)` at line 20 was never taken and is proved unreachable:"
        " would need `state == RUN` (line 19) and then `cnt == 8'd255`."
    )
    assert proved.detail.endswith("Verdict: unreachable. From no state.")
    bounded = explain(Hole(point, "", Verdict(VerdictKind.BOUNDED, "Not within 5 cycles.", 5)), small.design, small.conditions)
    assert bounded.detail.endswith("Verdict: bounded(5). Not within 5 cycles.")


ODD = [
    "",
    "if",
    "[",
    "((((",
    "a==1) => 7",
    "($_EXPRSTMT(\nx = f();\n)==0) => 1",
    "x->y->z::",
    "::",
    "cnt[99999999999]:0->1",
    "cnt[-1]:1->0",
    "ü",
]


@pytest.mark.parametrize("comment", ODD)
@pytest.mark.parametrize("kind", list(Kind))
def test_odd_points_are_explained_by_their_words(small: Read, kind: Kind, comment: str) -> None:
    for file in (str(small.path), "/nowhere/x.sv", ""):
        for line, column in ((1, 1), (8, 15), (17, 7), (20, 11), (999, 999)):
            found = explain(Hole(CoveragePoint(kind, file, line, column, comment), "x,y"), small.design, small.conditions)
            assert re.fullmatch(r"\S[^\n]*\.", found.sentence)
            assert found.detail.startswith("**")


def test_an_unknown_place_gives_the_words_alone(small: Read) -> None:
    found = explain(Hole(CoveragePoint(Kind.BRANCH, "/nowhere/x.sv", 7, 3, "if"), ""), small.design, small.conditions)
    assert found == Explanation("Branch 'if' never taken (line 7).", detail="**Branch 'if' never taken (line 7)**")
    assert explain(Hole(small.point(Kind.BRANCH, "if (cnt", "if"), ""), small.design, Conditions()).conditions == ()


def test_sources_that_are_gone_give_no_conditions(small: Read) -> None:
    small.path.unlink()
    assert read_conditions(small.design) == Conditions()


MACROS = """\
`define LIMIT 8'd9
`define ON    1'b1
`define SET   q <= 1'b1
module m(input logic clk, input logic [7:0] a, b, output logic q);
  always_ff @(posedge clk)
    if (`ON) begin
      case (a)
        `LIMIT:  if (b == `LIMIT) `SET; else q <= 1'b0;
        default: if (b == 8'd3) `SET;
      endcase
    end
endmodule
"""


def test_macros_move_columns_and_are_shown_as_what_they_stand_for(tmp_path: Path) -> None:
    read = Read(tmp_path / "m.sv", MACROS)
    found = read.explain(Kind.BRANCH, "if (b == `LIMIT", "if", 2, NearestApproach("b", 9, 2, 7))
    assert found.sentence.startswith("Branch `if (b == 8'd9)` at line 8 was never taken: needs `1'b1` (line 6), then `a == 8'd9` and then")
    assert found.nearest == ("nearest: 7 of 9",)
    lone = read.explain(Kind.BRANCH, "if (b == 8'd3", "if")
    assert [text for text, _ in lone.conditions] == ["1'b1", "a != 8'd9", "b == 8'd3"]
    assert [text for text, _ in read.explain(Kind.TOGGLE, "q);", "q:0->1").conditions] == ["1'b1"]


def test_code_keeps_its_backticks(tmp_path: Path) -> None:
    assert code("a == b") == "`a == b`"
    assert code("`A == b") == "`` `A == b ``"
    assert code("a`b``c") == "``` a`b``c ```"
    text = (
        "`define F(x) x\nmodule m(input logic a, b, output logic q);\n  assign q = a;\n  always_comb if (`F(a) & b) ; else ;\nendmodule\n"
    )
    found = Read(tmp_path / "m.sv", text).explain(Kind.BRANCH, "if (`F", "if")
    assert found.conditions == (("a & b", 4),)


def test_many_inputs_are_cut(tmp_path: Path) -> None:
    names = [f"i{number}" for number in range(12)]
    ports, condition = ", ".join(names), " && ".join(names)
    text = f"module m(input logic {ports}, output logic q);\n  always_comb if ({condition}) q = 1; else q = 0;\nendmodule\n"
    found = Read(tmp_path / "m.sv", text).explain(Kind.BRANCH, "if (i0", "if")
    assert found.inputs == tuple(names[:MAX_INPUTS])
    assert found.sentence.endswith("`i7` and others.")


@pytest.mark.parametrize("name", loader.names())
def test_the_known_points_of_all_fixtures(name: str) -> None:
    fixture, design = loader.load(name), loader.design(name)
    conditions = read_conditions(design)
    ports = {port.name for port in design.ports}
    for point in (*fixture.reachable, *fixture.unreachable):
        found = explain(Hole(point, ""), design, conditions)
        assert set(found.inputs) <= ports
        if point.kind is Kind.BRANCH or point.comment == "case":
            assert found.conditions, point
        if point.kind is Kind.TOGGLE:
            assert found.inputs, point


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "!a"),
        ("!a[3]", "a[3]"),
        ("a == 8'd3", "a != 8'd3"),
        ("a  <  b.c", "a >= b.c"),
        ("a == b && c", "!(a == b && c)"),
        ("!a || b", "!(!a || b)"),
        ("!(a)", "!(!(a))"),
        ("a /* why */ == 1 // so", "a != 1"),
    ],
)
def test_negation(text: str, expected: str) -> None:
    assert negated(text) == expected


def test_alternatives_and_lengths() -> None:
    assert alternatives("s", "==", ["A"]) == "s == A"
    assert alternatives("s", "==?", ["A", "B"]) == "s ==? A || s ==? B"
    assert alternatives("s", "==?", ["[1:3]"]) == "s inside {[1:3]}"
    assert alternatives("", "==", ["a", "b"]) == "a || b"
    assert len(shortened("x" * 500)) == 120
