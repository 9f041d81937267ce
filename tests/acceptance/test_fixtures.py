"""Every fixture through the real simulator: both languages agree, and its description holds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.judge.coverage import Kind
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus, Simulator
from llm4cov_agent.judge.verilator import find_toolchain
from llm4cov_agent.loop.generate import render
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design, Direction

pytestmark = pytest.mark.acceptance


def _evaluate(simulator: Simulator, design: Design, stimulus: Stimulus, language: Language) -> Evaluation:
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, language)))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    assert not evaluation.problems, "a generated testbench causes no warning"
    return evaluation


def _has_inout(design: Design) -> bool:
    return any(port.direction is Direction.INOUT for port in design.ports)


@pytest.mark.parametrize("name", loader.names())
def test_random_misses_and_the_witness_hits_what_the_fixture_says(name: str, simulator: Simulator) -> None:
    fixture, design = loader.load(name), loader.design(name)
    random = random_stimulus(design, seed=1, cycles=2000)
    in_sv = _evaluate(simulator, design, random, Language.SYSTEMVERILOG)
    assert in_sv.run.coverage is not None
    points, hit = set(in_sv.run.coverage.hits), in_sv.run.coverage.covered()
    assert set(fixture.reachable) <= points
    assert set(fixture.unreachable) <= points
    assert (Kind.FSM.value not in dict(in_sv.run.dropped)) == fixture.has_fsm_metric
    assert not hit & set(fixture.reachable), "plain random should miss these"
    assert not hit & set(fixture.unreachable), "these were said to be unreachable"
    assert in_sv.cycles is None or 1900 <= in_sv.cycles <= 2200
    # cocotb cannot let go of a port from outside the model, so a design with inout ports is judged in SystemVerilog.
    language = Language.SYSTEMVERILOG if _has_inout(design) else Language.COCOTB
    if language is Language.COCOTB:
        in_cocotb = _evaluate(simulator, design, random, language)
        assert in_cocotb.run.coverage is not None
        assert set(in_cocotb.run.coverage.hits) == points
        assert in_cocotb.run.coverage.covered() == hit
    witness = _evaluate(simulator, design, fixture.witness(), language)
    assert witness.run.coverage is not None
    reached = witness.run.coverage.covered()
    assert set(fixture.reachable) <= reached, "the witness should hit these"
    assert not reached & set(fixture.unreachable), "these were said to be unreachable"
    if fixture.unreachable_complete:
        assert len(fixture.unreachable) <= len(points - reached - hit)


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
    assert "ERROR" not in ran.stdout.upper().replace("_ERROR", "")
