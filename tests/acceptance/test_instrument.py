"""Cover statements against the points they were made for: one simulation of each text, hit for hit."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.closure.reach.condition import Event, Instrumented
from llm4cov_agent.closure.reach.instrument import instrument
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.process import Limits
from llm4cov_agent.judge.process import run as run_process
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator, commands
from llm4cov_agent.judge.verilator.model import BINARY, build_model
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)

SOURCES = Path(__file__).parent / "instrument"

READ = """
import sys
from pyosys import libyosys
design = libyosys.Design()
libyosys.run_pass("tee -q -o log.txt read_slang --top " + " ".join(sys.argv[1:]), design)
libyosys.run_pass("tee -q -o log.txt write_rtlil design.il", design)
"""


def _design(name: str) -> Design:
    design, problems = elaborate(FileSet(sources=(SOURCES / f"{name}.sv",), top=name))
    assert design is not None, [str(problem) for problem in problems]
    return design


def _write(found: Instrumented, design: Design, folder: Path) -> list[Path]:
    paths = []
    for rank, source in enumerate(design.sources):
        path = folder / f"source{rank}" / source.name
        path.parent.mkdir()
        path.write_text(found.texts[source])
        paths.append(path)
    return paths


def _hits_of_covers(simulator: Verilator, testbench: Testbench, design: Design, found: Instrumented, folder: Path) -> Counter[str]:
    """Simulate the instrumented text; how often each label was covered in any instance."""
    folder.mkdir()
    path = folder / testbench.file_name
    path.write_text(testbench.text)
    build = commands.Build(
        top=testbench.name,
        sources=(path, *_write(found, design, folder)),
        include_dirs=design.include_dirs,
        defines=design.defines,
    )
    model = build_model(build, folder=folder, toolchain=simulator.toolchain, cache=simulator.cache, limits=LIMITS, renamed={})
    assert model.failure is None, [str(problem) for problem in model.failure.problems]
    argv = commands.simulate(folder / BINARY, seed=1, coverage_file="covers.dat")
    assert run_process(argv, folder=folder, limits=Limits(wall_s=600), environment={}).ok
    hits: Counter[str] = Counter()
    for line in (folder / "covers.dat").read_text().splitlines():
        if "\x01page\x02v_user/" in line:
            comment = re.search("\x01o\x02([^\x01']*)", line)
            assert comment is not None
            hits[comment[1].rpartition(".")[2]] += int(line.rpartition(" ")[2])
    return hits


def _disagreements(found: Instrumented, hits: Mapping[CoveragePoint, int], covered: Mapping[str, int]) -> list[str]:
    wrong: list[str] = []
    for point, conditions in found.conditions.items():
        was_true = any(covered.get(condition.label, 0) for condition in conditions)
        # Everything starts at 0 in this simulator: a bit that was ever 1 has risen, and only such a bit can have fallen. A state
        # that is the first one has not been entered by that.
        is_one_way = conditions[0].event is Event.FALLS or point.kind is Kind.FSM
        if bool(hits[point]) != was_true and (hits[point] or not is_one_way):
            wrong.append(f"{point.file}:{point.line}:{point.column} {point.comment} hit {hits[point]} times: {conditions}")
    return wrong


def _compare(
    simulator: Verilator, design: Design, testbench: Testbench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Instrumented, Mapping[CoveragePoint, int]]:
    evaluation = evaluate(simulator, Job(design=design, testbench=testbench, limits=LIMITS))
    assert evaluation.status is RunStatus.OK and evaluation.run.coverage is not None
    hits = evaluation.run.coverage.hits
    found = instrument(design, hits)
    assert set(found.conditions) | set(found.unmapped) == set(hits)
    assert not set(found.conditions) & set(found.unmapped)
    monkeypatch.setattr(commands, "METRICS", (*commands.METRICS, "user"))
    assert not _disagreements(found, hits, _hits_of_covers(simulator, testbench, design, found, folder))
    monkeypatch.undo()
    return found, hits


def _assert_that_yosys_reads(design: Design, found: Instrumented, hits: Mapping[CoveragePoint, int], folder: Path) -> None:
    folder.mkdir()
    paths = [str(path) for path in _write(found, design, folder)]
    includes = [f"-I{path}" for path in design.include_dirs]
    argv = [sys.executable, "-c", READ, design.top, *includes, *paths]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (folder / "log.txt").read_text()[-2000:]
    cells = re.findall(r"cell \$check (\S+)", (folder / "design.il").read_text())
    there = {name.lstrip("\\").rpartition(".")[2] for name in cells}
    labels = {condition.label for conditions in found.conditions.values() for condition in conditions}
    assert there <= labels
    # A branch whose condition is constant is dropped with its label, and only such a one.
    dropped = [point for point, conditions in found.conditions.items() if not there & {condition.label for condition in conditions}]
    assert not [point for point in dropped if hits[point]]


@pytest.mark.parametrize(("name", "seed", "share"), [("modern", 1, 0.85), ("modern", 2, 0.85), ("classic", 3, 0.9), ("positions", 4, 0.7)])
def test_odd_sources_are_covered_alike(
    name: str, seed: int, share: float, simulator: Verilator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = _design(name)
    testbench = render(random_stimulus(design, seed=seed, cycles=30 * seed), design, Language.SYSTEMVERILOG)
    found, hits = _compare(simulator, design, testbench, tmp_path / "covers", monkeypatch)
    assert len(found.conditions) > share * len(hits)
    _assert_that_yosys_reads(design, found, hits, tmp_path / "yosys")


NAMES = [pytest.param(name, marks=() if name in ("lru", "uart") else pytest.mark.slow) for name in loader.names()]


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_are_covered_alike(name: str, simulator: Verilator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = loader.design(name)
    for rank, stimulus in enumerate((loader.load(name).witness(), random_stimulus(design, seed=1, cycles=300))):
        testbench = render(stimulus, design, Language.SYSTEMVERILOG)
        found, hits = _compare(simulator, design, testbench, tmp_path / f"covers{rank}", monkeypatch)
    _assert_that_yosys_reads(design, found, hits, tmp_path / "yosys")


def test_nearly_all_points_of_ordinary_sources_are_asked(simulator: Verilator) -> None:
    asked, total = 0, 0
    for name in ("uart", "cache_tag"):
        design = loader.design(name)
        testbench = render(loader.load(name).witness(), design, Language.SYSTEMVERILOG)
        coverage = evaluate(simulator, Job(design=design, testbench=testbench, limits=LIMITS)).run.coverage
        assert coverage is not None
        points = [point for point in coverage.hits if point.kind is not Kind.TOGGLE]
        asked += len(instrument(design, points).conditions)
        total += len(points)
    assert asked > 0.95 * total
