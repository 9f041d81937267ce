"""One process of the harness: the rows of words that go to it and come from it. Decides nothing about what to run.

A crash or a hang of the model is a value: the process is started again, and snapshots that it held are made again when they
are needed.
"""

from __future__ import annotations

import array
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from llm4cov_agent.closure.code import Coder
from llm4cov_agent.closure.counters import points_of_counters
from llm4cov_agent.closure.runs import POWER_UP, Ending, HarnessBroken, Order, Report, Target
from llm4cov_agent.closure.snapshots import Held, Snapshots, Way, most_held
from llm4cov_agent.judge.build_cache import Cancelled
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.coverage_dat import CountsReader
from llm4cov_agent.judge.process import Limits, Served, serve
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.judge.verilator.simulator import link_data
from llm4cov_agent.rtl.design import Design

_ANSWER_S = 20.0
"""A run that takes longer is taken for a hang, if it is one of the usual length; longer ones get longer."""
_START_S = 60.0
"""The same for power-up and for the list of points: a large design on a busy machine needs seconds for them."""
_USUAL_CYCLES = 30_000
_LATE_S = 1.0
"""How long a run whose result nobody wants any more is waited for, rather than starting the process again."""
_HANG_FACTOR, _SHORTEST_HANG_S = 20.0, 1.0
"""On a design that was seen to hang: how much slower than the slowest run so far a hang is, and a least time in seconds."""
_WORD = array.array("I").itemsize


@dataclass(slots=True)
class Common:
    """What all processes of a harness share."""

    design: Design
    coder: Coder
    binary: Path
    limits: Limits
    signals: Mapping[str, int]
    """Watched signal -> its rank in the program."""
    has_snapshots: bool
    processes: int
    """How many there are at most."""
    cancel: Event | None = None
    """Ends the start of the first process; what runs later is ended by `is_over`."""
    snapshots: Snapshots = field(default_factory=Snapshots)
    snapshot_bytes: int = 0
    points: dict[int, tuple[CoveragePoint, ...]] = field(default_factory=dict)
    """Counter -> points that it stands for; counters of other files than the design's are left out."""
    spans: dict[CoveragePoint, tuple[int, ...]] = field(default_factory=dict)
    """The source lines that points stand for."""
    at_power_up: frozenset[int] = frozenset()
    """Counters that are hit before the first step of any stimulus."""
    seed: int = 1
    """Seed of the draws that name none of their own."""
    targets: tuple[Target, ...] = ()
    crashes: int = 0
    is_over: Callable[[], bool] = lambda: False
    """Says that what is left of a batch is not wanted."""
    slowest_s: float = 0.0
    """Longest time that a run took which came back."""
    has_hung: bool = False
    known_counters: list[int] = field(default_factory=list)
    known_places: list[int] = field(default_factory=list)
    best: dict[int, int] = field(default_factory=dict)
    """Target -> smallest distance known."""

    def everything_known(self) -> Iterator[list[int]]:
        """Rows that bring a new process to the state of the others."""
        signals = self.signals
        yield [ord("T"), *(word for one in self.targets for word in (signals[one.signal], one.value & 0xFFFF_FFFF, one.value >> 32))]
        yield known_row(self.known_counters, self.best, self.known_places)


def known_row(counters: Sequence[int], nearer: Mapping[int, int], places: Sequence[int]) -> list[int]:
    """Write the row that says what is known from now on."""
    distances = [word for rank, distance in nearer.items() for word in (rank, distance & 0xFFFF_FFFF, distance >> 32)]
    return [ord("K"), len(counters), *counters, len(nearer), *distances, *places]


@dataclass(frozen=True, slots=True)
class _Expected:
    """An answer that is to come."""

    is_report: bool
    """Whether it is one to an order, not to a snapshot that had to be made for it."""
    most_cycles: int


class Worker:
    """One process of the harness."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self._stack = contextlib.ExitStack()
        self._served: Served | None = None
        self._folder = Path()
        self._incoming = bytearray()
        self._held = Held()

    def start(self) -> None:
        """Start the process and bring it to where the others are.

        Raises HarnessBroken if the model does not come up, and Cancelled if it is the first and a stop is wanted before it is up.
        """
        common = self._common
        self._folder = self._stack.enter_context(scratch_folder())
        link_data(common.design.files, self._folder, roots={source.parent for source in common.design.sources})
        self._served = self._stack.enter_context(serve((str(common.binary),), folder=self._folder, limits=common.limits))
        self._incoming.clear()
        is_first = not common.points
        if is_first:
            # Before anything runs, so that the file holds the numbers and nothing else.
            self._read_points()
        # Later on, what was reached before a stop is still to be composed, so processes have to come up.
        answer = self.ask([ord("P"), *common.coder.power_up(common.seed)], _START_S, common.cancel if is_first else None)
        if answer is None:
            raise HarnessBroken("the compiled design crashes or hangs at power-up")
        if Ending(answer[0]) is Ending.FINISHED:
            raise HarnessBroken("the design ends the simulation at power-up, before any input changes")
        common.at_power_up = frozenset(answer[1:]).intersection(common.points)
        self._held = Held(most_held(common.snapshot_bytes, common.processes))
        for row in common.everything_known():
            self.tell(row)

    def close(self) -> None:
        """End the process."""
        self._stack.close()
        self._served = None

    def _read_points(self) -> None:
        common = self._common
        reader = CountsReader(
            root=Path.cwd(), keep={file.path for file in common.design.files if file.role in ("source", "library", "include")}
        )

        def counters(values: Sequence[int]) -> int:
            """Set the counters to `values` and write the coverage file, if there are any; give the number of counters."""
            if common.cancel is not None and common.cancel.is_set():
                raise Cancelled
            answer = self.ask([ord("N"), *values], _START_S, common.cancel)
            if answer is None:
                raise HarnessBroken("the compiled design can't be loaded")
            common.snapshot_bytes = answer[1]
            return answer[0]

        def counts(values: Sequence[int]) -> list[tuple[CoveragePoint, int]]:
            """Give the points as the coverage file has them when the counters hold `values`."""
            counters(values)
            return reader.read((self._folder / "coverage.dat").read_text(errors="replace"))

        common.points = points_of_counters(counters(()), counts)
        common.spans = reader.spans

    def tell(self, row: list[int]) -> None:
        """Send a row that has no answer."""
        outgoing = memoryview(_frame(row))
        while outgoing and self._served is not None:
            written, chunk = self._served.pump(outgoing, timeout_s=_ANSWER_S)
            if chunk is None or (not written and not chunk):
                return
            self._incoming += chunk
            outgoing = outgoing[written:]

    def ask(self, row: list[int], timeout_s: float, cancel: Event | None = None) -> Sequence[int] | None:
        """Send a row and wait for its answer; None if none comes in time. Raises Cancelled once `cancel` is set."""
        self.tell(row)
        deadline = time.monotonic() + timeout_s
        while (answer := self._take()) is None:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if self._served is None or time.monotonic() > deadline:
                return None
            _, chunk = self._served.pump(memoryview(b""), timeout_s=0.25)
            if chunk is None:
                return None
            self._incoming += chunk
        return answer

    def values(self, number: int) -> dict[str, int]:
        """Give the values that signals have in a snapshot, by hierarchical name; empty if it can't be had."""
        for row, expected in self._making(number):
            if expected is None:
                self.tell(row)
            elif self.ask(row, self._patience_s(expected.most_cycles)) is None:
                return {}
        words = self.ask([ord("S"), number], _ANSWER_S) or ()
        pairs = zip(words[::2], words[1::2], strict=True)
        return {name: high << 32 | low for name, (low, high) in zip(self._common.signals, pairs, strict=False)}

    def run(self, orders: Sequence[Order], most_cycles: int) -> list[Report]:
        """Run orders one after the other; those left when the time is over come back as left out."""
        reports: list[Report] = []
        while len(reports) < len(orders):
            reports += self._answers(orders[len(reports) :], most_cycles)
            if len(reports) == len(orders):
                break
            # The process died or hung in the run whose answer is missing, or it is not waited for.
            left_out = self._common.is_over()
            if not left_out:
                self._common.crashes += 1
            reports.append(Report(Ending.LEFT_OUT if left_out else Ending.CRASHED, 0, frozenset()))
            self.close()
            self.start()
            if left_out:
                reports += [Report(Ending.LEFT_OUT, 0, frozenset())] * (len(orders) - len(reports))
        return reports

    def _patience_s(self, most_cycles: int) -> float:
        """Seconds after which a run is taken for a hang."""
        common = self._common
        usual = min(_ANSWER_S, max(_SHORTEST_HANG_S, _HANG_FACTOR * common.slowest_s)) if common.has_hung else _ANSWER_S
        return usual * max(1.0, min(most_cycles, 20 * _USUAL_CYCLES) / _USUAL_CYCLES)

    def _answers(self, orders: Sequence[Order], most_cycles: int) -> list[Report]:
        """Send orders and read the reports as they come; fewer than orders if the process ends or hangs, or if it is over."""
        rows = [row for order in orders for row in self._rows(order, most_cycles)]
        expected = [one for _, one in rows if one is not None]
        outgoing = memoryview(b"".join(_frame(row) for row, _ in rows))
        reports: list[Report] = []
        answered = 0
        last = time.monotonic()
        over_s: float | None = None
        while answered < len(expected):
            assert self._served is not None
            written, chunk = self._served.pump(outgoing, timeout_s=0.25)
            outgoing = outgoing[written:]
            if chunk is None:
                return reports
            now = time.monotonic()
            over_s = (over_s or now) if self._common.is_over() else None
            if over_s is not None and now - over_s > _LATE_S:
                return reports
            if not chunk and now - last > self._patience_s(expected[answered].most_cycles):
                self._common.has_hung = True
                return reports
            self._incoming += chunk
            while (row := self._take()) is not None:
                if expected[answered].is_report:
                    reports.append(self._report(row))
                    self._common.slowest_s = max(self._common.slowest_s, time.monotonic() - last)
                answered += 1
                last = time.monotonic()
        return reports

    def _rows(self, order: Order, most_cycles: int) -> Iterator[tuple[list[int], _Expected | None]]:
        """Rows for an order, each with the answer that it gets."""
        common, expected = self._common, _Expected(True, most_cycles)
        if not common.has_snapshots:
            way = common.snapshots.way(order.start)
            yield _run_row(common.coder, Order((*way.steps, *order.steps), POWER_UP, tells_all=order.tells_all), 0xFFFF_FFFF), expected
            return
        yield from self._making(order.start)
        if order.save:
            yield from self._room({order.start})
            self._held.use(order.save)
        yield _run_row(common.coder, order, most_cycles), expected

    def _making(self, number: int) -> Iterator[tuple[list[int], _Expected | None]]:
        """Rows after which the process holds a snapshot."""
        if number not in self._held.numbers:
            way: Way = self._common.snapshots.way(number, self._held.numbers)
            yield from self._room({way.start})
            yield _run_row(self._common.coder, Order(way.steps, way.start, number), way.most_cycles), _Expected(False, way.most_cycles)
        self._held.use(number)

    def _room(self, needed: set[int]) -> Iterator[tuple[list[int], _Expected | None]]:
        dropped = self._held.make_room(needed)
        if dropped:
            yield [ord("D"), *dropped], None

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
            frozenset(row[6:hit_end]).intersection(self._common.points),
            {row[place]: row[place + 2] << 32 | row[place + 1] for place in range(hit_end, near_end, 3)},
            tuple(row[near_end:]),
        )


def _run_row(coder: Coder, order: Order, most_cycles: int) -> list[int]:
    low_high = [most_cycles & 0xFFFF_FFFF, most_cycles >> 32]
    return [ord("R"), order.start, order.save, int(order.tells_all), *low_high, *coder.steps(order.steps)]


def _frame(row: Sequence[int]) -> bytes:
    return array.array("I", [len(row), *row]).tobytes()
