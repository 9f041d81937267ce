"""Which verdicts from before a later run is given, and that a hit point ends all proofs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.closure.approaches import keep_approaches, kept_approaches
from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.closure.proved_before import changes_design, proved_before, why_no_verdict
from llm4cov_agent.closure.verdicts import keep_verdicts, kept_verdicts
from llm4cov_agent.closure.words import CONTRADICTED_PROOF
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import Verdict, VerdictKind, find_holes
from llm4cov_agent.judge.simulator import Job, Run, RunStatus

MISSED, HIT = (CoveragePoint(Kind.LINE, "/x/a.sv", line, 1, "block") for line in (3, 4))
PROOF = Verdict(VerdictKind.UNREACHABLE, "Proved.")


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    return BuildCache(tmp_path / "builds", max_bytes=1 << 20)


def _job(text: str = "module tb; endmodule", language: Language = Language.SYSTEMVERILOG) -> Job:
    return Job(design=loader.design("alu"), testbench=Testbench(language, "tb", text))


def _evaluation() -> Evaluation:
    coverage = Coverage({MISSED: 0, HIT: 2})
    run = Run(status=RunStatus.OK, coverage=coverage)
    return Evaluation(run=run, problems=(), tallies=coverage.tallies(), holes=find_holes(coverage), cycles=9)


def test_what_is_known_of_holes_is_given_for_the_same_design_alone(cache: BuildCache) -> None:
    job = _job()
    bounded = Verdict(VerdictKind.BOUNDED, "Bounded.", 7)
    keep_verdicts(job.design, cache, {MISSED: bounded, HIT: bounded})
    assert proved_before(_evaluation(), job, cache) == ({MISSED: bounded}, ())
    other = replace(job, design=replace(job.design, overrides=(("W", "3"),)))
    assert proved_before(_evaluation(), other, cache) == ({}, ())


def test_a_verdict_that_says_more_stays(cache: BuildCache) -> None:
    design = _job().design
    for verdict, stays in (
        (Verdict(VerdictKind.BOUNDED, "b", 7), Verdict(VerdictKind.BOUNDED, "b", 7)),
        (Verdict(VerdictKind.BOUNDED, "b", 3), Verdict(VerdictKind.BOUNDED, "b", 7)),
        (Verdict(VerdictKind.UNKNOWN, "u"), Verdict(VerdictKind.BOUNDED, "b", 7)),
        (PROOF, PROOF),
        (Verdict(VerdictKind.COVERED, "c"), PROOF),
    ):
        keep_verdicts(design, cache, {MISSED: verdict})
        assert kept_verdicts(design, cache) == {MISSED: stays}


def test_a_point_that_a_run_hits_overrides_its_proof_and_ends_all(cache: BuildCache) -> None:
    job = _job()
    keep_verdicts(job.design, cache, {MISSED: PROOF, HIT: PROOF})
    verdicts, (problem,) = proved_before(_evaluation(), job, cache)
    assert not verdicts and problem.code == CONTRADICTED_PROOF and problem.line == HIT.line
    assert kept_verdicts(job.design, cache) == {}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("alu dut(.a(a), .b); always #5 clk = ~clk; initial if (dut.q == 3) $finish;", False),
        ("alu #(.W(8)) dut(.a(a));", True),
        ("initial force dut.q = 1;", True),
        ("defparam dut.W = 3;", True),
        ("initial dut.u_x.q <= 1;", True),
        ("initial dut.mem[3] = 1;", True),
        ('initial $readmemh("a.hex", dut.mem);', True),
        ("bind alu checker c(.*);", True),
    ],
)
def test_a_testbench_that_may_change_the_design_gets_no_verdict_from_before(cache: BuildCache, text: str, changes: bool) -> None:
    job = _job(text)
    keep_verdicts(job.design, cache, {MISSED: PROOF})
    assert changes_design(job) is changes
    assert (why_no_verdict(job) or "").startswith("tb sets parameters") is changes
    assert proved_before(_evaluation(), job, cache)[0] == ({} if changes else {MISSED: PROOF})


def test_cocotb_writes_ports_by_their_handles() -> None:
    assert not changes_design(_job("dut.a.value = 3", Language.COCOTB))
    assert changes_design(_job("dut.u_x.q.value = 3", Language.COCOTB))
    assert changes_design(_job("dut.a.value = Force(3)", Language.COCOTB))


def test_how_near_a_search_came_is_kept_with_its_testbench(cache: BuildCache) -> None:
    design = _job().design
    assert kept_approaches(design, cache) is None
    nearest = {"count == 9": NearestApproach("count", 9, 2, None)}
    keep_approaches(design, nearest, "text", cache)
    found = kept_approaches(design, cache)
    assert found is not None and dict(found.nearest) == nearest
    assert found.is_of("text") and not found.is_of("text ")
    assert kept_approaches(replace(design, overrides=(("W", "3"),)), cache) is None
    next((cache.root.parent / "approaches").iterdir()).write_text('["x", [[1]]]')
    assert kept_approaches(design, cache) is None
