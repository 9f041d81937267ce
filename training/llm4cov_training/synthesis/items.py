"""What there is to do in a synthesis: one item is one policy on one design with one seed. Does none of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from llm4cov_agent.digest import digest_json
from llm4cov_agent.loop.policies.backends import BackendSettings
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_training.synthesis.lessons import Lesson


class Kind(Enum):
    """Who is rolled out."""

    TEACHER = "teacher"
    """Closure shows how, and repairs the states of a stand-in for the student."""
    STUDENT = "student"
    """A model is rolled out, and closure repairs the states that it came to."""
    MODEL = "model"
    """A larger model teaches, with rules in its prompt that the student will not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A model and how it is asked."""

    backend: BackendSettings
    settings: ModelSettings
    rounds: int = 3
    """Repairs after its first reply."""
    rules: str = ""
    """Rules that are put into the prompt that is sent, never into the one that is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to do, with all that it takes, so that it can be done on any machine."""

    kind: Kind
    name: str
    """Of the design in its corpus."""
    top: str
    text: str
    sample: int
    seed: int
    lesson: Lesson
    speaker: Speaker | None = None

    @property
    def digest(self) -> str:
        """Names the item: equal for equal work."""
        speaker = self.speaker
        said = None
        if speaker is not None:
            adapter = str(speaker.backend.adapter) if speaker.backend.adapter is not None else None
            said = [speaker.backend.kind.value, speaker.backend.model, adapter, speaker.rounds, speaker.rules, repr(speaker.settings)]
        return digest_json([self.kind.value, self.top, self.text, self.sample, self.seed, repr(self.lesson), said])


def items_for(
    designs: Iterable[tuple[str, str, str]],
    kinds: Iterable[Kind],
    *,
    samples: int,
    seed: int,
    lesson: Lesson,
    speaker: Speaker | None = None,
    rules: str = "",
) -> Iterator[Item]:
    """All items over designs given as (name, top, text): one sample of all before the next, so that a stop leaves breadth.

    `rules` go to the larger model alone.
    """
    taught = replace(speaker, rules=rules) if speaker is not None else None
    speakers = {Kind.TEACHER: None, Kind.STUDENT: speaker, Kind.MODEL: taught}
    listed, wanted = tuple(designs), tuple(kinds)
    for sample in range(samples):
        for name, top, text in listed:
            for kind in wanted:
                yield Item(
                    kind=kind,
                    name=name,
                    top=top,
                    text=text,
                    sample=sample,
                    seed=seed + 1000 * sample,
                    lesson=lesson,
                    speaker=speakers[kind],
                )
