from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.script import MOST_CHARACTERS, parse_script
from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, RandomField, Repeat, Reset, Sequence, Step, Wait, problems_of
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.rtl.design import Design
from tests.unit.designs_by_hand import ALU, design, port
from tests.unit.test_script_text import ODD

EXAMPLE = """\
sequence fill_then_drain   # Fill it, then drain it.
  reset 4
  drive start=1 a=0x5a op=SUB
  hold 3
  wait busy == 1 limit 100
  random 50 start:25% a={1, 0x1234}:80%~30% regs[0]~5% pads
  repeat 4
    drive start=0 pads.enable=1
    hold 1 on clk
  end
  random 9 seed 7 all
end
"""


def steps_of(text: str, found: Design = ALU) -> tuple[Step, ...]:
    stimulus, problems = parse_script(text, found, seed=1)
    assert stimulus is not None, [str(problem) for problem in problems]
    assert problems_of(stimulus, found) == ()
    return stimulus.sequences[0].steps


def steps_in(lines: str, found: Design = ALU) -> tuple[Step, ...]:
    return steps_of(f"sequence s\n{lines}\nend\n", found)


def refused(text: str, found: Design = ALU, *, cut_off: bool = False) -> Problem:
    stimulus, problems = parse_script(text, found, seed=1, cut_off=cut_off)
    assert stimulus is None
    return next(problem for problem in problems if problem.severity is Severity.ERROR)


def test_each_verb_is_read() -> None:
    stimulus, problems = parse_script(EXAMPLE, ALU, seed=5)
    assert problems == ()
    assert stimulus is not None and stimulus.seed == 5 and stimulus.top == "alu" and stimulus.clocks[0].port == "clk"
    everything = ("start", "op", "a", "pads", "pads.enable", *(f"regs[{index}]" for index in range(8)))
    assert stimulus.sequences == (
        Sequence(
            "fill_then_drain",
            "Fill it, then drain it.",
            (
                Reset(4),
                Drive((("start", 1), ("a", 0x5A), ("op", 1))),
                Hold(3),
                Wait("busy", 1, 100),
                Random(
                    50,
                    (
                        RandomField("start", (0,), 50),
                        RandomField("a", (1, 0x1234), 80, 30),
                        RandomField("regs[0]", (), 0, 5),
                        RandomField("pads"),
                    ),
                ),
                Repeat(4, (Drive((("start", 0), ("pads.enable", 1))), Hold(1, "clk"))),
                Random(9, tuple(RandomField(name) for name in everything), 7),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("90", 90),
        ("0x5A", 90),
        ("0b101_1010", 90),
        ("0o132", 90),
        ("16'h5a", 90),
        ("8'b0101_1010", 90),
        ("'d90", 90),
        ("'1", 0xFFFF),
        ("'0", 0),
        ("-1", 0xFFFF),
        ("-32768", 0x8000),
    ],
)
def test_literals(literal: str, value: int) -> None:
    assert steps_in(f"drive a={literal}") == (Drive((("a", value),)),)


def test_named_values() -> None:
    assert steps_in("drive op=NOP\ndrive op=alu_pkg::SUB\ndrive op=sub") == (Drive((("op", 2),)), Drive((("op", 1),)), Drive((("op", 1),)))


def test_members_of_a_structure_are_0_unless_named() -> None:
    assert steps_in("drive cmd[1][-1].op=5 cmd[1][-1].wrap=1", ODD) == (Drive((("cmd[1][-1]", 0b101_00_1),)),)
    assert steps_in("drive cmd[0][0]=0x3f cmd[0][0].op=0", ODD) == (Drive((("cmd[0][0]", 0b111),)),)


def test_names_that_are_words_of_the_language_or_odd() -> None:
    steps = "drive \\foo+bar =5 all=1 seed=9\nrandom 5 seed all\nrandom 5 seed 3 in={1,2} all\nhold 3 on on\nreset 4 cycles\npace on 8"
    assert steps_in(steps, ODD) == (
        Drive((("foo+bar", 5), ("all", 1), ("seed", 9))),
        Random(5, (RandomField("seed"), RandomField("all"))),
        Random(5, (RandomField("in", (1, 2), 100), RandomField("all")), 3),
        Hold(3, "on"),
        Reset(4, ("cycles",)),
        Pace("on", 8),
    )


@pytest.mark.parametrize(
    "text",
    [
        "Here it is. The steps:\n```text\nSEQUENCE s:\n\n\tHold 3 cycles,\n  - drive start = 1;\nEND\n```\nHold on, that is all.\nhold 3\n",
        "sequence s\nhold 3; drive start=1\nend sequence s\nThis holds it.",
        "sequence s {\r\n hold 3 // three\r\n drive start=1\r\n}\r\n",
        "sequence of steps that hold it\n\nsequence s\nhold 3\n* drive start==1\n```\n",
    ],
)
def test_form_is_free(text: str) -> None:
    assert steps_of(text) == (Hold(3), Drive((("start", 1),)))


def test_a_name_that_comes_twice_gets_a_number() -> None:
    stimulus, problems = parse_script("sequence s\nend\nsequence s\nend\nsequence 2nd-try\nend", ALU, seed=1)
    assert stimulus is not None and problems == ()
    assert [sequence.name for sequence in stimulus.sequences] == ["s", "s_2", "_2nd_try"]


@pytest.mark.parametrize(
    ("line", "column", "message", "hint"),
    [
        ("drive  strat=1", 8, "`strat` is no input of `alu`", "`start`"),
        ("drive a=0x1_0000", 9, "does not fit the 16 bits of `a`", "0xffff"),
        ("drive start=1'bx", 13, "x and z", "0 to 1"),
        ("drive start=3'b1111", 13, "more than the 3 bits", "0 to 1"),
        ("drive a=-32769", 10, "does not fit", "0xffff"),
        ("drive op=SUBB", 10, "`SUBB` is no value of `op`", "`SUB`"),
        ("drive clk=1", 7, "runs by itself", "hold"),
        ("drive y=1", 7, "is an output", "wait y =="),
        ("drive regs=0", 7, "no element of an array", "regs[0]"),
        ("drive regs[8]=0", 7, "no element", "regs[0]"),
        ("drive a[3]=1", 7, "can't be driven", "all 16 bits"),
        ("drive a 3", 9, "gets no value", "a=VALUE"),
        ("drive a=", 9, "end of the line", "0xffff"),
        ("wait pads.enable == 1 limit 5", 6, "can't be waited for", "pads"),
        ("wait clk == 1 limit 5", 6, "runs by itself", "hold"),
        ("wait bussy == 1 limit 5", 6, "no output", "`busy`"),
        ("wait busy limit 5", 11, "value to wait for is missing", "wait busy =="),
        ("wait busy == 1", 15, "limit on the cycles is missing", "limit 100"),
        ("hold", 5, "number of cycles is missing", "hold 3"),
        ("hold 3 on rclk", 11, "no clock", "`clk`"),
        ("pace clk 10 3", 13, "one word too many", "ends here"),
        ("hold 300000", 6, "more than 200000", "0 to 200000"),
        ("reset 4 start", 9, "no reset", "`rst_n`"),
        ("random 5 a:25%", 11, "16 bits", "a={"),
        ("random 5 start:101%", 16, "more than 100", "0 to 100"),
        ("random 5 start all", 16, "stands alone", "random 50 all"),
        ("pace clk 7", 10, "half period", "multiple of 5"),
        ("repeat many", 8, "count is missing", "repeat 4"),
        ("rest 4", 1, "`rest` is no verb", "`reset`"),
        ("\x00\x01", 1, "is no verb", "A step is one of"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(line: str, column: int, message: str, hint: str) -> None:
    problem = refused(f"sequence s\n{line}\nend\n")
    assert (problem.line, problem.column) == (2, column)
    assert message in problem.message
    assert problem.hint is not None and hint in problem.hint


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no sequence"),
        ("I can't do that.", 1, "no sequence"),
        ("reset 3\nhold 4", 1, "no sequence"),
        ("sequence s\nend\nhold 4", 3, "outside of a sequence"),
        ("sequence s\nrepeat 3\nhold 1\n", 3, "no `end`"),
        ("sequence s\nend\nsequence fill and drain\nend", 3, "one word"),
        ("sequence s\nhold 150000\nend\nsequence t\nrepeat 2\nhold 50000\nend\nend", 1, "250000 cycles"),
        ("sequence s\nrepeat 1000000\ndrive start=1\nend\nend", 1, "executes"),
    ],
)
def test_what_is_wrong_with_the_whole_is_said(text: str, line: int, message: str) -> None:
    problem = refused(text)
    assert problem.line == line
    assert message in problem.message


def test_one_reading_finds_many_errors_but_not_all() -> None:
    _, problems = parse_script("sequence s\n" + "hold x\n" * 500 + "end", ALU, seed=1)
    assert 20 <= len(problems) <= 22
    assert "too many errors" in problems[-1].message


def test_a_missing_end_is_a_warning_where_it_can_only_be_there() -> None:
    stimulus, problems = parse_script("sequence s\nhold 1\nsequence t\nhold 2\n", ALU, seed=1)
    assert stimulus is not None
    assert [sequence.steps for sequence in stimulus.sequences] == [(Hold(1),), (Hold(2),)]
    assert [problem.severity for problem in problems] == [Severity.WARNING] * 2


def test_a_design_without_reset_is_warned_of_a_reset() -> None:
    stimulus, problems = parse_script("sequence s\nreset 3\nend", design("d", (port("a", "input"),)), seed=1)
    assert stimulus is not None
    assert "no reset" in problems[0].message


def test_a_script_that_was_cut_off_keeps_what_is_whole() -> None:
    for place in range(EXAMPLE.index("hold 3"), len(EXAMPLE)):
        stimulus, problems = parse_script(EXAMPLE[:place], ALU, seed=1, cut_off=True)
        assert stimulus is not None, [str(problem) for problem in problems]
        assert problems_of(stimulus, ALU) == ()
        assert ["cut off" in problem.message for problem in problems] == [True]
        assert stimulus.sequences[0].steps[:2] == steps_of(EXAMPLE)[:2]
    assert refused("sequence s", cut_off=True)


HOSTILE = {
    "long": "x" * 100_000_000,
    "no lines": "\n" * 1_000_000,
    "steps": "sequence s\n" + "hold 0\n" * 280_000,
    "drives": "sequence s\n" + "drive\n" * 300_000,
    "draws": "sequence s\n" + "random 1 all\n" * 150_000,
    "deep": "sequence s\n" + "repeat 3\n" * 200_000,
    "deep and huge": "sequence s\n" + "repeat 1000000\n" * 32 + "hold 200000\n" + "end\n" * 33,
    "sequences": "sequence s\nend\n" * 120_000,
    "semicolons": "sequence s\n" + ";" * 190_000,
    "spaces": "sequence s\n" + " " * 190_000 + "x" + " " * 1_000_000,
    "digits": "sequence s\ndrive a=" + "9" * 190_000,
    "hex digits": "sequence s\ndrive a[0x" + "f" * 190_000 + "]=1",
    "count": "sequence s\nhold 0x" + "f" * 190_000,
    "indices": "sequence s\ndrive a" + "[0]" * 60_000 + "=1",
    "name": "sequence " + "n" * 190_000 + "\nend",
    "misspelt": "sequence s\n" + ("drive " + "q" * 60_000 + "=1\n") * 30,
    "comment": "sequence s # " + "\ud800\u2028\x00#" * 40_000 + "\nend",
    "choices": "sequence s\nrandom 1 a={" + "1," * 90_000 + "}",
    "quotes": "sequence s\n" + "'" * 190_000,
    "fences": "```\n" * 400_000,
    "headers": "sequence s {{{{ #\n" * 100_000,
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_texts_take_bounded_time(name: str) -> None:
    begin = time.process_time()
    stimulus, problems = parse_script(HOSTILE[name], ALU, seed=1)
    assert time.process_time() - begin < 20
    assert len(problems) < 100
    assert all(len(str(problem)) < 2000 for problem in problems)
    if stimulus is None:
        assert problems
    else:
        assert problems_of(stimulus, ALU) == ()
        repr(stimulus).encode()


def test_a_text_above_the_limit_is_not_looked_at() -> None:
    assert str(MOST_CHARACTERS) in refused("#" * (MOST_CHARACTERS + 1)).message


MARKS = list("=:;,~{}[].%-\\#'\n\n\n")
NAMES = ["clk", "rst_n", "start", "op", "SUB", "a", "pads", "regs[3]", "pads.enable", "busy"]
VERBS = ["sequence", "end", "reset", "drive", "hold", "wait", "random", "repeat", "pace", "all", "seed", "limit", "on"]
WORDS = st.sampled_from([*MARKS, *NAMES, *VERBS, "==", "!=", "1", "0x10", "4'b1", "'1", "```"])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=60), st.booleans())
def test_no_text_raises_and_what_is_read_fits(words: list[str], cut_off: bool) -> None:
    stimulus, problems = parse_script("sequence s\n" + " ".join(words), ALU, seed=1, cut_off=cut_off)
    assert (stimulus is None) == any(problem.severity is Severity.ERROR for problem in problems)
    assert stimulus is None or problems_of(stimulus, ALU) == ()


def test_a_changed_script_is_read_or_refused() -> None:
    generator = random.Random(1)
    for _ in range(1500):
        chars = list(EXAMPLE)
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(chars))
            chars[place : place + generator.randint(0, 3)] = generator.choice(["", " ", "\n", "9", "a", "[", "}", "end\n", "%"])
        stimulus, problems = parse_script("".join(chars), ALU, seed=1)
        assert (stimulus is None) == any(problem.severity is Severity.ERROR for problem in problems)
        assert stimulus is None or problems_of(stimulus, ALU) == ()
