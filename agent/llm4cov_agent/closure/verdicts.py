"""Verdicts for coverage points from answers to their conditions, kept from run to run. Knows no engine.

A verdict is kept under the digest of the design that it holds for; another design, by a single byte, asks again. Whoever asks is spared
what is proved unreachable; the other verdicts are kept to be shown, and asked about again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from llm4cov_agent.bench.stimulus import ClockDrive, Stimulus, most_cycles
from llm4cov_agent.closure.harness import Ending, HarnessBroken, Order, open_harness
from llm4cov_agent.closure.reach.answer import Answer, AnswerKind, answer
from llm4cov_agent.closure.reach.condition import Instrumented
from llm4cov_agent.closure.reach.instrument_within import instrument_within
from llm4cov_agent.closure.reach.witness import witness_stimulus
from llm4cov_agent.closure.switched import name_parameters
from llm4cov_agent.digest import digest_json
from llm4cov_agent.durable import write_whole
from llm4cov_agent.judge.build_cache import BuildCache, Cancelled
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.source import changed_files

WITNESS_CYCLES = 60
"""Cycles that the search for witnesses unrolls at most."""
_LEAST_READING_S, _LEAST_ANSWERING_S = 2.0, 1.0
"""How long the sources may be read, and the engines may take, at least, however small the budget is."""
_VERSION = 3
"""Goes up when a change to the proofs makes kept ones worthless."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of the points that were asked about."""

    verdicts: Mapping[CoveragePoint, Verdict]
    """For every point; proofs are final, witnesses have the verdict `unknown` until a simulator has confirmed them."""
    witnesses: tuple[tuple[CoveragePoint, Stimulus], ...]
    """Stimuli that should hit a point, shortest first."""


def ask(
    design: Design,
    points: Iterable[CoveragePoint],
    *,
    cache: BuildCache,
    budget_s: float,
    depth: int,
    cancel: Event | None = None,
) -> Asked:
    """Prove points unreachable or find how to reach them, within a time in seconds and a number of cycles."""
    wanted = sorted(points, key=lambda point: point.sort_key)
    known = kept_verdicts(design, cache)
    verdicts = {point: known[point] for point in wanted if point in known and known[point].kind is VerdictKind.UNREACHABLE}
    open_points = [point for point in wanted if point not in verdicts]
    if not open_points:
        return Asked(verdicts, ())
    deadline = time.monotonic() + budget_s
    instrumented = instrument_within(design, open_points, limit_s=max(_LEAST_READING_S, budget_s), cancel=cancel)
    if isinstance(instrumented, str):
        return Asked(verdicts | {point: _unknown(f"Its source can't be instrumented: {instrumented}.") for point in open_points}, ())
    budget_s = max(_LEAST_ANSWERING_S, deadline - time.monotonic())
    questions = tuple(dict.fromkeys(one for conditions in instrumented.conditions.values() for one in conditions))
    answers = answer(design, instrumented.texts, questions, budget_s=budget_s, depth=depth, cancel=cancel) if questions else ()
    if changed_files((file.path, file.digest) for file in design.files):
        # The engines read the files again, so this may be a proof about another design than the one it would be kept for.
        return Asked(verdicts | {point: _unknown("A file of the design changed meanwhile; ask again.") for point in open_points}, ())
    by_question = {one.question: one for one in answers}
    witnesses: list[tuple[CoveragePoint, Stimulus]] = []
    for point in open_points:
        found = [by_question[one] for one in instrumented.conditions.get(point, ())]
        verdicts[point] = _verdict(point, instrumented, found)
        reached = min((one for one in found if one.kind is AnswerKind.WITNESS), key=lambda one: len(one.witness), default=None)
        if reached is not None:
            witnesses.append((point, witness_stimulus(design, reached)))
    verdicts = name_parameters(verdicts, design)
    keep_verdicts(design, cache, verdicts)
    return Asked(verdicts, tuple(witnesses))


def ask_from(
    design: Design, points: Iterable[CoveragePoint], start: Mapping[str, int], *, budget_s: float, depth: int, cancel: Event | None = None
) -> tuple[tuple[CoveragePoint, Stimulus], ...]:
    """Look for ways to points from a state that simulation reached (signals by hierarchical name); proves nothing.

    The stimuli begin in that state, without a reset.
    """
    deadline = time.monotonic() + budget_s
    instrumented = instrument_within(design, points, limit_s=budget_s, cancel=cancel)
    budget_s = deadline - time.monotonic()
    if isinstance(instrumented, str) or budget_s < _LEAST_ANSWERING_S:
        return ()
    questions = tuple(dict.fromkeys(one for conditions in instrumented.conditions.values() for one in conditions))
    if not questions:
        return ()
    answers = answer(design, instrumented.texts, questions, budget_s=budget_s, depth=depth, cancel=cancel, start=start, proves=False)
    by_question = {one.question: one for one in answers if one.kind is AnswerKind.WITNESS and one.witness}
    return tuple(
        (point, witness_stimulus(design, by_question[condition], with_reset=False))
        for point, conditions in instrumented.conditions.items()
        for condition in conditions[:1]
        if condition in by_question
    )


def confirm(
    asked: Asked, design: Design, simulator: Verilator, *, limits: SimulationLimits, cancel: Event | None = None
) -> Mapping[CoveragePoint, Verdict]:
    """Run each witness from power-up; what it hits of its point gets the verdict `covered`.

    They run in the compiled harness, as each start there is a clean one: in one testbench, a design without a reset would be left to
    the next as the one before left it. What the harness can't run stays unconfirmed.
    """
    reached: dict[CoveragePoint, Verdict] = {}
    by_clocks: dict[tuple[ClockDrive, ...], list[tuple[CoveragePoint, Stimulus]]] = {}
    for point, stimulus in asked.witnesses:
        by_clocks.setdefault(stimulus.clocks, []).append((point, stimulus))
    with contextlib.suppress(HarnessBroken, Cancelled):
        for clocks, witnesses in by_clocks.items():
            with open_harness(design, simulator, clocks, workers=1, limits=limits, cancel=cancel) as opened:
                if opened.harness is None:
                    continue
                opened.harness.start()
                orders = [
                    Order(tuple(step for one in stimulus.sequences for step in one.steps), tells_all=True) for _, stimulus in witnesses
                ]
                reports = opened.harness.run(orders, most_cycles=max(most_cycles(stimulus) for _, stimulus in witnesses) + 1)
                for (point, stimulus), report in zip(witnesses, reports, strict=True):
                    hit = {one for counter in report.counters | opened.harness.at_power_up for one in opened.harness.points[counter]}
                    if report.ending is Ending.DONE and point in hit:
                        reason = f"Can be reached: within {most_cycles(stimulus)} cycles of a start, confirmed in the simulator."
                        reached[point] = Verdict(VerdictKind.COVERED, reason)
    return {**asked.verdicts, **reached}


def keep_verdicts(design: Design, cache: BuildCache, verdicts: Mapping[CoveragePoint, Verdict]) -> None:
    """Keep what is known about points of a design beside what was known before: a proof stays, and so does the higher bound."""
    known = kept_verdicts(design, cache)
    merged = known | {
        point: one
        for point, one in verdicts.items()
        if one.kind is not VerdictKind.UNKNOWN and (point not in known or _says_more(one, known[point]))
    }
    if merged != known:
        _write(design, cache, merged)


def kept_verdicts(design: Design, cache: BuildCache) -> dict[CoveragePoint, Verdict]:
    """Read what is known about points of a design from before."""
    try:
        rows = json.loads(_path(design, cache).read_text())
        return {
            CoveragePoint(Kind(kind), file, line, column, comment): Verdict(VerdictKind(verdict), reason, bound)
            for kind, file, line, column, comment, verdict, reason, bound in rows
        }
    except (OSError, ValueError, TypeError):
        return {}


def forget(design: Design, cache: BuildCache) -> None:
    """Drop the proofs kept for a design: one of them was found to be wrong."""
    with contextlib.suppress(OSError):
        _path(design, cache).unlink(missing_ok=True)


def _verdict(point: CoveragePoint, instrumented: Instrumented, answers: list[Answer]) -> Verdict:
    if point in instrumented.unmapped or not answers:
        return _unknown(f"No proof was tried: {instrumented.unmapped.get(point, 'no condition is known for it')}.")
    kinds = {one.kind for one in answers}
    if kinds == {AnswerKind.PROVED}:
        return Verdict(VerdictKind.UNREACHABLE, answers[0].reason)
    if AnswerKind.WITNESS in kinds:
        return _unknown("A way to reach it was found in the model, but the simulator did not confirm it.")
    if kinds <= {AnswerKind.PROVED, AnswerKind.BOUNDED}:
        least = min((one for one in answers if one.kind is AnswerKind.BOUNDED), key=lambda one: one.cycles)
        return Verdict(VerdictKind.BOUNDED, least.reason, least.cycles)
    return _unknown(next(one.reason for one in answers if one.kind is AnswerKind.UNKNOWN))


def _unknown(reason: str) -> Verdict:
    return Verdict(VerdictKind.UNKNOWN, reason)


def _path(design: Design, cache: BuildCache) -> Path:
    # The digest leaves out where files lie, and a point has its file's path: the paths are part of the key.
    key = digest_json([_VERSION, design.digest, [str(file.path) for file in design.files]])
    return cache.root.parent / "verdicts" / f"{key.replace(':', '-')}.json"


def _says_more(one: Verdict, before: Verdict) -> bool:
    ranks = {VerdictKind.UNKNOWN: 0, VerdictKind.BOUNDED: 1, VerdictKind.COVERED: 2, VerdictKind.UNREACHABLE: 3}
    return (ranks[one.kind], one.bound or 0) > (ranks[before.kind], before.bound or 0)


def _write(design: Design, cache: BuildCache, verdicts: Mapping[CoveragePoint, Verdict]) -> None:
    rows = [
        [point.kind.value, point.file, point.line, point.column, point.comment, one.kind.value, one.reason, one.bound]
        for point, one in verdicts.items()
    ]
    place = _path(design, cache)
    # A full disk takes the cache away, not the answer.
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(rows))
