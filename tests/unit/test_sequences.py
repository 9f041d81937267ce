"""A person can take some of a testbench's sequences: they are found in its text, and what is left is the rendering of the others."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from llm4cov_agent.bench.sequences import sequences_of, without
from llm4cov_agent.bench.stimulus import Drive, Hold, Reset, Sequence, Stimulus, default_clocks
from llm4cov_agent.bench.systemverilog import render_systemverilog
from tests.unit.designs_by_hand import ALU
from tests.unit.test_render_sv import SHORT


def _rows(seed: int, count: int = 60) -> tuple[Drive | Hold, ...]:
    """Steps that become a table."""
    draw = random.Random(seed)
    return tuple(
        step
        for _ in range(count)
        for step in (Drive((("a", draw.getrandbits(16)), ("start", draw.getrandbits(1)))), Hold(draw.randint(1, 9)))
    )


THREE = Stimulus(
    "alu",
    42,
    default_clocks(ALU.clocks),
    (
        Sequence("start_up", "Reset, then a step.", (Reset(3), Hold(1))),
        Sequence("found", "A comment that is so long that it has to be broken into two lines, as comments are in what is rendered here.",
                 (Reset(2), *_rows(1), Reset(2), *_rows(2))),
        Sequence("again", "The last one.", (Reset(1), *_rows(3), Hold(1))),
    ),
)  # fmt: skip


def _text(stimulus: Stimulus) -> str:
    return render_systemverilog(stimulus, ALU).text


def test_sequences_are_listed_as_they_run() -> None:
    assert [one.name for one in sequences_of(_text(SHORT))] == ["start_up", "table_2"]
    found = sequences_of(_text(THREE))
    assert [(one.name, one.comment) for one in found] == [(one.name, one.comment) for one in THREE.sequences]
    lines = [line for one in found for first, last in one.lines for line in range(first, last + 1)]
    assert len(lines) == len(set(lines)), "no line belongs to two"


@pytest.mark.parametrize("kept", [{"start_up", "again"}, {"found", "again"}, {"start_up"}, {"again"}, {"start_up", "found", "again"}])
def test_what_is_left_is_the_rendering_of_the_others(kept: set[str]) -> None:
    assert _text(THREE).count("localparam") >= 3
    gone = frozenset(one.name for one in THREE.sequences if one.name not in kept)
    others = replace(THREE, sequences=tuple(one for one in THREE.sequences if one.name in kept))
    assert without(_text(THREE), gone) == _text(others)


def test_a_text_of_another_hand_has_none() -> None:
    text = _text(THREE)
    assert sequences_of(text.replace("    #1;  // Clear of time 0", "    #2;  // Clear of time 0")) == ()
    assert sequences_of("module tb;\nendmodule\n") == ()
    assert without("module tb;\nendmodule\n", frozenset(["start_up"])) == "module tb;\nendmodule\n"
    # What a person put between the calls ends the list, and is kept.
    edited = text.replace("    found;\n", "    assert (busy == 0);\n    found;\n")
    assert [one.name for one in sequences_of(edited)] == ["start_up"]
    assert "assert (busy == 0);" in without(edited, frozenset(["start_up"]))


def test_carriage_returns_and_empty_texts_do_no_harm() -> None:
    assert sequences_of(_text(THREE).replace("\n", "\r\n")) == ()
    assert sequences_of("") == ()
