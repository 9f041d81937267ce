"""Runs a function once for each GPU of this machine, in processes that know of each other: the only module that starts torch's launcher.

Knows nothing of what they do. With one GPU or none the function runs here.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import TypeVar

import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from llm4cov_agent.errors import BadConfiguration

Task = TypeVar("Task")
Result = TypeVar("Result")


def on_each_gpu(function: Callable[[Task, Event | None], Result], task: Task, *, cancel: Event, processes: int | None = None) -> Result:
    """Run `function(task, cancel)` in a process for each GPU, and give what the first of them gives; `processes` sets their number.

    Several processes are told of a cancel by the signal that their group gets. Raises what the function
    raises where it runs here, and BadConfiguration, saying what was raised, where a process of several fails.
    """
    count = processes or max(1, torch.cuda.device_count())
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
    )
    try:
        found: dict[int, Result] = elastic_launch(config, function)(task, None)
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        *_, reason = str(failure.message).strip().splitlines() or ["it ended without a word"]
        raise BadConfiguration(f"Process {rank} of {count} that learned together failed: {reason}") from None
    return found[0]
