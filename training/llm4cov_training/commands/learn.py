"""`retrain` itself: from what is stored to an adapter that is live if it is better. Chooses defaults and shows progress."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NoReturn

from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_json, print_problems
from llm4cov_agent.cli.design import open_simulator
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.durable import disk_problem
from llm4cov_agent.errors import BadConfiguration, Problem, ToolMissing, display_path, has_errors
from llm4cov_agent.loop.policies.adapters import Adapter, Adapters
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policies.model_file import default_model
from llm4cov_agent.loop.policy import PromptOptions
from llm4cov_agent.loop.state import DesignText, read_design_text
from llm4cov_agent.machine import reason_to_wait
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.commands.folders import TRAIN_HINT, counted, learning_folder
from llm4cov_training.commands.showing import shown, span
from llm4cov_training.learn.telling import Forecast

if TYPE_CHECKING:
    from llm4cov_training.learn.relearn import Plan

DUE_ROUNDS = 20
"""New rounds in the store from which `--if-due` finds it worth while."""
_CORPUS_DESIGNS, _CORPUS_SEED = 600, 1
"""Where there is no corpus to judge on, one of this size is made: 3 % of it are held out."""
_REPLY_TOKENS = 450
"""Tokens of a reply that is learned, as they are guessed."""
ASKED = ModelSettings(options=PromptOptions(budget_tokens=1400), max_tokens=2 * _REPLY_TOKENS)
"""How a model is asked where it is judged. Numbers take more tokens than are guessed, and what was learned must not be cut off."""
_LONG_S = 7200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command was asked for."""

    examples: tuple[Path, ...]
    """Files of examples: what is new, and those of earlier stages. None chooses from the store."""
    earlier_share: float
    """How many examples of earlier stages are mixed in, for each new one."""
    start: str | None
    """Adapter to learn on from; None begins with the base."""
    seed: int
    recipe: Path | None
    base: str
    since: datetime | None
    if_due: bool
    dry_run: bool
    corpus: Path | None
    designs: int
    """Held-out designs to judge on."""
    samples: int
    rounds: int
    on_battery: bool
    max_load: float
    as_json: bool


def learn(options: Options) -> None:
    """Do what was asked; ends the command."""
    adapters = Adapters()
    if options.if_due and (reason := _not_due(adapters)) is not None:
        _end({"status": "not_due", "reason": reason}, reason, options, ExitStatus.DONE)
    if not options.examples and not _has_stored():
        _refuse((_nothing({}),), options)
    for module in ("torch", "transformers", "peft", "accelerate", "pyverilog", "rapidfuzz", "llama_cpp"):
        if importlib.util.find_spec(module) is None:
            raise ToolMissing(f"learning ({module})", f"{TRAIN_HINT} and pip install 'llm4cov-lsp[llama]'")
    from llm4cov_training.commands.choosing import from_files, from_store
    from llm4cov_training.learn.evaluate import EvaluationPlan
    from llm4cov_training.learn.recipe import Recipe, read_recipe
    from llm4cov_training.learn.relearn import Plan, relearn

    recipe = read_recipe(options.recipe) if options.recipe is not None else Recipe()
    base = Path(options.base or recipe.base).expanduser() if options.base or recipe.base else default_model()
    if not base.exists():
        raise BadConfiguration(f"There is no model at {display_path(base)}.")
    if base.is_dir():
        raise BadConfiguration(f"{display_path(base)} is a folder, and llama.cpp, which judges, needs one file in GGUF format.")
    if recipe.full:
        raise BadConfiguration("`retrain` learns adapters: full = true in a recipe is for training/run_all.sh alone.")
    with interruptible() as stopped:
        corpus = _corpus(options, stopped)
        if options.examples:
            examples, left_out = from_files(options.examples, corpus, earlier_share=options.earlier_share, seed=options.seed)
        else:
            place = read_config().store
            examples, left_out = from_store(place, corpus, since=options.since, most_reply_tokens=_REPLY_TOKENS)
        if not examples:
            _refuse((_nothing(left_out),), options)
        held_out = _held_out(corpus, options.designs)
        plan = Plan(
            base=base,
            recipe=recipe,
            examples=examples,
            held_out=held_out,
            start=_start(adapters, options.start),
            chosen_from="" if options.examples else f"the store, since {options.since}",
            user_designs=frozenset(one.design for one in examples),
            evaluation=EvaluationPlan(samples=options.samples, rounds=options.rounds, model=ASKED),
        )
        if not options.examples:
            plan = _going_on(plan, corpus, dry_run=options.dry_run)
        is_new = adapters.get(plan.name) is None and not (learning_folder() / "runs" / plan.name).exists()
        if options.dry_run or is_new:
            found, judge_s = _measured(plan, options, stopped)
            if options.dry_run:
                _tell_forecast(plan, found, judge_s, left_out, options)
            if (reason := _long(plan, found, judge_s)) is not None:
                messages().print(reason, highlight=False, soft_wrap=True)
        try:
            with shown(messages(), lambda: reason_to_wait(on_battery=options.on_battery, max_load=options.max_load)) as teller:
                outcome = relearn(plan, open_simulator(), adapters, learning_folder() / "runs", tell=teller, cancel=stopped)
        except OSError as error:
            problem = disk_problem(error)
            if problem is None:
                raise
            _refuse((problem,), options)
    if outcome.stopped:
        _end({"status": "stopped"}, "stopped; the same command goes on from here", options, ExitStatus.INTERRUPTED)
    if outcome.adapter is None:
        _refuse(outcome.problems, options)
    if outcome.problems:
        _end({"status": "nothing_new", "adapter": outcome.adapter.id}, str(outcome.problems[0].message), options, ExitStatus.DONE)
    measured = outcome.adapter.manifest.get("measured")
    record: dict[str, Json] = {"status": "learned", "adapter": outcome.adapter.id, "promoted": outcome.promoted, "measured": measured}
    _end(record, _verdict(record), options, ExitStatus.DONE)


def _going_on(plan: Plan, corpus: Path, *, dry_run: bool) -> Plan:
    """Give the run that was stopped before, if there is one that was chosen in the same way: what was stored since then is for the next."""
    from llm4cov_training.commands.choosing import still_stand
    from llm4cov_training.learn.runs import is_held, unfinished

    for one in unfinished(learning_folder() / "runs"):
        its = replace(plan, examples=one.examples, user_designs=frozenset(each.design for each in one.examples))
        if its.name != one.folder.name or one.chosen_from != plan.chosen_from or is_held(one.folder):
            continue
        if its.name == plan.name or still_stand(read_config().store, corpus, one.examples):
            if its.name != plan.name:
                words = (
                    f"going on with the run that was stopped, of {len(one.examples)} examples; what was stored since is for the next one"
                )
                messages().print(words, highlight=False, soft_wrap=True)
            return its
        if not dry_run:
            shutil.rmtree(one.folder)
    return plan


def _measured(plan: Plan, options: Options, stopped: Event) -> tuple[Forecast, float]:
    """Say what a run would be and how many seconds judging takes, from one pack and one reply; ends the command where it can't be said."""
    from llm4cov_training.learn.evaluate import NoAnswer
    from llm4cov_training.learn.relearn import forecast, seconds_to_judge
    from llm4cov_training.learn.stopping import wait_while

    with shown(messages(), lambda: reason_to_wait(on_battery=options.on_battery, max_load=options.max_load)) as teller:
        wait_while(teller.waits, stopped)
        teller.phase("measuring how fast this machine is")
        found, problems = (None, ()) if stopped.is_set() else forecast(plan)
        try:
            judge_s = seconds_to_judge(plan, open_simulator()) if found is not None and not stopped.is_set() else 0.0
        except NoAnswer as failure:
            found, problems = None, failure.problems
    if stopped.is_set():
        _end({"status": "stopped"}, "stopped; nothing was begun", options, ExitStatus.INTERRUPTED)
    if found is None:
        _refuse(problems, options)
    return found, judge_s


def _not_due(adapters: Adapters) -> str | None:
    """Why learning is not worth while yet; None if it is."""
    place = read_config().store
    if not place.exists():
        return "nothing is stored yet"
    last = max((str(one.manifest.get("made", "")) for one in adapters.all()), default="")
    with open_store(place, writable=False) as store:
        new = sum(len(one.rounds) for one in store.trajectories() if one.began > last)
    if new >= DUE_ROUNDS:
        return None
    return f"{new} rounds were stored since the last time; from {DUE_ROUNDS} on it is worth while"


def _has_stored() -> bool:
    place = read_config().store
    if not place.exists():
        return False
    with open_store(place, writable=False) as store:
        return bool(store.trajectories())


def _nothing(left_out: dict[str, int]) -> Problem:
    hint = "Generate and accept testbenches first, or give rows of your own with --examples."
    return Problem(f"there is nothing to learn from{_reasons(left_out)}", hint=hint)


def _start(adapters: Adapters, name: str | None) -> Adapter | None:
    if name is None:
        return None
    found = [one for one in adapters.all() if one.id.startswith(name)]
    if len(found) != 1:
        raise BadConfiguration(f"--from {name}: {len(found)} adapters have that name. `llm4cov-lsp retrain adapters list` names them.")
    return found[0]


def _corpus(options: Options, stopped: Event) -> Path:
    """Find the corpus whose held-out designs are judged on, and make one where there is none."""
    from llm4cov_training.corpus.designs import write_corpus
    from llm4cov_training.corpus.grow import grow
    from llm4cov_training.work import open_workers

    folder = options.corpus or learning_folder() / "corpus"
    if options.corpus is not None or (folder / "corpus.json").exists():
        return folder
    messages().print(f"generating {_CORPUS_DESIGNS} designs, some of which are held out to judge on", highlight=False)
    with open_workers(None, cluster=None) as pool, counted("designs", _CORPUS_DESIGNS) as told:
        made, texts = grow(_CORPUS_DESIGNS, _CORPUS_SEED, pool, told=told, cancel=stopped)
    if stopped.is_set():
        leave(ExitStatus.INTERRUPTED)
    write_corpus(folder, made, texts.items())
    return folder


def _held_out(corpus: Path, count: int) -> tuple[tuple[str, DesignText], ...]:
    """Elaborate the first held-out designs of a corpus."""
    from llm4cov_training.corpus.designs import read_corpus, text_in
    from llm4cov_training.corpus.split import Side

    found: list[tuple[str, DesignText]] = []
    for one in read_corpus(corpus).designs:
        if one.side is not Side.HELD_OUT or len(found) >= count:
            continue
        text_in(corpus, one)
        design, problems = elaborate(FileSet(sources=(corpus / "designs" / f"{one.name}.v",), top=one.top))
        if design is not None and not has_errors(problems):
            found.append((one.name, read_design_text(design)))
    if not found:
        hint = "`llm4cov-lsp retrain corpus --count 600` makes one that has some."
        raise BadConfiguration(f"The corpus in {display_path(corpus)} holds no design out, so nothing can be judged.\n  {hint}")
    return tuple(found)


def _tell_forecast(plan: Plan, found: Forecast, judge_s: float, left_out: dict[str, int], options: Options) -> NoReturn:
    record: dict[str, Json] = {
        "status": "dry_run",
        "examples": found.examples,
        "too_long": found.too_long,
        "designs": len(plan.user_designs),
        "held_out": len(plan.held_out),
        "packs": found.packs,
        "steps": found.steps,
        "tokens_per_s": round(found.tokens_per_s, 1),
        "train_s": round(found.train_s),
        "judge_s": round(judge_s),
        "left_out": dict(left_out),
    }
    lines = [
        f"{found.examples} examples of {len(plan.user_designs)} designs{_reasons(left_out)}",
        f"{found.steps} steps on {found.packs} packs at {found.tokens_per_s:.0f} tokens/s: about {span(found.train_s)}",
        f"judging before and after on {len(plan.held_out)} held-out designs: about {span(judge_s)}",
    ]
    if found.too_long:
        lines.insert(1, f"{found.too_long} of them are longer than a pack and are left out")
    if (reason := _long(plan, found, judge_s)) is not None:
        lines.append(reason)
    _end(record, "\n".join(lines), options, ExitStatus.DONE)


def _long(plan: Plan, found: Forecast, judge_s: float) -> str | None:
    """Say beforehand that it takes long, what of it, and what makes it shorter; None if it does not."""
    if found.train_s + judge_s <= _LONG_S:
        return None
    if found.train_s >= judge_s:
        recipe = plan.recipe
        why = f"{found.packs} packs, {recipe.epochs} times each, at the {found.tokens_per_s:.0f} tokens/s of this machine"
        remedy = "fewer epochs or most_steps in a recipe, or --since, make it shorter"
    else:
        tried = len(plan.held_out) * plan.evaluation.samples * (1 + plan.evaluation.rounds)
        why = f"judging asks for {tried} replies before and {tried} after, {judge_s / (2 * tried):.0f} s each"
        remedy = "--designs, --samples and --rounds make it shorter"
    return f"this takes about {span(found.train_s + judge_s)}: {why}; {remedy}. Ctrl-C keeps what is done"


def _reasons(left_out: dict[str, int]) -> str:
    found = [f"{many} left out as {reason}" for reason, many in sorted(left_out.items(), key=lambda one: -one[1])]
    return f" ({'; '.join(found)})" if found else ""


def _verdict(record: dict[str, Json]) -> str:
    measured = record["measured"]
    assert isinstance(measured, dict)
    before, after = (measured[when]["average_coverage_repaired"]["mean"] for when in ("before", "after"))
    gain = measured["gain"]
    words = "is live now" if record["promoted"] else "is kept and not live, as it is not better beyond noise"
    return (
        f"adapter {record['adapter']} {words}: {before:.1f} % before, {after:.1f} % after on held-out designs "
        f"(difference {gain['mean']:+.1f}, between {gain['low']:+.1f} and {gain['high']:+.1f})"
    )


def _refuse(problems: tuple[Problem, ...], options: Options) -> NoReturn:
    if options.as_json:
        print_json({"status": "failed", "problems": [str(one) for one in problems]})
    else:
        print_problems(problems)
    leave(ExitStatus.BAD_INPUT)


def _end(record: dict[str, Json], text: str, options: Options, status: ExitStatus) -> NoReturn:
    if options.as_json:
        print_json(record)
    else:
        messages().print(text, highlight=False, soft_wrap=True)
    leave(status)
