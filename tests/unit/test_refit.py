"""A stimulus is made to fit a design that changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures import loader

from llm4cov_agent.bench.refit import refit
from llm4cov_agent.bench.stimulus import (
    Drive,
    Hold,
    Pace,
    Random,
    RandomField,
    Repeat,
    Reset,
    Sequence,
    Stimulus,
    Wait,
    free_clocks,
    problems_of,
)
from llm4cov_agent.rtl.design import Design


@pytest.fixture(scope="module")
def design() -> Design:
    return loader.design("fifo_sync")


def _stimulus(design: Design, *steps: object, top: str | None = None) -> Stimulus:
    return Stimulus(top or design.top, 3, free_clocks(design), (Sequence("one", "", steps),))  # type: ignore[arg-type]


def test_what_fits_stays_the_very_same(design: Design) -> None:
    stimulus = _stimulus(design, Reset(2), Drive((("push", 1),)), Hold(3))
    assert refit(stimulus, design) is stimulus


def test_inputs_that_are_gone_are_left_out_and_time_still_passes(design: Design) -> None:
    stimulus = _stimulus(
        design,
        Reset(2, ("old_reset",)),
        Drive((("gone", 1), ("push", 0x1F))),
        Drive((("gone", 0),)),
        Random(9, (RandomField("gone"),)),
        Random(8, (RandomField("gone"), RandomField("wdata", (0xFFFFFFFFFF,), 50))),
        Hold(4, "old_clk"),
        Wait("old_done", 1, 1000),
        Pace("old_clk", 7),
        Repeat(3, (Drive((("gone", 1),)),)),
        Repeat(2, (Drive((("pop", 1),)), Hold(1))),
        top="old_name",
    )
    fitted = refit(stimulus, design)
    assert fitted is not None and not problems_of(fitted, design) and fitted.top == design.top
    width = design.driven_signals()["wdata"]
    assert fitted.sequences[0].steps == (
        Hold(2),
        Drive((("push", 1),)),
        Hold(9),
        Random(8, (RandomField("wdata", ((1 << width) - 1,), 50),)),
        Hold(4),
        Hold(16),
        Repeat(2, (Drive((("pop", 1),)), Hold(1))),
    )


def test_clocks_are_those_of_the_design_as_it_is_now(design: Design) -> None:
    stimulus = _stimulus(design, Drive((("clk_old", 1),)), Hold(3))
    other = replace(stimulus, clocks=tuple(replace(clock, port="clk_old") for clock in stimulus.clocks))
    fitted = refit(other, design)
    assert fitted is not None and fitted.clocks == free_clocks(design) and fitted.sequences[0].steps == (Hold(3),)


def test_of_nothing_that_fits_nothing_is_made(design: Design) -> None:
    assert refit(_stimulus(design, Drive((("gone", 1),))), design) is None
