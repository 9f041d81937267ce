from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.stimulus import (
    ClockDrive,
    Drive,
    Hold,
    Pace,
    Random,
    RandomField,
    Repeat,
    Reset,
    Sequence,
    Step,
    Stimulus,
    Wait,
    default_clocks,
    most_cycles,
    problems_of,
)
from llm4cov_agent.bench.stimulus_json import from_json, to_json
from llm4cov_agent.rtl.design import Clock, Edge
from tests.unit.designs_by_hand import ALU

GOOD = Stimulus("alu", 1, default_clocks(ALU.clocks), (Sequence("one", "One.", (Reset(2), Drive((("a", 5),)), Hold(3))),))


def with_step(step: Step) -> Stimulus:
    return replace(GOOD, sequences=(Sequence("one", "One.", (step,)),))


@settings(deadline=None)
@given(st.lists(st.sampled_from([Edge.POSEDGE, Edge.NEGEDGE, Edge.BOTH]), min_size=1, max_size=6))
def test_edges_and_input_changes_of_default_clocks_never_meet(edges: list[Edge]) -> None:
    drives = default_clocks(tuple(Clock(f"clk{rank}", edge, 1) for rank, edge in enumerate(edges)))
    horizon = 4000
    all_edges: list[int] = []
    changes: set[int] = {1}  # The first step begins clear of time 0.
    for drive in drives:
        own = range(drive.phase + drive.half_period, horizon, drive.half_period)
        all_edges += own
        changes |= {moment + 1 for moment in own[1 if drive.edge is Edge.NEGEDGE else 0 :: 2]}
    assert len(all_edges) == len(set(all_edges))
    assert not changes & set(all_edges)


def test_a_fitting_stimulus_has_no_problems() -> None:
    assert problems_of(GOOD, ALU) == ()
    assert most_cycles(GOOD) == 5


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Drive((("a", 1 << 16),)), "does not fit the 16 bits"),
        (Drive((("nothing", 0),)), "is not an input"),
        (Drive((("clk", 1),)), "free-running clock"),
        (Reset(1, ("start",)), "is no reset"),
        (Hold(1, "start"), "is not a free-running clock"),
        (Hold(-1), "negative"),
        (Pace("start", 5), "is not a free-running clock"),
        (Pace("clk", 1), "half period of at least 2"),
        (Wait("clk", 1, 5), "can't be waited for"),
        (Wait("y", -1, 5), "does not fit"),
        (Random(5, (RandomField("a", (), 10),)), "nothing to choose from"),
        (Repeat(2, (Drive((("regs[8]", 0),)),)), "is not an input"),
    ],
)
def test_what_does_not_fit_is_said(step: Step, words: str) -> None:
    problems = problems_of(with_step(step), ALU)
    assert any(words in problem.message for problem in problems), problems


def test_clocks_whose_edges_meet_are_refused() -> None:
    clash = replace(GOOD, clocks=(ClockDrive("clk", 5), ClockDrive("start", 10)))
    assert any("same moment" in problem.message for problem in problems_of(clash, ALU))


@pytest.mark.parametrize("half_period", [6, 7, 12, 20, 21, 22])
def test_a_pace_is_accepted_only_where_no_edges_can_ever_meet(half_period: int) -> None:
    clocks = default_clocks((Clock("clk", Edge.POSEDGE, 1), Clock("start", Edge.NEGEDGE, 1)))
    stimulus = replace(GOOD, clocks=clocks, sequences=(Sequence("one", "One.", (Pace("start", half_period), Hold(1))),))
    assert bool(problems_of(stimulus, ALU)) == bool(half_period % 4), problems_of(stimulus, ALU)


SIGNALS = st.sampled_from(["a", "regs[3]", "pads.enable"])
COUNTS = st.integers(0, 9)
STEPS: st.SearchStrategy[Step] = st.recursive(
    st.one_of(
        st.builds(Reset, COUNTS, st.sampled_from([(), ("rst_n",)])),
        st.builds(Drive, st.dictionaries(SIGNALS, st.integers(0, 1), max_size=3).map(lambda values: tuple(values.items()))),
        st.builds(Hold, COUNTS, st.sampled_from([None, "clk"])),
        st.builds(Wait, st.just("y"), COUNTS, COUNTS, st.booleans()),
        st.builds(Pace, st.just("clk"), COUNTS),
        st.builds(Random, COUNTS, st.lists(st.builds(RandomField, SIGNALS, st.just((0, 1)), st.integers(0, 100)), max_size=2).map(tuple)),
    ),
    lambda inner: st.builds(Repeat, COUNTS, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=6))
def test_a_stimulus_survives_json(steps: list[Step]) -> None:
    stimulus = replace(GOOD, sequences=(Sequence("one", "One.", tuple(steps)),))
    assert from_json(json.loads(json.dumps(to_json(stimulus)))) == (stimulus, ())


@pytest.mark.parametrize("bad", [None, [], {"top": 3}, {"top": "x", "seed": True}, {"top": "x", "seed": 1, "sequences": [{"name": "n"}]}])
def test_what_is_no_stimulus_is_a_problem(bad: object) -> None:
    stimulus, problems = from_json(bad)  # type: ignore[arg-type]
    assert stimulus is None
    assert problems
