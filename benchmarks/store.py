"""How fast transitions are stored and verified: `python -m benchmarks.store [--count N] [--folder FOLDER]`.

The transitions are made from one real judgement per fixture (every one has holes, tallies and a log as the loop has them),
in rollouts of four rounds, each with a testbench, a reply and a set of holes of its own. Every append is a transaction of its own.
Beside them a rollout's other parts are not measured: no policy and no simulator runs while the clock does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from fixtures import loader

from benchmarks import results
from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.config import read_config
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.loop.policy import PromptOptions, Proposal
from llm4cov_agent.loop.rollout import judge
from llm4cov_agent.loop.state import State, instruction_for, read_design_text
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import open_store

ROUNDS = 4
APPEND_BAR_S = 10.0
VERIFY_BAR_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--fixtures", nargs="*", default=loader.names())
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    names = options.fixtures
    judged = [_judged(simulator, name) for name in names]
    holes = statistics.mean(len(state.observation.holes) for state, _ in judged if state.observation is not None)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, open_store(Path(folder) / "trajectories.db") as store:
        made = list(islice(_rollouts(judged), options.count))
        waited: list[float] = []
        started, processor_began = time.perf_counter(), time.process_time()
        trajectory = ""
        for transition in made:
            began = time.perf_counter()
            if transition.number == 0:
                trajectory = store.begin(transition.state.design, command="benchmark")
            store.append(trajectory, transition)
            waited.append(time.perf_counter() - began)
        append_s, append_processor_s = time.perf_counter() - started, time.process_time() - processor_began
        started, processor_began = time.perf_counter(), time.process_time()
        problems = store.verify()
        verify_s, verify_processor_s = time.perf_counter() - started, time.process_time() - processor_began
        started = time.perf_counter()
        listed = store.trajectories()
        list_s = time.perf_counter() - started
        assert not problems and sum(len(one.rounds) for one in listed) == options.count
        store.database.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file_bytes = store.path.stat().st_size
    slowest_ms = 1000 * statistics.quantiles(waited, n=100)[98]
    print(f"{options.count} transitions of {len(names)} designs, {holes:.0f} holes each on average, {file_bytes / 1e6:.0f} MB")
    print(f"appended in {append_s:.2f} s ({append_processor_s:.2f} s of processor time); bar {APPEND_BAR_S:.0f} s for 10000")
    print(f"99 of 100 within {slowest_ms:.2f} ms")
    print(f"verified in {verify_s:.2f} s ({verify_processor_s:.2f} s of processor time); bar {VERIFY_BAR_S:.0f} s for 10000")
    print(f"listed in {list_s:.2f} s")
    results.write(
        "store",
        {
            "transitions": options.count,
            "fixtures": list(names),
            "holes_mean": holes,
            "append_s": append_s,
            "append_processor_s": append_processor_s,
            "append_p99_ms": slowest_ms,
            "verify_s": verify_s,
            "verify_processor_s": verify_processor_s,
            "list_s": list_s,
            "file_bytes": file_bytes,
        },
    )
    return int(append_s > APPEND_BAR_S * options.count / 10_000 or verify_s > VERIFY_BAR_S * options.count / 10_000)


def _judged(simulator: Verilator, name: str) -> tuple[State, Proposal]:
    design = read_design_text(loader.design(name))
    stimulus = random_stimulus(design.design, seed=1)
    testbench = render(stimulus, design.design, Language.SYSTEMVERILOG)
    proposal = Proposal(testbench=testbench, stimulus=stimulus, reply=testbench.text, options=PromptOptions(), prompt_tokens=900)
    state, _ = judge(State(design), proposal, simulator, SimulationLimits())
    assert state.observation is not None and state.observation.tallies, state.observation
    return state, proposal


def _rollouts(judged: list[tuple[State, Proposal]]) -> Iterator[Transition]:
    rollout = 0
    while True:
        after, proposal = judged[rollout % len(judged)]
        assert proposal.testbench is not None and after.observation is not None
        state = State(after.design)
        for number in range(ROUNDS):
            text = f"// {rollout} {number}\n{proposal.testbench.text}"
            testbench = replace(proposal.testbench, text=text)
            seen = after.observation
            # One hole less in each round, a different one in each rollout: no list of holes is stored twice for nothing.
            left = tuple(one for rank, one in enumerate(seen.holes) if rank % 97 != rollout % 97)[number:]
            reached = replace(after, testbench=testbench, observation=replace(seen, holes=left, log=f"{rollout}\n{seen.log}"))
            yield Transition(
                number=number,
                policy="llama",
                model="SmolLM2-135M-Instruct.Q4_1",
                seed=rollout,
                instruction=instruction_for(state),
                state=state,
                proposal=replace(proposal, testbench=testbench, reply=text, seconds=1.5),
                after=reached,
                kept=True,
                judge_s=0.5,
                loop_s=0.01,
            )
            state = reached
        rollout += 1


if __name__ == "__main__":
    sys.exit(main())
