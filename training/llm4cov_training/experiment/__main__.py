"""`python -m llm4cov_training.experiment SCALE.toml`: the whole of learning at one scale. The same command goes on after a stop."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from llm4cov_agent.cli.console import ExitStatus, interruptible, messages, print_problems
from llm4cov_agent.durable import disk_problem
from llm4cov_agent.errors import Llm4covError, ToolMissing, display_path
from llm4cov_training.experiment.outcome import write_outcome
from llm4cov_training.experiment.pipeline import Experiment
from llm4cov_training.experiment.scale import read_scale
from llm4cov_training.experiment.steps import Stopped
from llm4cov_training.work import open_workers


def main() -> int:
    """Read the command line; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scale", type=Path, help="TOML file, such as training/scales/small.toml")
    parser.add_argument("--out", type=Path, help="folder of the run; `runs/NAME` by default")
    parser.add_argument("--workers", type=int, help="processes; one per core by default")
    parser.add_argument("--cluster", help="a Dask scheduler, such as tcp://host:8786")
    options = parser.parse_args()
    return run(options.scale, options.out, workers=options.workers, cluster=options.cluster)


def run(path: Path, out: Path | None, *, workers: int | None = None, cluster: str | None = None) -> int:
    """Run one scale to its end, a stop or a problem, which is told; gives the exit status."""
    try:
        scale = read_scale(path)
        folder = out or Path("runs") / scale.name
        folder.mkdir(parents=True, exist_ok=True)
        with interruptible() as stopped, open_workers(workers, cluster=cluster) as pool:
            experiment = Experiment(scale, folder, pool, tell=_tell, cancel=stopped)
            try:
                experiment.run()
            finally:
                # What is known is written down, however far it came.
                manifest = write_outcome(folder, scale, experiment) if experiment.findings.scores else None
    except Stopped:
        _tell("stopped; the same command goes on from here")
        return int(ExitStatus.INTERRUPTED)
    except ToolMissing as error:
        _tell(str(error))
        return int(ExitStatus.TOOL_MISSING)
    except Llm4covError as error:
        _tell(str(error))
        return int(ExitStatus.BAD_INPUT)
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        print_problems((problem,))
        return int(ExitStatus.BAD_INPUT)
    sys.stdout.write((folder / "table.md").read_text("utf-8"))
    if manifest is not None:
        _tell(f"wrote {display_path(manifest)}")
    return int(ExitStatus.DONE)


def _tell(line: str) -> None:
    messages().print(line, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    # Waiting threads of OpenMP that spin slow down everything else on the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(main())
