"""Icarus Verilog, where it is installed: resolves compiler directives and simulates small designs. The only module that knows it.

Its models need no compiler, so a design takes some fiftieths of a second, where Verilator takes seconds.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence

from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.errors import Problem, WorkFailed
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design

CYCLES = 200
"""Of random inputs."""
_DESIGN_S = 10
"""Seconds that the simulation of one design may take; it takes some hundredths."""
_TELLING = 10
"""Where so many designs at once don't simulate, it is not for the designs: a full disk or a broken installation fails them all."""
_PREPROCESSING = Limits(wall_s=20)


def is_installed() -> bool:
    """Say whether there is an Icarus Verilog."""
    return shutil.which("iverilog") is not None and shutil.which("vvp") is not None


def resolved(text: str) -> tuple[str | None, tuple[Problem, ...]]:
    """Resolve compiler directives; None with the reason if they can't be."""
    program = shutil.which("iverilog")
    if program is None:
        what = "it has compiler directives, and there is no iverilog that could resolve them"
        return None, (Problem(what, hint="Install Icarus Verilog."),)
    with scratch_folder() as folder:
        (folder / "in.v").write_text(text, encoding="utf-8")
        outcome = run((program, "-E", "-o", "out.v", "in.v"), folder=folder, limits=_PREPROCESSING)
        made = folder / "out.v"
        if not outcome.ok or not made.is_file():
            return None, (Problem(f"its compiler directives can't be resolved: {_first_line(outcome.output, str(folder))}"),)
        lines = made.read_text("utf-8").split("\n")
    return "\n".join("" if line.startswith("`") else line for line in lines), ()


def simulate(designs: Sequence[tuple[str, Design]]) -> tuple[str | None, ...]:
    """Drive random inputs into each design, given with its text, until its testbench ends; gives why one did not, or None.

    Raises WorkFailed where that could not be tried.
    """
    if not designs:
        return ()
    script = []
    with scratch_folder() as folder:
        for number, (text, design) in enumerate(designs):
            place = folder / str(number)
            place.mkdir()
            testbench = render_systemverilog(random_stimulus(design, seed=1, cycles=CYCLES), design)
            (place / "design.v").write_text(text, encoding="utf-8")
            (place / "tb.sv").write_text(testbench.text, encoding="utf-8")
            build = f"iverilog -g2012 -s {shlex.quote(testbench.name)} -o model tb.sv design.v"
            script.append(f"(cd {number}; {build} >said 2>&1 && timeout {_DESIGN_S} vvp -n model >said 2>&1; echo $? >status)")
        (folder / "all.sh").write_text("\n".join(script) + "\n")
        # One shell for all: a sandbox for each would take longer than the simulations.
        outcome = run(("sh", "all.sh"), folder=folder, limits=Limits(wall_s=60 + 2 * _DESIGN_S * len(designs)))
        reasons = []
        for number in range(len(designs)):
            place = folder / str(number)
            status = (place / "status").read_text().strip() if (place / "status").exists() else ""
            if not status:
                raise WorkFailed(f"Designs can't be simulated here: {outcome.reason}.")
            said = (place / "said").read_text("utf-8", "replace") if (place / "said").exists() else ""
            ended = f"it takes longer than {_DESIGN_S} s" if status == "124" else _first_line(said, str(folder))
            reasons.append(None if status == "0" else f"it does not simulate ({ended})")
    if len(reasons) >= _TELLING and None not in reasons:
        raise WorkFailed(f"Designs can't be simulated here: of {len(reasons)} not one is, the first as {reasons[0]}.")
    return tuple(reasons)


def _first_line(output: str, folder: str) -> str:
    return next((line.replace(f"{folder}/", "") for line in output.splitlines() if line.strip()), "no reason is given")
