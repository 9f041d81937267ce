"""The same work on a Dask cluster of several worker processes, one of which is killed in mid-run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster

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
