"""How long judging takes beside Verilator by hand: `python -m benchmarks.judging [--every N]`.

Per fixture, one after the other in one run:
  by hand   `verilator --binary --timing` with the four coverage switches from nothing, and the run of its program
  new       `evaluate` on a testbench that was never judged, with Verilator's runtime compiled before
  again     `evaluate` on the same testbench
  command   `llm4cov-lsp cover` on the same testbench again, Python's start included
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fixtures import loader

from benchmarks import results
from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus
from llm4cov_agent.judge.verilator import Toolchain, Verilator, find_toolchain
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design

MAKE_VARIABLES = "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_STD=-std=c++20 CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread"
"""The wheel's makefile has them empty."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="measure every Nth fixture only")
    names = loader.names()[:: parser.parse_args().every]
    toolchain = find_toolchain()
    rows: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as folder:
        simulator = Verilator(toolchain, BuildCache(Path(folder) / "cache" / "builds", max_bytes=2 << 30))
        _judge(simulator, loader.design(names[0]), seed=999)  # Compiles the runtime, once for a machine.
        print(f"{'fixture':22} {'by hand':>9} {'new':>9} {'again':>9} {'command':>9}   new / by hand")
        for name in names:
            design = loader.design(name)
            by_hand = _by_hand(toolchain, design)
            new = _judge(simulator, design, seed=1)
            again = _judge(simulator, design, seed=1)
            command = _command(design, Path(folder))
            rows.append({"fixture": name, "by_hand_s": by_hand, "new_s": new, "again_s": again, "command_s": command})
            print(f"{name:22} {by_hand:8.2f}s {new:8.2f}s {again:8.4f}s {command:8.2f}s   {100 * new / by_hand:5.1f} %", flush=True)
    ratio = statistics.median(float(row["new_s"]) / float(row["by_hand_s"]) for row in rows)
    again = statistics.median(float(row["again_s"]) for row in rows)
    command = statistics.median(float(row["command_s"]) for row in rows)
    print(f"\nmedian over {len(rows)} fixtures: new / by hand {100 * ratio:.1f} %, again {again:.4f} s, command {command:.2f} s")
    record: dict[str, Json] = {
        "fixtures": len(rows),
        "median_new_over_by_hand": ratio,
        "median_again_s": again,
        "median_command_s": command,
        "rows": rows,
    }
    results.write("judging", record)
    return 0


def _by_hand(toolchain: Toolchain, design: Design) -> float:
    testbench = render(random_stimulus(design, seed=1), design, Language.SYSTEMVERILOG)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / testbench.file_name).write_text(testbench.text)
        switches = ["--coverage-line", "--coverage-toggle", "--coverage-expr", "--coverage-fsm"]
        started = time.perf_counter()
        # Where state-machine coverage breaks Verilator, a person drops it after the first failure, which is fast.
        if not _verilate(toolchain, design, folder, testbench.name, switches):
            assert _verilate(toolchain, design, folder, testbench.name, switches[:-1]), f"Verilator refuses {design.top}"
        subprocess.run([str(folder / "obj_dir" / f"V{testbench.name}")], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def _verilate(toolchain: Toolchain, design: Design, folder: Path, top: str, switches: list[str]) -> bool:
    command = [str(toolchain.verilator), "--binary", "--timing", *switches, "-Wno-fatal", "--top-module", top]
    command += ["-MAKEFLAGS", MAKE_VARIABLES, f"{top}.sv", *(str(source) for source in design.sources)]
    environment = os.environ | {"VERILATOR_ROOT": str(toolchain.root)}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def _judge(simulator: Verilator, design: Design, *, seed: int) -> float:
    testbench = render(random_stimulus(design, seed=seed), design, Language.SYSTEMVERILOG)
    started = time.perf_counter()
    evaluation = evaluate(simulator, Job(design=design, testbench=testbench))
    seconds = time.perf_counter() - started
    assert evaluation.status is RunStatus.OK, evaluation.problems
    return seconds


def _command(design: Design, folder: Path) -> float:
    """Time the second of two calls, with a testbench in a file."""
    testbench = render(random_stimulus(design, seed=1), design, Language.SYSTEMVERILOG)
    path = folder / testbench.file_name
    path.write_text(testbench.text)
    command = [str(Path(sys.executable).parent / "llm4cov-lsp"), "cover", *map(str, design.sources), "--top", design.top, "--tb", str(path)]
    environment = os.environ | {"LLM4COV_CACHE_DIR": str(folder / "cache")}
    for _ in range(2):
        started = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
    return seconds


if __name__ == "__main__":
    sys.exit(main())
