"""How fast designs are generated, and what is to be found in them: `python -m benchmarks.corpus [--count N] [--seed N] [--sample N]`.

Designs per second are those of `retrain corpus`: generated, elaborated, compared with each other, with the fixtures and with the held-out
ones, by one process per core. A sample of them, spread evenly, is then simulated: plain random inputs for 2,000 cycles, and closure for
some seconds with proofs. Their difference is what makes a design worth learning on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import results
from benchmarks.processor import processor_seconds
from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan, close
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.coverage import CoveragePoint, overall, reachable
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.holes import Verdict
from llm4cov_agent.judge.simulator import Job
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.corpus.grow import grow
from llm4cov_training.corpus.split import Side
from llm4cov_training.work import open_workers

BAR_S = 600.0
"""Seconds for 5,000 designs."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=12)
    parser.add_argument("--budget-s", type=float, default=15.0)
    options = parser.parse_args()
    began, load = time.perf_counter(), os.getloadavg()[0]
    with open_workers() as workers:
        count = workers.count
        corpus, texts = grow(options.count, options.seed, workers)
    seconds, processor_s = time.perf_counter() - began, processor_seconds()
    lines = sorted(one.lines for one in corpus.designs)
    sides = Counter(one.side for one in corpus.designs)
    print(f"{len(corpus.designs)} designs in {seconds:.0f} s with {count} processes: {len(corpus.designs) / seconds:.1f} per second")
    print(f"{1000 * processor_s / len(corpus.designs):.0f} ms of processor time for each, the comparison with others included")
    print(f"load before {load:.1f}; {sides[Side.HELD_OUT]} held out, {sides[Side.NEAR]} too like those; left out: {dict(corpus.reasons)}")
    rows: list[Json] = []
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    for one in corpus.designs[:: max(1, len(corpus.designs) // options.sample)][: options.sample]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{one.name}.v"
            path.write_text(texts[one.name])
            design, problems = elaborate(FileSet(sources=(path,), top=one.top), search=False)
            assert design is not None, problems
            by_random, _ = _judged(simulator, design, random_stimulus(design, seed=1), {})
            closed = close(design, simulator, ClosePlan(budget_s=options.budget_s))
            by_closure, could = _judged(simulator, design, closed.stimulus, dict(closed.verdicts)) if closed.stimulus else (None, None)
        rows.append(
            {
                "design": one.name,
                "lines": one.lines,
                "digest": one.digest,
                "random": by_random,
                "closure": by_closure,
                "of_reachable": could,
            }
        )
        print(f"{one.name:18} {one.lines:4} lines  random {_text(by_random)}  closure {_text(by_closure)}  of reachable {_text(could)}")
    summary: dict[str, Json] = {
        "count": len(corpus.designs),
        "seed": options.seed,
        "digest": corpus.digest,
        "seconds": seconds,
        "processor_s": processor_s,
        "processes": count,
        "load_before": load,
        "designs_per_s": len(corpus.designs) / seconds,
        "held_out": sides[Side.HELD_OUT],
        "near_held_out": sides[Side.NEAR],
        "families": dict(sorted(Counter(one.family for one in corpus.designs).items())),
        "lines": {"least": lines[0], "median": statistics.median(lines), "most": lines[-1]},
        "left_out": dict(corpus.reasons),
        "sample": rows,
    }
    for name in ("random", "closure", "of_reachable"):
        values = [row[name] for row in rows if isinstance(row, dict) and isinstance(row[name], float)]
        summary[f"mean_{name}"] = statistics.mean(value for value in values if isinstance(value, float)) if values else None
    means = ", ".join(f"{name} {_text(summary[f'mean_{name}'])}" for name in ("random", "closure", "of_reachable"))
    print(f"mean: {means}")
    results.write("corpus", summary)
    return int(seconds > BAR_S * options.count / 5000)


def _judged(
    simulator: Verilator, design: Design, stimulus: Stimulus, verdicts: dict[CoveragePoint, Verdict]
) -> tuple[float | None, float | None]:
    testbench = render(stimulus, design, Language.SYSTEMVERILOG)
    found = evaluate(simulator, Job(design=design, testbench=testbench), verdicts=verdicts)
    return overall(found.tallies), reachable(found.tallies)


def _text(value: Json) -> str:
    return f"{value:5.1f} %" if isinstance(value, float) else "  -    "


if __name__ == "__main__":
    sys.exit(main())
