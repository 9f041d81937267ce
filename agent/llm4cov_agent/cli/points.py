"""What `cover` and `holes` do with single points: leaves out waived ones, writes proofs down, explains the rest. Knows no option."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from llm4cov_agent.cli.console import messages, print_problems
from llm4cov_agent.cli.design import refuse
from llm4cov_agent.cli.measure import Measured, name_of
from llm4cov_agent.closure.explain import explain
from llm4cov_agent.closure.reached import reached_of
from llm4cov_agent.closure.waived import WaivedHole, counts_words, without_waived
from llm4cov_agent.closure.waivers import Waiver, read_waivers, write_waivers
from llm4cov_agent.errors import display_path, has_errors
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import VerdictKind, rank_holes
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.conditions import read_conditions


def leave_out(measured: Measured, paths: Iterable[Path], *, as_json: bool) -> tuple[Measured, tuple[WaivedHole, ...]]:
    """Leave out the holes that waiver files exclude; what the design has outgrown is said and stays a hole."""
    found = without_waived(measured.evaluation, measured.job.design, paths)
    if has_errors(found.problems):
        refuse(found.problems, top=measured.job.design.top, as_json=as_json)
    if not as_json:
        print_problems(found.problems)
        if found.holes:
            messages().print(counts_words(found.holes), highlight=False, soft_wrap=True)
    return replace(measured, evaluation=found.evaluation, problems=(*measured.problems, *found.problems)), found.holes


def save_proofs(measured: Measured, path: Path, *, as_json: bool) -> None:
    """Write what was proved unreachable to a waiver file, beside the entries that it has already."""
    design = measured.job.design
    before: tuple[Waiver, ...] = ()
    if path.exists():
        accepted, _, problems = read_waivers(path, design)
        if has_errors(problems):
            refuse(tuple(problems), top=design.top, as_json=as_json)
        before = tuple(accepted)
    known = {waiver.point for waiver in before}
    proved = [hole for hole in measured.evaluation.holes if hole.verdict.kind is VerdictKind.UNREACHABLE and hole.point not in known]
    new = [Waiver(hole.point, "Proved unreachable.", proof=hole.verdict.reason) for hole in proved]
    problems = write_waivers(path, design, (*before, *new))
    if has_errors(problems):
        refuse(tuple(problems), top=design.top, as_json=as_json)
    if not as_json:
        print_problems(problems)
        messages().print(f"wrote {display_path(path)}: {len(new)} new, {len(before)} kept", highlight=False, soft_wrap=True)


def explanations(design: Design, evaluation: Evaluation, *, most: int) -> Iterator[str]:
    """Explain the holes that tell most, a paragraph each."""
    conditions = read_conditions(design)
    reached = reached_of(evaluation.run.coverage, conditions) if evaluation.run.coverage is not None else None
    ranked = [hole for hole in rank_holes(evaluation.holes) if hole.verdict.kind is not VerdictKind.UNREACHABLE]
    for hole in ranked[:most]:
        yield ""
        yield f"{name_of(hole.point.file)}:{hole.point.line}: {explain(hole, design, conditions, reached=reached).sentence}"
    if len(ranked) > most:
        yield ""
        yield f"({len(ranked) - most} more; --most shows them)"
