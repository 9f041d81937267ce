from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures import loader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.script import parse_script
from llm4cov_agent.bench.script_names import Vocabulary
from llm4cov_agent.bench.script_text import script_of, spelled
from llm4cov_agent.bench.stimulus import (
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
    free_clocks,
    problems_of,
)
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Clock, Design, Edge, Field
from tests.unit.designs_by_hand import ALU, design, port

ODD = design(
    "odd",
    (
        port("clk", "input"),
        port("on", "input"),
        port("foo+bar", "input", 9),
        port("all", "input"),
        port("seed", "input", 70),
        port("cycles", "input"),
        port("in", "input", 3),
        port("cmd", "input", 6, fields=(Field("op", 3, 3), Field("row", 1, 2), Field("wrap", 0, 1)), unpacked=((1, 0), (-1, 0))),
        port("either", "input", 8, fields=(Field("byte", 0, 8), Field("low", 0, 4))),
        port("a[0]", "input", 2),
        port("limit", "output", 130),
        port("pad+", "inout", 2),
    ),
    resets=(("cycles", True),),
)
ODD = replace(ODD, clocks=(Clock("clk", Edge.POSEDGE, 2), Clock("on", Edge.NEGEDGE, 1)))
DESIGNS = {"alu_by_hand": ALU, "odd": ODD, "nothing": design("nothing", ())} | {name: loader.design(name) for name in loader.names()}


def steps_for(design: Design) -> st.SearchStrategy[tuple[Step, ...]]:
    vocabulary = Vocabulary(design)
    clocks = [clock.port for clock in free_clocks(design)]
    widths = {signal: width for signal, width in design.driven_signals().items() if signal not in clocks}
    seen = list(vocabulary.observed.values())
    counts = st.integers(0, 9)
    resets = st.lists(st.sampled_from([reset.port for reset in design.resets]), max_size=2).map(tuple) if design.resets else st.just(())
    kinds: list[st.SearchStrategy[Step]] = [
        st.builds(Reset, counts, resets),
        st.builds(Hold, counts, st.sampled_from([None, *clocks])),
    ]
    if widths:
        value = st.sampled_from(sorted(widths)).flatmap(lambda name: st.tuples(st.just(name), _values(widths[name])))
        field = st.sampled_from(sorted(widths)).flatmap(lambda name: _fields(name, widths[name]))
        kinds.append(st.lists(value, max_size=5).map(lambda pairs: Drive(tuple(dict(pairs).items()))))
        kinds.append(st.builds(Random, counts, st.lists(field, max_size=4).map(tuple), st.one_of(st.none(), st.integers(0, (1 << 32) - 1))))
        kinds.append(st.just(Random(3, tuple(RandomField(signal) for signal in vocabulary.drawn_by_all))))
    if seen:
        kinds.append(
            st.sampled_from(seen).flatmap(
                lambda target: st.builds(Wait, st.just(target.signal), _values(target.width), counts, st.booleans())
            )
        )
    if clocks:
        kinds.append(st.builds(Pace, st.sampled_from(clocks), st.integers(1, 24).map(lambda factor: factor * vocabulary.pace_step)))
    steps = st.recursive(st.one_of(kinds), lambda inner: st.builds(Repeat, counts, st.lists(inner, max_size=3).map(tuple)), max_leaves=6)
    return st.lists(steps, max_size=5).map(tuple)


def _values(width: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << width) - 1)


def _fields(name: str, width: int) -> st.SearchStrategy[RandomField]:
    choices = st.lists(_values(width), max_size=4).map(tuple)
    return st.tuples(choices, st.integers(0, 100), st.integers(0, 100)).map(
        lambda drawn: RandomField(name, drawn[0], drawn[1] if drawn[0] else 0, drawn[2])
    )


@pytest.mark.parametrize("name", list(DESIGNS))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_reads_back(name: str, data: st.DataObject) -> None:
    found = DESIGNS[name]
    names = data.draw(st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,70}", fullmatch=True), min_size=1, max_size=3, unique=True))
    comments = st.text(max_size=30).map(lambda text: " ".join(text.split()).lstrip("#/ ")).filter(str.isprintable)
    sequences = tuple(Sequence(one, data.draw(comments), data.draw(steps_for(found))) for one in names)
    stimulus = Stimulus(found.top, 7, free_clocks(found), sequences)
    if any("half period" in problem.message or "edge" in problem.message for problem in problems_of(stimulus, found)):
        return  # Not every mix of paces is free of races.
    assert problems_of(stimulus, found) == ()
    again, problems = parse_script(script_of(stimulus, found), found, seed=7)
    assert again == stimulus, [str(problem) for problem in problems]


@pytest.mark.parametrize("name", loader.names())
def test_stimuli_of_policies_and_witnesses_read_back(name: str) -> None:
    found = loader.design(name)
    for stimulus in (random_stimulus(found, seed=3), loader.load(name).witness()):
        again, problems = parse_script(script_of(stimulus, found), found, seed=stimulus.seed)
        assert again is not None, [str(problem) for problem in problems]
        assert again.sequences == stimulus.sequences
        assert problems_of(again, found) == ()


def test_values_are_written_as_they_read_best() -> None:
    steps = (
        Reset(2, ("rst_n",)),
        Drive((("start", 1), ("op", 1), ("a", 99), ("regs[2]", 100), ("pads", 12), ("op", 3))),
        Random(9, (RandomField("start", (0,), 50), RandomField("a", (0, 0x1234), 80, 30), RandomField("start", (1,), 100)), 5),
        Repeat(4, (Wait("y", 0xFFFF, 30, equal=False),)),
        Random(8, tuple(RandomField(signal) for signal in Vocabulary(ALU).drawn_by_all)),
    )
    stimulus = Stimulus("alu", 1, free_clocks(ALU), (Sequence("one", "Adds twice.", steps),))
    assert script_of(stimulus, ALU) == (
        "sequence one  # Adds twice.\n"
        "  reset 2 rst_n\n"
        "  drive start=1 op=3 a=99 regs[2]=0x64 pads=0xc\n"
        "  random 9 seed 5 start:25% a={0,0x1234}:80%~30% start:100%\n"
        "  repeat 4\n"
        "    wait y != 0xffff limit 30\n"
        "  end\n"
        "  random 8 all\n"
        "end\n"
    )


def test_structures_are_written_by_member_where_members_say_all() -> None:
    stimulus = Stimulus("odd", 1, free_clocks(ODD), (Sequence("one", "", (Drive((("cmd[1][-1]", 0b101_00_1), ("either", 3))),)),))
    assert "drive cmd[1][-1].op=5 cmd[1][-1].wrap=1 either=3\n" in script_of(stimulus, ODD)


def test_odd_names_are_escaped() -> None:
    assert spelled("foo+bar") == "\\foo+bar "
    assert spelled("pad+[3].enable") == "\\pad+ [3].enable"
    assert spelled("data[3]") == "data[3]"
