"""What models write, read as testbenches or as reasons why they are none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.stimulus import problems_of
from llm4cov_agent.errors import has_errors
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_agent.loop.reply import MOST_REPLY_CHARACTERS, parse_reply
from llm4cov_agent.loop.state import State, read_design_text
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

CODE = "module gate(input wire clk, input wire rst, input wire [3:0] a, output reg q);\nalways @(posedge clk) q <= !rst && &a;\nendmodule\n"
BENCH = "module tb_gate;\n  reg clk = 0, rst = 1;\n  reg [3:0] a = 0;\n  wire q;\n  gate dut(.clk(clk), .rst(rst), .a(a), .q(q));\n"
BENCH += "  always #5 clk = ~clk;\n  initial begin #20 rst = 0; a = 4'hf; #40 $finish; end\nendmodule\n"
SCRIPT = "sequence all_ones\n  drive rst=0 a=0xf\n  hold 4\nend\n"
WORDS = [*BENCH.split(), *SCRIPT.split(), "```", "\n", "end", "$c", "<think>", "</think>"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    path = tmp_path_factory.mktemp("rtl") / "gate.v"
    path.write_text(CODE)
    design, problems = elaborate(FileSet(sources=(path,)), search=False)
    assert design is not None, problems
    return State(read_design_text(design))


@pytest.mark.parametrize(
    "text",
    [
        f"tb_gate.sv\n```systemverilog\n{BENCH}```",
        f"Here it is.\n\n```verilog\n// file: tb_gate.sv\n{BENCH}```\nI hope that it helps! ```",
        f"~~~\n{BENCH}~~~",
        BENCH,
        f"`timescale 1ns/1ps\n{BENCH}",
        f"Sure: the testbench follows.\n{BENCH}",
        f"```\nnot this one\n```\n```sv\n{BENCH}",
    ],
    ids=["as asked", "with prose", "tildes", "bare", "directive first", "prose, no fence", "fence never closed"],
)
def test_a_file_is_found_however_it_is_wrapped(state: State, text: str) -> None:
    reply = parse_reply(text, state, ReplyFormat.FULL, seed=1)
    assert reply.testbench is not None and not has_errors(reply.problems)
    assert reply.testbench.name == "tb_gate"
    assert reply.testbench.text.count("module tb_gate;") == 1 and reply.testbench.text.rstrip().endswith("endmodule")


def test_the_top_is_the_module_that_no_other_holds(state: State) -> None:
    both = BENCH.replace("tb_gate", "inner") + "module outer;\n  inner i();\nendmodule\n"
    reply = parse_reply(f"```\n{both}```", state, ReplyFormat.FULL, seed=1)
    assert reply.testbench is not None and reply.testbench.name == "outer"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("I can't do that.", "no module"),
        ("Ich kann das nicht.", "no module"),
        ("```\nmodule tb_gate; initial\n```", "endmodule"),
        ("x" * (MOST_REPLY_CHARACTERS + 1), "characters"),
        (f"```\n{BENCH.replace('#40', '#40 $system(12);')}```", "$system"),
        (f'```\n`include "/etc/passwd"\n{BENCH}```', "include"),
        (f'`include "/etc/passwd"\n{BENCH}', "include"),
        (f'Sure.\n`verilator_config\ncoverage_off -file "*"\n`verilog\n{BENCH}', "verilator_config"),
    ],
)
def test_a_reply_without_a_testbench_says_why(state: State, text: str, says: str) -> None:
    reply = parse_reply(text, state, ReplyFormat.FULL, seed=1)
    assert reply.testbench is None or has_errors(reply.problems)
    assert any(says in problem.message for problem in reply.problems), reply.problems


def test_errors_of_syntax_are_those_of_a_build(state: State) -> None:
    reply = parse_reply(f"```\n{BENCH.replace('initial begin', 'initial begn')}```", state, ReplyFormat.FULL, seed=1)
    assert reply.testbench is not None
    assert has_errors(reply.problems) and reply.problems[0].line == 7


def test_a_script_is_rendered_by_us(state: State) -> None:
    reply = parse_reply(SCRIPT, state, ReplyFormat.STIMULUS, seed=1)
    assert reply.testbench is not None and reply.stimulus is not None
    assert [sequence.name for sequence in reply.stimulus.sequences] == ["all_ones"]
    assert "gate" in reply.testbench.text and "$finish" in reply.testbench.text


def test_further_sequences_go_behind_those_of_the_state(state: State) -> None:
    first = parse_reply(SCRIPT, state, ReplyFormat.STIMULUS, seed=1)
    then = parse_reply(SCRIPT, State(state.design, first.testbench, first.stimulus), ReplyFormat.STIMULUS, seed=1)
    assert then.stimulus is not None and first.stimulus is not None
    assert then.stimulus.sequences[:1] == first.stimulus.sequences
    assert len({sequence.name for sequence in then.stimulus.sequences}) == 2


def test_sequences_that_would_run_for_ever_are_refused(state: State) -> None:
    long = "sequence x\n  repeat 15\n    hold 9999\n  end\nend\n"
    first = parse_reply(long, state, ReplyFormat.STIMULUS, seed=1)
    assert first.stimulus is not None
    again = parse_reply(long, State(state.design, first.testbench, first.stimulus), ReplyFormat.STIMULUS, seed=1)
    assert again.testbench is None and "cycles" in again.problems[0].message


def test_what_a_full_context_cut_off_is_used_as_far_as_it_goes(state: State) -> None:
    reply = parse_reply(SCRIPT + "sequence more\n  drive a=0x", state, ReplyFormat.STIMULUS, seed=1, cut_off=True)
    assert reply.stimulus is not None and reply.stimulus.sequences[0].name == "all_ones"


THINKING = "<think>\nI could write `module x; endmodule`.\nsequence draft\n  hold 9\nend\n</think>\n\n"
FORMATS = list(ReplyFormat)


@pytest.mark.parametrize("reply_format", FORMATS)
@pytest.mark.parametrize(
    "before",
    [
        THINKING,
        "\n " + THINKING,
        "<think>\n\n</think>\n\n",
        THINKING + "<think>Once more.</think>\n",
        THINKING.removeprefix("<think>"),
        "<think>short</think>",
    ],
    ids=["a section", "white space first", "an empty section", "two sections", "opened by the template", "on one line"],
)
def test_what_a_model_thinks_before_it_answers_is_no_part_of_the_answer(state: State, before: str, reply_format: ReplyFormat) -> None:
    answer = SCRIPT if reply_format is ReplyFormat.STIMULUS else f"```\n{BENCH}```"
    alone, thought = (parse_reply(text, state, reply_format, seed=1) for text in (answer, before + answer))
    assert alone.testbench is not None
    assert thought == alone


@pytest.mark.parametrize("reply_format", FORMATS)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<think>\nFirst " + SCRIPT + f"```\n{BENCH}```", "reasoning"),
        ("<think>", "reasoning"),
        (THINKING, "no answer"),
        (THINKING + "<think>" + BENCH + SCRIPT, "reasoning"),
        ("</think>", "no answer"),
    ],
)
def test_reasoning_without_an_answer_is_no_testbench(state: State, text: str, says: str, reply_format: ReplyFormat) -> None:
    reply = parse_reply(text, state, reply_format, seed=1, cut_off=True)
    assert reply.testbench is None and reply.stimulus is None
    (problem,) = reply.problems
    assert says in problem.message


def test_tags_within_an_answer_stay(state: State) -> None:
    code = BENCH.replace("initial begin", 'initial begin $display("<think>"); $display("</think>");')
    reply = parse_reply(f"```\n{code}```", state, ReplyFormat.FULL, seed=1)
    assert reply.testbench is not None and reply.testbench.text == code


def test_lines_keep_their_numbers_behind_what_was_thought(state: State) -> None:
    reply = parse_reply("<think>\n\n</think>\nsequence x\n  drive nobody=1\nend\n", state, ReplyFormat.STIMULUS, seed=1)
    assert reply.problems[0].line == 5


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400) | st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
@pytest.mark.parametrize("reply_format", list(ReplyFormat))
def test_no_reply_raises_and_each_gives_a_testbench_or_a_reason(state: State, reply_format: ReplyFormat, text: str) -> None:
    reply = parse_reply(text, state, reply_format, seed=1)
    assert reply.testbench is not None or reply.problems
    if reply.stimulus is not None:
        assert problems_of(reply.stimulus, state.design.design) == ()
