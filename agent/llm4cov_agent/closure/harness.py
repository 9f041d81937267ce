"""The compiled harness of a design: orders go in, reports come out. Decides nothing about what to run.

One program is built per design; several processes of it may run at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from threading import Event

from llm4cov_agent.bench.stimulus import ClockDrive, Hold, Step
from llm4cov_agent.closure.bindings import SIGNALS, preparer
from llm4cov_agent.closure.code import Coder
from llm4cov_agent.closure.runs import POWER_UP, Ending, HarnessBroken, Order, Report, Target
from llm4cov_agent.closure.shell import make_shell
from llm4cov_agent.closure.snapshots import Way, most_processes
from llm4cov_agent.closure.worker import Common, Worker, known_row
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.process import Limits
from llm4cov_agent.judge.simulator import Progress, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.judge.verilator.program import build_program
from llm4cov_agent.rtl.design import Design

__all__ = ["POWER_UP", "Ending", "Harness", "HarnessBroken", "Opened", "Order", "Report", "Target", "open_harness"]

_PROBE_CYCLES = 40
_PROBE_S = 0.005
"""A probe that takes less says nothing about speed but that there is enough of it."""
_PROBES, _PROBES_S = 8, 1.0
"""How many probes are made at most, and until when: on a busy machine a single one tells how long it waited for a processor."""
_LONGEST_TRY_S = 2.0
"""How long one try of the search may take, about."""
_LEAST_CYCLES = 1000


def speed_of(probe: Callable[[], int], *, clock: Callable[[], float] = time.monotonic) -> float:
    """Give the cycles per second of the fastest probe, each of which gives its cycles: other programs delay one, nothing speeds one up.

    Infinite where one was too fast to tell.
    """
    fastest, began = 0.0, clock()
    for _ in range(_PROBES):
        at = clock()
        cycles = probe()
        seconds = clock() - at
        if not cycles or seconds <= _PROBE_S:
            return float("inf")
        fastest = max(fastest, cycles / seconds)
        if clock() - began > _PROBES_S:
            break
    return fastest


class Harness:
    """A design's compiled harness with its running processes. Made by `open_harness`."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self.finished = 0
        """Runs in which the design itself ended the simulation."""
        self.cycles_per_s = float("inf")
        """What one process was seen to do; infinite where it is too fast to matter."""
        self._pool = ThreadPoolExecutor(common.processes)
        self._workers: list[Worker] = []

    @property
    def design(self) -> Design:
        """The design that it was compiled from."""
        return self._common.design

    @property
    def signals(self) -> Mapping[str, int]:
        """Signals that can be watched, by hierarchical name below the top of the design."""
        return self._common.signals

    @property
    def has_snapshots(self) -> bool:
        """Whether a run may go on from where another ended without doing it over."""
        return self._common.has_snapshots

    @property
    def snapshot_bytes(self) -> int:
        """Size of one snapshot."""
        return self._common.snapshot_bytes

    @property
    def points(self) -> Mapping[int, tuple[CoveragePoint, ...]]:
        """Counter -> points that it stands for; counters of other files than the design's are left out."""
        return self._common.points

    @property
    def spans(self) -> Mapping[CoveragePoint, tuple[int, ...]]:
        """The source lines that points stand for."""
        return self._common.spans

    @property
    def at_power_up(self) -> frozenset[int]:
        """Counters that are hit before the first step of any stimulus."""
        return self._common.at_power_up

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets whose signals the model has."""
        return self._common.targets

    @property
    def crashes(self) -> int:
        """Runs in which the model ended its process or hung."""
        return self._common.crashes

    @property
    def is_over(self) -> Callable[[], bool]:
        """Says that what is left of a batch is not wanted; may be set."""
        return self._common.is_over

    @is_over.setter
    def is_over(self, is_over: Callable[[], bool]) -> None:
        self._common.is_over = is_over

    @property
    def workers(self) -> int:
        """How many processes run at once."""
        return len(self._workers)

    def start(self, targets: Sequence[Target] = (), *, seed: int = 1) -> None:
        """Start the processes; `targets` of signals that the model does not have are left out of `self.targets`.

        `seed` is that of the stimulus, for draws that name none of their own.

        Raises HarnessBroken if the model does not come up, and Cancelled if a stop is wanted before it is up.
        """
        common = self._common
        common.seed = seed & 0xFFFF_FFFF
        common.targets = tuple(target for target in targets if target.signal in common.signals)
        self._start_another()
        # Two snapshots of a design with a large memory may be all that there is room for.
        common.processes = min(common.processes, most_processes(common.snapshot_bytes)) if common.has_snapshots else common.processes
        for _ in range(common.processes - 1):
            self._start_another()
        probe = Order((Hold(_PROBE_CYCLES),))
        self.cycles_per_s = speed_of(lambda: self._workers[0].run([probe], _PROBE_CYCLES + 1)[0].cycles)

    def _start_another(self) -> None:
        worker = Worker(self._common)
        self._workers.append(worker)
        worker.start()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._pool.shutdown()

    def run(self, orders: Sequence[Order], *, most_cycles: int) -> list[Report]:
        """Run orders, which must not start from each other's snapshots, spread over the processes; reports in their order.

        What the reports call news does not depend on how the orders were spread. On a design that is slow to simulate, orders
        that ask for news get fewer cycles: it pays to try more than one thing.
        """
        if self.cycles_per_s < most_cycles / _LONGEST_TRY_S and not any(order.tells_all for order in orders):
            most_cycles = min(most_cycles, max(_LEAST_CYCLES, int(_LONGEST_TRY_S * self.cycles_per_s)))
        shares = [list(range(rank, len(orders), self.workers)) for rank in range(self.workers)]
        jobs = [
            self._pool.submit(worker.run, [orders[place] for place in share], most_cycles)
            for worker, share in zip(self._workers, shares, strict=True)
        ]
        reports: dict[int, Report] = {}
        for share, job in zip(shares, jobs, strict=True):
            reports.update(zip(share, job.result(), strict=True))
        for order in orders:
            if order.save:
                self.save(order.save, order.steps, order.start, most_cycles=most_cycles)
        self.finished += sum(report.ending is Ending.FINISHED for report in reports.values())
        return [reports[place] for place in range(len(orders))]

    def save(self, number: int, steps: tuple[Step, ...], start: int, *, most_cycles: int) -> None:
        """Take note of a snapshot; each process makes it when it first needs it."""
        self._common.snapshots.ways[number] = Way(start, steps, most_cycles)

    def values(self, number: int) -> dict[str, int]:
        """Give the values that signals have in a snapshot, by hierarchical name; empty where there are no snapshots."""
        return self._workers[0].values(number) if self.has_snapshots else {}

    def learn(self, counters: Sequence[int], nearer: Mapping[int, int], places: Sequence[int]) -> None:
        """Count these as known in the runs to come."""
        common = self._common
        common.known_counters += counters
        common.known_places += places
        common.best.update(nearer)
        for worker in self._workers:
            worker.tell(known_row(counters, nearer, places))


@dataclass(frozen=True, slots=True)
class Opened:
    """A harness that is open, or why there is none."""

    harness: Harness | None
    problems: tuple[Problem, ...]
    dropped: tuple[tuple[str, str], ...] = ()
    made_s: float = 0.0
    """How long it took to build when it was built, which may have been earlier."""


@contextlib.contextmanager
def open_harness(
    design: Design,
    verilator: Verilator,
    clocks: tuple[ClockDrive, ...],
    *,
    workers: int,
    limits: SimulationLimits,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> Iterator[Opened]:
    """Build (or take from the cache) the harness of a design; `Harness.start` is left to the caller.

    Raises `Cancelled` if `cancel` is set while another process builds the same; so does the harness while it starts.
    """
    shell = make_shell(design)
    program = resources.files(__package__).joinpath("harness.cpp").read_text()
    machines = [machine.signal for machine in design.machines]
    with build_program(
        verilator,
        design,
        shell_name=shell.name,
        shell_text=shell.text,
        prepare=preparer(shell, program, machines),
        kept=(SIGNALS,),
        inputs=[program, list(machines)],
        limits=limits,
        progress=progress,
        cancel=cancel,
    ) as built:
        if built.problems:
            yield Opened(None, built.problems, built.dropped)
            return
        lines = (built.folder / SIGNALS).read_text().splitlines()
        harness = Harness(
            Common(
                design,
                Coder(design, shell, clocks),
                built.binary,
                # Processor time is bounded by the search itself; this only keeps a forgotten process from running for ever.
                Limits(wall_s=3600, memory_bytes=limits.memory_bytes, file_bytes=limits.file_bytes),
                {name: rank for rank, name in enumerate(lines[1:])},
                has_snapshots=lines[0] == "snapshots",
                processes=workers,
                cancel=cancel,
            )
        )
        try:
            yield Opened(harness, (), built.dropped, built.made_s)
        finally:
            harness.close()
