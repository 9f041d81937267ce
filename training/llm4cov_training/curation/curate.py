"""From a store to examples: kept by execution, chosen by their states, without what is held out or said twice. Trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.errors import StoreUnusable
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.loop.state import Instruction, state_key
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.store import Store
from llm4cov_training.corpus.similarity import rouge_l, structure_of, words_of
from llm4cov_training.corpus.split import HeldOut, text_of_design
from llm4cov_training.curation.completions import completion_of, file_reply
from llm4cov_training.curation.judged import reason_to_drop
from llm4cov_training.curation.sampling import Sampling, sampled
from llm4cov_training.examples import Example

NEAR_DUPLICATE = 0.9
"""ROUGE-L F1 from which two examples of one top module are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationPlan:
    """What is kept."""

    sampling: Sampling = Sampling.WORST
    stage: int = 1
    """Stage that repairs are for; direct generation always is for stage 0."""
    seed: int = 1
    by_execution: bool = True
    """Whether only transitions that taught something are kept; without, all that simulated are, for comparison."""
    most_reply_tokens: int = 450
    most_full_tokens: int = 0
    """Tokens of a whole file at most, where direct replies are shown as SystemVerilog as well; 0 does not show them so."""
    prompt_tokens: int = 1400
    """For transitions that were stored without a prompt."""
    target_percent: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A transition that is not learned from."""

    transition: str
    top: str
    reason: str


@dataclass(slots=True)
class Curated:
    """Examples, and what was left out."""

    examples: list[Example] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    seen: int = 0

    def manifest(self, plan: CurationPlan, held_out: HeldOut) -> dict[str, Json]:
        """What the examples are made of, with digests."""
        reasons: dict[str, int] = {}
        for one in self.left:
            reason = one.reason.split(" (")[0]
            reasons[reason] = reasons.get(reason, 0) + 1
        kinds: dict[str, int] = {}
        for example in self.examples:
            kinds[example.instruction] = kinds.get(example.instruction, 0) + 1
        return {
            "digest": digest_json([one.digest for one in self.examples]),
            "examples": len(self.examples),
            "designs": len({one.design for one in self.examples}),
            "by_instruction": dict(sorted(kinds.items())),
            "transitions": self.seen,
            "left_out": {reason: reasons[reason] for reason in sorted(reasons, key=lambda one: (-reasons[one], one))},
            "plan": {
                "sampling": plan.sampling.value,
                "stage": plan.stage,
                "seed": plan.seed,
                "by_execution": plan.by_execution,
                "most_reply_tokens": plan.most_reply_tokens,
                "most_full_tokens": plan.most_full_tokens,
                "prompt_tokens": plan.prompt_tokens,
                "target_percent": plan.target_percent,
            },
            "held_out": digest_json(sorted(held_out.names)),
        }


@dataclass(frozen=True, slots=True)
class _Origin:
    """A design that transitions are of: its digest, that of its structure, and why nothing of it may be learned, if so."""

    design: str
    structure: str
    refused: str | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    digest: str
    transition: Transition
    example: Example

    @property
    def rank(self) -> tuple[tuple[bool, bool, bool, bool, float], int, str]:
        """Best last: where it leads to, then the shorter reply."""
        return state_key(self.transition.after), -len(self.example.completion), self.digest


def curate(
    store: Store,
    held_out: HeldOut,
    plan: CurationPlan,
    *,
    without: Mapping[str, str] | None = None,
    told: Callable[[int], None] | None = None,
) -> Curated:
    """Choose what to learn from; the result depends on the store, the plan and what is held out alone.

    `without` has digests of transitions that are left out before anything is chosen, with the reason.
    """
    made = Curated()
    by_design: dict[str, list[_Candidate]] = {}
    origins: dict[str, _Origin] = {}
    for number, summary in enumerate(sorted(store.trajectories(), key=lambda one: one.id)):
        digests = [one.digest for one in summary.rounds]
        made.seen += len(digests)
        if told is not None:
            told(number + 1)
        try:
            transitions = store.transitions(summary.id)
        except (StoreUnusable, KeyError) as error:
            # A text that a damaged store lacks is looked up in vain.
            made.left += [Left(transition=digest, top=summary.top, reason=f"its design is gone ({error})") for digest in digests]
            continue
        for digest, transition in zip(digests, transitions, strict=True):
            if summary.design not in origins:
                text = text_of_design(transition.state.design)
                origins[summary.design] = _Origin(summary.design, structure_of(text), held_out.reason(text))
            if without is not None and digest in without:
                made.left.append(Left(transition=digest, top=summary.top, reason=without[digest]))
                continue
            found = _candidate(digest, transition, origins[summary.design], plan)
            if isinstance(found, str):
                made.left.append(Left(transition=digest, top=summary.top, reason=found))
            else:
                by_design.setdefault(summary.design, []).append(found)
    for design in sorted(by_design):
        chosen = _chosen(by_design[design], plan)
        kept = {id(one) for one in chosen}
        made.examples += [one.example for one in chosen]
        made.examples += [file for one in chosen if plan.most_full_tokens and (file := _as_file(one, plan)) is not None]
        made.left += [
            Left(transition=one.digest, top=one.example.top, reason="another one of its design and kind is better")
            for one in by_design[design]
            if id(one) not in kept
        ]
    made.examples = _without_duplicates(made.examples, made.left)
    return made


def _candidate(digest: str, transition: Transition, origin: _Origin, plan: CurationPlan) -> _Candidate | str:
    if origin.refused is not None:
        return f"held out ({origin.refused})"
    reason = reason_to_drop(transition)
    if reason is not None and (plan.by_execution or "did not simulate" in reason):
        return reason
    completion = completion_of(transition, prompt_tokens=plan.prompt_tokens)
    if isinstance(completion, str):
        return completion
    if tokens_of(completion.text) > plan.most_reply_tokens:
        return f"its reply is too long (more than {plan.most_reply_tokens} tokens)"
    is_direct = transition.instruction is Instruction.GENERATE
    example = Example(
        transition=digest,
        design=origin.design,
        structure=origin.structure,
        top=transition.state.design.design.top,
        instruction=transition.instruction.value,
        format=completion.options.format.value,
        stage=0 if is_direct else max(1, plan.stage),
        policy=transition.policy,
        messages=render_prompt(transition.state, transition.instruction, completion.options),
        completion=completion.text,
    )
    return _Candidate(digest, transition, example)


def _chosen(candidates: list[_Candidate], plan: CurationPlan) -> list[_Candidate]:
    """One best direct reply, and one best repair of each state that is sampled; all of them where execution does not decide."""
    if not plan.by_execution:
        return candidates
    direct = [one for one in candidates if one.transition.instruction is Instruction.GENERATE]
    repairs = [one for one in candidates if one.transition.instruction is not Instruction.GENERATE]
    chosen = [max(direct, key=lambda one: one.rank)] if direct else []
    keys: dict[str, _Candidate] = {}
    for one in repairs:
        key = digest_json([[message.role.value, message.content] for message in one.example.messages])
        if key not in keys or one.rank > keys[key].rank:
            keys[key] = one
    best_repairs = sorted(keys.values(), key=lambda one: one.digest)
    return [
        *chosen,
        *sampled(
            best_repairs, lambda one: one.transition.state, sampling=plan.sampling, seed=plan.seed, target_percent=plan.target_percent
        ),
    ]


def _as_file(one: _Candidate, plan: CurationPlan) -> Example | None:
    """The same testbench as the whole file that a model would write without our language; None for repairs, and where it is too long."""
    testbench = one.transition.after.testbench
    if one.transition.instruction is not Instruction.GENERATE or one.example.format == ReplyFormat.FULL.value or testbench is None:
        return None
    text = file_reply(testbench)
    if tokens_of(text) > plan.most_full_tokens:
        return None
    options = PromptOptions(format=ReplyFormat.FULL, budget_tokens=plan.prompt_tokens)
    messages = render_prompt(one.transition.state, Instruction.GENERATE, options)
    return replace(one.example, format=ReplyFormat.FULL.value, messages=messages, completion=text)


def _without_duplicates(examples: Iterable[Example], left: list[Left]) -> list[Example]:
    """Drop examples that say nearly the same of designs with the same name, the later of two."""
    kept: list[Example] = []
    words: dict[tuple[str, str, str], list[tuple[str, ...]]] = {}
    for example in examples:
        key = (example.top, example.instruction, example.format)
        said = words_of(f"{example.messages[-1].content} {example.completion}")
        if any(rouge_l(said, other, at_least=NEAR_DUPLICATE) for other in words.get(key, ())):
            left.append(Left(transition=example.transition, top=example.top, reason="it is nearly the same as another one"))
            continue
        words.setdefault(key, []).append(said)
        kept.append(example)
    return kept
