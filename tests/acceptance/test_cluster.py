"""The same work on a Dask cluster of several worker processes, one of which is killed in mid-run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed")
pytest.importorskip("pyverilog")

from distributed import Client, LocalCluster

from llm4cov_agent.digest import digest_text
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.corpus.designs import Corpus, CorpusDesign, write_corpus
from llm4cov_training.corpus.split import Side
from llm4cov_training.work import open_workers

pytestmark = pytest.mark.acceptance

PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")


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


def test_a_synthesis_through_the_command_goes_on_when_a_worker_is_killed_at_its_item(
    cluster: LocalCluster, cache_dir: Path, tmp_path: Path
) -> None:
    texts = [(f"adder{number}", ADDER.replace("{number}", str(number))) for number in (3, 5, 11, 13)]
    listed = tuple(
        CorpusDesign(name=name, family="adder", top="adder", digest=digest_text(text), structure=name, side=Side.TRAIN, lines=3)
        for name, text in texts
    )
    write_corpus(tmp_path / "corpus", Corpus(seed=1, designs=listed, dropped=()), texts)
    command = [PROGRAM, "retrain", "synthesize", "--corpus", "corpus", "--store", "t.db", "--budget-s", "4", "--json"]
    with Client(cluster.scheduler_address) as client:
        client.run(os.environ.__setitem__, "LLM4COV_CACHE_DIR", str(cache_dir))
        pids = client.run(os.getpid)
        with subprocess.Popen(
            [*command, "--cluster", cluster.scheduler_address], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            # Killed while it is at an item, which is then done by another.
            while not (busy := [address for address, keys in client.processing().items() if keys and address in pids]):
                assert running.poll() is None
                time.sleep(0.1)
            time.sleep(1)
            os.kill(pids[busy[0]], signal.SIGKILL)
            output, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    record = json.loads(output)
    assert (record["items"], record["finished_now"], record["failed"]) == (4, 4, 0)
    with open_store(tmp_path / "t.db", writable=False) as store:
        assert not store.verify()
        trajectories = store.trajectories()
        assert len(trajectories) == len({one.design for one in trajectories}) == 4
        for one in trajectories:
            seen = store.transitions(one.id)[0].after.observation
            assert len(one.rounds) >= 3 and seen is not None and (seen.overall or 0.0) > 80
