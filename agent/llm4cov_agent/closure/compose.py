"""From what a search found to one stimulus: few and short sequences that together hit every point. Decides by replay, never by guess.

The sequences of a testbench run one after the other from one power-up, while the search went back to power-up each time,
so what a selection hits is measured on the whole of it, and what it lost is added again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, Repeat, Sequence, Step, Stimulus, Wait, most_cycles, walk
from llm4cov_agent.bench.text import Names, as_identifier
from llm4cov_agent.closure.corpus import Entry
from llm4cov_agent.closure.harness import POWER_UP, Ending, Order
from llm4cov_agent.closure.search import Search
from llm4cov_agent.judge.coverage import CoveragePoint, Kind

_MOST_CANDIDATES = 400
_REPLAYED_AT_ONCE = 16
_NAMED_POINTS = 3
_SHRINK_CYCLES = 4_000_000
"""Cycles that shrinking may replay in all; a bound in seconds would make the result depend on the machine."""
_RANK = {Kind.FSM: 0, Kind.BRANCH: 1, Kind.LINE: 2, Kind.EXPR: 3, Kind.TOGGLE: 4}


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from power-up to one entry."""

    entries: tuple[Entry, ...]
    counters: frozenset[int]
    """All that running it from power-up hits."""
    idle: tuple[Step, ...]
    """Steps that bring the inputs, and the clocks where they were changed, to what they are at power-up."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All its steps in order, which count on inputs and clocks being as at power-up."""
        return (*self.idle, *(step for entry in self.entries for step in entry.steps))

    @property
    def cycles(self) -> int:
        """From power-up to its end."""
        return self.entries[-1].cycles


@dataclass(frozen=True, slots=True)
class Composed:
    """A stimulus and what the harness says of it."""

    stimulus: Stimulus
    counters: frozenset[int]
    lost: frozenset[CoveragePoint]
    """Points that the search hit and the stimulus does not, because of the limit on cycles or of what a reset leaves behind."""
    cycles: int


def compose(search: Search, *, limit: int, stopped: Callable[[], bool] = lambda: False) -> Composed:
    """Choose, order, shorten and name the sequences of a stimulus that takes at most about `limit` cycles.

    What the search was given stands in front as it is.
    """
    composer = _Composer(search, limit, stopped)
    chains = composer.chosen()
    chains = composer.repaired(chains)
    sequences = [chain.steps for chain in chains]
    if not stopped():
        sequences, chains = composer.without_needless(sequences, chains)
        sequences = composer.shrunk(sequences, stopped)
    return composer.named(sequences, chains)


class _Composer:
    def __init__(self, search: Search, limit: int, stopped: Callable[[], bool]) -> None:
        self.search, self.harness, self.limit, self.stopped = search, search.harness, limit, stopped
        self.spent = 0
        hit = self._points(search.hit)
        self.wanted = hit if search.wanted is None else hit & search.wanted
        self.given = tuple(step for sequence in search.given for step in sequence.steps)
        self.given_hit, self.given_cycles = self._begin()

    def _begin(self) -> tuple[frozenset[CoveragePoint], int]:
        """What the testbench hits before the first chosen sequence, and how long that takes."""
        if not self.given:
            return self._points(self.harness.at_power_up), 0
        hit, cycles = self.measure(())
        return self._points(hit), cycles

    def _points(self, counters: Iterable[int]) -> frozenset[CoveragePoint]:
        return frozenset(point for counter in counters for point in self.harness.points[counter])

    def _to_keep(self, counters: Iterable[int]) -> frozenset[CoveragePoint]:
        points = self._points(counters)
        return points if self.search.wanted is None else points & self.search.wanted

    def chosen(self) -> list[Chain]:
        """Take chains until every point is hit by one, those first that add most for their cycles (greedy set cover)."""
        left = set(self.wanted - self.given_hit)
        corpus = self.search.corpus
        numbers = sorted(set(self.search.first.values()))[-_MOST_CANDIDATES:]
        if corpus.is_chain:
            return self._going_on(self._chains(numbers[-1:]))
        candidates = self._chains(numbers)
        points = {id(chain): self._points(chain.counters) for chain in candidates}
        taken: list[Chain] = []
        budget = self.limit - self.given_cycles
        while left:
            best = max(
                (chain for chain in candidates if chain.cycles <= budget),
                key=lambda chain: (len(points[id(chain)] & left) / (chain.cycles + 50) ** 0.5, -chain.entries[-1].number),
                default=None,
            )
            if best is None or not points[id(best)] & left:
                break
            taken.append(best)
            left -= points[id(best)]
            budget -= best.cycles
        return self._going_on(taken)

    def _going_on(self, chains: list[Chain]) -> list[Chain]:
        """Let one chain that begins with what was given go on from there, in front of the others, instead of repeating it."""
        first = next((chain for chain in chains if chain.entries[0].number == self.search.given_entry), None)
        if first is None:
            return chains
        others = [chain for chain in chains if chain is not first]
        return [*([replace(first, entries=first.entries[1:], idle=())] if len(first.entries) > 1 else []), *others]

    def _chains(self, numbers: list[int]) -> list[Chain]:
        paths = [tuple(self.search.corpus.path(number)) for number in numbers]
        orders = [Order(tuple(step for entry in path for step in entry.steps), POWER_UP, tells_all=True) for path in paths]
        idle: tuple[Step, ...] = (Drive(tuple((signal, 0) for signal, _, _ in self.search.palette.signals)),)
        if any(isinstance(step, Pace) for order in orders for step in walk(order.steps)):
            idle = (*(Pace(clock.port, clock.half_period) for clock in self.search.palette.clocks), *idle)
        chains: list[Chain] = []
        for start in range(0, len(paths), _REPLAYED_AT_ONCE):
            some = slice(start, start + _REPLAYED_AT_ONCE)
            if self.stopped():
                # There is no time to see all that they hit; what each was kept for is known.
                chains += [Chain(path, frozenset().union(*(entry.news for entry in path)), idle) for path in paths[some]]
                continue
            reports = self.harness.run(orders[some], most_cycles=self.limit)
            chains += [
                Chain(path, report.counters, idle)
                for path, report in zip(paths[some], reports, strict=True)
                if report.ending is Ending.DONE
            ]
        return chains

    def measure(self, sequences: Iterable[tuple[Step, ...]]) -> tuple[frozenset[int], int]:
        """Run sequences one after the other from one power-up, what was given first: (counters hit, cycles)."""
        steps = (*self.given, *(step for sequence in sequences for step in sequence))
        [report] = self.harness.run([Order(steps, POWER_UP, tells_all=True)], most_cycles=2 * self.limit)
        self.spent += max(report.cycles, 2000)
        hit = report.counters | self.harness.at_power_up if report.ending is Ending.DONE else frozenset()
        return hit, report.cycles

    def repaired(self, chains: list[Chain]) -> list[Chain]:
        """Bring back what is lost when the chains run one after the other: in front what needs power-up, else once more at the end."""
        best, best_points = chains, self._points(self.measure(chain.steps for chain in chains)[0])
        for _ in range(6):
            lost = self.wanted - best_points
            if not lost or not chains:
                break
            by_gain = sorted(chains, key=lambda chain: -len(self._points(chain.counters) & lost))
            found = False
            for chain in by_gain[:3]:
                if self.stopped():
                    break
                for order in ([chain, *(one for one in best if one is not chain)], [*best, chain]):
                    hit, cycles = self.measure(one.steps for one in order)
                    points = self._points(hit)
                    if len(points & self.wanted) > len(best_points & self.wanted) and cycles <= self.limit:
                        best, best_points, found = order, points, True
                        break
                if found:
                    break
            if not found:
                break
        return best

    def without_needless(self, sequences: list[tuple[Step, ...]], chains: list[Chain]) -> tuple[list[tuple[Step, ...]], list[Chain]]:
        """Leave out sequences without which nothing is lost."""
        kept = list(zip(sequences, chains, strict=True))
        hit = self._to_keep(self.measure(steps for steps, _ in kept)[0])
        for pair in sorted(kept, key=lambda pair: -pair[1].cycles):
            fewer = [one for one in kept if one is not pair]
            if (
                fewer
                and not self.stopped()
                and self.spent < _SHRINK_CYCLES // 3
                and hit <= self._points(self.measure(steps for steps, _ in fewer)[0])
            ):
                kept = fewer
        return [steps for steps, _ in kept], [chain for _, chain in kept]

    def shrunk(self, sequences: list[tuple[Step, ...]], stopped: Callable[[], bool]) -> list[tuple[Step, ...]]:
        """Drop and shorten steps, the costly ones first, for as long as replay shows that nothing is lost."""
        hit = self._to_keep(self.measure(sequences)[0])
        for place in range(len(sequences)):
            changed = True
            while changed and self.spent < _SHRINK_CYCLES and not stopped():
                changed = False
                for shorter in _shorter(sequences[place]):
                    if self.spent >= _SHRINK_CYCLES or stopped():
                        break
                    tried = [*sequences[:place], shorter, *sequences[place + 1 :]]
                    if hit <= self._points(self.measure(tried)[0]):
                        sequences, changed = tried, True
                        break
        return sequences

    def named(self, sequences: list[tuple[Step, ...]], chains: list[Chain]) -> Composed:
        """Give each sequence a name and a comment that says what it is first to hit."""
        design, names = self.search.palette.design, Names(sequence.name for sequence in self.search.given)
        seen = self.given_hit
        found: list[Sequence] = []
        for place, (steps, chain) in enumerate(zip(sequences, chains, strict=True)):
            hit = self._points(chain.counters if self.stopped() else self.measure(sequences[: place + 1])[0])
            name, comment = _words(hit - seen, chain)
            found.append(Sequence(names.pick(name), comment, steps))
            seen |= hit
        if not found and not self.given:
            found.append(Sequence("settle", "Nothing is to be driven.", (Hold(2),)))
        counters, cycles = self.measure(sequence.steps for sequence in found)
        stimulus = Stimulus(design.top, self.search.seed & 0xFFFF_FFFF, self.search.palette.clocks, (*self.search.given, *found))
        return Composed(stimulus, counters, self.wanted - self._points(counters), cycles)


def _shorter(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Simpler versions of some steps, the boldest first; the last step stays, as time has to pass in the end."""
    count = len(steps)
    size = count // 2
    while size >= 1:
        for start in range(0, count - size, size):
            yield steps[:start] + steps[start + size :]
        size //= 2
    for place, step in enumerate(steps):
        if isinstance(step, Drive) and len(step.values) > 1:
            for rank in range(len(step.values)):
                yield (*steps[:place], Drive(step.values[:rank] + step.values[rank + 1 :]), *steps[place + 1 :])
    costly = sorted(range(count), key=lambda place: -_cycles(steps[place]))
    for place in costly[:12]:
        for simpler in _simpler(steps[place]):
            yield (*steps[:place], simpler, *steps[place + 1 :])


def _simpler(step: Step) -> Iterator[Step]:
    match step:
        case Hold() | Random() if step.cycles > 1:
            for cycles in (step.cycles // 4, step.cycles // 2, step.cycles * 3 // 4):
                if cycles:
                    yield replace(step, cycles=cycles)
        case Wait() if step.limit > 1:
            for limit in (1, step.limit // 16, step.limit // 4):
                if limit:
                    yield replace(step, limit=limit)
        case Repeat() if step.count > 1:
            for fewer in (1, step.count // 2):
                yield replace(step, count=fewer)
        case _:
            return


def _cycles(step: Step) -> int:
    return most_cycles(Stimulus("", 1, (), (Sequence("x", "", (step,)),)))


def _words(news: frozenset[CoveragePoint], chain: Chain) -> tuple[str, str]:
    """Name a sequence after the most telling point that it is first to hit, and say how it does it."""
    ranked = sorted(news, key=lambda point: (_RANK[point.kind], point.sort_key))
    origins = list(dict.fromkeys(entry.origin for entry in chain.entries if entry.way != "start")) or [chain.entries[0].origin]
    how = ", then ".join(origins[-3:])
    how = how[0].upper() + how[1:]
    if not ranked:
        return as_identifier(chain.entries[-1].way), f"{how}."
    first = ranked[0]
    subject = first.comment.rpartition("::")[2] if first.kind is Kind.FSM else first.comment.partition(":")[0].partition("[")[0]
    word = as_identifier(subject.lower()) if first.kind in (Kind.FSM, Kind.TOGGLE) else f"{Path(first.file).stem}_line_{first.line}"
    listed = ", ".join(_point_words(point) for point in ranked[:_NAMED_POINTS])
    more = f" and {len(ranked) - _NAMED_POINTS} more points" if len(ranked) > _NAMED_POINTS else ""
    return f"reach_{as_identifier(word)}"[:60], f"{how}: first to hit {listed}{more}."


def _point_words(point: CoveragePoint) -> str:
    if point.kind in (Kind.TOGGLE, Kind.FSM):
        return point.comment
    return f"{Path(point.file).name}:{point.line} {point.comment}"
