"""From a command's options to a design or the end of the command. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from llm4cov_agent.cli.console import ExitStatus, leave, print_json, print_problems
from llm4cov_agent.cli.options import FileOptions, read_file_options
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration, Problem, Severity
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.export import result_json
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate


@dataclass(frozen=True, slots=True)
class Loaded:
    """A design and what was noticed while reading it."""

    design: Design
    problems: tuple[Problem, ...]


def load_design(options: FileOptions, *, as_json: bool) -> Loaded:
    """Read the design; prints what is wrong and ends the command if there is none."""
    files, problems = read_file_options(options)
    design = None
    if files is not None:
        design, found = elaborate(files)
        problems = (*problems, *found)
    if design is None:
        refuse(problems, top=options.top, as_json=as_json)
    worth_saying = tuple(problem for problem in problems if problem.severity is not Severity.NOTE)
    if not as_json:
        print_problems(worth_saying)
    return Loaded(design, worth_saying)


def refuse(problems: tuple[Problem, ...], *, top: str | None, as_json: bool) -> NoReturn:
    """End the command because of bad input: problems as JSON or for a person."""
    if as_json:
        status = RunStatus.BUILD_FAILED
        print_json(result_json(top=top, status=status, testbench=None, seed=None, seconds=0.0, cycles=None, problems=problems))
    else:
        print_problems(problems)
    leave(ExitStatus.BAD_INPUT)


def open_simulator() -> Verilator:
    """Find the simulator and open the cache; ToolMissing or BadConfiguration end the command above us."""
    config = read_config()
    root = config.cache_dir / "builds"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration(
            f"the cache folder {root} can't be made: {error.strerror}. Set LLM4COV_CACHE_DIR to a folder that can be written."
        ) from error
    return Verilator(find_toolchain(), BuildCache(root, max_bytes=config.cache_bytes))
