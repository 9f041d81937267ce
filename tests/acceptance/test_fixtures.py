"""Every fixture through the real simulator: both languages agree, and its description holds."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from fixtures import loader

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits, Simulator
from llm4cov_agent.judge.verilator import find_toolchain
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design, Direction

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)
"""A loaded machine is no reason to fail."""


def _evaluate(simulator: Simulator, design: Design, stimulus: Stimulus, language: Language) -> Evaluation:
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, language), limits=LIMITS))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    assert not evaluation.problems, "a generated testbench causes no warning"
    return evaluation


def _has_inout(design: Design) -> bool:
    return any(port.direction is Direction.INOUT for port in design.ports)


def _sample(names: Collection[str], among: Collection[str]) -> list[Any]:
    """Give fixtures, those outside the sample marked slow: a compiled model takes seconds to a minute."""
    return [pytest.param(name, marks=() if name in names else pytest.mark.slow) for name in among]


WITHOUT_INOUT = [name for name in loader.names() if not _has_inout(loader.design(name))]
"""cocotb cannot let go of a port from outside the model, so a design with inout ports is judged in SystemVerilog only."""


@pytest.mark.parametrize("name", loader.names())
def test_the_witness_hits_what_can_be_hit_and_nothing_else(name: str, simulator: Simulator) -> None:
    fixture, design = loader.load(name), loader.design(name)
    evaluation = _evaluate(simulator, design, fixture.witness(), Language.SYSTEMVERILOG)
    assert evaluation.run.coverage is not None
    points, hit = set(evaluation.run.coverage.hits), evaluation.run.coverage.covered()
    assert set(fixture.reachable) <= points
    assert set(fixture.unreachable) <= points
    assert set(fixture.reachable) <= hit
    assert not hit & set(fixture.unreachable), "these were said to be unreachable"
    assert ("fsm" not in dict(evaluation.run.dropped)) == fixture.has_fsm_metric
    assert (evaluation.cycles is None) == (not design.clocks)
    again = evaluate(simulator, Job(design=design, testbench=render(fixture.witness(), design, Language.SYSTEMVERILOG), limits=LIMITS))
    assert again.run.cached and again.run.coverage == evaluation.run.coverage


@pytest.mark.parametrize("name", _sample(loader.names()[::8], loader.names()))
def test_plain_random_misses_what_the_fixture_says(name: str, simulator: Simulator) -> None:
    fixture, design = loader.load(name), loader.design(name)
    evaluation = _evaluate(simulator, design, random_stimulus(design, seed=1, cycles=2000), Language.SYSTEMVERILOG)
    assert evaluation.run.coverage is not None
    hit = evaluation.run.coverage.covered()
    assert not hit & set(fixture.reachable)
    assert not hit & set(fixture.unreachable)
    assert evaluation.cycles is None or 1900 <= evaluation.cycles <= 2200


@pytest.mark.parametrize("name", _sample(("divider", "fifo_async"), WITHOUT_INOUT))
def test_both_languages_cover_the_same(name: str, simulator: Simulator) -> None:
    fixture, design = loader.load(name), loader.design(name)
    one, other = (_evaluate(simulator, design, fixture.witness(), language) for language in Language)
    assert one.run.coverage is not None and other.run.coverage is not None
    assert set(one.run.coverage.hits) == set(other.run.coverage.hits)
    assert one.run.coverage.covered() == other.run.coverage.covered()


@pytest.mark.parametrize("name", loader.names())
def test_the_testbench_causes_no_warning_under_wall(name: str, tmp_path: Path) -> None:
    """Only the RTL may be complained about; a simulator's own files count as neither."""
    fixture, design = loader.load(name), loader.design(name)
    toolchain = find_toolchain()
    for stimulus in (random_stimulus(design, seed=1), fixture.witness()):
        testbench = render(stimulus, design, Language.SYSTEMVERILOG)
        path = tmp_path / testbench.file_name
        path.write_text(testbench.text)
        sources = [str(source) for source in design.sources]
        done = subprocess.run(
            [
                str(toolchain.verilator),
                "--lint-only",
                "--timing",
                "-Wall",
                "-Wno-fatal",
                "--top-module",
                testbench.name,
                str(path),
                *sources,
            ],
            env={"PATH": "/usr/bin:/bin", "VERILATOR_ROOT": str(toolchain.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert str(path) not in done.stderr, done.stderr


@pytest.mark.parametrize("name", [name for name in loader.names() if loader.load(name).icarus])
def test_the_testbench_runs_in_icarus(name: str, tmp_path: Path) -> None:
    icarus = shutil.which("iverilog")
    assert icarus is not None, "make test installs it"
    fixture, design = loader.load(name), loader.design(name)
    testbench = render(fixture.witness(), design, Language.SYSTEMVERILOG)
    path = tmp_path / testbench.file_name
    path.write_text(testbench.text)
    sources = [str(source) for source in design.sources]
    built = subprocess.run(
        [icarus, "-g2012", "-s", testbench.name, "-o", str(tmp_path / "model"), *sources, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    ran = subprocess.run(["vvp", "-n", str(tmp_path / "model")], capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ERROR:" not in ran.stdout
