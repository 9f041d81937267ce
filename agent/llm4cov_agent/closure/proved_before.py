"""Gives the holes of a run what was proved about them before, for the same design. Asks no engine.

What a run hits overrides a proof, and takes all proofs of that design with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.verdicts import forget, kept_verdicts
from llm4cov_agent.closure.words import CONTRADICTED_PROOF
from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Job

_CHANGES = (
    r"\b(?:force|defparam|bind)\b|\$deposit\b|\b{top}\s*#\s*\("
    r"|\$readmem[bh]\s*\([^;]*,\s*\w+\.|[\w\]]\.[A-Za-z_][\w.\[\]]*\s*<?=(?!=)"
)
"""The last two write by a hierarchical name, or look as if they did."""
_CHANGES_IN_PYTHON = r"\b(?:Force|Deposit|setimmediatevalue)\b|\b\w+\.\w+\.[\w.\[\]]+\.value\s*=(?!=)"


def proved_before(evaluation: Evaluation, job: Job, cache: BuildCache) -> tuple[Mapping[CoveragePoint, Verdict], tuple[Problem, ...]]:
    """Give the kept verdicts about an evaluation's holes, and a warning if its run hit what is unreachable by them.

    A testbench that sets parameters of the design or forces its signals makes another design of it: no verdict is given.
    """
    coverage = evaluation.run.coverage
    if coverage is None or not evaluation.tallies or changes_design(job):
        return {}, ()
    known = kept_verdicts(job.design, cache)
    wrong = [point for point, one in known.items() if one.kind is VerdictKind.UNREACHABLE and coverage.hits.get(point)]
    if wrong:
        forget(job.design, cache)
        return {}, (_contradiction(min(wrong, key=lambda point: point.sort_key), len(wrong)),)
    return {hole.point: known[hole.point] for hole in evaluation.holes if hole.point in known}, ()


def changes_design(job: Job) -> bool:
    """Say whether a testbench's text may set parameters of the design, or write what is in it; in doubt it does.

    What it includes is not looked into.
    """
    in_python = job.testbench.language is Language.COCOTB
    pattern = _CHANGES_IN_PYTHON if in_python else _CHANGES.replace("{top}", re.escape(job.design.top))
    return re.search(pattern, job.testbench.text) is not None


def why_no_verdict(job: Job) -> str | None:
    """Say why no verdict about the design speaks for a testbench, as a sentence; None if one does."""
    if not changes_design(job):
        return None
    what = "sets parameters of the design or writes what is in it, by its text"
    return f"{job.testbench.name} {what}: what is proved about the design by itself need not hold there."


def _contradiction(point: CoveragePoint, count: int) -> Problem:
    others = f" (and {count - 1} more points)" if count > 1 else ""
    return Problem(
        f"'{point.comment}'{others} was proved unreachable, and this testbench hits it: no proof about this design is used any more",
        file=display_path(Path(point.file)),
        line=point.line,
        column=point.column,
        hint="Unless the testbench reaches into the design, this is a defect of llm4cov-lsp; please report it with the design.",
        severity=Severity.WARNING,
        code=CONTRADICTED_PROOF,
    )
