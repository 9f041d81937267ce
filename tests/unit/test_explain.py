"""Explanations of holes: the conditions around them, how near runs came, and the inputs behind."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.closure.explain import MAX_INPUTS, Explanation, code, explain
from llm4cov_agent.closure.nearest import NearestApproach, nearest_of
from llm4cov_agent.closure.reached import reached_of
from llm4cov_agent.closure.reasons import MOST_REASONS, reasons
from llm4cov_agent.closure.runs import Target
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import NOT_TRIED, Hole, Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Run, RunStatus
from llm4cov_agent.rtl.design import Constant, Design
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
    read_conditions.cache_clear()
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


def test_the_value_seen_is_told_where_the_distance_leaves_one(small: Read) -> None:
    places = {one.span for one in small.design.constants}
    assert places
    span = next(iter(places))
    constants = tuple(
        Constant(signal, 8, value, span) for signal, value in (("u0.cnt", 255), ("u0.cnt", 100), ("u0.cnt", 3), ("u0.state", 1))
    )
    # Two bits of the counter are compared too: that says nothing about the width of the whole.
    design = replace(small.design, constants=(*constants, Constant("u0.cnt", 2, 3, span)))
    distances = {Target(one.signal, one.value): 40 for one in constants} | {Target("u0.unknown", 1): 2}
    found = {(one.signal, one.wanted): one.seen for one in nearest_of(distances, design).values()}
    # Of a state, a distance says nothing.
    assert found == {("u0.cnt", 255): 215, ("u0.cnt", 100): None, ("u0.cnt", 3): 43}
    assert nearest_of(None, design) == {}


class Counted:
    """Coverage of the small design, made by hand: each count belongs to a point of the source."""

    def __init__(self, read: Read, counts: dict[tuple[Kind, str, str, int], int]) -> None:
        self.read = read
        self.coverage = Coverage({read.point(kind, at, comment, behind): count for (kind, at, comment, behind), count in counts.items()})

    def sentence(self, kind: Kind, at: str, comment: str, behind: int = 0) -> str:
        hole = Hole(self.read.point(kind, at, comment, behind), "")
        found = explain(hole, self.read.design, self.read.conditions, reached=reached_of(self.coverage, self.read.conditions))
        assert found.needs in found.sentence
        return found.sentence

    def after(self, kind: Kind, at: str, comment: str, behind: int = 0) -> str:
        return self.sentence(kind, at, comment, behind).partition(": ")[2].partition(";")[0]


Key = tuple[Kind, str, str, int]
LEFT_RESET: Key = (Kind.BRANCH, "if (!rst_n)", "else", 1)
IN_RESET: Key = (Kind.BRANCH, "if (!rst_n)", "if", 0)
RUN: Key = (Kind.LINE, "RUN: begin", "case", 3)
FULL: Key = (Kind.BRANCH, "if (cnt ==", "if", 0)
NOT_FULL: Key = (Kind.BRANCH, "if (cnt ==", "else", 1)
FAST: Key = (Kind.LINE, "if (FAST)", "elsif", 0)
DONE: Key = (Kind.BRANCH, "if (done)", "if", 0)
NOT_DONE: Key = (Kind.BRANCH, "if (done)", "else", 1)


def bits(rises: dict[int, int], falls: dict[int, int]) -> dict[tuple[Kind, str, str, int], int]:
    edges = {(Kind.TOGGLE, "cnt;", f"cnt[{bit}]:0->1", 0): rises.get(bit, 0) for bit in range(8)}
    return edges | {(Kind.TOGGLE, "cnt;", f"cnt[{bit}]:1->0", 0): falls.get(bit, 0) for bit in range(8)}


def test_the_first_condition_that_never_held_is_named(small: Read) -> None:
    base = {LEFT_RESET: 9, IN_RESET: 1, RUN: 0, FULL: 0, NOT_FULL: 0}
    assert Counted(small, base).after(*FULL[:3]) == "needs `state == RUN` (line 19, never chosen) and then `cnt == 8'd255`"
    entered = Counted(small, base | {RUN: 5, NOT_FULL: 5})
    assert entered.after(*FULL[:3]) == "needs `state == RUN` (line 19) and then `cnt == 8'd255` (never true)"
    # The reset is mostly not worth a word, but where it never ended it is the reason.
    assert (
        Counted(small, base | {LEFT_RESET: 0})
        .after(*FULL[:3])
        .startswith("needs `rst_n` (line 12, never true), then `state == RUN` (line 19)")
    )


def test_what_coverage_can_not_tell_is_not_said(small: Read) -> None:
    for counts in ({}, {FULL: 0}, {RUN: 0}, {RUN: 0, FULL: 0, NOT_FULL: 0}, {LEFT_RESET: 0, FULL: 0}):
        assert "never true" not in Counted(small, counts).after(*FULL[:3])
        assert "never chosen" not in Counted(small, counts).after(*FULL[:3])
    # The other way out was taken: so it was asked, whatever is around it.
    assert Counted(small, {FULL: 0, NOT_FULL: 2}).after(*FULL[:3]).endswith("`cnt == 8'd255` (never true)")


def test_what_is_around_counts_where_the_way_leaves_it_out(tmp_path: Path) -> None:
    """Expressions are looked at whatever a case chooses, so that the way to one has no case items."""
    text = (
        "module m(input logic [1:0] s, input logic a, b, c, output logic q);\n"
        "  always_comb begin\n    q = 0;\n"
        "    case (s)\n      2'd1: if (a) q = b & c;\n      default: ;\n    endcase\n  end\nendmodule\n"
    )
    read = Read(tmp_path / "m.sv", text)
    item: Key = (Kind.LINE, ": if (a)", "case", 0)
    way: dict[Key, int] = {(Kind.BRANCH, "if (a)", "if", 0): 0, (Kind.BRANCH, "if (a)", "else", 1): 0}
    expression: Key = (Kind.EXPR, "b & c", "(b==1 && c==1) => 1", 2)
    assert Counted(read, {item: 0} | way).after(*expression) == "needs `a` and then `b && c`"
    assert Counted(read, {item: 4} | way).after(*expression) == "needs `a` (never taken) and then `b && c`"


def test_bits_that_never_rose_are_named(small: Read) -> None:
    counts = {LEFT_RESET: 9, RUN: 5, FULL: 0, NOT_FULL: 5}
    rose = dict.fromkeys(range(5), 3)
    told = Counted(small, counts | bits(rose, rose)).after(*FULL[:3])
    assert told.endswith("`cnt == 8'd255` (never true, `cnt[7:5]` never rose)")
    # A bit that fell was set before.
    assert "`cnt[6:5]` never rose" in Counted(small, counts | bits(rose, {**rose, 7: 1})).after(*FULL[:3])
    assert "rose" not in Counted(small, counts).after(*FULL[:3])
    near = explain(
        Hole(small.point(*FULL[:3]), ""),
        small.design,
        small.conditions,
        {"": NearestApproach("u0.cnt", 255, 238, 17)},
        reached_of(Counted(small, counts | bits(rose, rose)).coverage, small.conditions),
    )
    assert "`cnt == 8'd255` (never true, nearest: 17 of 255)" in near.sentence
    assert near.nearest == ("nearest: 17 of 255",)


def test_a_bit_that_never_fell_as_it_never_rose(small: Read) -> None:
    fall: Key = (Kind.TOGGLE, "done", "done:1->0", 0)
    for rises, expected in ((0, True), (3, False)):
        counts = {fall: 0, (Kind.TOGGLE, "done", "done:0->1", 0): rises}
        assert ("done never 1->0 (line 4): it never rose either; assigned" in Counted(small, counts).sentence(*fall[:3])) is expected
    assert "rose" not in Counted(small, {fall: 0}).sentence(*fall[:3])


def test_an_else_that_goes_on_with_if_has_no_count_of_its_own(small: Read) -> None:
    around = {LEFT_RESET: 9, RUN: 5}
    never = Counted(small, around | {FAST: 5, DONE: 0, NOT_DONE: 0}).after(*DONE[:3])
    assert never == "needs `state == RUN` (line 19), then `!FAST` (line 22, never true) and then `done`"
    asked = Counted(small, around | {FAST: 0, DONE: 0, NOT_DONE: 5}).after(*DONE[:3])
    assert asked == "needs `state == RUN` (line 19), then `!FAST` (line 22) and then `done` (never true)"
    assert "never" not in Counted(small, around | {FAST: 5, DONE: 0}).after(*DONE[:3])
    first = Counted(small, around | {FAST: 0, DONE: 0, NOT_DONE: 5}).after(*FAST[:3])
    assert first == "needs `state == RUN` (line 19) and then `FAST` (never true)"


def evaluated(read: Read, counts: dict[tuple[Kind, str, str, int], int], *verdicts: Verdict, cycles: int | None) -> Evaluation:
    coverage = Counted(read, counts).coverage
    missed = coverage.missed()
    holes = tuple(Hole(point, "", verdict) for point, verdict in zip(missed, (*verdicts, *[NOT_TRIED] * len(missed)), strict=False))
    run = Run(status=RunStatus.OK, problems=(), log="", coverage=coverage)
    return Evaluation(run=run, problems=(), tallies=coverage.tallies(), holes=holes, cycles=cycles)


def test_reasons_keep_verdicts_and_their_grounds(small: Read) -> None:
    counts = {LEFT_RESET: 9, RUN: 5, FULL: 0, NOT_FULL: 5}
    needs = "`state == RUN` (line 19) and then `cnt == 8'd255` (never true); driven by inputs `div`, `start`."
    [hole] = reasons(evaluated(small, counts, cycles=20), small.design).holes
    assert (hole.verdict.kind, hole.verdict.reason) == (VerdictKind.UNKNOWN, f"Not hit in 20 cycles: needs {needs}")
    [hole] = reasons(evaluated(small, counts, cycles=None), small.design).holes
    assert hole.verdict.reason == f"Not hit: needs {needs}"
    bounded = Verdict(VerdictKind.BOUNDED, "Not within 5 cycles.", 5)
    [hole] = reasons(evaluated(small, counts, bounded, cycles=20), small.design).holes
    assert hole.verdict == replace(bounded, reason=f"Not within 5 cycles. Needs {needs}")
    proved = Verdict(VerdictKind.UNREACHABLE, "From no state.")
    [hole] = reasons(evaluated(small, counts, proved, cycles=20), small.design).holes
    assert hole.verdict.kind is VerdictKind.UNREACHABLE
    assert hole.verdict.reason.startswith("From no state. Would need `state == RUN`")
    near = reasons(evaluated(small, counts, cycles=1), small.design, {"": NearestApproach("u0.cnt", 255, 238, 17)})
    assert near.holes[0].verdict.reason.startswith("Not hit in 1 cycle: needs")
    assert "nearest: 17 of 255" in near.holes[0].verdict.reason


def test_reasons_are_bounded_in_number(small: Read) -> None:
    point = small.point(*FULL[:3])
    whole = evaluated(small, {LEFT_RESET: 9, RUN: 5, FULL: 0, NOT_FULL: 5}, cycles=20)
    holes = tuple(Hole(point, str(index)) for index in range(MOST_REASONS + 7))
    found = reasons(replace(whole, holes=holes), small.design).holes
    assert [hole.hier for hole in found] == [hole.hier for hole in holes]
    assert sum(hole.verdict == NOT_TRIED for hole in found) == 7
    assert reasons(replace(whole, holes=()), small.design).holes == ()
