"""Processor time of this process and of the children that have ended: what a busy machine does not change."""

from __future__ import annotations

import multiprocessing
import resource


def processor_seconds() -> float:
    """Seconds so far; workers that were told to end are waited for."""
    for child in multiprocessing.active_children():
        child.join(timeout=10)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
