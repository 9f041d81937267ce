"""What each counter of a compiled model stands for is found out by asking, also where lines of the coverage file add several."""

from __future__ import annotations

from collections.abc import Sequence

from llm4cov_agent.closure.counters import points_of_counters
from llm4cov_agent.judge.coverage import CoveragePoint, Kind


def point(line: int) -> CoveragePoint:
    return CoveragePoint(Kind.LINE, "/d.sv", line, 1, "block")


class File:
    """A coverage file whose lines are (point, the counters that it adds)."""

    def __init__(self, lines: Sequence[tuple[CoveragePoint, Sequence[int]]]) -> None:
        self.lines, self.asked = lines, 0

    def counts(self, values: Sequence[int]) -> list[tuple[CoveragePoint, int]]:
        self.asked += 1
        return [(one, sum(values[counter] for counter in counters)) for one, counters in self.lines]


def test_counters_of_their_own_are_known_after_one_file() -> None:
    file = File([(point(9), (2,)), (point(3), (0,)), (point(3), (1,)), (point(5), ())])
    assert points_of_counters(3, file.counts) == {0: (point(3),), 1: (point(3),), 2: (point(9),)}
    assert file.asked == 1


def test_counters_that_share_a_line_are_told_apart() -> None:
    shared = tuple(range(1, 71))
    file = File([(point(1), (0,)), (point(2), shared), (point(3), (71,))])
    found = points_of_counters(72, file.counts)
    assert found == {0: (point(1),), **dict.fromkeys(shared, (point(2),)), 71: (point(3),)}


def test_a_counter_may_stand_alone_and_in_a_sum() -> None:
    file = File([(point(1), (0,)), (point(2), (0, 1))])
    found = points_of_counters(2, file.counts)
    assert found[0] == (point(1),) and found[1] == (point(2),)


def test_a_model_without_counters_has_no_points() -> None:
    file = File([])
    assert points_of_counters(0, file.counts) == {} and file.asked == 0
