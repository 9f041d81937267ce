"""Cover statements in small sources: where they are written, what they ask, and which points get none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llm4cov_agent.closure.reach.condition import Condition, Event, Instrumented
from llm4cov_agent.closure.reach.instrument import instrument
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

Asked = tuple[Kind, str, str, int]
"""Kind, the text at which the point stands (the first place where it occurs), comment, characters behind its start."""
Run = Callable[..., tuple[str, Instrumented]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(text: str, *asked: Asked, top: str = "m") -> tuple[str, Instrumented]:
        path = tmp_path / "m.sv"
        path.write_text(text)
        design, problems = elaborate(FileSet(sources=(path,), top=top))
        assert design is not None, [str(problem) for problem in problems]
        found = instrument(design, [_point(path, text, *one) for one in asked])
        written = found.texts[path]
        assert written.count("\n") == text.count("\n"), "lines stay where they are"
        again, problems = elaborate(FileSet(sources=(_rewritten(path, written),), top=top))
        assert again is not None, [str(problem) for problem in problems]
        return written, found

    return run


def _rewritten(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _point(path: Path, text: str, kind: Kind, at: str, comment: str, behind: int = 0) -> CoveragePoint:
    offset = text.index(at) + behind
    line_start = text.rfind("\n", 0, offset) + 1
    return CoveragePoint(kind, str(path), text.count("\n", 0, offset) + 1, offset - line_start + 1, comment)


def line(at: str, comment: str, behind: int = 0) -> Asked:
    return Kind.LINE, at, comment, behind


def branch(at: str, comment: str, behind: int = 0) -> Asked:
    return Kind.BRANCH, at, comment, behind


def expr(at: str, comment: str, behind: int = 0) -> Asked:
    return Kind.EXPR, at, comment, behind


def toggle(at: str, comment: str, behind: int = 0) -> Asked:
    return Kind.TOGGLE, at, comment, behind


def module(body: str, ports: str = "input clk, input rst_n, input a, b, input [3:0] v, output reg y, output reg [3:0] q") -> str:
    return f"module m({ports});\n{body}\nendmodule\n"


def body(written: str) -> str:
    return written.partition("\n")[2].removesuffix("\nendmodule\n")


def only_reason(found: Instrumented) -> str:
    assert not found.conditions
    (reason,) = set(found.unmapped.values())
    return reason


# Statements


def test_the_end_of_a_block_is_in_front_of_its_end(run: Run) -> None:
    written, found = run(module("always @* begin y = a; end"), line("always", "block"))
    assert body(written) == "always @* begin y = a; llm4cov_p0: cover (1'b1); end"
    assert list(found.conditions.values()) == [(Condition("llm4cov_p0", Event.HOLDS),)]
    assert not found.unmapped


def test_a_statement_without_a_block_gets_one(run: Run) -> None:
    written, _ = run(module("always @* y = a;"), line("always", "block"))
    assert body(written) == "always @* begin y = a; llm4cov_p0: cover (1'b1); end"


def test_an_else_that_is_missing_is_added_to_the_right_if(run: Run) -> None:
    text = module("always @* begin y = 0; if (a) if (b) y = 1; else y = 0; end")
    written, _ = run(text, branch("if (a)", "if"), branch("if (a)", "else", 1), branch("if (b)", "else", 1))
    assert body(written) == (
        "always @* begin y = 0; if (a) begin if (b) y = 1; else begin y = 0; llm4cov_p2: cover (1'b1); end llm4cov_p0: cover (1'b1); end"
        " else begin llm4cov_p1: cover (1'b1); end end"
    )


def test_a_chain_of_ifs_stays_a_chain(run: Run) -> None:
    text = module("always @* if (a) y = 0; else if (b) y = 1; else y = 0;")
    written, _ = run(text, line("if (a)", "elsif"), line("if (b)", "if"), line("if (b)", "else", 1))
    assert body(written) == (
        "always @* if (a) begin y = 0; llm4cov_p0: cover (1'b1); end else if (b) begin y = 1; llm4cov_p1: cover (1'b1); end"
        " else begin y = 0; llm4cov_p2: cover (1'b1); end"
    )


def test_case_items_stand_at_their_colon_and_the_default_at_its_word(run: Run) -> None:
    text = module("always @* case (v)\n  4'd1, 4'd2: y = a;\n  4'd3: begin y = b; end\n  default y = 0;\nendcase")
    written, _ = run(text, line(": y = a", "case"), line(": begin", "case"), line("default", "case"))
    assert body(written).splitlines()[1:4] == [
        "  4'd1, 4'd2: begin y = a; llm4cov_p0: cover (1'b1); end",
        "  4'd3: begin y = b; llm4cov_p1: cover (1'b1); end",
        "  default begin y = 0; llm4cov_p2: cover (1'b1); end",
    ]


def test_an_asynchronous_reset_stays_a_plain_if(run: Run) -> None:
    """A synthesis tool takes no other statement beside it, so the end of the block is the end of either branch."""
    text = module("always @(posedge clk or negedge rst_n) begin if (!rst_n) y <= 0; else if (a) y <= b; end")
    written, found = run(text, line("always", "block"), expr("!rst_n", "(rst_n==0) => 1"))
    assert body(written) == (
        "always @(posedge clk or negedge rst_n) begin"
        " if (!rst_n) begin y <= 0; llm4cov_p0: cover (1'b1); llm4cov_p2: cover (!(rst_n)); end"
        " else begin if (a) y <= b; llm4cov_p1: cover (1'b1); llm4cov_p3: cover (!(rst_n)); end end"
    )
    assert [len(conditions) for conditions in found.conditions.values()] == [2, 2]


def test_an_asynchronous_reset_without_an_else_gets_one(run: Run) -> None:
    written, _ = run(module("always @(posedge clk or negedge rst_n) if (!rst_n) y <= 0;"), line("always", "block"))
    assert body(written).endswith(" else begin llm4cov_p1: cover (1'b1); end")


def test_what_happens_in_a_loop_is_remembered_until_its_end(run: Run) -> None:
    """The loop is unrolled, and a label must stand once."""
    text = module("always @* begin y = 0; for (int i = 0; i < 4; i++) if (v[i]) y = 1; end")
    written, _ = run(text, line("for", "block"), branch("if", "if"))
    assert body(written) == (
        "always @* begin y = 0; begin automatic logic llm4cov_p0_seen = 1'b0; automatic logic llm4cov_p1_seen = 1'b0;"
        " for (int i = 0; i < 4; i++)"
        " begin if (v[i]) begin y = 1; if (1'b1) llm4cov_p1_seen = 1'b1; end if (1'b1) llm4cov_p0_seen = 1'b1; end"
        " llm4cov_p0: cover (llm4cov_p0_seen); llm4cov_p1: cover (llm4cov_p1_seen); end end"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("initial y = 0;", "stands in an initial or a final block"),
        (
            "function f(input x); f = x; endfunction\nalways @* y = f(1'b1);",
            "stands in a function or a task that is called otherwise than in plain assignments, or can be left early",
        ),
        (
            "always @* for (int i = 0; i < 4; i++) begin y = a; if (b) break; end",
            "stands in a procedure that can be left early (return, break, continue, disable)",
        ),
    ],
)
def test_statements_whose_counting_is_uncertain(run: Run, text: str, reason: str) -> None:
    at = text.partition(" ")[0]
    _, found = run(module(text), line("f(" if at == "function" else at, "block"))
    assert only_reason(found) == reason


# Choices


def test_a_choice_is_asked_in_front_of_its_assignment(run: Run) -> None:
    text = module("always @* begin q = v; y = a ? q[0] : (b ? q[1] : q[2]); q = 0; end")
    written, _ = run(text, branch("[0]", "cond_then"), branch("[1] :", "cond_then"), branch("[1] :", "cond_else", 1))
    assert body(written) == (
        "always @* begin q = v; begin"
        " llm4cov_p0: cover (((a) ? 1'b1 : 1'b0));"
        " llm4cov_p1: cover (((a) ? 1'b0 : 1'b1) && ((b) ? 1'b1 : 1'b0));"
        " llm4cov_p2: cover (((a) ? 1'b0 : 1'b1) && ((b) ? 1'b0 : 1'b1));"
        " y = a ? q[0] : (b ? q[1] : q[2]); end q = 0; end"
    )


def test_a_choice_that_a_function_makes_is_not_asked_twice(run: Run) -> None:
    text = module("function f(input x); f = x; endfunction\nalways @* y = f(a) ? v[0] : v[1];")
    _, found = run(text, branch("[0]", "cond_then"))
    assert only_reason(found) == "stands at no '?:' that is known"


# Expressions


def test_an_expression_is_looked_at_where_its_procedure_ends(run: Run) -> None:
    """Neither blocks nor case items matter to Verilator there, only procedures, branches and loops do."""
    text = module("always @* begin y = 0; case (v) 4'd1: begin y = a && b; end default: ; endcase y = ~y; end")
    written, _ = run(text, expr("&&", "(a==0) => 0"), expr("&&", "(a==1 && b==1) => 1"))
    assert body(written).endswith("endcase y = ~y; llm4cov_p0: cover (!(a)); llm4cov_p1: cover ((a) && (b)); end")


def test_an_expression_of_an_else_branch_is_looked_at_at_its_end(run: Run) -> None:
    written, _ = run(module("always @* if (a) y = 0; else y = v[0] || b;"), expr("||", "(v[0]==1) => 1"))
    assert body(written) == "always @* if (a) y = 0; else begin y = v[0] || b; llm4cov_p0: cover ((v[0])); end"


def test_an_assignment_is_asked_beside_the_module_s_other_items(run: Run) -> None:
    text = "module m(input [3:0] v, output y); assign y = |v; endmodule\n"
    written, _ = run(text, expr("|v", "(v[2]==1) => 1"))
    assert written == (
        "module m(input [3:0] v, output y); assign y = |v; always_comb llm4cov_p0: cover (((({v} >> 2) & 1'b1) == 1'b1)); endmodule\n"
    )


def test_an_item_without_a_block_in_a_generate_branch_gets_one(run: Run) -> None:
    text = "module m #(parameter P = 1)(input a, b, output y); if (P == 1) assign y = a & b; else assign y = a; endmodule\n"
    written, _ = run(text, expr("&", "(a==0) => 0"))
    assert "if (P == 1) begin assign y = a & b; always_comb llm4cov_p0: cover (!(a)); end else" in written


def test_copies_of_a_generate_loop_are_told_apart(run: Run) -> None:
    text = (
        "module m(input [3:0] v, input a, output [1:0] y);\n"
        "for (genvar i = 0; i < 2; i++) begin : g\n  assign y[i] = v[i+1] && a;\nend\nendmodule\n"
    )
    written, _ = run(text, expr("&&", "(v[1]==0) => 0"), expr("&&", "(a==0) => 0"))
    assert "cover (!(a));" in written
    assert "cover ((i == 32'h0) && !(v[i+1]));" in written


def test_a_member_of_a_structure_is_known_by_its_bits(run: Run) -> None:
    text = module("struct packed { logic v; logic [2:0] d; } s;\nassign s = v;\nalways @* y = s.v && s.d == 3'd5;")
    written, _ = run(text, expr("&&", "(s[3]==1 && (s[2:0] == 3'h5)==1) => 1"))
    assert "llm4cov_p0: cover ((s.v) && (s.d == 3'd5));" in written


def test_bits_of_a_vector_are_counted_from_its_declared_end(run: Run) -> None:
    text = "module m(input [4:1] v, input [0:3] up, output y, z);\n  assign y = |v;\n  assign z = |up;\nendmodule\n"
    written, found = run(text, expr("|v", "(v[4]==1) => 1"), expr("|up", "(up[3]==1) => 1"))
    assert "llm4cov_p0: cover (((({v} >> 3) & 1'b1) == 1'b1));" in written
    assert list(found.unmapped.values()) == ["is printed in a form that fits no operand, or several"]


def test_members_of_a_set_are_compared_one_by_one(run: Run) -> None:
    written, _ = run(module("always @* y = v inside {4'd3, 4'd9} && a;"), expr("&&", "((v ==? 4'h9)==1 && a==1) => 1"))
    assert "cover ((v inside {4'd9}) && (a));" in written


@pytest.mark.parametrize(
    ("text", "comment", "reason"),
    [
        ("always @* y = v[0] && a;", "(v[1]==0) => 0", "is printed in a form that fits no operand, or several"),
        ("always @* y = v[0] && a;", "(v[0] + 1==0) => 0", "is printed in a form that isn't known"),
        (
            "always @* begin y = 0; begin reg q0; q0 = a; y = q0 && b; end end",
            "(q0==0) => 0",
            "names a variable that is another one, or has another value, where Verilator looks at the expression",
        ),
        (
            "always @* for (int i = 0; i < 4; i++) q[i] = v[i] && a;",
            "(v[i[1:0]+:1]==0) => 0",
            "names a variable that is another one, or has another value, where Verilator looks at the expression",
        ),
        ("reg k = 1'b1 && 1'b0;", "(1'h1==0) => 0", "is the initial value of a variable"),
    ],
)
def test_expressions_whose_values_are_uncertain(run: Run, text: str, comment: str, reason: str) -> None:
    _, found = run(module(text), expr("&&", comment))
    assert only_reason(found) == reason


@pytest.mark.parametrize(
    "text",
    [
        "`define AND(x, y) ((x) && (y))\nalways @* y = `AND(a, b) && b;",
        "/* here */ always @* y = a && b;",
        "/* here\n and there */ always @* y = a && b;",
    ],
)
def test_lines_whose_columns_verilator_counts_otherwise(run: Run, text: str) -> None:
    _, found = run(module(text), expr("&& b", "(b==0) => 0"))
    assert only_reason(found) == "lies on a line with a macro or behind a /* */ comment, where columns mean nothing"


def test_a_comment_behind_the_code_is_harmless(run: Run) -> None:
    _, found = run(module("always @* y = a && b; /* here */ // `there"), expr("&& b", "(b==0) => 0"))
    assert not found.unmapped


# Signals


def test_both_edges_of_a_bit_share_one_statement(run: Run) -> None:
    text = "module m(input [3:0] v, output y); assign y = v[0]; endmodule\n"
    written, found = run(text, toggle("v, ", "v[2]:0->1"), toggle("v, ", "v[2]:1->0"))
    assert written == "module m(input [3:0] v, output y); assign y = v[0]; always_comb llm4cov_p0: cover (v[2]); endmodule\n"
    assert [one.event for (one,) in found.conditions.values()] == [Event.RISES, Event.FALLS]


def test_bits_of_arrays_structures_and_generate_blocks(run: Run) -> None:
    text = module(
        "typedef struct packed { logic ok; logic [2:1] d; } t;\nt [1:0] s;\nlogic [0:1][2:0] up;\nlogic [1:0] mem [0:1];\n"
        "for (genvar i = 0; i < 2; i++) begin : g\n  logic w;\nend"
    )
    written, found = run(
        text,
        toggle("s;", "s[1].d[2]:0->1"),
        toggle("up;", "up[0][2]:0->1"),
        toggle("mem ", "mem[1][0]:0->1"),
        toggle("w;", "g[1].w:0->1"),
    )
    assert not found.unmapped
    # Verilator counts the elements of an ascending packed dimension from the wrong end.
    for condition in ("(s[1].d[2])", "(up[1][2])", "(mem[1][0])"):
        assert f"cover {condition};" in body(written).splitlines()[-1] + written.splitlines()[-1]
    assert "  logic w;\nalways_comb llm4cov_p3: cover ((i == 32'h1) && w); end" in written


def test_a_port_that_is_declared_twice_stands_at_its_first_place(run: Run) -> None:
    text = "module m(a, y);\n  input a;\n  output y;\n  reg y;\n  always @* y = a;\nendmodule\n"
    written, found = run(text, toggle("y;", "y:0->1"), toggle("a;", "a:1->0"))
    assert not found.unmapped
    assert written.endswith("always_comb llm4cov_p0: cover (a); always_comb llm4cov_p1: cover (y); endmodule\n")


def test_a_bit_of_one_parameterisation_is_no_error_in_another(run: Run) -> None:
    text = (
        "module leaf #(parameter W = 2)(input [W-1:0] d, output y); assign y = d[0]; endmodule\n"
        "module m(input [3:0] v, output [1:0] y); leaf #(2) one(v[1:0], y[0]); leaf #(4) two(v, y[1]); endmodule\n"
    )
    written, found = run(text, toggle("d, ", "d[3]:0->1"), toggle("d, ", "d[1]:0->1"))
    assert not found.unmapped
    assert "cover (d[1]);" in written and "cover ((({d} >> 3) & 1'b1) == 1'b1);" in written


def test_a_state_of_the_only_instance(run: Run) -> None:
    text = module("enum logic {IDLE, BUSY} st;\nalways @(posedge clk) if (a) st <= IDLE; else case (st)\n  IDLE: st <= BUSY;\nendcase")
    written, found = run(text, (Kind.FSM, "case", "st::BUSY", 0), (Kind.FSM, "case", "st::IDLE->BUSY", 0))
    assert "always_comb llm4cov_p0: cover ((st == 1'h1)); endmodule" in written
    assert [one.event for (one,) in found.conditions.values()] == [Event.RISES]
    assert list(found.unmapped.values()) == ["is a transition, which needs two states one after the other"]


# Files


def test_labels_avoid_names_of_the_source(run: Run) -> None:
    written, _ = run(module("wire llm4cov_p0; always @* y = a;"), line("always", "block"))
    assert "llm4cov_p_0: cover" in written


def test_line_ends_and_letters_stay(run: Run, tmp_path: Path) -> None:
    text = module("// Größe in µm\r\nalways @* y = a;\r\n")
    path = tmp_path / "m.sv"
    path.write_bytes(text.encode())
    design, _ = elaborate(FileSet(sources=(path,), top="m"))
    assert design is not None
    found = instrument(design, [CoveragePoint(Kind.LINE, str(path), 3, 1, "block")])
    assert body(found.texts[path]) == "// Größe in µm\r\nalways @* begin y = a; llm4cov_p0: cover (1'b1); end\r\n"


def test_points_of_other_files_are_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "m.sv"
    path.write_text(module("assign y = a;", "input a, output y"))
    design, _ = elaborate(FileSet(sources=(path,), top="m"))
    assert design is not None
    point = CoveragePoint(Kind.LINE, str(tmp_path / "other.svh"), 1, 1, "block")
    assert instrument(design, [point]).unmapped == {point: "lies in an include file"}
