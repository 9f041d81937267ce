"""The whole of closure on one design: search, prove, search on with what the proofs showed, compose. Prints nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from llm4cov_agent.bench.stimulus import Step, Stimulus, free_clocks
from llm4cov_agent.closure.compose import compose
from llm4cov_agent.closure.harness import POWER_UP, HarnessBroken, Target, open_harness
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.closure.search import Search, run_search, targets_of
from llm4cov_agent.closure.verdicts import WITNESS_CYCLES, ask, ask_from, forget
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.build_cache import Cancelled
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Progress, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.rtl.design import Design

STALLED_ROUNDS = 40
"""Rounds without a find after which proofs are worth more than further tries."""
GIVEN_UP_ROUNDS = 400
"""Rounds without a find after which the search ends, with or without time left."""
_FIRST_SHARE, _LAST_SHARE = 0.4, 0.9
"""How much of the budget is used up at most when the first search and the second one end."""
_PROOF_SHARE = 0.35
"""How much of the budget goes into proofs and witnesses at most."""
_DEEP_STATES = 3
MOST_CYCLES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePlan:
    """How far to go."""

    seed: int = 1
    budget_s: float = 60.0
    rounds: int | None = None
    """Rounds of the search at most; with it, and with time enough, the result depends on nothing but the seed."""
    cycles: int = MOST_CYCLES
    """Cycles that the testbench may simulate."""
    workers: int | None = None
    """Processes of the harness; None for one per processor."""
    proves: bool = True
    limits: SimulationLimits = field(default_factory=SimulationLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What closure came to."""

    stimulus: Stimulus | None
    """None if the design can't be compiled into a harness; the reasons are in `problems`."""
    verdicts: Mapping[CoveragePoint, Verdict]
    """For points that the stimulus does not hit."""
    problems: tuple[Problem, ...] = ()
    nearest: Mapping[Target, int] | None = None
    """How near the search came to values that signals are compared with."""
    runs: int = 0
    cycles: int = 0
    search_s: float = 0.0
    prove_s: float = 0.0
    out_of_time: bool = False
    """Whether points were left when the time was over."""
    lost: int = 0
    """Points that the search hit and the stimulus had to leave out."""


def close(
    design: Design, verilator: Verilator, plan: ClosePlan, *, progress: Progress | None = None, cancel: Event | None = None
) -> Closed:
    """Close a design's coverage as far as the plan allows; what was reached when `cancel` is set is composed all the same."""
    clocks = free_clocks(design)
    workers = plan.workers or os.cpu_count() or 1
    say = progress or (lambda _: None)
    try:
        with open_harness(design, verilator, clocks, workers=workers, limits=plan.limits, progress=progress, cancel=cancel) as opened:
            if opened.harness is None:
                return Closed(stimulus=None, verdicts={}, problems=opened.problems)
            opened.harness.start(targets_of(design))
            search = Search(opened.harness, Palette(design, clocks), plan.seed, plan.cycles)
            return _Closing(design, verilator, plan, search, say, cancel).run()
    except (HarnessBroken, Cancelled) as broken:
        return Closed(stimulus=None, verdicts={}, problems=(Problem(str(broken) or "it was stopped"),))


class _Closing:
    def __init__(
        self, design: Design, verilator: Verilator, plan: ClosePlan, search: Search, say: Callable[[str], None], cancel: Event | None
    ) -> None:
        self.design, self.verilator, self.plan, self.search, self.say, self.cancel = design, verilator, plan, search, say, cancel
        self.started = time.monotonic()
        self.proved: dict[CoveragePoint, Verdict] = {}
        self.verdicts: dict[CoveragePoint, Verdict] = {}
        self.prove_s = 0.0
        self._said = 0.0

    def stopped(self) -> bool:
        return self.cancel is not None and self.cancel.is_set()

    def run(self) -> Closed:
        problems: tuple[Problem, ...] = ()
        self._search(_FIRST_SHARE if self.plan.proves else _LAST_SHARE, STALLED_ROUNDS if self.plan.proves else GIVEN_UP_ROUNDS)
        if self.plan.proves and self.search.points_left and not self.stopped():
            self._prove()
            self._search(_LAST_SHARE, GIVEN_UP_ROUNDS)
        searched = time.monotonic() - self.started - self.prove_s
        wrong = self.search.points_hit & self.proved.keys()
        if wrong:
            # A proof that a run contradicts says that the model differs from the simulator, so none of them counts.
            forget(self.design, self.verilator.cache)
            self.verdicts = {}
            first = min(wrong, key=lambda point: point.sort_key)
            problems = (_contradiction(first),)
        self.say("shortening the testbench")
        # Shortening has a bound of its own, in cycles; the one in time is for designs that are slow to simulate.
        latest = self.started + 1.25 * self.plan.budget_s + 5
        composed = compose(self.search, limit=self.plan.cycles, stopped=lambda: self.stopped() or time.monotonic() > latest)
        tally = self.search.tally
        if tally.cycles and self.search.harness.crashes:
            what = f"the compiled design ended or hung in {self.search.harness.crashes} of {tally.runs} runs"
            problems = (*problems, Problem(what, hint="These runs were left out.", severity=Severity.WARNING))
        return Closed(
            stimulus=composed.stimulus,
            verdicts={point: verdict for point, verdict in self.verdicts.items() if point not in self.search.points_hit},
            problems=problems,
            nearest=dict(self.search.nearest),
            runs=tally.runs,
            cycles=tally.cycles,
            search_s=searched,
            prove_s=self.prove_s,
            out_of_time=bool(self.search.points_left - self.proved.keys()) and searched + self.prove_s >= _LAST_SHARE * self.plan.budget_s,
            lost=len(composed.lost),
        )

    def _search(self, share: float, stalled: int) -> None:
        deadline = self.started + share * self.plan.budget_s
        self.search.tally.rounds_since_find = 0

        def goes_on(search: Search) -> bool:
            self._tell()
            if self.stopped() or time.monotonic() > deadline or search.tally.rounds_since_find >= stalled:
                return False
            if self.plan.rounds is not None and search.tally.rounds >= self.plan.rounds:
                return False
            return bool(search.points_left - self.proved.keys())

        self.search.harness.is_over = lambda: self.stopped() or time.monotonic() > deadline
        run_search(self.search, goes_on=goes_on)
        self.search.harness.is_over = lambda: False

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._said < 0.2:
            return
        self._said = now
        tally = self.search.tally
        rate = tally.runs / max(0.001, now - self.started - self.prove_s)
        hit, left = len(self.search.points_hit), len(self.search.points_left - self.proved.keys())
        self.say(f"searching: {hit} hit, {len(self.proved)} proved, {left} left, {rate:.0f} stimuli/s")

    def _prove(self) -> None:
        began = time.monotonic()
        left = self.search.points_left
        self.say(f"proving: {len(self.search.points_hit)} hit, {len(left)} left")
        deadline = began + _PROOF_SHARE * self.plan.budget_s
        budget_s = max(1.0, deadline - began)
        asked = ask(self.design, left, cache=self.verilator.cache, budget_s=budget_s, depth=WITNESS_CYCLES, cancel=self.cancel)
        self.verdicts = dict(asked.verdicts)
        self.proved = {point: one for point, one in asked.verdicts.items() if one.kind is VerdictKind.UNREACHABLE}
        self.search.given_up = frozenset(self.proved)
        # From here on a run that hangs takes time from the second search.
        self.search.harness.is_over = lambda: self.stopped() or time.monotonic() > began + budget_s
        for point, stimulus in asked.witnesses:
            if self.stopped():
                break
            if point in self.search.points_hit or stimulus.clocks != self.search.palette.clocks:
                continue
            steps: tuple[Step, ...] = tuple(step for sequence in stimulus.sequences for step in sequence.steps)
            self.search.offer(steps, "a way that the model checker found", "witness", POWER_UP)
        self._reach_from_deep_states(deadline)
        self.search.harness.is_over = lambda: False
        self.prove_s = time.monotonic() - began

    def _reach_from_deep_states(self, deadline: float) -> None:
        """Look for short ways from states that the search came to, the latest finds first."""
        search = self.search
        finds = [entry.number for entry in search.corpus.entries.values() if entry.news or entry.way == "start"]
        for rank, number in enumerate(reversed(finds[-_DEEP_STATES:])):
            left = search.points_left - self.proved.keys()
            seconds = (deadline - time.monotonic()) / (_DEEP_STATES - rank)
            if not left or seconds < 1.0 or self.stopped() or not search.harness.has_snapshots:
                return
            self.say(f"looking for ways from deep states: {len(left)} left")
            start = search.harness.values(number)
            for point, stimulus in ask_from(self.design, left, start, budget_s=seconds, depth=WITNESS_CYCLES, cancel=self.cancel):
                if point not in search.points_hit and not self.stopped():
                    steps = tuple(step for sequence in stimulus.sequences for step in sequence.steps)
                    search.offer(steps, "a way that the model checker found", "witness", number)


def _contradiction(point: CoveragePoint) -> Problem:
    return Problem(
        f"'{point.comment}' was proved unreachable and then hit: no proof about this design is used",
        file=point.file,
        line=point.line,
        column=point.column,
        hint="This is a defect of llm4cov-lsp; please report it with the design.",
        severity=Severity.WARNING,
    )
