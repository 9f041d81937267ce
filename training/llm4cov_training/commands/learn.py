"""`retrain` itself: from what is stored to an adapter that is live if it is better. Chooses defaults and shows progress."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NoReturn

from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_json, print_problems
from llm4cov_agent.cli.design import open_simulator
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
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
from llm4cov_agent.trajectories.trajectory import Answer, Summary
from llm4cov_training.commands.folders import TRAIN_HINT, counted, learning_folder
from llm4cov_training.examples import Example
from llm4cov_training.learn.evaluate import DesignScore
from llm4cov_training.learn.telling import Forecast, Step, Teller

if TYPE_CHECKING:
    from llm4cov_training.learn.relearn import Plan

DUE_ROUNDS = 20
"""New rounds in the store from which `--if-due` finds it worth while."""
_CORPUS_DESIGNS, _CORPUS_SEED = 600, 1
"""Where there is no corpus to judge on, one of this size is made: 3 % of it are held out."""
ASKED = ModelSettings(options=PromptOptions(budget_tokens=1400), max_tokens=450)
"""How a model is asked where it is judged: with prompts and replies of the length that examples have."""
_LONG_S = 7200.0
_LINE_S = 20.0
"""Seconds between lines of progress where there is no terminal."""


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
    from llm4cov_training.learn.evaluate import EvaluationPlan
    from llm4cov_training.learn.recipe import Recipe, read_recipe
    from llm4cov_training.learn.relearn import Plan, forecast, relearn, seconds_to_judge

    recipe = read_recipe(options.recipe) if options.recipe is not None else Recipe()
    base = Path(options.base or recipe.base).expanduser() if options.base or recipe.base else default_model()
    if not base.exists():
        raise BadConfiguration(f"There is no model at {display_path(base)}.")
    with interruptible() as stopped:
        corpus = _corpus(options, stopped)
        examples, left_out = _examples(options, corpus)
        if not examples:
            _refuse((_nothing(left_out),), options)
        held_out = _held_out(corpus, options.designs)
        plan = Plan(
            base=base,
            recipe=recipe,
            examples=examples,
            held_out=held_out,
            start=_start(adapters, options.start),
            user_designs=frozenset(one.design for one in examples),
            evaluation=EvaluationPlan(samples=options.samples, rounds=options.rounds, model=ASKED),
        )
        if options.dry_run:
            found, problems = forecast(plan)
            if found is None:
                _refuse(problems, options)
            _tell_forecast(plan, found, seconds_to_judge(plan, open_simulator()), left_out, options)
        outcome = relearn(plan, open_simulator(), adapters, learning_folder() / "runs", tell=_Lines(options), cancel=stopped)
    if outcome.stopped:
        _end({"status": "stopped"}, "stopped; the same command goes on from here", options, ExitStatus.INTERRUPTED)
    if outcome.adapter is None:
        _refuse(outcome.problems, options)
    if outcome.problems:
        _end({"status": "nothing_new", "adapter": outcome.adapter.id}, str(outcome.problems[0].message), options, ExitStatus.DONE)
    measured = outcome.adapter.manifest.get("measured")
    record: dict[str, Json] = {"status": "learned", "adapter": outcome.adapter.id, "promoted": outcome.promoted, "measured": measured}
    _end(record, _verdict(record), options, ExitStatus.DONE)


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


def _examples(options: Options, corpus: Path) -> tuple[tuple[Example, ...], dict[str, int]]:
    """Read the rows that were given, or choose from the store what helped and was not rejected: (rows, how many were left out why)."""
    from llm4cov_training.corpus.designs import read_corpus, text_in
    from llm4cov_training.corpus.split import FIXTURES, HeldOut, Side, texts_below
    from llm4cov_training.curation.curate import CurationPlan, curate
    from llm4cov_training.curation.mixing import mixed
    from llm4cov_training.examples import read_examples

    if options.examples:
        groups: list[tuple[Example, ...]] = []
        bad = 0
        for path in options.examples:
            try:
                rows, problems = read_examples(path)
            except OSError as error:
                raise BadConfiguration(f"--examples {display_path(path)}: {error.strerror}.") from None
            print_problems(problems[:5])
            bad += len(problems)
            groups.append(rows)
        return mixed(groups[0], groups[1:], share=options.earlier_share, seed=options.seed), {"no example": bad} if bad else {}
    place = read_config().store
    if not place.exists():
        return (), {}
    texts = [*(texts_below(FIXTURES) if FIXTURES.is_dir() else ())]
    texts += [(one.name, text_in(corpus, one)) for one in read_corpus(corpus).designs if one.side is Side.HELD_OUT]
    with open_store(place, writable=False) as store:
        summaries = store.trajectories()
        with counted("trajectories", len(summaries)) as told:
            made = curate(store, HeldOut(texts), CurationPlan(most_reply_tokens=ASKED.max_tokens), told=told)
    refused = {digest for one in summaries for digest in _rejected(one)}
    old = {each.digest for one in summaries if options.since is not None and one.began < options.since.isoformat() for each in one.rounds}
    reasons: dict[str, int] = {}
    for left in made.left:
        reason = left.reason.split(" (")[0]
        reasons[reason] = reasons.get(reason, 0) + 1
    kept: list[Example] = []
    for example in made.examples:
        if example.transition in refused:
            reasons["you rejected it"] = reasons.get("you rejected it", 0) + 1
        elif example.transition in old:
            reasons["it is older than --since"] = reasons.get("it is older than --since", 0) + 1
        else:
            kept.append(example)
    return tuple(kept), reasons


def _rejected(summary: Summary) -> Iterator[str]:
    """Digests of the transitions that led to a testbench whose last answer is that it was rejected."""
    last = {one.testbench: one.answer for one in summary.acceptances}
    for one in summary.rounds:
        if one.testbench is not None and last.get(one.testbench) is Answer.REJECTED:
            yield one.digest


def _tell_forecast(plan: Plan, found: Forecast, judge_s: float, left_out: dict[str, int], options: Options) -> NoReturn:
    total_s = found.train_s + judge_s
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
        f"{found.steps} steps on {found.packs} packs at {found.tokens_per_s:.0f} tokens/s: about {_span(found.train_s)}",
        f"judging before and after on {len(plan.held_out)} held-out designs: about {_span(judge_s)}",
    ]
    if found.too_long:
        lines.insert(1, f"{found.too_long} of them are longer than a pack and are left out")
    if total_s > _LONG_S:
        lines.append("that is long for this machine: fewer epochs in a recipe, or --designs and --samples, make it shorter")
    _end(record, "\n".join(lines), options, ExitStatus.DONE)


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


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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


class _Lines(Teller):
    """Says how it goes in lines: each phase, and steps now and then, for a terminal and for a program that shows the last line alike."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._said_s = 0.0
        self._waits: str | None = None

    def phase(self, words: str) -> None:
        self._say(words)

    def step(self, step: Step) -> None:
        if time.monotonic() - self._said_s > _LINE_S or step.number in (1, step.of):
            self._say(f"step {step.number} of {step.of}, loss {step.loss:.3f}, {_span(step.left_s)} left")

    def waits(self) -> bool:
        reason = reason_to_wait(on_battery=self._options.on_battery, max_load=self._options.max_load)
        if reason is not None and reason != self._waits:
            self._say(f"waiting: {reason}")
        self._waits = reason
        return reason is not None

    def scored(self, who: str, score: DesignScore, of: int) -> None:
        if time.monotonic() - self._said_s > _LINE_S:
            best = max(one.overall_in_the_end for one in score.samples)
            self._say(f"{who}: {score.name} {best:.1f} %")

    def _say(self, text: str) -> None:
        self._said_s = time.monotonic()
        messages().print(text, highlight=False, soft_wrap=True)
