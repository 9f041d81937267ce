"""What a language model reaches on the fixtures: `python -m benchmarks.models [--every N] [--rounds N] [--cases A,B] [NAME...]`.

Cases, each a rollout from nothing with the model as it is, judged by the one judge:
  full              the model writes SystemVerilog
  full-history      the same, shown all earlier prompts and replies of the rollout
  stimulus          the model writes the stimulus language, its grammar enforced while it decodes
  stimulus-history  the same, shown all earlier prompts and replies
  stimulus+closure  the stimulus case, finished by closure
  closure           closure alone, with the time that the finish had
Of each: simulator pass (compiles and completes) and coverage pass (at least `--pass` percent overall) of the first reply,
"direct", and after the repair rounds, average coverage (a testbench that does not run counts 0), tokens, seconds, and the
loop's share of the time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import closing

from fixtures import loader

from benchmarks import results
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.simulator import RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.loop.backend import Backend
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings, open_backend
from llm4cov_agent.loop.policies.closure import ClosurePolicy
from llm4cov_agent.loop.policies.model import ModelPolicy, ModelSettings
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat
from llm4cov_agent.loop.rollout import RolloutPlan, rollout
from llm4cov_agent.loop.state import State, read_design_text
from llm4cov_agent.loop.transition import Transition

CASES = ("full", "full-history", "stimulus", "stimulus-history", "stimulus+closure", "closure")
LIMITS = SimulationLimits(run_s=60)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="repairs after the first reply")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--prompt-tokens", type=int, default=2000)
    parser.add_argument("--finish-s", type=float, default=30.0, help="seconds of closure")
    parser.add_argument("--pass", type=float, default=90.0, dest="pass_percent")
    parser.add_argument("--name", default="models", help="of the file with the results")
    options = parser.parse_args()
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    rows: list[Json] = []
    summary: dict[str, Json] = {}
    chains: dict[str, list[tuple[Transition, ...]]] = {}
    # What the build cache holds from earlier runs would make the judge look faster than it is for a new testbench.
    with closing(open_backend(BackendSettings(kind=BackendKind.LLAMA, context_tokens=8192, uses_learned=False))) as backend:
        for name in options.names or loader.names()[:: options.every]:
            kept: dict[str, tuple[Transition, ...]] = {}
            for case in options.cases.split(","):
                kept[case] = _chain(case, name, backend, simulator, options, kept)
                chains.setdefault(case, []).append(kept[case])
                row = _row(case, name, kept[case])
                rows.append(row)
                shown = " ".join(f"{_overall(one.after):.1f}" for one in kept[case])
                print(f"{name:20} {case:18} {shown:40} {row['policy_s']:6} s", flush=True)
            # After each fixture, so that a run that is cut short leaves what it measured.
            summary = {case: _summary(found, options.pass_percent) for case, found in chains.items()}
            given = {key: value for key, value in vars(options).items() if key not in ("names", "cases", "name")}
            results.write(options.name, {"model": backend.model, "options": given, "cases": summary, "rows": rows}, says=False)
    for case, record in summary.items():
        print(f"{case:18} {record}")
    return 0


def _chain(
    case: str, name: str, backend: Backend, simulator: Verilator, options: argparse.Namespace, kept: dict[str, tuple[Transition, ...]]
) -> tuple[Transition, ...]:
    design = loader.design(name)
    start = State(read_design_text(design))
    if case in ("closure", "stimulus+closure"):
        before = kept.get("stimulus", ()) if case != "closure" else ()
        best = _best(start, before)
        policy = ClosurePolicy(simulator, ClosePlan(budget_s=options.finish_s, limits=LIMITS), Language.SYSTEMVERILOG)
        plan = RolloutPlan(rounds=1, budget_s=options.finish_s, limits=LIMITS)
        return (*before, *rollout(best, policy, simulator, plan))
    reply_format = ReplyFormat.FULL if case.startswith("full") else ReplyFormat.STIMULUS
    settings = ModelSettings(options=PromptOptions(format=reply_format, budget_tokens=options.prompt_tokens), max_tokens=options.max_tokens)
    plan = RolloutPlan(rounds=1 + options.rounds, budget_s=3600, keeps_history=case.endswith("history"), limits=LIMITS)
    return tuple(rollout(start, ModelPolicy(backend, settings), simulator, plan))


def _best(start: State, chain: tuple[Transition, ...]) -> State:
    best = start
    for transition in chain:
        best = transition.after if transition.kept else best
    return best


def _overall(state: State) -> float:
    seen = state.observation
    return (seen.overall or 0.0) if seen is not None and seen.status is RunStatus.OK else 0.0


def _passes(state: State) -> bool:
    return state.observation is not None and state.observation.status is RunStatus.OK


def _row(case: str, name: str, chain: tuple[Transition, ...]) -> dict[str, Json]:
    return {
        "fixture": name,
        "case": case,
        "status": ["no_testbench" if not (seen := one.after.observation) or seen.status is None else seen.status.label for one in chain],
        "overall": [round(_overall(one.after), 2) for one in chain],
        "kept": [one.kept for one in chain],
        "prompt_tokens": [one.proposal.prompt_tokens for one in chain],
        "completion_tokens": [one.proposal.completion_tokens for one in chain],
        "policy_s": round(sum(one.proposal.seconds for one in chain), 2),
        "judge_s": round(sum(one.judge_s for one in chain), 2),
        "loop_s": round(sum(one.loop_s for one in chain), 3),
        "problems": [str(problem.message)[:160] for one in chain if (seen := one.after.observation) for problem in seen.problems[:1]],
    }


def _summary(chains: list[tuple[Transition, ...]], pass_percent: float) -> dict[str, Json]:
    direct = [chain[0].after for chain in chains]
    ends = [_best(chain[0].state, chain) for chain in chains]
    replies = [one for chain in chains for one in chain if one.proposal.options is not None]
    shares = [
        100 * sum(one.loop_s for one in chain) / max(0.001, sum(one.judge_s + one.proposal.seconds for one in chain)) for chain in chains
    ]
    record: dict[str, Json] = {"designs": len(chains), "replies": len(replies)}
    if replies:
        record["every_reply_runs_percent"] = round(100 * statistics.mean(_passes(one.after) for one in replies), 2)
    for title, states in (("direct", direct), ("end", ends)):
        record[title] = {
            "simulator_pass_percent": round(100 * statistics.mean(_passes(state) for state in states), 2),
            "coverage_pass_percent": round(100 * statistics.mean(_overall(state) >= pass_percent for state in states), 2),
            "average_coverage": round(statistics.mean(_overall(state) for state in states), 2),
        }
    record["loop_share_percent_median"] = round(statistics.median(shares), 2)
    return record


if __name__ == "__main__":
    sys.exit(main())
