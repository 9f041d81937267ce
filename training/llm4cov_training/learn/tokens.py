"""Turns examples into tokens of a model, and packs them: what is learned is the completion alone. Knows no optimiser.

A prompt is cut into tokens exactly as the backends cut it when they ask the model: by its own chat template, with
what looks like the template's control tokens made harmless. The completion is cut on its own, as it is written after the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from llm4cov_agent.loop.backend import Message
from llm4cov_agent.loop.policies.model_child import neutral_messages

IGNORED = -100
"""The label of a token that is not learned; PyTorch's own."""


class Tokenizer(Protocol):
    """What is needed of a tokenizer of transformers."""

    eos_token_id: int

    def apply_chat_template(self, conversation: list[dict[str, str]], *, add_generation_prompt: bool, tokenize: bool) -> str:
        """Render messages."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Cut text into tokens."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One example: the ids of prompt and completion, the latter with the token that ends it."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True, slots=True)
class Pack:
    """Several examples in a row, each with positions from 0, by which attention keeps them apart."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    positions: tuple[int, ...]


def tokens_of_example(messages: Sequence[Message], completion: str, tokenizer: Tokenizer, control: Sequence[str]) -> Tokens:
    """Cut one example into tokens."""
    neutral = neutral_messages([{"role": one.role.value, "content": one.content} for one in messages], control)
    prompt = tokenizer.apply_chat_template(neutral, add_generation_prompt=True, tokenize=False)
    [answer] = neutral_messages([{"role": "assistant", "content": completion}], control)
    return Tokens(
        tuple(tokenizer.encode(prompt, add_special_tokens=False)),
        (*tokenizer.encode(answer["content"], add_special_tokens=False), tokenizer.eos_token_id),
    )


def pack(examples: Iterable[Tokens], *, sequence_tokens: int, seed: int) -> tuple[tuple[Pack, ...], int]:
    """Pack examples, the longest first, each where it fits best; gives the packs in the seed's order, and how many were too long."""
    fitting: list[Tokens] = []
    too_long = 0
    for example in examples:
        if len(example) > sequence_tokens:
            too_long += 1
        else:
            fitting.append(example)
    generator = Random(seed)
    generator.shuffle(fitting)
    bins: list[list[Tokens]] = []
    room: list[int] = []
    for example in sorted(fitting, key=len, reverse=True):
        fits = [(left, rank) for rank, left in enumerate(room) if left >= len(example)]
        if fits:
            _, rank = min(fits)
            bins[rank].append(example)
            room[rank] -= len(example)
        else:
            bins.append([example])
            room.append(sequence_tokens - len(example))
    generator.shuffle(bins)
    return tuple(_packed(group) for group in bins), too_long


def _packed(group: Sequence[Tokens]) -> Pack:
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    for example in group:
        ids += [*example.prompt, *example.completion]
        # Nothing before it tells the first token of the completion of another example; each label is its own token.
        labels += [IGNORED] * len(example.prompt) + list(example.completion)
        positions += range(len(example))
    return Pack(tuple(ids), tuple(labels), tuple(positions))
