"""A run <-> files in a cache entry. Knows the fields of `Run`, not what made it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.simulator import Run, RunStatus

_RUN_FILE = "run.json"
_COVERAGE_FILE = "coverage.dat"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with its coverage as the simulator wrote it."""

    run: Run
    coverage_text: str | None


def write_record(folder: Path, record: RunRecord) -> bool:
    """Write a record into an empty folder of the cache; True, as it is always worth keeping."""
    run = record.run
    content = {
        "status": run.status.label,
        "problems": [
            [problem.message, problem.file, problem.line, problem.column, problem.hint, problem.severity.value, problem.code]
            for problem in run.problems
        ],
        "dropped": [list(pair) for pair in run.dropped],
        "build_s": run.build_s,
        "run_s": run.run_s,
        "log": run.log,
    }
    (folder / _RUN_FILE).write_text(json.dumps(content))
    if record.coverage_text is not None:
        (folder / _COVERAGE_FILE).write_text(record.coverage_text)
    return True


def read_record(folder: Path) -> RunRecord | None:
    """Read a record back; None if the folder holds none or one that can't be read, which is then made anew."""
    try:
        content = json.loads((folder / _RUN_FILE).read_text())
        coverage = folder / _COVERAGE_FILE
        run = Run(
            status=RunStatus[content["status"].upper()],
            problems=tuple(
                Problem(message, file=file, line=line, column=column, hint=hint, severity=Severity(severity), code=code)
                for message, file, line, column, hint, severity, code in content["problems"]
            ),
            dropped=tuple((metric, reason) for metric, reason in content["dropped"]),
            build_s=content["build_s"],
            run_s=content["run_s"],
            log=content["log"],
        )
        return RunRecord(replace(run, cached=True), coverage.read_text() if coverage.is_file() else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
