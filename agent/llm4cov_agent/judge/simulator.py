"""What a simulator is to the rest: a job goes in, a run comes out. Knows no simulator by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from threading import Event
from typing import Protocol

from llm4cov_agent.bench.testbench import Testbench
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import Coverage
from llm4cov_agent.rtl.design import Design, DesignFile


class RunStatus(IntEnum):
    """How a run ended, worst to best; comparisons use this order."""

    BUILD_FAILED = 0
    TIMED_OUT = 1
    RUN_FAILED = 2
    NO_COVERAGE = 3
    OK = 4

    @property
    def label(self) -> str:
        """The word in JSON output."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationLimits:
    """How much a build and a run may take."""

    build_s: float = 600.0
    run_s: float = 120.0
    memory_bytes: int = 8 << 30
    file_bytes: int = 256 << 20
    output_bytes: int = 4 << 20


DEFAULT_SEED = 1
"""The seed of every run of the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One testbench to build and run against one design."""

    design: Design
    testbench: Testbench
    testbench_files: tuple[DesignFile, ...] = ()
    """Includes and data files that the testbench reads beside the design's own."""
    seed: int = DEFAULT_SEED
    """Passed to the simulator for `$random` and for unset registers."""
    limits: SimulationLimits = SimulationLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a job went. A failed build or run is a value, with the reasons in `problems`."""

    status: RunStatus
    problems: tuple[Problem, ...] = ()
    coverage: Coverage | None = None
    dropped: tuple[tuple[str, str], ...] = ()
    """(metric, reason) of metrics that the simulator could not measure on this design."""
    build_s: float = 0.0
    run_s: float = 0.0
    log: str = ""
    """End of what the testbench printed."""
    cached: bool = False
    """Whether the result is that of an earlier, identical job."""


Progress = Callable[[str], None]
"""Called with a few words when a phase begins, such as `compiling the model`."""


class Simulator(Protocol):
    """A simulator with coverage."""

    @property
    def name(self) -> str:
        """Lower-case name, such as `verilator`."""

    def version(self) -> str:
        """Its own version line."""

    def run(self, job: Job, *, progress: Progress | None = None, cancel: Event | None = None) -> Run:
        """Build and run a job; returns within a second of `cancel` being set, with status TIMED_OUT."""
