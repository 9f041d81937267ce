"""The compiled harness of a design, and the processes that run it. Decides nothing about what to run.

One program is built per design; several processes of it may run at once. A crash or a hang of the model is a value: the
process is started again, and snapshots that it held are made again from the steps that led to them.
"""

from __future__ import annotations

import array
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from importlib import resources
from pathlib import Path
from threading import Event

from llm4cov_agent.bench.stimulus import ClockDrive, Step
from llm4cov_agent.closure.bindings import SIGNALS, preparer
from llm4cov_agent.closure.code import Coder
from llm4cov_agent.closure.counters import points_of_counters
from llm4cov_agent.closure.shell import make_shell
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.coverage_dat import read_counts
from llm4cov_agent.judge.process import Limits, Served, scratch_folder, serve
from llm4cov_agent.judge.simulator import Progress, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.judge.verilator.program import build_program
from llm4cov_agent.judge.verilator.simulator import link_data
from llm4cov_agent.rtl.design import Design

POWER_UP = 0
"""The snapshot that every run may start from."""
_ANSWER_S = 20.0
"""A run that takes longer is taken for a hang, if it is one of the usual length; longer ones get longer."""
_USUAL_CYCLES = 30_000
_LATE_S = 3.0
"""The same where nobody waits for the result any more."""
_HANG_FACTOR, _SHORTEST_HANG_S = 20.0, 1.0
"""On a design that was seen to hang: how much slower than the slowest run so far a hang is, and a least time in seconds."""
_WORD = array.array("I").itemsize


class Ending(IntEnum):
    """How a run in the harness ended; the numbers are those of `harness.cpp`."""

    DONE = 0
    FINISHED = 1
    """The design itself called `$finish`."""
    TOO_LONG = 2
    """It reached the most cycles it was given."""
    CRASHED = 3
    """The model ended its process or did not come back."""


@dataclass(frozen=True, slots=True)
class Order:
    """One run: steps from a snapshot on."""

    steps: tuple[Step, ...]
    start: int = POWER_UP
    save: int = 0
    """Number of the snapshot to make of its end; 0 for none. Numbers are never used twice."""
    tells_all: bool = False
    """Whether all counters and distances are told, not only those that are news."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did."""

    ending: Ending
    cycles: int
    counters: frozenset[int]
    """Counters hit, without those known before unless all were asked for."""
    nearer: Mapping[int, int] = field(default_factory=dict)
    """Target -> smallest distance to it, where smaller than known before."""
    places: tuple[int, ...] = ()
    """State-machine places (hashed) never seen before."""


@dataclass(frozen=True, slots=True)
class Target:
    """A value that a signal might come near to."""

    signal: str
    """Hierarchical name below the top of the design."""
    value: int


class Harness:
    """A design's compiled harness with its running processes. Made by `open_harness`."""

    def __init__(
        self, design: Design, coder: Coder, binary: Path, signals: Sequence[str], limits: Limits, workers: int, has_snapshots: bool
    ):
        self.design, self.coder, self.has_snapshots = design, coder, has_snapshots
        self.signals = {name: rank for rank, name in enumerate(signals)}
        self.crashes = 0
        self.is_over: Callable[[], bool] = lambda: False
        """Says that what is left of a batch is not wanted; looked at where a run crashes or hangs, as others take no time."""
        self.slowest_s = 0.0
        """Longest time that a run took which came back."""
        self.has_hung = False
        self.snapshot_bytes = 0
        self.points: dict[int, tuple[CoveragePoint, ...]] = {}
        """Counter -> points that it stands for; counters of other files than the design's are left out."""
        self.at_power_up: frozenset[int] = frozenset()
        """Counters that are hit before the first step of any stimulus."""
        self.targets: tuple[Target, ...] = ()
        self.dropped: tuple[tuple[str, str], ...] = ()
        self._known: dict[str, list[int]] = {"counters": [], "places": []}
        self._best: dict[int, int] = {}
        self._made: dict[int, tuple[int, tuple[Step, ...], int]] = {}
        self._pool = ThreadPoolExecutor(workers)
        self._workers = [_Worker(self, binary, limits) for _ in range(workers)]

    @property
    def workers(self) -> int:
        """How many processes run at once."""
        return len(self._workers)

    def start(self, targets: Sequence[Target] = ()) -> None:
        """Start the processes; `targets` of signals that the model does not have are left out of `self.targets`."""
        self.targets = tuple(target for target in targets if target.signal in self.signals)
        for worker in self._workers:
            worker.start()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._pool.shutdown()

    def run(self, orders: Sequence[Order], *, most_cycles: int) -> list[Report]:
        """Run orders, which must not start from each other's snapshots, spread over the processes; reports in their order.

        What the reports call news does not depend on how the orders were spread.
        """
        shares = [list(range(rank, len(orders), self.workers)) for rank in range(self.workers)]
        jobs = [
            self._pool.submit(worker.run, [orders[place] for place in share], most_cycles)
            for worker, share in zip(self._workers, shares, strict=True)
        ]
        reports: dict[int, Report] = {}
        for share, job in zip(shares, jobs, strict=True):
            reports.update(zip(share, job.result(), strict=True))
        return [reports[place] for place in range(len(orders))]

    def save(self, number: int, steps: tuple[Step, ...], start: int, *, most_cycles: int) -> None:
        """Make a snapshot in every process."""
        self._made[number] = (start, steps, most_cycles)
        if self.has_snapshots:
            list(self._pool.map(lambda worker: worker.run([Order(steps, start, number)], most_cycles), self._workers))

    def values(self, number: int) -> dict[str, int]:
        """Give the values that signals have in a snapshot, by hierarchical name; empty where there are no snapshots."""
        if not self.has_snapshots:
            return {}
        row = self._workers[0].ask([ord("S"), number], _ANSWER_S) or ()
        words = zip(row[::2], row[1::2], strict=True)
        return {name: high << 32 | low for name, (low, high) in zip(self.signals, words, strict=False)}

    def learn(self, counters: Sequence[int], nearer: Mapping[int, int], places: Sequence[int]) -> None:
        """Count these as known in the runs to come."""
        self._known["counters"] += counters
        self._known["places"] += places
        self._best.update(nearer)
        for worker in self._workers:
            worker.tell(_known_row(counters, nearer, places))

    def whole(self, order: Order) -> tuple[Step, ...]:
        """Give the steps from power-up to the end of an order."""
        steps = order.steps
        start = order.start
        while start != POWER_UP:
            start, before, _ = self._made[start]
            steps = (*before, *steps)
        return steps

    def everything_known(self) -> Iterator[list[int]]:
        """Rows that bring a new process to the state of the others."""
        signals = self.signals
        yield [ord("T"), *(word for one in self.targets for word in (signals[one.signal], one.value & 0xFFFF_FFFF, one.value >> 32))]
        yield _known_row(self._known["counters"], self._best, self._known["places"])

    def snapshots(self) -> Iterator[tuple[Order, int]]:
        """Orders that make all snapshots again, each with its most cycles."""
        for number, (start, steps, most_cycles) in self._made.items():
            yield Order(steps, start, number), most_cycles


def _known_row(counters: Sequence[int], nearer: Mapping[int, int], places: Sequence[int]) -> list[int]:
    distances = [word for rank, distance in nearer.items() for word in (rank, distance & 0xFFFF_FFFF, distance >> 32)]
    return [ord("K"), len(counters), *counters, len(nearer), *distances, *places]


class _Worker:
    """One process of the harness."""

    def __init__(self, harness: Harness, binary: Path, limits: Limits) -> None:
        self._harness, self._binary, self._limits = harness, binary, limits
        self._stack = contextlib.ExitStack()
        self._served: Served | None = None
        self._folder = Path()
        self._incoming = bytearray()

    def start(self) -> None:
        harness = self._harness
        self._folder = self._stack.enter_context(scratch_folder())
        link_data(harness.design.files, self._folder, roots={source.parent for source in harness.design.sources})
        self._served = self._stack.enter_context(serve((str(self._binary),), folder=self._folder, limits=self._limits))
        self._incoming.clear()
        first = not harness.points
        if first:
            # Before anything runs, so that the file holds the numbers and nothing else.
            harness.points = points_of_counters(self._counts)
        answer = self.ask([ord("P"), *harness.coder.power_up(1)], _ANSWER_S)
        if answer is None:
            raise HarnessBroken("the compiled design ends or hangs at power-up")
        harness.at_power_up = frozenset(answer[1:]) & harness.points.keys()
        for row in harness.everything_known():
            self.tell(row)
        if harness.has_snapshots:
            for order, most_cycles in harness.snapshots():
                self.ask(self._row(order, most_cycles), _ANSWER_S)

    def close(self) -> None:
        self._stack.close()
        self._served = None

    def _counts(self, values: Sequence[int]) -> tuple[int, list[tuple[CoveragePoint, int]]]:
        """Give the number of counters, and the points as the coverage file has them when the counters hold `values`."""
        answer = self.ask([ord("N"), *values], _ANSWER_S)
        if answer is None:
            raise HarnessBroken("the compiled design can't be loaded")
        text = (self._folder / "coverage.dat").read_text(errors="replace")
        kept = {file.path for file in self._harness.design.files if file.role in ("source", "library", "include")}
        self._harness.snapshot_bytes = answer[1]
        return answer[0], [(entry.point, count) for entry, count in read_counts(text, root=Path.cwd(), keep=kept)]

    def tell(self, row: list[int]) -> None:
        outgoing = memoryview(_frame(row))
        while outgoing and self._served is not None:
            written, chunk = self._served.pump(outgoing, timeout_s=_ANSWER_S)
            if chunk is None or (not written and not chunk):
                return
            self._incoming += chunk
            outgoing = outgoing[written:]

    def run(self, orders: Sequence[Order], most_cycles: int) -> list[Report]:
        reports: list[Report] = []
        while len(reports) < len(orders):
            reports += self._answers(orders[len(reports) :], most_cycles)
            if len(reports) < len(orders):
                # The process died or hung in the run whose answer is missing.
                self._harness.crashes += 1
                reports.append(Report(Ending.CRASHED, 0, frozenset()))
                self.close()
                self.start()
                if self._harness.is_over():
                    reports += [Report(Ending.CRASHED, 0, frozenset())] * (len(orders) - len(reports))
        return reports

    def _patience_s(self, most_cycles: int) -> float:
        """Seconds after which a run is taken for a hang."""
        harness = self._harness
        usual = min(_ANSWER_S, max(_SHORTEST_HANG_S, _HANG_FACTOR * harness.slowest_s)) if harness.has_hung else _ANSWER_S
        return min(_LATE_S, usual) if harness.is_over() else usual * max(1.0, most_cycles / _USUAL_CYCLES)

    def _answers(self, orders: Sequence[Order], most_cycles: int) -> list[Report]:
        """Send orders and read the reports as they come; fewer than orders if the process ends or hangs."""
        outgoing = memoryview(b"".join(_frame(self._row(order, most_cycles)) for order in orders))
        reports: list[Report] = []
        last = time.monotonic()
        while len(reports) < len(orders):
            assert self._served is not None
            written, chunk = self._served.pump(outgoing, timeout_s=1.0)
            outgoing = outgoing[written:]
            if chunk is None:
                return reports
            if not chunk and time.monotonic() - last > self._patience_s(most_cycles):
                self._harness.has_hung = True
                return reports
            self._incoming += chunk
            while (row := self._take()) is not None:
                reports.append(self._report(row))
                self._harness.slowest_s = max(self._harness.slowest_s, time.monotonic() - last)
                last = time.monotonic()
        return reports

    def ask(self, row: list[int], timeout_s: float) -> Sequence[int] | None:
        self.tell(row)
        deadline = time.monotonic() + timeout_s
        while (answer := self._take()) is None:
            if self._served is None or time.monotonic() > deadline:
                return None
            _, chunk = self._served.pump(memoryview(b""), timeout_s=1.0)
            if chunk is None:
                return None
            self._incoming += chunk
        return answer

    def _row(self, order: Order, most_cycles: int) -> list[int]:
        harness = self._harness
        low_high = [most_cycles & 0xFFFF_FFFF, most_cycles >> 32]
        if harness.has_snapshots:
            return [ord("R"), order.start, order.save, int(order.tells_all), *low_high, *harness.coder.steps(order.steps)]
        return [ord("R"), POWER_UP, 0, int(order.tells_all), 0xFFFF_FFFF, 0, *harness.coder.steps(harness.whole(order))]

    def _take(self) -> Sequence[int] | None:
        if len(self._incoming) < _WORD:
            return None
        (length,) = array.array("I", bytes(self._incoming[:_WORD]))
        end = _WORD * (1 + length)
        if len(self._incoming) < end:
            return None
        row = array.array("I", bytes(self._incoming[_WORD:end]))
        del self._incoming[:end]
        return row

    def _report(self, row: Sequence[int]) -> Report:
        hit_end = 6 + row[3]
        near_end = hit_end + 3 * row[4]
        return Report(
            Ending(row[0]),
            row[2] << 32 | row[1],
            frozenset(row[6:hit_end]) & self._harness.points.keys(),
            {row[place]: row[place + 2] << 32 | row[place + 1] for place in range(hit_end, near_end, 3)},
            tuple(row[near_end:]),
        )


class HarnessBroken(Exception):
    """A harness that was built can't be run; carries the reason to whoever opened it, who makes a value of it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A harness that is open, or why there is none."""

    harness: Harness | None
    problems: tuple[Problem, ...]
    dropped: tuple[tuple[str, str], ...] = ()


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

    Raises `Cancelled` if `cancel` is set while another process builds the same.
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
            design,
            Coder(design, shell, clocks),
            built.binary,
            lines[1:],
            # Processor time is bounded by the search itself; this only keeps a forgotten process from running for ever.
            Limits(wall_s=3600, memory_bytes=limits.memory_bytes, file_bytes=limits.file_bytes),
            workers,
            has_snapshots=lines[0] == "snapshots",
        )
        harness.dropped = built.dropped
        try:
            yield Opened(harness, (), built.dropped)
        finally:
            harness.close()


def _frame(row: Sequence[int]) -> bytes:
    return array.array("I", [len(row), *row]).tobytes()
