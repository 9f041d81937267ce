"""Snapshots: which are dropped, and how one that is missing is made again."""

from __future__ import annotations

from llm4cov_agent.bench.stimulus import Hold
from llm4cov_agent.closure.runs import POWER_UP
from llm4cov_agent.closure.snapshots import MOST_BYTES, Held, Snapshots, Way, most_held, most_processes

CHAIN = Snapshots({1: Way(POWER_UP, (Hold(1),), 10), 2: Way(1, (Hold(2), Hold(3)), 20), 3: Way(2, (Hold(4),), 40)})


def test_the_way_from_power_up_has_all_steps_in_order() -> None:
    assert CHAIN.way(3) == Way(POWER_UP, (Hold(1), Hold(2), Hold(3), Hold(4)), 70)


def test_the_way_begins_at_the_nearest_that_is_held() -> None:
    assert CHAIN.way(3, {POWER_UP, 1}) == Way(1, (Hold(2), Hold(3), Hold(4)), 60)
    assert CHAIN.way(3, {POWER_UP, 3}) == Way(3, (), 0)


def test_the_one_unused_for_longest_goes_first_and_power_up_stays() -> None:
    held = Held(most=3)
    for number in (1, 2):
        assert held.make_room() == []
        held.use(number)
    held.use(1)
    assert held.make_room() == [2]
    assert set(held.numbers) == {POWER_UP, 1}


def test_what_is_needed_now_is_not_dropped() -> None:
    held = Held(most=2)
    held.use(1)
    assert held.make_room({1}) == []
    held.use(2)
    assert held.make_room({2}) == [1]


def test_all_processes_together_stay_below_the_cap() -> None:
    for snapshot_bytes in (1, 1000, 1 << 20, 4 << 20, 30 << 20):
        for wanted in (1, 2, 16):
            processes = min(wanted, most_processes(snapshot_bytes))
            assert processes >= 1
            assert processes * most_held(snapshot_bytes, processes) * snapshot_bytes <= MOST_BYTES
    assert most_held(1 << 30, 1) == 2, "power-up, and the one that is gone on from"
