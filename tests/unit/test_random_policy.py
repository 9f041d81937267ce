from __future__ import annotations

from dataclasses import replace

import pytest

from llm4cov_agent.bench.stimulus import Random, Reset, most_cycles, problems_of, walk
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from tests.unit.designs_by_hand import ALU, design, port

COMBINATIONAL = design("gate", (port("a", "input"), port("b", "input", 8), port("y", "output")))
NOTHING = design("nothing", ())
TWO_CLOCKS = replace(
    design("cdc", (port("clk_a", "input"), port("clk_b", "input"), port("d", "input"), port("q", "output")), clocks=("clk_a", "clk_b")),
)


@pytest.mark.parametrize("target", [ALU, COMBINATIONAL, NOTHING, TWO_CLOCKS], ids=lambda one: one.top)
@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_it_fits_the_design_and_keeps_to_the_cycles(target: Design, seed: int) -> None:
    stimulus = random_stimulus(target, seed=seed, cycles=400)
    assert problems_of(stimulus, target) == ()
    assert 390 <= most_cycles(stimulus) <= 410
    assert 3 <= len(stimulus.sequences) <= 5
    assert stimulus == random_stimulus(target, seed=seed, cycles=400)


def test_seeds_differ() -> None:
    assert random_stimulus(ALU, seed=1) != random_stimulus(ALU, seed=2)


def test_it_resets_first_and_again_in_between() -> None:
    stimulus = random_stimulus(ALU, seed=1)
    resets = [index for index, sequence in enumerate(stimulus.sequences) for step in walk(sequence.steps) if isinstance(step, Reset)]
    assert isinstance(stimulus.sequences[0].steps[0], Reset)
    assert len(resets) == 3


def test_constants_names_and_pin_directions_are_drawn_and_clocks_and_resets_are_not() -> None:
    fields = [
        field
        for sequence in random_stimulus(ALU, seed=1).sequences
        for step in sequence.steps
        if isinstance(step, Random)
        for field in step.fields
    ]
    drawn = {field.signal: field.choices for field in fields}
    assert {0x1233, 0x1234, 0x1235, 0xFFFF} <= set(drawn["a"])
    assert drawn["op"] == (0, 1, 2)
    assert {"pads", "pads.enable", "regs[0]", "regs[7]", "start"} <= set(drawn)
    assert not {"clk", "rst_n", "busy", "y"} & set(drawn)


def test_two_clocks_run_free() -> None:
    assert [clock.port for clock in random_stimulus(TWO_CLOCKS, seed=1).clocks] == ["clk_a", "clk_b"]
