"""The commands of the agent, and what an exception looks like to a person. Knows no option."""

from __future__ import annotations

import sys

import typer

from llm4cov_agent.cli.console import ExitStatus, messages, print_problems
from llm4cov_agent.cli.cover import cover, holes
from llm4cov_agent.cli.doctor import doctor
from llm4cov_agent.cli.generate import generate
from llm4cov_agent.cli.trajectories import app as trajectories
from llm4cov_agent.durable import disk_problem
from llm4cov_agent.errors import Llm4covError, ToolMissing
from llm4cov_agent.judge.scratch import sweep_scratch_folders

app = typer.Typer(
    name="llm4cov-lsp",
    help="Code coverage for Verilog and SystemVerilog: testbenches that are generated, simulated and measured point by point.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(generate)
app.command()(cover)
app.command()(holes)
app.command()(doctor)
app.add_typer(trajectories)


def main() -> None:
    """Run the command line; the exit status is that of the contract."""
    try:
        sweep_scratch_folders()
        app()
    except ToolMissing as missing:
        messages().print(f"error: {missing}", style="red", highlight=False, soft_wrap=True)
        sys.exit(ExitStatus.TOOL_MISSING)
    except Llm4covError as bad:
        messages().print(f"error: {bad}", style="red", highlight=False, soft_wrap=True)
        sys.exit(ExitStatus.BAD_INPUT)
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        print_problems((problem,))
        sys.exit(ExitStatus.BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(ExitStatus.INTERRUPTED)
