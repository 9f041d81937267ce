"""The job that goes on from a testbench that exists: bettered, mended, or brought to one point more. Knows no LSP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

from llm4cov_agent.cli.design import open_simulator
from llm4cov_agent.cli.recording import Recorder
from llm4cov_agent.cli.testbench import read_present
from llm4cov_agent.closure.approaches import kept_approaches
from llm4cov_agent.closure.proved_before import proved_before, why_no_verdict
from llm4cov_agent.closure.waived import without_waived
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import with_verdicts
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.loop.delivery import delivered
from llm4cov_agent.loop.generate import undrivable
from llm4cov_agent.loop.going_on import GoneOn, Present, go_on
from llm4cov_agent.rtl.design import Design, DesignFile
from llm4cov_lsp.attempts import attempts_at, searched_words
from llm4cov_lsp.breakdown import instances_of, ports_of
from llm4cov_lsp.planned import plan_of
from llm4cov_lsp.records import Proposed, Result
from llm4cov_lsp.telling import Tell, watched
from llm4cov_lsp.told import files_of, problem_records
from llm4cov_lsp.wire import STORE_CODE, Request


def gone_on(
    request: Request, design: Design, problems: tuple[Problem, ...], tell: Tell, cancel: Event
) -> tuple[Result, tuple[DesignFile, ...]]:
    """Do it; gives the result without the digests that it rests on, and the files of the testbench that belong to them."""
    assert request.testbench is not None
    failed = Result(top=design.top, status=RunStatus.BUILD_FAILED.label, testbench=request.testbench)
    plan, refusals = plan_of(request)
    refusals = (*undrivable(design), *refusals)
    if plan is None or refusals:
        return replace(failed, problems=problem_records((*problems, *refusals))), ()
    limits = SimulationLimits(run_s=request.run_s)
    present, found = read_present(Path(request.testbench), design, store=None, seed=request.seed, limits=limits)
    problems = (*problems, *found)
    if present is None:
        return replace(failed, problems=problem_records(problems)), ()
    recorder = Recorder(None, command=f"llm4cov.{'cover' if request.point else 'improve'} {design.top}") if request.stores else None
    watch = watched(request, design, tell, recorder, cancel)
    simulator = open_simulator()
    gone, found = go_on(design, simulator, plan, present, point=request.point, **watch)
    problems = (*problems, *found)
    if recorder is not None:
        recorder.close()
        problems = (*problems, *([replace(recorder.problem, code=STORE_CODE)] if recorder.problem is not None else ()))
    if gone is None:
        return replace(failed, problems=problem_records(problems)), present.job.testbench_files
    known, wrong = proved_before(gone.before, present.job, simulator.cache)
    waived = without_waived(gone.before, design, tuple(Path(name) for name in request.waivers))
    holes = {hole.point for hole in waived.evaluation.holes}
    gone = _told(gone, present.job)
    verdicts = {point: one for point, one in {**known, **_learnt(gone, request.point)}.items() if point in holes}
    before = with_verdicts(waived.evaluation, verdicts)
    searched = kept_approaches(design, simulator.cache) if before.holes else None
    return (
        Result(
            top=design.top,
            status=before.status.label,
            overall=before.overall,
            reachable=before.reachable,
            cycles=before.cycles,
            testbench=request.testbench,
            design_digest=design.digest,
            searched=searched_words(searched, present.job),
            files=files_of(design, before, waived=waived.holes, earlier=searched.nearest if searched is not None else None),
            instances=instances_of(design, before),
            ports=ports_of(design, before),
            attempts=attempts_at(design) if request.stores else (),
            problems=problem_records((*problems, *before.problems, *wrong, *waived.problems)),
            proposed=_proposed(gone, present, recorder.trajectory if recorder is not None and recorder.problem is None else None),
        ),
        present.job.testbench_files,
    )


def _proposed(gone: GoneOn, present: Present, trajectory: str | None) -> Proposed:
    outcome, is_ours = gone.outcome, present.stimulus is not None
    verdict = (gone.verdict.kind.value, gone.verdict.reason) if gone.verdict is not None else (None, "")
    if outcome is None:
        return Proposed(is_ours=is_ours, verdict=verdict[0], reason=verdict[1])
    return Proposed(
        text=delivered(outcome),
        replaces=gone.replaces,
        is_ours=is_ours,
        digest=outcome.testbench.digest,
        trajectory=trajectory,
        overall=outcome.evaluation.overall,
        reachable=outcome.evaluation.reachable,
        cycles=outcome.evaluation.cycles,
        gained=len(gone.gained),
        ended=outcome.reason.value,
        verdict=verdict[0],
        reason=verdict[1],
    )


def _told(gone: GoneOn, job: Job) -> GoneOn:
    """Leave a verdict out that says nothing about the testbench that was there."""
    why = why_no_verdict(job) if gone.verdict is not None else None
    return replace(gone, verdict=Verdict(VerdictKind.UNKNOWN, why)) if why is not None else gone


def _learnt(gone: GoneOn, point: str | None) -> dict[CoveragePoint, Verdict]:
    """Give what was learnt of the point that was asked for, to be shown beside what was measured."""
    asked = next((hole.point for hole in gone.before.holes if hole.point.id == point), None)
    return {asked: gone.verdict} if asked is not None and gone.verdict is not None else {}
