"""From examples to a live adapter: trains, makes it portable, measures it beside what is live, promotes it if it is better.

A run has a folder that is named by all that decides it, so one that was stopped goes on, in whichever phase it was.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from cattrs.preconf.json import make_converter

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.durable import write_whole
from llm4cov_agent.errors import Problem, has_errors
from llm4cov_agent.judge.simulator import Simulator
from llm4cov_agent.loop.policies.adapters import GGUF_NAME, Adapter, Adapters
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings, open_backend
from llm4cov_agent.loop.policies.model_file import label, unusable
from llm4cov_agent.loop.state import DesignText
from llm4cov_training.adapters.gguf_lora import BaseShape, write_gguf_lora
from llm4cov_training.examples import Example
from llm4cov_training.learn.evaluate import DesignScore, EvaluationPlan, NoAnswer, difference, estimates, evaluate, is_better
from llm4cov_training.learn.recipe import Recipe
from llm4cov_training.learn.runs import begin, held
from llm4cov_training.learn.stopping import wait_while
from llm4cov_training.learn.telling import Forecast, Teller
from llm4cov_training.learn.tokens import Pack, pack, tokens_of_example
from llm4cov_training.learn.train import Trained, load_base, seconds_for_pack, train
from llm4cov_training.learn.versions import versions

_CONVERTER = make_converter()
_BASE = "base"
"""What is measured where no adapter is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is learned, with what, and how it is judged."""

    base: Path
    recipe: Recipe
    examples: tuple[Example, ...]
    held_out: tuple[tuple[str, DesignText], ...]
    """Designs that nothing is learned from, by name."""
    start: Adapter | None = None
    """The adapter of an earlier stage, to learn on from; its shape counts, not the recipe's."""
    chosen_from: str = ""
    """What the examples were chosen from, and how; empty where they were given."""
    user_designs: frozenset[str] = frozenset()
    """Digests of the user's own designs among those of the examples."""
    evaluation: EvaluationPlan = field(default_factory=EvaluationPlan)

    @property
    def digest(self) -> str:
        """Digest of all that decides the weights."""
        start = f"{self.start.id} {label(self.start.gguf)}" if self.start is not None else None
        rows: list[Json] = [one.digest for one in self.examples]
        return digest_json({"base": label(self.base), "start": start, "recipe": self.recipe.to_json(), "examples": rows})

    @property
    def name(self) -> str:
        """Of its folder and of the adapter that it makes."""
        return self.digest.removeprefix("sha256:")[:16]

    @property
    def judging(self) -> str:
        """Digest of how it is judged, and on what: scores of another judging say nothing here."""
        designs: list[Json] = [[name, design.design.digest] for name, design in self.held_out]
        return digest_json([repr(self.evaluation), designs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    adapter: Adapter | None
    """None where there is none, for the reasons in `problems`."""
    promoted: bool = False
    before: tuple[DesignScore, ...] = ()
    """Of what was live, on the held-out designs."""
    after: tuple[DesignScore, ...] = ()
    problems: tuple[Problem, ...] = ()
    stopped: bool = False
    """Whether it was stopped; the same plan goes on from there."""


def forecast(plan: Plan) -> tuple[Forecast | None, tuple[Problem, ...]]:
    """Say what a run would learn and how long it would take here; computes one pack to measure that."""
    base, problems = _load(plan)
    if base is None:
        return None, problems
    model, packs, too_long = base
    if not packs:
        return None, (_nothing(too_long),)
    recipe = plan.recipe
    seconds = seconds_for_pack(model, packs[0], recipe)
    per_epoch = max(1, -(-len(packs) // (recipe.batch * recipe.accumulation)))
    steps = min(recipe.epochs * per_epoch, recipe.most_steps or recipe.epochs * per_epoch)
    mean = sum(len(one.ids) for one in packs) / len(packs)
    computed = steps * recipe.batch * recipe.accumulation if recipe.most_steps else recipe.epochs * len(packs)
    rate = len(packs[0].ids) / max(seconds, 1e-6)
    return Forecast(
        examples=len(plan.examples),
        too_long=too_long,
        packs=len(packs),
        steps=steps,
        train_s=computed * mean / rate,
        tokens_per_s=rate,
    ), ()


def seconds_to_judge(plan: Plan, simulator: Simulator) -> float:
    """Measure one reply of the base on the first held-out design, and say how long judging before and after takes at most."""
    began = time.monotonic()
    once = replace(plan.evaluation, samples=1, rounds=0)
    settings = BackendSettings(kind=BackendKind.LLAMA, model=str(plan.base), uses_learned=False)
    with contextlib.closing(open_backend(settings)) as backend:
        for _ in evaluate(backend, plan.held_out[:1], simulator, once):
            pass
    return 2 * (time.monotonic() - began) * len(plan.held_out) * plan.evaluation.samples * (1 + plan.evaluation.rounds)


def relearn(
    plan: Plan, simulator: Simulator, adapters: Adapters, folder: Path, *, tell: Teller | None = None, cancel: Event | None = None
) -> Outcome:
    """Do all of it. `folder` holds unfinished runs; what a run leaves there is removed once its adapter is in the registry.

    Raises OSError where the disk can't take it; nothing half-made is ever in the registry.
    """
    tell = tell or Teller()
    clash = {one.design for one in plan.examples} & {design.design.digest for _, design in plan.held_out}
    if clash:
        raise ValueError(f"{len(clash)} designs are both learned from and held out")
    work = folder / plan.name
    known = adapters.get(plan.name)
    if known is not None and not work.exists():
        return Outcome(adapter=known, problems=(Problem(f"nothing is new since adapter {plan.name} learned from the same"),))
    work.mkdir(parents=True, exist_ok=True)
    with held(work) as is_free:
        if not is_free:
            hint = "Wait for it, or stop it: the same command then goes on."
            return Outcome(adapter=None, problems=(Problem("another process is at work with this very run", hint=hint),))
        return _run(plan, simulator, adapters, work, tell, cancel)


def _run(plan: Plan, simulator: Simulator, adapters: Adapters, work: Path, tell: Teller, cancel: Event | None) -> Outcome:
    """Do what is left of a run."""
    name = plan.name
    known = adapters.get(name)
    if known is not None:
        # It was cut short between keeping the adapter and saying whether it is live.
        compared = known.manifest.get("compared_with")
        before, after = (_known_scores(plan, work, who) for who in (str(compared or _BASE), name))
        return _settled(adapters, known, before, after, work)
    begin(work, plan.chosen_from, plan.examples)
    tell.phase("loading the base model")
    base, problems = _load(plan)
    if base is None:
        return Outcome(adapter=None, problems=problems)
    model, packs, too_long = base
    if not packs:
        return Outcome(adapter=None, problems=(_nothing(too_long),))
    tell.phase("learning")
    shape = _shape(model)
    trained = train(model, packs, plan.recipe, work, on_step=tell.step, pause=tell.waits, cancel=cancel)
    del model, base
    if trained.weights is None:
        if trained.diverged:
            shutil.rmtree(work)
        return Outcome(adapter=None, problems=trained.problems, stopped=trained.stopped)
    problems = write_gguf_lora(trained.weights, shape, trained.weights / GGUF_NAME)
    if has_errors(problems):
        # It would end in the same way again.
        shutil.rmtree(work)
        return Outcome(adapter=None, problems=problems)
    label_of_base = label(plan.base)
    live = adapters.live(label_of_base)
    scores: dict[str, tuple[DesignScore, ...]] = {}
    for who, adapter in (
        (live.id if live is not None else _BASE, live.gguf if live is not None else None),
        (name, trained.weights / GGUF_NAME),
    ):
        tell.phase(f"measuring {who} on {len(plan.held_out)} designs that it has not seen")
        try:
            scores[who] = _scores(plan, who, adapter, simulator, work, tell, cancel)
        except NoAnswer as failure:
            return Outcome(adapter=None, problems=failure.problems)
        if len(scores[who]) < len(plan.held_out):
            return Outcome(adapter=None, stopped=True)
    before, after = scores.values()
    manifest = _manifest(plan, trained, too_long, label_of_base, live, before, after)
    return _settled(adapters, adapters.add(name, trained.weights, manifest), before, after, work)


def _settled(adapters: Adapters, kept: Adapter, before: Sequence[DesignScore], after: Sequence[DesignScore], work: Path) -> Outcome:
    """Make an adapter live if it is better; what is left of the run goes last, as it says that this was not done yet."""
    promoted = bool(before) and is_better(before, after)
    live = adapters.live(kept.base)
    if promoted and (live is None or live.id != kept.id):
        adapters.promote(kept)
    shutil.rmtree(work)
    return Outcome(adapter=kept, promoted=promoted, before=tuple(before), after=tuple(after))


def _load(plan: Plan) -> tuple[tuple[Any, tuple[Pack, ...], int] | None, tuple[Problem, ...]]:
    problem = unusable(plan.base)
    if problem is not None:
        return None, (problem,)
    if plan.start is not None and plan.start.base != label(plan.base):
        hint = "Learn on from an adapter of the same base, or from none."
        return None, (Problem(f"adapter {plan.start.id} is of another base model, {plan.start.base}", hint=hint),)
    try:
        start = plan.start.folder if plan.start is not None else None
        model, tokenizer, control = load_base(plan.base, plan.recipe.precision, start=start)
    except Exception as error:  # noqa: BLE001 - a file that is damaged breaks the library's readers in ways of their own
        hint = "It has to be a GGUF file or a folder that transformers loads."
        return None, (Problem(f"the base model can't be loaded: {' '.join(str(error).split())[:300]}", file=str(plan.base), hint=hint),)
    examples = (tokens_of_example(one.messages, one.completion, tokenizer, control) for one in plan.examples)
    packs, too_long = pack(examples, sequence_tokens=plan.recipe.sequence_tokens, seed=plan.recipe.seed)
    return (model, packs, too_long), ()


def _nothing(too_long: int) -> Problem:
    if too_long:
        hint = "Set sequence_tokens higher in the recipe."
        return Problem(f"there is nothing to learn from: all {too_long} examples are longer than a pack", hint=hint)
    return Problem("there is nothing to learn from", hint="Generate and accept testbenches first, or synthesise trajectories.")


def _shape(model: Any) -> BaseShape:
    config = model.config
    return BaseShape(
        model_type=config.model_type,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        num_key_value_heads=config.num_key_value_heads,
    )


def _scores(
    plan: Plan, who: str, adapter: Path | None, simulator: Simulator, work: Path, tell: Teller, cancel: Event | None
) -> tuple[DesignScore, ...]:
    """Measure one of the two; what an earlier call measured is read back."""
    file = _scores_file(plan, work, who)
    found = list(_known_scores(plan, work, who))
    done = {one.name for one in found}
    left = [(name, design) for name, design in plan.held_out if name not in done]
    settings = BackendSettings(kind=BackendKind.LLAMA, model=str(plan.base), adapter=adapter, uses_learned=False)
    with contextlib.closing(open_backend(settings)) as backend:
        for score in evaluate(backend, left, simulator, plan.evaluation, cancel=cancel):
            found.append(score)
            tell.scored(who, score, len(plan.held_out))
            write_whole(file, _CONVERTER.dumps(found))
            wait_while(tell.waits, cancel)
    return _known_scores(plan, work, who)


def _scores_file(plan: Plan, work: Path, who: str) -> Path:
    return work / f"scores-{who}-{plan.judging.removeprefix('sha256:')[:12]}.json"


def _known_scores(plan: Plan, work: Path, who: str) -> tuple[DesignScore, ...]:
    """What was measured of one of the two, in the order of the held-out designs."""
    file = _scores_file(plan, work, who)
    found = _CONVERTER.loads(file.read_text("utf-8"), list[DesignScore]) if file.exists() else []
    order = {name: rank for rank, (name, _) in enumerate(plan.held_out)}
    return tuple(sorted((one for one in found if one.name in order), key=lambda one: order[one.name]))


def _manifest(
    plan: Plan,
    trained: Trained,
    too_long: int,
    base: str,
    live: Adapter | None,
    before: Sequence[DesignScore],
    after: Sequence[DesignScore],
) -> dict[str, Json]:
    measured: dict[str, Json] = {}
    if after:
        for title, scores in (("before", before), ("after", after)):
            measured[title] = {name: one.to_json() for name, one in estimates(scores).items()}
        measured["gain"] = difference(before, after, "average_coverage_repaired").to_json()
    stages = {one.stage for one in plan.examples}
    return {
        "base": base,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "start": plan.start.id if plan.start is not None else None,
        "recipe": plan.recipe.to_json(),
        "data": {
            "digest": digest_json([one.digest for one in plan.examples]),
            "examples": len(plan.examples),
            "too_long": too_long,
            "by_stage": {str(stage): sum(one.stage == stage for one in plan.examples) for stage in sorted(stages)},
        },
        # What an earlier stage learned from is in these weights too.
        "designs": sorted(plan.user_designs | (plan.start.designs if plan.start is not None else frozenset())),
        "held_out": [name for name, _ in plan.held_out],
        "compared_with": live.id if live is not None else None,
        "losses": [round(loss, 4) for loss in trained.losses],
        "seconds": round(trained.seconds, 1),
        "tokens_per_s": round(trained.tokens / max(trained.seconds, 1e-6), 1),
        "measured": measured,
        "versions": versions(),
    }
