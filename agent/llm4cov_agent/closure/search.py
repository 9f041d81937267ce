"""The coverage-guided search: makes steps, runs them in the harness, keeps what is new, goes on from there.

What is found depends on the seed and the number of rounds only, not on time or on how many processes share the work:
a round's runs don't know of each other, and their reports are read in the order in which they were made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random as Generator

from llm4cov_agent.bench.stimulus import Hold, Random, Reset, Sequence, Step
from llm4cov_agent.closure.aims import Aims, aims_for
from llm4cov_agent.closure.corpus import Corpus, Entry
from llm4cov_agent.closure.harness import POWER_UP, Ending, Harness, Order, Report, Target
from llm4cov_agent.closure.mutate import LONGEST, RESET_CYCLES, Made, Makers
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally, overall
from llm4cov_agent.rtl.design import Design

BATCH = 48
"""Runs of a round."""
LONGEST_RUN = 70_000
"""Cycles of one run; one that would take longer is not kept, as its end was never seen."""
_MOST_TARGETS = 24
_AGAIN_CHANCE = 0.15
_AIM = "aim"
_RARE_WAYS = {_AIM: 0.6, "linger": 0.15}
"""Ways that get less than others while they find nothing: aiming disturbs what protocols set up, a long wait costs as much as
twenty runs."""
_AIM_ROUNDS = 5
"""Rounds without a find after which holes are aimed at; before, it found less than the other ways in the same number of rounds."""
_FORGOTTEN = 0.9
"""How much of a way's extra weight is left after a round; what found the easy points is seldom what finds the last ones."""
_NEARER = 0.85
"""A distance counts as nearer if it is at most so much of the smallest before; every single step would fill the corpus."""
_MOST_SNAPSHOT_BYTES = 256 << 20
_MOST_PLACE_ENTRIES = 600


@dataclass(slots=True)
class Effort:
    """What a search has done so far."""

    rounds: int = 0
    runs: int = 0
    cycles: int = 0
    rounds_since_find: int = 0


@dataclass(frozen=True, slots=True)
class _Try:
    """A run that is to be made, and where it comes from."""

    order: Order
    origin: str
    way: str
    choice: tuple[str, int] | None = None


@dataclass(slots=True)
class Search:
    """A search on an open harness; `round` may be called as long as one likes."""

    harness: Harness
    palette: Palette
    seed: int
    most_cycles: int
    """Cycles that a testbench may take."""
    given: tuple[Sequence, ...] = ()
    """What the testbench begins with: the search goes on from what it reaches. Emptied if it can't be run to its end."""
    given_entry: int | None = None
    """The entry of what was given."""
    corpus: Corpus = field(init=False)
    tally: Effort = field(default_factory=Effort)
    hit: set[int] = field(default_factory=set)
    """Counters hit so far."""
    first: dict[int, int] = field(default_factory=dict)
    """Counter -> entry that hit it first; counters hit at power-up have none."""
    nearest: dict[Target, int] = field(default_factory=dict)
    """Smallest distance to each target in any run that came back."""
    _best: dict[int, int] = field(default_factory=dict)
    _generator: Generator = field(init=False)
    _makers: Makers = field(init=False)
    _weights: dict[str, float] = field(init=False)
    _aims: Aims = field(init=False)
    _holes: list[CoveragePoint] = field(default_factory=list)
    """What is left when a round begins, but for what was given up."""
    _tried: dict[CoveragePoint, int] = field(default_factory=dict)
    given_up: frozenset[CoveragePoint] = frozenset()
    """Points that are not to be aimed at: they are proved unreachable."""
    wanted: frozenset[CoveragePoint] | None = None
    """The only points that count; None for all. Others are noticed, as they may lie on the way."""
    _known: tuple[int, frozenset[CoveragePoint], frozenset[CoveragePoint]] | None = None
    _overall: tuple[int, float | None] | None = None
    _totals: Counter[Kind] | None = None
    _next: int = 1
    _place_entries: int = 0
    _seen_places: set[int] = field(default_factory=set)
    _entered: dict[tuple[str, int], int] = field(default_factory=dict)
    """(file, line) of branches -> the latest entry that entered one of that line for the first time."""

    def __post_init__(self) -> None:
        """Start from power-up, and from the reset if there is one."""
        self._generator = Generator(self.seed)
        self._makers = Makers(self.palette)
        self._weights = {way: _RARE_WAYS.get(way, 1.0) for way in self._makers.ways}
        self._aims = aims_for(self.palette.design, (port.name for port in self.palette.inputs))
        self._weights[_AIM] = _RARE_WAYS[_AIM]
        self.corpus = Corpus(most_cycles=self.most_cycles // 2, is_chain=not self.palette.resets and bool(self.palette.clocks))
        self.hit |= self.harness.at_power_up
        self.harness.learn(sorted(self.hit), {}, ())
        if self.corpus.is_chain:
            # There is no way back, so what was given is where all else begins.
            self._take_given()
        if not self.corpus.entries:
            steps: tuple[Step, ...] = (Reset(RESET_CYCLES), Hold(2)) if self.palette.resets else (Hold(2),)
            origin = "reset" if self.palette.resets else "start"
            self.offer(steps, origin, "start", POWER_UP, keep_always=True)
        if not self.corpus.is_chain:
            self._take_given()

    def _take_given(self) -> None:
        """Run what was given from power-up, as one entry that can be gone on from."""
        if not self.given:
            return
        count = len(self.corpus.entries)
        steps = tuple(step for sequence in self.given for step in sequence.steps)
        self.offer(steps, "what was given", "start", POWER_UP, keep_always=True)
        if len(self.corpus.entries) == count:
            self.given = ()
        else:
            self.given_entry = next(reversed(self.corpus.entries))

    @property
    def points_hit(self) -> frozenset[CoveragePoint]:
        """Points that some run hit."""
        return self._points()[0]

    @property
    def points_left(self) -> frozenset[CoveragePoint]:
        """Points that count and that no run has hit yet."""
        return self._points()[1]

    @property
    def overall(self) -> float | None:
        """Coverage of all runs together, in percent, as `judge.coverage` has it."""
        hit = self.points_hit
        if self._totals is None:
            self._totals = Counter(point.kind for point in {point for points in self.harness.points.values() for point in points})
        if self._overall is None or self._overall[0] != len(hit):
            covered = Counter(point.kind for point in hit)
            self._overall = (len(hit), overall({kind: Tally(covered[kind], total) for kind, total in self._totals.items()}))
        return self._overall[1]

    def coverage(self) -> Coverage:
        """Give what was hit so far, without counts."""
        hits = dict.fromkeys(self.points_left, 0) | dict.fromkeys(self.points_hit, 1)
        return Coverage(hits, lines=self.harness.spans)

    def _points(self) -> tuple[frozenset[CoveragePoint], frozenset[CoveragePoint]]:
        """(hit, left); made anew only when a counter was hit since, as designs have a hundred thousand points."""
        if self._known is None or self._known[0] != len(self.hit):
            hit = frozenset(point for counter in self.hit for point in self.harness.points[counter])
            every = frozenset(point for points in self.harness.points.values() for point in points)
            self._known = (len(self.hit), hit, (every if self.wanted is None else every & self.wanted) - hit)
        return self._known[1:]

    @property
    def start(self) -> int:
        """The entry that all sequences begin with."""
        return next(iter(self.corpus.entries), POWER_UP)

    def round(self) -> int:
        """Make and run one batch; gives the number of counters that were hit for the first time."""
        self._holes = sorted(self.points_left - self.given_up, key=lambda point: point.sort_key)
        made: list[_Try] = []
        for _ in range(BATCH if not self.corpus.is_chain else BATCH // 2):
            made.append(self._make())
        found = 0
        reports = self.harness.run([one.order for one in made], most_cycles=LONGEST_RUN)
        for one, report in zip(made, reports, strict=True):
            self.tally.runs += 1
            self.tally.cycles += report.cycles
            # In a chain only the first find of a batch can be gone on from; the others are found again.
            if not (self.corpus.is_chain and found):
                news = self._consider(one.order, one.origin, one.way, report)
                if news and one.choice is not None:
                    self._makers.like(one.choice)
                found += news
        for way, weight in self._weights.items():
            usual = _RARE_WAYS.get(way, 1.0)
            self._weights[way] = usual + (weight - usual) * _FORGOTTEN
        self.tally.rounds += 1
        self.tally.rounds_since_find = 0 if found else self.tally.rounds_since_find + 1
        return found

    def offer(self, steps: tuple[Step, ...], origin: str, way: str, start: int, *, keep_always: bool = False) -> int:
        """Run given steps and keep them if they are news; gives the number of counters hit for the first time."""
        order = Order(steps, start)
        [report] = self.harness.run([order], most_cycles=LONGEST_RUN)
        self.tally.runs += 1
        self.tally.cycles += report.cycles
        return self._consider(order, origin, way, report, keep_always=keep_always)

    def _make(self) -> _Try:
        generator = self._generator
        parent = self.corpus.pick(generator)
        number = parent.number if parent is not None else self.start
        useful = [entry for entry in list(self.corpus.entries.values())[-200:] if entry.way != "start"]
        if useful and generator.random() < 0.4:
            entry = parent if parent is not None and parent.way != "start" and generator.random() < 0.5 else generator.choice(useful)
            steps = self._makers.vary(entry.steps, [one.steps for one in useful[-20:]], generator)
            # A changed run goes on from where the original began; from anywhere else it is a repeat of what helped.
            number = entry.parent if generator.random() < 0.6 and not self.corpus.is_chain else number
            return _Try(Order(steps, number), entry.origin, entry.way)
        if useful and generator.random() < _AGAIN_CHANCE:
            return self._again(generator.choice(useful), number, generator)
        way, made, near = self._new(generator)
        return _Try(Order((*made.steps, Hold(1)), number if near is None or self.corpus.is_chain else near), made.origin, way, made.choice)

    def _new(self, generator: Generator) -> tuple[str, Made, int | None]:
        """Make steps from nothing: (way, steps, the entry that is nearest to what they aim at, if they do)."""
        stalls = self.tally.rounds_since_find >= _AIM_ROUNDS
        weights = [weight if way != _AIM or stalls else 0.0 for way, weight in self._weights.items()]
        way = generator.choices(list(self._weights), weights)[0]
        if way != _AIM:
            return way, self._makers.ways[way](generator), None
        # Of a few holes, that which was aimed at least.
        holes = [generator.choice(self._holes) for _ in range(3)] if self._holes else []
        hole = min(holes, key=lambda one: self._tried.get(one, 0), default=None)
        aims = self._aims.of(hole) if hole is not None else ()
        if hole is None or not aims:
            return "draw", self._makers.draw(generator), None
        self._tried[hole] = self._tried.get(hole, 0) + 1
        aim = generator.choice(aims)
        near = next((self._entered[place] for place in aim.around if place in self._entered), None)
        if near is not None and generator.random() < 0.3:
            # Its end may lie behind the moment that counts; its beginning is before it.
            near = self.corpus.entries[near].parent or near
        return way, self._makers.aim(aim, generator), near if generator.random() < 0.6 else None

    def _again(self, entry: Entry, number: int, generator: Generator) -> _Try:
        """Do once more what led to an entry, some of its path, and then something new: what a lock wants before each access."""
        path = [one for one in self.corpus.path(entry.number) if one.way != "start"]
        before = tuple(step for one in path[-generator.choice((1, 2, 2, 3, 4)) :] for step in one.steps)
        way, after, _ = self._new(generator)
        return _Try(
            Order((*before[:LONGEST], *after.steps, Hold(1)), number), f"{entry.origin} once more, then {after.origin}", way, after.choice
        )

    def _consider(self, order: Order, origin: str, way: str, report: Report, *, keep_always: bool = False) -> int:
        """Keep a run if it is news against all before it."""
        news = report.counters - self.hit
        # How near runs came is told of all of them, those that are not kept too.
        for rank, away in report.nearer.items():
            target = self.harness.targets[rank]
            self.nearest[target] = min(away, self.nearest.get(target, away))
        nearer = {rank: away for rank, away in report.nearer.items() if away < self._best.get(rank, 1 << 64)}
        is_nearer = any(away < _NEARER * self._best.get(rank, 1 << 64) for rank, away in nearer.items())
        places = [place for place in report.places if place not in self._seen_places]
        if report.ending is not Ending.DONE:
            return 0
        has_room = self._place_entries < min(_MOST_PLACE_ENTRIES, _MOST_SNAPSHOT_BYTES // max(1, self.harness.snapshot_bytes))
        if not (news or keep_always or ((is_nearer or places) and has_room and not self.corpus.is_chain)):
            return 0
        steps = self._trimmed(order, news) if news and not keep_always else order.steps
        number, self._next = self._next, self._next + 1
        self.harness.save(number, steps, order.start, most_cycles=LONGEST_RUN)
        depth = self.corpus.entries[order.start].cycles if order.start in self.corpus.entries else 0
        self.corpus.add(Entry(number, order.start, steps, origin, way, depth + report.cycles, news))
        self._place_entries += not news
        for counter in news:
            self.first[counter] = number
            for point in self.harness.points[counter]:
                if point.kind in (Kind.LINE, Kind.BRANCH):
                    self._entered[point.file, point.line] = number
        self.hit |= news
        self._best.update(nearer)
        self._seen_places.update(places)
        self.harness.learn(sorted(news), nearer, places)
        if way in self._weights and news:
            # Ways that find get more tries, up to a share that leaves the others some.
            self._weights[way] = min(6.0, self._weights[way] + 0.5)
        return len(news)

    def _trimmed(self, order: Order, news: frozenset[int]) -> tuple[Step, ...]:
        """Shorten the last long draw of a run to what its finds need, as far as there is time."""
        place = next((rank for rank in reversed(range(len(order.steps))) if isinstance(order.steps[rank], Random)), None)
        if place is None:
            return order.steps
        step = order.steps[place]
        assert isinstance(step, Random)
        low, high = 0, step.cycles
        best = order.steps
        # A run that nobody waits for ends its process, and on a large design a new one needs seconds.
        while high - low > max(2, step.cycles // 32) and not self.harness.is_over():
            middle = (low + high) // 2
            steps = (*order.steps[:place], Random(middle, step.fields, step.seed), *order.steps[place + 1 :])
            [report] = self.harness.run([Order(steps, order.start)], most_cycles=LONGEST_RUN)
            self.tally.cycles += report.cycles
            if news <= report.counters:
                high, best = middle, steps
            else:
                low = middle
        return best


def targets_of(design: Design) -> tuple[Target, ...]:
    """Choose values that signals might come near to: what registers of some width are compared with, each once."""
    found = [Target(constant.signal, constant.value) for constant in design.constants if 3 < constant.width <= 64]
    return tuple(dict.fromkeys(found))[:_MOST_TARGETS]


def run_search(search: Search, *, goes_on: Callable[[Search], bool]) -> None:
    """Do rounds for as long as there are points left and the caller wants."""
    while search.points_left and goes_on(search):
        search.round()
