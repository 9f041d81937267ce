"""From `--tb` to a job: which language, which top, which files, and which stimulus if it is one of ours. Writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llm4cov_agent.bench.provenance import unstamped
from llm4cov_agent.bench.refit import refit
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.errors import Problem, Severity, StoreUnusable, has_errors
from llm4cov_agent.judge.simulator import Job, SimulationLimits
from llm4cov_agent.loop.going_on import Present
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import read_testbench
from llm4cov_agent.rtl.source import read_source
from llm4cov_agent.trajectories.store import open_store

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
        testbench = Testbench(Language.COCOTB, path.stem, unstamped(source.text), path)
        return Job(design=design, testbench=testbench, seed=seed, limits=limits), problems
    found, trouble = read_testbench(path, design)
    if found is None:
        return None, (*problems, *trouble)
    if design.overrides:
        names = ", ".join(name for name, _ in design.overrides)
        note = f"-G {names} describes the design; the testbench sets the parameters of its own instance"
        trouble = (*trouble, Problem(note, file=str(path), severity=Severity.WARNING))
    testbench = Testbench(Language.SYSTEMVERILOG, found.top, unstamped(source.text), path)
    own_files = tuple(file for file in found.files if file.role != "source")
    widened = replace(design, include_dirs=found.include_dirs)
    return Job(design=widened, testbench=testbench, testbench_files=own_files, seed=seed, limits=limits), (*problems, *trouble)


def read_present(
    path: Path, design: Design, *, store: Path | None, seed: int, limits: SimulationLimits
) -> tuple[Present | None, tuple[Problem, ...]]:
    """Read a testbench to go on from, even one that does not build; None if it can't be read as text.

    Its stimulus is looked up in a store, the user's own by default; a store that can't be read knows none.
    """
    job, problems = read_job(path, design, seed=seed, limits=limits)
    if job is None:
        source, _ = read_source(path)
        if source is None:
            return None, problems
        language = Language.COCOTB if path.suffix == ".py" else Language.SYSTEMVERILOG
        job = Job(design=design, testbench=Testbench(language, path.stem, unstamped(source.text), path), seed=seed, limits=limits)
    stimulus = _stored_stimulus(job.testbench, store)
    present = Present(job=job, stimulus=refit(stimulus, design) if stimulus is not None else None, problems=problems)
    return present, () if has_errors(problems) else problems


def _stored_stimulus(testbench: Testbench, store: Path | None) -> Stimulus | None:
    # An editor may have changed nothing but the ends of lines.
    plain = testbench.text.replace("\r\n", "\n")
    same = dict.fromkeys((testbench.text, plain, plain.rstrip("\n") + "\n"))
    try:
        with open_store(store, writable=False) as opened:
            found = (opened.stimulus_of(replace(testbench, text=text)) for text in same)
            return next((one for one in found if one is not None), None)
    except StoreUnusable:
        return None
