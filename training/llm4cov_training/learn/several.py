"""Runs a function once for each GPU of this machine, in processes that know of each other: the only module that starts torch's launcher.

Knows nothing of what they do. With one GPU or none the function runs here.
"""

from __future__ import annotations

import multiprocessing.synchronize
from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

import torch
import torch.multiprocessing
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from llm4cov_agent.errors import WorkFailed
from llm4cov_training.learn.stopping import Stop
from llm4cov_training.work import begin_worker

Task = TypeVar("Task")
Result = TypeVar("Result")


def processes_here() -> int:
    """How many processes learn together on this machine."""
    return max(1, int(torch.cuda.device_count()))


def on_each_gpu(function: Callable[[Task, Stop], Result], task: Task, *, cancel: Event, processes: int | None = None) -> Result:
    """Run `function(task, cancel)` in a process for each GPU, and give what the first of them gives; `processes` sets their number.

    A cancel is passed on to all of them. Raises what the function raises where it runs here, and WorkFailed, saying what was raised, where
    a process of several fails.
    """
    count = processes or processes_here()
    if count == 1:
        return function(task, cancel)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method="spawn",
        max_restarts=0,
        # Ctrl-C and TERM stay ours: they set `cancel`, and what was learned until then is kept.
        signals_to_handle="SIGHUP,SIGQUIT",
    )
    stop, ended = torch.multiprocessing.get_context("spawn").Event(), Event()
    relay = Thread(target=_pass_on, args=(cancel, stop, ended), daemon=True)
    relay.start()
    try:
        found: dict[int, Result] = elastic_launch(config, _join)(function, task, stop)
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        said = failure.message["message"] if isinstance(failure.message, dict) else failure.message
        raise WorkFailed(f"Process {rank} of {count} that learned together failed: {said}") from None
    finally:
        ended.set()
        relay.join()
    return found[0]


def _join(function: Callable[[Task, Stop], Result], task: Task, stop: Stop) -> Result:
    """Do what one of the processes does."""
    begin_worker()
    return function(task, stop)


def _pass_on(cancel: Event, stop: multiprocessing.synchronize.Event, ended: Event) -> None:
    while not ended.wait(0.1):
        if cancel.is_set():
            stop.set()
            return
