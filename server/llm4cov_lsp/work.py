"""What a job does: asks the agent to elaborate, measure, generate or prove, and puts what it says into values. Knows no LSP."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event

from llm4cov_agent.cli.design import open_simulator
from llm4cov_agent.cli.recording import Recorder
from llm4cov_agent.cli.testbench import read_job
from llm4cov_agent.closure.approaches import keep_approaches, kept_approaches
from llm4cov_agent.closure.nearest import nearest_of
from llm4cov_agent.closure.proved_before import proved_before, why_no_verdict
from llm4cov_agent.closure.tell import told_with
from llm4cov_agent.closure.verdicts import WITNESS_CYCLES, ask, confirm, keep_verdicts
from llm4cov_agent.closure.waived import without_waived
from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint, percent_text
from llm4cov_agent.judge.evaluator import Evaluation, evaluate, with_verdicts
from llm4cov_agent.judge.holes import Verdict
from llm4cov_agent.judge.simulator import RunStatus, SimulationLimits
from llm4cov_agent.loop.delivery import delivered
from llm4cov_agent.loop.generate import generate as generate_testbench
from llm4cov_agent.loop.generate import undrivable
from llm4cov_agent.rtl.design import Design, DesignFile
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.trajectories.human import HumanEdit, keep_edit
from llm4cov_lsp.attempts import attempts_at, attempts_of, searched_words, stands_accepted
from llm4cov_lsp.breakdown import instances_of, ports_of
from llm4cov_lsp.filelist_command import Listings
from llm4cov_lsp.gone_on import gone_on
from llm4cov_lsp.planned import plan_of
from llm4cov_lsp.records import FileDigest, Result
from llm4cov_lsp.sources import files_of_request
from llm4cov_lsp.telling import Tell, watched
from llm4cov_lsp.told import files_of, problem_records
from llm4cov_lsp.wire import STORE_CODE, EventKind, Request, RequestKind


def work(request: Request, *, tell: Tell, cancel: Event, listings: Listings) -> Result:
    """Do a job. A bad input is a result with problems; ToolMissing and BadConfiguration are raised."""
    began = time.monotonic()
    tell(EventKind.PROGRESS, words="reading the design")
    files, problems, read = files_of_request(request, listings=listings, cancel=cancel)
    lists = _digests(read)
    design = None
    if files is not None:
        design, found = elaborate(files)
        problems = (*problems, *found)
    if design is None:
        return Result(
            top=request.top,
            status=RunStatus.BUILD_FAILED.label,
            problems=problem_records(problems),
            rests_on=tuple(dict.fromkeys((*_given(request, problems), *lists))),
        )
    if request.kind is RequestKind.OUTLINE:
        return Result(top=design.top, status="elaborated", problems=problem_records(problems), rests_on=(*_rests_on(design), *lists))
    do = {RequestKind.GENERATE: _generate, RequestKind.GO_ON: _go_on}.get(request.kind, _measure)
    result = do(request, design, problems, tell, cancel)
    return replace(result, seconds=time.monotonic() - began, rests_on=(*result.rests_on, *lists))


def _measure(request: Request, design: Design, problems: tuple[Problem, ...], tell: Tell, cancel: Event) -> Result:
    """Measure a testbench that exists; with `prove`, ask about its holes too."""
    assert request.testbench is not None
    path = Path(request.testbench)
    # Before it is read: who saves it meanwhile has made the result one about what is no more.
    of_testbench = _digests([path])
    job, found = read_job(path, design, seed=request.seed, limits=SimulationLimits(run_s=request.run_s))
    problems = (*problems, *found)
    if job is None:
        return Result(
            top=design.top,
            status=RunStatus.BUILD_FAILED.label,
            testbench=request.testbench,
            problems=problem_records(problems),
            rests_on=(*_rests_on(design), *of_testbench),
        )
    simulator = open_simulator()
    waived_by = tuple(Path(name) for name in request.waivers)
    evaluation = evaluate(simulator, job, progress=lambda words: tell(EventKind.PROGRESS, words=words), cancel=cancel)
    known, wrong = proved_before(evaluation, job, simulator.cache)
    edit, unkept = keep_edit(design, job, evaluation) if request.stores and not cancel.is_set() else (None, ())
    problems = (*problems, *(replace(problem, code=STORE_CODE) for problem in unkept))
    waived = without_waived(evaluation, design, waived_by)
    evaluation = with_verdicts(waived.evaluation, _of_holes(known, waived.evaluation))
    unproved = why_no_verdict(job) if request.kind is RequestKind.PROVE else None
    if request.kind is RequestKind.PROVE and evaluation.holes and unproved is None:
        tell(EventKind.PROGRESS, words="proving what can't be reached")
        tell(EventKind.STANDING, overall=evaluation.overall, left_s=request.budget_s, budget_s=request.budget_s)
        points: Iterable[CoveragePoint] = [hole.point for hole in evaluation.holes]
        if request.point is not None:
            points = told_with(evaluation.holes, request.point)
        asked = ask(design, points, cache=simulator.cache, budget_s=request.budget_s, depth=WITNESS_CYCLES, cancel=cancel)
        tell(EventKind.PROGRESS, words="confirming what can")
        confirmed = confirm(asked, design, simulator, limits=job.limits, cancel=cancel)
        keep_verdicts(design, simulator.cache, confirmed)
        evaluation = with_verdicts(evaluation, {**_of_holes(known, evaluation), **confirmed})
    searched = kept_approaches(design, simulator.cache) if evaluation.holes else None
    return Result(
        top=design.top,
        status=evaluation.status.label,
        overall=evaluation.overall,
        reachable=evaluation.reachable,
        cycles=evaluation.cycles,
        testbench=request.testbench,
        stands_accepted=request.stores and stands_accepted(job.testbench.text),
        human_edit=_edit_words(edit) if edit is not None else "",
        design_digest=design.digest,
        rests_on=(*_rests_on(design), *of_testbench, *_rested(job.testbench_files), *_digests(waived_by)),
        searched=searched_words(searched, job),
        unproved=unproved or "",
        attempts=attempts_at(design) if request.stores else (),
        files=files_of(design, evaluation, waived=waived.holes, earlier=searched.nearest if searched is not None else None),
        instances=instances_of(design, evaluation),
        ports=ports_of(design, evaluation),
        problems=problem_records((*problems, *evaluation.problems, *wrong, *waived.problems)),
    )


def _generate(request: Request, design: Design, problems: tuple[Problem, ...], tell: Tell, cancel: Event) -> Result:
    plan, refusals = plan_of(request)
    refusals = (*undrivable(design), *refusals)
    if plan is None or refusals:
        records = problem_records((*problems, *refusals))
        return Result(top=design.top, status=RunStatus.BUILD_FAILED.label, problems=records, rests_on=_rests_on(design))
    recorder = Recorder(None, command=f"llm4cov.generate {design.top}") if request.stores else None
    simulator = open_simulator()
    outcome, found = generate_testbench(design, simulator, plan, **watched(request, design, tell, recorder, cancel))
    problems = (*problems, *found)
    if recorder is not None:
        recorder.close()
        problems = (*problems, *([replace(recorder.problem, code=STORE_CODE)] if recorder.problem is not None else ()))
    if outcome is None:
        records = problem_records(problems)
        return Result(top=design.top, status=RunStatus.BUILD_FAILED.label, problems=records, rests_on=_rests_on(design))
    waived_by = tuple(Path(name) for name in request.waivers)
    waived = without_waived(outcome.evaluation, design, waived_by)
    evaluation = waived.evaluation
    nearest = nearest_of(outcome.closed.nearest, design) if outcome.closed is not None else None
    if nearest is not None:
        keep_approaches(design, nearest, outcome.testbench.text, simulator.cache)
    return Result(
        top=design.top,
        status=evaluation.status.label,
        overall=evaluation.overall,
        reachable=evaluation.reachable,
        cycles=evaluation.cycles,
        testbench_text=delivered(outcome),
        testbench_digest=outcome.testbench.digest,
        trajectory=recorder.trajectory if recorder is not None and recorder.problem is None else None,
        ended=outcome.reason.value,
        design_digest=design.digest,
        attempts=attempts_of(outcome.transitions),
        rests_on=(*_rests_on(design), *_digests(waived_by)),
        files=files_of(design, evaluation, nearest, waived.holes),
        instances=instances_of(design, evaluation),
        ports=ports_of(design, evaluation),
        problems=problem_records((*problems, *evaluation.problems, *waived.problems)),
    )


def _go_on(request: Request, design: Design, problems: tuple[Problem, ...], tell: Tell, cancel: Event) -> Result:
    assert request.testbench is not None
    # Before they are read: who saves them meanwhile has made the result one about what is no more.
    given = _digests(Path(name) for name in (request.testbench, *request.waivers))
    result, files = gone_on(request, design, problems, tell, cancel)
    return replace(result, rests_on=(*_rests_on(design), *given, *_rested(files)))


def _of_holes(verdicts: Mapping[CoveragePoint, Verdict], evaluation: Evaluation) -> dict[CoveragePoint, Verdict]:
    """Leave out verdicts about points that a waiver excludes: those are counted once, as excluded."""
    return {hole.point: verdicts[hole.point] for hole in evaluation.holes if hole.point in verdicts}


def _edit_words(edit: HumanEdit) -> str:
    gain = f"{percent_text(edit.after)} % where the accepted testbench had {percent_text(edit.before)} %"
    return f"Your edit covers {gain}; it is stored in trajectory {edit.trajectory}."


def _rests_on(design: Design) -> tuple[FileDigest, ...]:
    return _rested(design.files)


def _rested(files: Iterable[DesignFile]) -> tuple[FileDigest, ...]:
    return tuple(FileDigest(path=os.path.realpath(file.path), digest=file.digest) for file in files)


def _given(request: Request, problems: Iterable[Problem]) -> tuple[FileDigest, ...]:
    """Name the files of a design that can't be elaborated: what was asked for, and what is to blame."""
    named = [request.file, *([request.testbench] if request.testbench else []), *(one.file for one in problems if one.file is not None)]
    return _digests(dict.fromkeys(Path(name).absolute() for name in named))


def _digests(paths: Iterable[Path]) -> tuple[FileDigest, ...]:
    """Digest what can be read; what can't be has changed by the time that it can."""
    return tuple(FileDigest(path=os.path.realpath(path), digest=digest) for path in paths if (digest := digest_of(path)) is not None)


def digest_of(path: Path) -> str | None:
    """Digest a file as the agent does; None if it can't be read."""
    try:
        return digest_bytes(path.read_bytes())
    except OSError:
        return None
