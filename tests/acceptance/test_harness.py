"""The compiled harness: snapshots under their cap, designs that end the simulation, runs that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random as Generator

import pytest

from llm4cov_agent.bench.stimulus import Drive, Hold, Sequence, Step, Stimulus, free_clocks
from llm4cov_agent.closure import snapshots
from llm4cov_agent.closure.harness import POWER_UP, Ending, Harness, HarnessBroken, Order, Report, open_harness
from llm4cov_agent.closure.verdicts import Asked, confirm
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

COUNTER = """\
module top(input logic clk, input logic [3:0] d, output logic [11:0] n);
  logic [11:0] count = 0;
  assign n = ~count;
  always_ff @(posedge clk) begin
    count <= count + 12'(d) + 12'd1;
    if (count[7:0] == 8'd77) count <= count ^ 12'h800;
  end
endmodule
"""


@contextmanager
def _opened(simulator: Verilator, folder: Path, text: str, *, workers: int = 1) -> Iterator[Harness]:
    source = folder / "a.sv"
    source.write_text(text)
    design, problems = elaborate(FileSet(sources=(source,)))
    assert design is not None, problems
    with open_harness(design, simulator, free_clocks(design), workers=workers, limits=SimulationLimits(build_s=900)) as opened:
        assert opened.harness is not None, opened.problems
        yield opened.harness


def _tree(harness: Harness) -> list[Report]:
    """Run a tree of forty snapshots, each going on from an earlier one, several of them in one batch."""
    generator = Generator(5)
    reports: list[Report] = []
    numbers = [POWER_UP]
    for _ in range(20):
        tried: list[tuple[int, tuple[Step, ...]]] = [
            (generator.choice(numbers), (Drive((("d", generator.randrange(16)),)), Hold(generator.randrange(1, 60)))) for _ in range(4)
        ]
        reports += harness.run([Order(steps, start, tells_all=True) for start, steps in tried], most_cycles=10_000)
        for start, steps in tried[:2]:
            harness.save(len(numbers), steps, start, most_cycles=10_000)
            numbers.append(len(numbers))
    return reports


def test_a_cap_on_snapshots_changes_nothing_but_their_number(simulator: Verilator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[Report]] = []
    for most_bytes, workers in ((snapshots.MOST_BYTES, 1), (0, 1), (1, 2), (3000, 2)):
        monkeypatch.setattr(snapshots, "MOST_BYTES", most_bytes)
        with _opened(simulator, tmp_path, COUNTER, workers=workers) as harness:
            harness.start()
            assert harness.has_snapshots and harness.snapshot_bytes
            if most_bytes < 2:
                assert harness.workers == 1, "there is no room for a second process"
            found.append(_tree(harness))
    assert all(one == found[0] for one in found[1:])
    assert len({report.counters for report in found[0]}) > 10


def test_the_values_of_a_dropped_snapshot_are_those_of_its_moment(
    simulator: Verilator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MOST_BYTES", 0)
    with _opened(simulator, tmp_path, COUNTER) as harness:
        harness.start()
        for number in (1, 2, 3):
            harness.save(number, (Hold(5),), number - 1, most_cycles=100)
        assert [harness.values(number)["count"] for number in (3, 1, 2, 3)] == [15, 5, 10, 15]


def test_a_run_goes_on_from_a_snapshot_after_a_crash(simulator: Verilator, tmp_path: Path) -> None:
    text = COUNTER.replace("    count <= count", "    if (d == 4'd9) $fatal(1);\n    count <= count")
    with _opened(simulator, tmp_path, text) as harness:
        harness.start()
        harness.save(1, (Hold(7),), POWER_UP, most_cycles=100)
        orders = [Order((Drive((("d", value),)), Hold(3)), 1, tells_all=True) for value in (2, 9, 2)]
        before, crashed, after = harness.run(orders, most_cycles=100)
        assert crashed.ending is Ending.CRASHED
        assert before.ending is Ending.DONE and before == after
        assert harness.crashes == 1
        assert harness.values(1)["count"] == 7


def test_a_design_that_ends_the_simulation_at_power_up_is_said_to(simulator: Verilator, tmp_path: Path) -> None:
    text = "module top(input logic clk, d, output logic q);\n  initial $finish;\n  always_ff @(posedge clk) q <= d;\nendmodule\n"
    with _opened(simulator, tmp_path, text) as harness, pytest.raises(HarnessBroken, match="ends the simulation at power-up"):
        harness.start()


def test_a_run_is_not_waited_for_when_it_is_over(simulator: Verilator, tmp_path: Path) -> None:
    with _opened(simulator, tmp_path, COUNTER) as harness:
        harness.start()
        began = time.monotonic()
        harness.is_over = lambda: time.monotonic() > began + 1
        reports = harness.run([Order((Hold(2_000_000_000),)), Order((Hold(1),))], most_cycles=4_000_000_000)
        assert [report.ending for report in reports] == [Ending.LEFT_OUT] * 2
        assert time.monotonic() - began < 15, "of which two seconds are meant, and the rest is for a busy machine"
        assert harness.crashes == 0
        harness.is_over = lambda: False
        [report] = harness.run([Order((Hold(2),))], most_cycles=100)
        assert report.ending is Ending.DONE and report.cycles == 2


def test_each_witness_is_confirmed_from_power_up(simulator: Verilator, tmp_path: Path) -> None:
    # Without a reset, whichever way comes first locks out the other.
    text = """\
module top(input logic clk, a, b, output logic [1:0] q);
  logic [1:0] first = 0;
  assign q = ~first;
  always_ff @(posedge clk)
    if (first == 0 && a) first <= 1;
    else if (first == 0 && b) first <= 2;
endmodule
"""
    with _opened(simulator, tmp_path, text) as harness:
        harness.start()
        design = harness.design
        points = {point.comment: point for some in harness.points.values() for point in some}
    clocks = free_clocks(design)
    witnesses = tuple(
        (points[f"first[{bit}]:0->1"], Stimulus("top", 1, clocks, (Sequence("way", "", (Drive(((signal, 1),)), Hold(2))),)))
        for bit, signal in enumerate("ab")
    )
    unreached = (points["first[0]:1->0"], witnesses[0][1])
    verdicts = confirm(Asked({}, (*witnesses, unreached)), design, simulator, limits=SimulationLimits(build_s=900))
    assert {point: verdict.kind for point, verdict in verdicts.items()} == {point: VerdictKind.COVERED for point, _ in witnesses}
