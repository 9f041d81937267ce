"""How fast a compiled design is, on a machine that does other things too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm4cov_agent.closure.harness import speed_of


def _taking(seconds: Iterator[float]) -> tuple[Callable[[], int], Callable[[], float]]:
    """Make a probe of 40 cycles and the clock that it moves on."""
    now = [0.0]

    def probe() -> int:
        now[0] += next(seconds)
        return 40

    return probe, lambda: now[0]


def test_a_probe_that_waited_for_a_processor_does_not_make_a_design_slow() -> None:
    probe, clock = _taking(iter([0.2, 0.12, 0.001]))
    assert speed_of(probe, clock=clock) == float("inf")


def test_a_slow_design_is_as_fast_as_its_fastest_probe() -> None:
    probe, clock = _taking(iter([0.4, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]))
    assert abs(speed_of(probe, clock=clock) - 400) < 1e-6


def test_a_very_slow_design_is_probed_once() -> None:
    seconds = iter([2.0, 9.0])
    probe, clock = _taking(seconds)
    assert abs(speed_of(probe, clock=clock) - 20) < 1e-9
    assert next(seconds) == 9.0
