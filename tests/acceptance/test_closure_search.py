"""The search on designs that answer only to clocks, buses and serial lines played by their rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Repeat, Reset, Sequence, Stimulus, free_clocks, problems_of
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import MOST_CYCLES, ClosePlan, close
from llm4cov_agent.closure.harness import Ending, Order, open_harness
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)
FOLDER = Path(__file__).parent / "reactive"


def _design(name: str) -> Design:
    design, problems = elaborate(FileSet(sources=(FOLDER / f"{name}.sv",), top=name))
    assert design is not None, problems
    return design


def _judged(simulator: Verilator, design: Design, stimulus: Stimulus, language: Language) -> set[CoveragePoint]:
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, language), limits=LIMITS))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    assert evaluation.run.coverage is not None
    return set(evaluation.run.coverage.covered())


def _paced(design: Design) -> Stimulus:
    """Each clock slow in turn, both at another pace in a loop, and back."""
    clocks = free_clocks(design)
    one, other = (clock.port for clock in clocks)
    steps = (
        Reset(4),
        Hold(700),
        Pace(other, 96),
        Hold(300),
        Hold(3, other),
        Pace(other, 4),
        Pace(one, 40),
        Hold(90),
        Repeat(3, (Pace(one, 8), Hold(33), Pace(one, 12), Drive((("rst_n", 1),)), Hold(500))),
    )
    return Stimulus(design.top, 1, clocks, (Sequence("paces", "Clocks at other ratios.", steps),))


def test_a_clock_that_changes_its_pace_is_the_same_to_harness_and_both_languages(simulator: Verilator) -> None:
    design = _design("rate_meter")
    stimulus = _paced(design)
    assert not problems_of(stimulus, design)
    with open_harness(design, simulator, stimulus.clocks, workers=1, limits=LIMITS) as opened:
        assert opened.harness is not None, [str(problem) for problem in opened.problems]
        harness = opened.harness
        harness.start()
        # The second order starts from power-up again, with the paces of that moment.
        first, second = harness.run([Order(stimulus.sequences[0].steps, tells_all=True)] * 2, most_cycles=10**6)
        assert first == second and first.ending is Ending.DONE
        mine = {point for counter in first.counters | harness.at_power_up for point in harness.points[counter]}
    assert mine == _judged(simulator, design, stimulus, Language.SYSTEMVERILOG)
    # What a rate is taken for shows that the pace did change.
    assert {point.comment for point in mine} >= {"slow:0->1", "equal:0->1", "fast:0->1", "lost:0->1"}
    assert mine == _judged(simulator, design, stimulus, Language.COCOTB)


def test_what_hangs_on_the_ratio_of_two_clocks_is_hit(simulator: Verilator) -> None:
    design = _design("rate_meter")
    closed = close(design, simulator, ClosePlan(budget_s=600, rounds=40, proves=False, workers=2, limits=LIMITS))
    assert closed.stimulus is not None and not problems_of(closed.stimulus, design) and not closed.lost
    hit = _judged(simulator, design, closed.stimulus, Language.SYSTEMVERILOG)
    assert {point.comment for point in hit} >= {"slow:0->1", "equal:0->1", "fast:0->1", "lost:0->1"}


REACHED = {
    "apb_timer": (70, {"irq:0->1", "irq:1->0", "pslverr:0->1", "control[2]:1->0"}),
    "i2c_target": (40, {"pointed:1->0", "pointer[0]:0->1", "sda_o:1->0", "control[0]:0->1"}),
    "spi_target": (40, {"enabled:0->1", "address[7]:0->1", "out[7]:0->1", "miso:0->1"}),
    "uart_console": (70, {"ready:0->1", "bad:0->1", "parity:0->1"}),
    "wb_copier": (40, {"sum[31]:1->0", "failed:0->1", "word[31]:1->0"}),
    "stack_cpu": (40, {"irq_on:1->0", "trap_o:1->0", "epc[2]:0->1"}),
}
"""Rounds, and points behind a protocol that have to be hit in so many."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("i2c_target", "spi_target") else pytest.mark.slow) for name in REACHED]
)
def test_what_lies_behind_a_protocol_is_hit_and_never_less_than_at_random(name: str, simulator: Verilator) -> None:
    design, (rounds, wanted) = _design(name), REACHED[name]
    closed = close(design, simulator, ClosePlan(budget_s=900, rounds=rounds, proves=False, workers=2, limits=LIMITS))
    assert closed.stimulus is not None and not problems_of(closed.stimulus, design) and not closed.problems
    hit = _judged(simulator, design, closed.stimulus, Language.SYSTEMVERILOG)
    assert wanted <= {point.comment for point in hit}, wanted - {point.comment for point in hit}
    # Random inputs get as many cycles as the whole search took, but no more than a testbench may.
    at_random = random_stimulus(design, seed=1, cycles=min(closed.cycles, MOST_CYCLES))
    assert len(hit) > len(_judged(simulator, design, at_random, Language.SYSTEMVERILOG))
