"""Closure on designs that nobody here wrote: `python -m benchmarks.third_party [--budget-s S] [--every N] [--resume] [TOP...]`.

They come from packages that carry RTL (`pip install '.[bench]'`): every module of them that elaborates and can be driven is taken as
a top of its own, those first that have most below them. Each is measured under random stimulus of at least 2,000 cycles and under closure.
Seconds and `--resume` are as in `benchmarks.closure`.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from benchmarks import results
from benchmarks.closure import from_nothing_s
from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan, close
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.evaluator import evaluate, with_verdicts
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import Job, RunStatus
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.generate import undrivable
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

PACKAGES = {"pythondata_cpu_serv": "verilog/rtl", "pythondata_cpu_ibex": "system_verilog/rtl"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tops", nargs="*")
    parser.add_argument("--budget-s", type=float, default=60.0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="skip what the results file has already")
    options = parser.parse_args()
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    kept = results.Rows("third_party", {"budget_s": options.budget_s}, resumes=options.resume)
    rows: list[dict[str, Json]] = []
    print(f"{'design':34} {'random':>7} {'closure':>7} {'hit/proved/left of points':>26}   {'s':>5}")
    for design in sorted(_designs(options.tops), key=lambda one: (-len(one.instances), one.top))[:: options.every]:
        row = kept.kept(design.top, design.digest)
        if row is None:
            row = {**_row(simulator, design, options.budget_s), "digest": design.digest}
            kept.add(row)
        rows.append(row)
        shown = f"{row.get('hit', '-')}/{row.get('proved', '-')}/{row.get('left', '-')} of {row.get('points', '-')}"
        random, closure = (f"{row[key]:7.2f}" if isinstance(row.get(key), float) else f"{'-':>7}" for key in ("random", "closure"))
        print(f"{design.top:34} {random} {closure} {shown:>26}   {row['seconds']:5}  {row.get('problem', '')}", flush=True)
    done = [row for row in rows if "points" in row]
    shares = [100 * (float(str(row["hit"])) + float(str(row["proved"]))) / float(str(row["points"])) for row in done]
    if not done:
        print("nothing was measured", file=sys.stderr)
        return 1
    medians = {key: statistics.median(float(str(row[key])) for row in done) for key in ("random", "closure")}
    print(
        f"\n{len(done)} of {len(rows)} designs; medians: random {medians['random']:.1f} %, closure {medians['closure']:.1f} %, "
        f"hit or proved {statistics.median(shares):.2f} %; every point hit or proved in {sum(row['left'] == 0 for row in done)}"
    )
    kept.finish({**medians, "hit_or_proved": statistics.median(shares)})
    return 0


def _designs(tops: Collection[str]) -> Iterator[Design]:
    for package, folder in PACKAGES.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            print(f"{package} is not installed: pip install '.[bench]'", file=sys.stderr)
            continue
        for path in sorted((Path(spec.origin).parent / folder).glob("*.*v")):
            if tops and path.stem not in tops:
                continue
            design, _ = elaborate(FileSet(sources=(path,), top=path.stem))
            if design is not None and not undrivable(design) and any(port.is_driven for port in design.ports):
                yield design


def _row(simulator: Verilator, design: Design, budget_s: float) -> dict[str, Json]:
    started = time.monotonic()
    closed = close(design, simulator, ClosePlan(budget_s=budget_s))
    seconds = from_nothing_s(closed, time.monotonic() - started)
    row: dict[str, Json] = {"design": design.top, "seconds": round(seconds, 1), "compile_s": round(closed.compile_s, 1)}
    if closed.stimulus is None:
        return {**row, "problem": str(closed.problems[0]).splitlines()[0][:80]}
    job = Job(design=design, testbench=render(closed.stimulus, design, Language.SYSTEMVERILOG))
    evaluation = with_verdicts(evaluate(simulator, job), closed.verdicts)
    if evaluation.status is not RunStatus.OK or evaluation.run.coverage is None:
        return {**row, "problem": f"{evaluation.status.label}: {str(evaluation.problems[0])[:80] if evaluation.problems else ''}"}
    stimulus = random_stimulus(design, seed=1, cycles=max(2000, evaluation.cycles or 2000))
    random = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, Language.SYSTEMVERILOG)))
    hit = evaluation.run.coverage.covered()
    proved = {point for point, verdict in closed.verdicts.items() if verdict.kind is VerdictKind.UNREACHABLE} - hit
    points = len(evaluation.run.coverage.hits)
    return {
        **row,
        "random": random.overall,
        "closure": evaluation.overall,
        "reachable": evaluation.reachable,
        "points": points,
        "hit": len(hit),
        "proved": len(proved),
        "left": points - len(hit) - len(proved),
        "search_s": round(closed.search_s, 1),
        "prove_s": round(closed.prove_s, 1),
        **({"problem": str(closed.problems[0]).splitlines()[0][:120]} if closed.problems else {}),
    }


if __name__ == "__main__":
    sys.exit(main())
