"""What the text alone tells about a simulator's order of evaluation, and how cover statements leave it."""

from __future__ import annotations

import pytest

from llm4cov_agent.closure.reach.blocks import BlockKind
from llm4cov_agent.closure.reach.hazards import hazards_of
from llm4cov_agent.closure.reach.netlist import Netlist, Wire
from llm4cov_agent.closure.reach.scan import scan
from llm4cov_agent.closure.reach.settling import is_doubtful, tied_low
from llm4cov_agent.closure.reach.transition import unlabelled


def _names(text: str) -> tuple[set[str], set[str], str]:
    found = scan(text)
    hazards = hazards_of({"s0.sv": found}, {"a", "b", "k", "n", "p"})
    return {name for _, _, name in hazards.cut}, {name for _, _, name in hazards.held}, found.obstacle


def _module(body: str) -> str:
    return f"module m(input a, input clk);\n{body}\nendmodule\n"


@pytest.mark.parametrize(
    ("body", "held"),
    [
        ("always @* k = 1'b1;", {"k"}),
        ("always @(*) begin k = 1'b1; end", {"k"}),
        ("always @(a or b) begin k = a & b; end", {"k"}),
        ("always @* k = LIMIT + width;", {"k"}),
        ("always @* k = a;", set()),
        ("always_comb k = 1'b1;", set()),
        ("always @* begin k <= a; n = a; end", {"k"}),
        ("always_latch if (a) k <= n;", {"k"}),
        ("always @(posedge clk) k <= a;", set()),
        ("always @(a) begin if (a) {k, n[1]} = 2'd1; else p.q[0] = a; end", {"k", "n", "p"}),
        ("always @(a) case (a) 1'b0, 1'b1: k = a; default begin n += 1; p++; end endcase", {"k", "n", "p"}),
        ("always @(a) for (int i = 0; i < 2; i++) k[i] = a;", {"k"}),
    ],
)
def test_blocks_that_are_not_run_at_every_change_hold(body: str, held: set[str]) -> None:
    assert _names(_module(body))[1] == held


def test_a_blocking_assignment_that_another_clocked_block_may_read_is_cut() -> None:
    body = "reg k; always @(posedge clk) k = a;\nreg n; always @(posedge clk) n <= k;"
    assert _names(_module(body))[0] == {"k"}
    alone = "reg k; reg n; always @(posedge clk) begin k = a; n <= k; end\nalways @(posedge clk) p <= a;"
    assert _names(_module(alone))[0] == set()


def test_a_task_may_delay_only_where_a_clock_calls_it() -> None:
    task = "task done; begin k <= a; end endtask\n"
    assert _names(_module(task + "always @(posedge clk) done;"))[0] == set()
    assert _names(_module(task + "always @* done;"))[0] == {"k"}


@pytest.mark.parametrize(
    "text",
    [
        "`define SET(x) x <= 1'b1;\n" + _module("always @(posedge clk) `SET(k)"),
        _module("always @(posedge clk) `SET(k)"),
        _module("always #5 k = !k;"),
        _module("always @(posedge clk) begin k = a; @(posedge clk); end"),
        _module("tri1 k;"),
        _module("// synopsys translate_off\n"),
        "interface i; endinterface\n",
        _module("initial force k = 1;"),
        _module("assign k = $random;"),
    ],
)
def test_what_cannot_be_followed_is_an_obstacle(text: str) -> None:
    assert _names(text)[2]


def test_words_in_comments_and_strings_are_none() -> None:
    assert not _names(_module('// force\n/* interface */ initial $display("force always");'))[2]


def test_blocks_know_their_module_and_their_extent() -> None:
    one = "module a;\nalways @(posedge c)\n  if (x) begin\n  y <= 1;\n  end else\n    y <= 2;\nendmodule\n"
    found = scan(one + "module b; always_comb z = 1; endmodule\n")
    first, second = found.blocks
    assert (first.kind, first.module, first.start, first.end) == (BlockKind.EDGE, 0, (2, 1), (6, 11))
    assert (second.kind, second.module, second.blocking) == (BlockKind.COMBINATIONAL, 1, {"z"})


def test_calls_list_the_names_in_their_arguments() -> None:
    found = scan(_module("function f(input x); f = x; endfunction\nassign y = f(a + g(b));"))
    assert ("f", frozenset({"a", "g", "b"})) in found.calls
    assert all(name != "f" or "x" not in names for name, names in found.calls)


def test_labels_are_blanked_and_their_places_kept() -> None:
    text = "x;\n  if (a)  p1: cover (b); // p2: cover (c);\n  p3\n : cover (d);\n"
    (plain, places), bare = unlabelled(text)
    assert places == [("p1", 2, 15), ("p3", 4, 4)]
    assert plain == "x;\n  if (a)      cover (b); // p2: cover (c);\n    \n   cover (d);\n"
    assert bare == "x;\n  if (a)               ; // p2: cover (c);\n    \n            ;\n"


LOOP = """\
always_comb begin
  if (P) y = 1;
  for (int i = 0; i < 3; i++)
    if (P) y = 2;
  if (P) y = 3;
end
"""


@pytest.mark.parametrize(
    ("text", "line", "is_doubted"),
    [
        (LOOP, 3, False),
        (LOOP, 5, True),
        (LOOP, 6, False),
        (LOOP.replace("y = 1", "break"), 6, True),
        (LOOP.replace("for", "foreach"), 6, True),
    ],
)
def test_what_the_front_end_left_out_is_doubted_inside_loops_only(text: str, line: int, is_doubted: bool) -> None:
    scans = {"s": scan(f"module m;\n{text}endmodule\n")}
    assert is_doubtful(scans, ("s", line, 10), {"y"}, {("s", 0)}, is_absent=True) == is_doubted
    assert not is_doubtful(scans, ("s", line, 10), {"y"}, {("s", 0)}, is_absent=False)


@pytest.mark.parametrize(
    ("body", "direction", "init", "expected"),
    [
        ("assign t[0] = 0;", "", "", {("\\t", 0)}),
        ("assign t[0] = 0;", "inout", "", set()),
        ("assign t[0] = 0;", "", "01", set()),
        ("always_comb t[0] = 0;", "", "", set()),
        ("task w; t = 0; endtask", "", "", set()),
    ],
)
def test_a_bit_tied_to_0_by_no_block_stays_0(body: str, direction: str, init: str, expected: set[object]) -> None:
    netlist = Netlist("\\m")
    netlist.wires["\\t"] = Wire("\\t", 2, direction, path=("t",), src="s:1.1", init=init)
    netlist.add("$buf", {"WIDTH": 2}, {"A": ("0", "1"), "Y": (("\\t", 0), ("\\t", 1))})
    assert tied_low(netlist, {"s": scan(f"module m; {body} endmodule\n")}) == expected
