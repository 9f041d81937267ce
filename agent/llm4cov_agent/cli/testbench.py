"""From `--tb` to a job: which language, which top, which files. Writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.simulator import Job, SimulationLimits
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import read_testbench
from llm4cov_agent.rtl.source import read_source

_COCOTB_TEST = "cocotb.test"


def read_job(path: Path, design: Design, *, seed: int, limits: SimulationLimits) -> tuple[Job | None, tuple[Problem, ...]]:
    """Read a user's testbench for a design."""
    source, problems = read_source(path)
    if source is None:
        return None, problems
    if path.suffix == ".py":
        if _COCOTB_TEST not in source.text:
            hint = "Mark at least one coroutine with @cocotb.test()."
            return None, (*problems, Problem("is not a cocotb testbench: it has no test", file=str(path), hint=hint))
        testbench = Testbench(Language.COCOTB, path.stem, source.text, path)
        return Job(design=design, testbench=testbench, seed=seed, limits=limits), problems
    found, trouble = read_testbench(path, design)
    if found is None:
        return None, (*problems, *trouble)
    if design.overrides:
        names = ", ".join(name for name, _ in design.overrides)
        note = f"-G {names} describes the design; the testbench sets the parameters of its own instance"
        trouble = (*trouble, Problem(note, file=str(path), severity=Severity.WARNING))
    testbench = Testbench(Language.SYSTEMVERILOG, found.top, source.text, path)
    own_files = tuple(file for file in found.files if file.role != "source")
    widened = replace(design, include_dirs=found.include_dirs)
    return Job(design=widened, testbench=testbench, testbench_files=own_files, seed=seed, limits=limits), (*problems, *trouble)
