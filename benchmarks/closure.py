"""What closure reaches on the fixtures: `python -m benchmarks.closure [--every N] [--budget-s S] [--resume] [NAME...]`.

Per fixture, side by side in one run, each measured by the judge:
  random     weighted random stimulus with as many cycles as the testbench of closure has, but at least 2,000
  search     closure without proofs, within the same budget
  closure    closure with proofs: points hit, proved unreachable, and left with the verdict they have
and what the fixture's description says: known reachable points missed, known unreachable ones not proved, contradictions.
The seconds are those of closure with its compilation; where the harness was compiled before, what that took then is added.
Results are written after each fixture; `--resume` goes on from those in the file that were made with the same options.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter

from fixtures import loader

from benchmarks import results
from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import Closed, ClosePlan, close
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.evaluator import Evaluation, evaluate, with_verdicts
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import Job, RunStatus
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--budget-s", type=float, default=60.0, help="of cores; textbook designs get a third")
    parser.add_argument("--resume", action="store_true", help="skip what the results file has already")
    options = parser.parse_args()
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    rows = results.Rows("closure", {"budget_s": options.budget_s}, resumes=options.resume)
    chosen: list[dict[str, Json]] = []
    print(f"{'fixture':20} {'random':>7} {'search':>7} {'closure':>7} {'hit/proved/left of points':>26}   {'s':>5}  missed unproved wrong")
    for name in options.names or loader.names()[:: options.every]:
        digest = loader.design(name).digest
        row = rows.kept(name, digest)
        if row is None:
            row = {"design": name, "digest": digest, **_row(simulator, name, options.budget_s)}
            rows.add(row)
        _show(row)
        chosen.append(row)
    rows.finish(_summary(chosen))
    return 0


def _row(simulator: Verilator, name: str, budget_s: float) -> dict[str, Json]:
    fixture, design = loader.load(name), loader.design(name)
    budget_s = budget_s / 3 if fixture.textbook else budget_s
    searched = close(design, simulator, ClosePlan(budget_s=budget_s, proves=False))
    assert searched.stimulus is not None, searched.problems
    without = _judge(simulator, design, searched.stimulus)
    started = time.monotonic()
    closed = close(design, simulator, ClosePlan(budget_s=budget_s))
    seconds = from_nothing_s(closed, time.monotonic() - started)
    assert closed.stimulus is not None, closed.problems
    evaluation = with_verdicts(_judge(simulator, design, closed.stimulus), closed.verdicts)
    cycles = max(2000, evaluation.cycles or 2000)
    random = _judge(simulator, design, random_stimulus(design, seed=1, cycles=cycles))
    assert evaluation.run.coverage is not None
    hit = evaluation.run.coverage.covered()
    proved = {point for point, verdict in closed.verdicts.items() if verdict.kind is VerdictKind.UNREACHABLE}
    kinds = Counter(str(verdict.kind.value) for verdict in closed.verdicts.values())
    points = len(evaluation.run.coverage.hits)
    return {
        "textbook": fixture.textbook,
        "random": random.overall,
        "search": without.overall,
        "closure": evaluation.overall,
        "reachable": evaluation.reachable,
        "points": points,
        "hit": len(hit),
        "proved": len(proved - hit),
        "left": points - len(hit | proved),
        "bounded": kinds["bounded"],
        "cycles": evaluation.cycles,
        "seconds": round(seconds, 1),
        "compile_s": round(closed.compile_s, 1),
        "search_s": round(closed.search_s, 1),
        "prove_s": round(closed.prove_s, 1),
        "runs_per_s": round(closed.runs / max(closed.search_s, 0.001)),
        "missed_known_reachable": len(set(fixture.reachable) - hit),
        "unproved_known_unreachable": len(set(fixture.unreachable) - proved),
        "wrong_proofs": len(proved & (hit | set(fixture.reachable))),
    }


def from_nothing_s(closed: Closed, seconds: float) -> float:
    """Give what a run that took `seconds` would have taken with nothing compiled."""
    return seconds - min(closed.opened_s, closed.compile_s) + closed.compile_s


def _show(row: dict[str, Json]) -> None:
    shown = f"{row['hit']}/{row['proved']}/{row['left']} of {row['points']}"
    random, search, closure = (float(str(row[key] or 0)) for key in ("random", "search", "closure"))
    print(
        f"{row['design']:20} {random:7.2f} {search:7.2f} {closure:7.2f} {shown:>26}   {row['seconds']:5}  "
        f"{row['missed_known_reachable']:6} {row['unproved_known_unreachable']:8} {row['wrong_proofs']:5}",
        flush=True,
    )


def _judge(simulator: Verilator, design: Design, stimulus: Stimulus) -> Evaluation:
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, Language.SYSTEMVERILOG)))
    assert evaluation.status is RunStatus.OK, evaluation.problems
    return evaluation


def _summary(rows: list[dict[str, Json]]) -> dict[str, Json]:
    def share(row: dict[str, Json]) -> float:
        return 100 * (float(str(row["hit"])) + float(str(row["proved"]))) / float(str(row["points"]))

    print()
    record: dict[str, Json] = {}
    for title, chosen in (("textbook", [row for row in rows if row["textbook"]]), ("cores", [row for row in rows if not row["textbook"]])):
        if not chosen:
            continue
        medians = {key: statistics.median(float(str(row[key])) for row in chosen) for key in ("random", "search", "closure", "seconds")}
        closed = statistics.median(share(row) for row in chosen)
        whole = sum(row["left"] == 0 for row in chosen)
        print(
            f"{title}: {len(chosen)} designs, medians: random {medians['random']:.1f} %, search {medians['search']:.1f} %, closure "
            f"{medians['closure']:.1f} %, hit or proved {closed:.2f} %, {medians['seconds']:.1f} s; every point hit or proved in {whole}"
        )
        record[title] = {**medians, "hit_or_proved": closed, "complete": whole, "designs": len(chosen)}
    below = [str(row["design"]) for row in rows if float(str(row["closure"])) < float(str(row["random"]))]
    totals = {
        key: sum(int(str(row[key])) for row in rows) for key in ("missed_known_reachable", "unproved_known_unreachable", "wrong_proofs")
    }
    print(f"below random: {', '.join(below) or 'none'}; " + ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in totals.items()))
    return {**record, "below_random": list(below), **totals}


if __name__ == "__main__":
    sys.exit(main())
