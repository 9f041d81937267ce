"""How fast trajectories are made, and how well a teacher's words cover: `python -m benchmarks.synthesis [--items N] [--words N]`.

The same items of `retrain synthesize` are done by one process and by two, in the order 1, 2, 2, 1, as other work on the machine comes and
goes; nothing is taken from the cache, as each run gets its designs with another comment. The efficiency is the rate of two over twice
that of one.
Then, design by design: what closure found with the teacher's budget, as it found it, against the reply of at most 400 tokens made of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results
from benchmarks.processor import processor_seconds
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan
from llm4cov_agent.digest import Json
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import State, read_design_text
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.corpus.catalogue import Generated, generate
from llm4cov_training.synthesis.items import Item, Kind, items_for
from llm4cov_training.synthesis.journal import Journal
from llm4cov_training.synthesis.lessons import Lesson, Teacher
from llm4cov_training.synthesis.roll import worker_simulator
from llm4cov_training.synthesis.synthesize import Synthesized, synthesize
from llm4cov_training.work import open_workers

BAR = 0.85
ORDER = (1, 2, 2, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=6)
    parser.add_argument("--words", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lesson = Lesson()
    made = [generate(options.seed, number) for number in range(max(options.items, options.words))]
    words = _words(made[: options.words], lesson)
    rows: list[Json] = []
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number, count in enumerate(ORDER):
        load, used_s = os.getloadavg()[0], processor_seconds()
        done = _run(_items(made[: options.items], f"run {time.time_ns()}", lesson), count)
        used_s = processor_seconds() - used_s
        rate = 60 * done.transitions / done.seconds
        rates[count].append(rate)
        rows.append(
            {
                "run": number,
                "processes": count,
                "transitions": done.transitions,
                "seconds": done.seconds,
                "per_minute": rate,
                "processor_s": used_s,
                "load": load,
            }
        )
        print(f"{count} at once: {done.transitions} transitions in {done.seconds:.0f} s, {rate:.1f} per minute; load {load:.1f},", end=" ")
        print(f"{used_s:.0f} s of processor time")
    efficiency = statistics.mean(rates[2]) / (2 * statistics.mean(rates[1]))
    print(f"efficiency from one to two processes: {efficiency:.2f}; bar {BAR}")
    results.write(
        "synthesis",
        {
            "items": options.items,
            "seed": options.seed,
            "per_minute_one": statistics.mean(rates[1]),
            "per_minute_two": statistics.mean(rates[2]),
            "efficiency": efficiency,
            "runs": rows,
            "words": words,
        },
    )
    return int(efficiency < BAR)


def _items(made: list[Generated], mark: str, lesson: Lesson) -> list[Item]:
    designs = [(one.name, one.top, f"{one.text}// {mark}\n") for one in made]
    return list(items_for(designs, [Kind.TEACHER], samples=1, seed=1, lesson=lesson))


def _run(items: list[Item], count: int) -> Synthesized:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "t.db"
        with Journal(place.with_suffix(".jsonl")) as journal, open_store(place) as store, open_workers(count) as workers:
            return synthesize(items, store, journal, workers)


def _words(made: list[Generated], lesson: Lesson) -> Json:
    rows: list[Json] = []
    simulator = worker_simulator()
    teacher = Teacher(simulator, lesson)
    whole, said = [], []
    for one in made:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{one.top}.v"
            path.write_text(one.text)
            design, problems = elaborate(FileSet(sources=(path,), top=one.top), search=False)
            assert design is not None, problems
            start = State(read_design_text(design))
            plan = ClosePlan(seed=1, budget_s=lesson.budget_s, rounds=lesson.rounds, cycles=lesson.cycles, workers=1, proves=False)
            policy = ClosurePolicy(simulator, plan, Language.SYSTEMVERILOG)
            (full,) = rollout(start, policy, simulator, RolloutPlan(rounds=1, seed=1, limits=lesson.limits))
            reply, left = teacher.replies(start, teacher.opening(start, 1))
            spoken = teacher.said(start, reply, 1)
        best, brief = _overall(full.after), _overall(spoken.after)
        whole.append(best)
        said.append(brief)
        rows.append({"design": one.name, "closure": best, "reply": brief, "tokens": tokens_of(reply), "sequences_left": len(left)})
        print(
            f"{one.name:18} closure {best:5.1f} %, its first reply {brief:5.1f} % in {tokens_of(reply)} tokens, {len(left)} sequences left"
        )
    print(f"mean: closure {statistics.mean(whole):.1f} %, first reply {statistics.mean(said):.1f} %")
    return {"mean_closure": statistics.mean(whole), "mean_first_reply": statistics.mean(said), "rows": rows}


def _overall(state: State) -> float:
    return (state.observation.overall or 0.0) if state.observation is not None else 0.0


if __name__ == "__main__":
    sys.exit(main())
