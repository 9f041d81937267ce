"""The whole of closure on one design: search, prove, search on with what the proofs showed, compose. Prints nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import Event

from llm4cov_agent.bench.stimulus import Step, Stimulus, free_clocks
from llm4cov_agent.closure.compose import compose
from llm4cov_agent.closure.ended import problem_of_ending
from llm4cov_agent.closure.harness import POWER_UP, HarnessBroken, Opened, Target, open_harness
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.closure.search import Search, run_search, targets_of
from llm4cov_agent.closure.verdicts import WITNESS_CYCLES, ask, ask_from, forget
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.build_cache import Cancelled
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Progress, SimulationLimits
from llm4cov_agent.judge.standing import OnStanding, Standing
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.rtl.design import Design

STALLED_ROUNDS = 40
"""Rounds without a find after which proofs are worth more than further tries."""
GIVEN_UP_ROUNDS = 400
"""Rounds without a find after which the search ends, with or without time left."""
_FIRST_SHARE, _LAST_SHARE = 0.4, 0.9
"""How much of the time that compiling leaves is used up at most when the first search and the second one end; then it is composed."""
_PROOF_SHARE = 0.35
"""How much of that time goes into proofs and witnesses at most."""
_JUDGING = 0.6
"""Compiling and measuring the testbench in the end takes about so much of what compiling the harness took, as nothing is optimised."""
_LEAST_SHARE = 0.2
"""How much of the budget is left to search and proofs at least, however long compiling takes."""
_LEAST_BUILD_S = 60.0
"""How long compiling may take at least, however small the budget is: without it there is nothing."""
_LEAST_COMPOSE_S = 2.0
_SLOW_SHARE = 0.03
"""On designs that are slow to simulate: how much of the time one run of the testbench takes at most, as composing needs many."""
_LEAST_CYCLES = 2000
_DEEP_STATES = 3
_FEW_POINTS = 8
"""Wanted points up to which proofs come before the search: the engines answer so few in less time than random tries take."""
MOST_CYCLES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePlan:
    """How far to go."""

    seed: int = 1
    budget_s: float = 60.0
    """Time for everything, the compilers included."""
    rounds: int | None = None
    """Rounds of the search at most; with it, and with time enough, the result depends on nothing but the seed."""
    cycles: int = MOST_CYCLES
    """Cycles that the testbench may simulate."""
    workers: int | None = None
    """Processes of the harness; None for one per processor."""
    proves: bool = True
    given: Stimulus | None = None
    """What the testbench begins with, as it is; closure adds what that leaves. One with other clocks than `free_clocks` is not used."""
    wanted: frozenset[CoveragePoint] | None = None
    """The only points to reach; None for all. A few of them are proved or reached by model checking before they are searched for."""
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
    compile_s: float = 0.0
    """How long the harness took to compile, when it was compiled."""
    opened_s: float = 0.0
    """How long it took to have it this time: next to nothing where it was kept from earlier."""
    search_s: float = 0.0
    prove_s: float = 0.0
    out_of_time: bool = False
    """Whether points were left when the time was over."""
    lost: int = 0
    """Points that the search hit and the stimulus had to leave out."""


def close(
    design: Design,
    verilator: Verilator,
    plan: ClosePlan,
    *,
    progress: Progress | None = None,
    on_standing: OnStanding | None = None,
    cancel: Event | None = None,
) -> Closed:
    """Close a design's coverage as far as the plan allows; what was reached when `cancel` is set is composed all the same."""
    clocks = free_clocks(design)
    workers = plan.workers or os.cpu_count() or 1
    say = progress or (lambda _: None)
    started = time.monotonic()
    limits = replace(plan.limits, build_s=min(plan.limits.build_s, max(plan.budget_s, _LEAST_BUILD_S)))
    try:
        with open_harness(design, verilator, clocks, workers=workers, limits=limits, progress=progress, cancel=cancel) as opened:
            if opened.harness is None:
                too_long = time.monotonic() - started >= limits.build_s
                hint = Problem(f"compiling the design takes more than {limits.build_s:.0f} s", hint="Allow more with --budget-s.")
                return Closed(stimulus=None, verdicts={}, problems=(hint,) if too_long else opened.problems)
            opened_s = time.monotonic() - started
            say("starting the model")
            given = plan.given if plan.given is not None and plan.given.clocks == clocks else None
            seed = plan.seed if given is None else given.seed
            opened.harness.start(targets_of(design), seed=seed)
            if plan.rounds is not None:
                # The seed alone is to decide, so how fast this machine is may not shorten a try.
                opened.harness.cycles_per_s = float("inf")
            window = _window(plan, opened, opened_s, time.monotonic() - started)
            cycles = int(min(plan.cycles, max(_LEAST_CYCLES, _SLOW_SHARE * window.seconds * opened.harness.cycles_per_s)))
            sequences = given.sequences if given is not None else ()
            search = Search(opened.harness, Palette(design, clocks), seed, cycles, sequences, wanted=plan.wanted)
            return _Closing(design, verilator, plan, search, window, say, on_standing or (lambda _: None), cancel).run()
    except HarnessBroken as broken:
        return Closed(stimulus=None, verdicts={}, problems=(_broken(design, str(broken)),))
    except Cancelled:
        return Closed(stimulus=None, verdicts={}, problems=(Problem("it was stopped"),))


@dataclass(frozen=True, slots=True)
class _Window:
    """What compiling leaves of the budget."""

    seconds: float
    """For search, proofs and shortening."""
    spent_s: float
    compile_s: float
    opened_s: float


def _window(plan: ClosePlan, opened: Opened, opened_s: float, spent_s: float) -> _Window:
    left = plan.budget_s - spent_s - _JUDGING * opened.made_s
    return _Window(max(left, _LEAST_SHARE * plan.budget_s), spent_s, opened.made_s, opened_s)


def _broken(design: Design, reason: str) -> Problem:
    hint = "Leave out what ends the simulation while a testbench runs, for instance inside `ifndef`, and generate again."
    return problem_of_ending(design, reason, hint, severity=Severity.ERROR)


class _Closing:
    def __init__(
        self,
        design: Design,
        verilator: Verilator,
        plan: ClosePlan,
        search: Search,
        window: _Window,
        say: Callable[[str], None],
        stand: OnStanding,
        cancel: Event | None,
    ) -> None:
        self.design, self.verilator, self.plan, self.search, self.say, self.cancel = design, verilator, plan, search, say, cancel
        self.window, self.stand = window, stand
        self.started = time.monotonic()
        self.proved: dict[CoveragePoint, Verdict] = {}
        self.verdicts: dict[CoveragePoint, Verdict] = {}
        self.prove_s = 0.0
        self._said = 0.0

    def stopped(self) -> bool:
        return self.cancel is not None and self.cancel.is_set()

    def run(self) -> Closed:
        problems: tuple[Problem, ...] = ()
        proves = self.plan.proves
        proves_first = proves and self.plan.wanted is not None and len(self.plan.wanted) <= _FEW_POINTS
        if not proves_first:
            self._search(_FIRST_SHARE if proves else _LAST_SHARE, STALLED_ROUNDS if proves else GIVEN_UP_ROUNDS)
        if proves and self.search.points_left and not self.stopped():
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
        latest = max(self.started + self.window.seconds, time.monotonic() + _LEAST_COMPOSE_S)
        composed = compose(self.search, limit=self.search.most_cycles, stopped=lambda: self.stopped() or time.monotonic() > latest)
        tally = self.search.tally
        out_of_time = bool(self.search.points_left - self.proved.keys()) and searched + self.prove_s >= _LAST_SHARE * self.window.seconds
        problems = (*problems, *self._endings())
        if out_of_time and self.window.spent_s > self.plan.budget_s / 2:
            what = f"compiling took {self.window.spent_s:.0f} s of the {self.plan.budget_s:.3g} s"
            problems = (*problems, Problem(what, hint="--budget-s allows more; the compiled design is kept.", severity=Severity.NOTE))
        return Closed(
            stimulus=composed.stimulus,
            verdicts={point: verdict for point, verdict in self.verdicts.items() if point not in self.search.points_hit},
            problems=problems,
            nearest=dict(self.search.nearest),
            runs=tally.runs,
            cycles=tally.cycles,
            compile_s=self.window.compile_s,
            opened_s=self.window.opened_s,
            search_s=searched,
            prove_s=self.prove_s,
            out_of_time=out_of_time,
            lost=len(composed.lost),
        )

    def _endings(self) -> Iterator[Problem]:
        """Say how many runs were left out because the design ended them."""
        harness, runs = self.search.harness, self.search.tally.runs
        if harness.crashes:
            what = f"the compiled design ended or hung in {harness.crashes} of {runs} runs"
            yield problem_of_ending(self.design, what, "These runs were left out.", severity=Severity.WARNING)
        if harness.finished:
            what = f"the design itself ended the simulation in {harness.finished} of {runs} runs"
            yield problem_of_ending(self.design, what, "These runs were left out.", severity=Severity.WARNING)

    def _search(self, share: float, stalled: int) -> None:
        deadline = self.started + share * self.window.seconds
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
        self._stand()
        tally = self.search.tally
        rate = tally.runs / max(0.001, now - self.started - self.prove_s)
        hit, left = len(self.search.points_hit), len(self.search.points_left - self.proved.keys())
        self.say(f"searching: {hit} hit, {len(self.proved)} proved, {left} left, {rate:.0f} stimuli/s")

    def _stand(self) -> None:
        left_s = self.started + self.window.seconds - time.monotonic()
        self.stand(Standing(overall=self.search.overall, left_s=left_s, coverage=self.search.coverage))

    def _prove(self) -> None:
        began = time.monotonic()
        self._stand()
        left = self.search.points_left
        self.say(f"proving: {len(self.search.points_hit)} hit, {len(left)} left")
        deadline = began + _PROOF_SHARE * self.window.seconds
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
