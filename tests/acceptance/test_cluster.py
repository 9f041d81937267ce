"""The same work on a Dask cluster of several worker processes, one of which is killed in mid-run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed")
pytest.importorskip("pyverilog")

from distributed import Client, LocalCluster

from llm4cov_training.synthesis.items import Kind, items_for
from llm4cov_training.synthesis.lessons import Lesson
from llm4cov_training.synthesis.roll import Rolled, roll
from llm4cov_training.work import open_workers

pytestmark = pytest.mark.acceptance


def counted(number: int) -> tuple[int, int]:
    time.sleep(0.2)
    return number, os.getpid()


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=None) as made:
        yield made


def test_a_worker_that_is_killed_costs_no_result(cluster: LocalCluster) -> None:
    seen: dict[int, int] = {}
    with Client(cluster.scheduler_address) as client, open_workers(cluster=cluster.scheduler_address) as workers:
        pids = set(client.run(os.getpid).values())
        assert len(pids) == 3 and workers.count == 3
        for _, result in workers.map(counted, range(40)):
            assert isinstance(result, tuple), result
            number, pid = result
            assert number not in seen
            seen[number] = pid
            if len(seen) == 6:
                os.kill(pid, signal.SIGKILL)
                pids.discard(pid)
    assert sorted(seen) == list(range(40))
    assert pids <= set(seen.values())


ADDER = """module adder(input clk, input rst, input go, input [3:0] value, output reg [3:0] total);
  always @(posedge clk) if (rst) total <= 0; else if (go && value == 4'd{number}) total <= total + value;
endmodule
"""


def test_the_items_of_a_synthesis_run_there_too(cluster: LocalCluster, cache_dir: Path) -> None:
    designs = [(f"adder{number}", "adder", ADDER.replace("{number}", str(number))) for number in (5, 11)]
    items = list(items_for(designs, [Kind.TEACHER], samples=1, seed=1, lesson=Lesson()))
    with Client(cluster.scheduler_address) as client:
        client.run(os.environ.__setitem__, "LLM4COV_CACHE_DIR", str(cache_dir))
        with open_workers(cluster=cluster.scheduler_address) as workers:
            found = dict(workers.map(roll, items))
    assert len(found) == 2
    for rolled in found.values():
        assert isinstance(rolled, Rolled) and len(rolled.transitions) >= 3, rolled
        seen = rolled.transitions[0].after.observation
        assert seen is not None and (seen.overall or 0.0) > 80
