"""What plain random reaches on the fixtures: `python -m benchmarks.random_baseline [--seeds N] [--cycles N]`."""

from __future__ import annotations

import argparse
import statistics
import sys

from fixtures import loader

from benchmarks import results
from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.config import read_config
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.coverage import percent_text
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.policies.random import random_stimulus


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cycles", type=int, default=2000)
    options = parser.parse_args()
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    rows: list[dict[str, float | int | str]] = []
    for name in loader.names():
        design = loader.design(name)
        percents = []
        for seed in range(1, options.seeds + 1):
            testbench = render(random_stimulus(design, seed=seed, cycles=options.cycles), design, Language.SYSTEMVERILOG)
            evaluation = evaluate(simulator, Job(design=design, testbench=testbench))
            assert evaluation.status is RunStatus.OK and evaluation.overall is not None, evaluation.problems
            percents.append(evaluation.overall)
        total = sum(tally.total for tally in evaluation.tallies.values())
        rows.append({"fixture": name, "overall": statistics.mean(percents), "points": total, "holes": len(evaluation.holes)})
        print(f"{name:22} {percent_text(statistics.mean(percents)):>6} %   {total:5} points, {len(evaluation.holes):4} left", flush=True)
    median = statistics.median(float(row["overall"]) for row in rows)
    print(f"\nmedian over {len(rows)} fixtures: {percent_text(median)} % after {options.cycles} random cycles")
    results.write("random_baseline", {"cycles": options.cycles, "seeds": options.seeds, "median_overall": median, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
