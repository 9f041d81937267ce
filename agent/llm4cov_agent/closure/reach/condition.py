"""Coverage points as questions to a formal tool. Knows neither how they are found nor how they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.judge.coverage import CoveragePoint


class Event(Enum):
    """What has to happen to the condition of a cover statement for its point to be hit."""

    HOLDS = "holds"
    """The statement is executed while its condition is true."""
    RISES = "rises"
    """Its condition is false in one settled state of the design and true in the next."""
    FALLS = "falls"
    """Its condition is true in one settled state of the design and false in the next."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One labelled `cover` statement, and what has to happen to it in any instance of its module."""

    label: str
    """Unique among the labels of one instrumented design."""
    event: Event


@dataclass(frozen=True, slots=True)
class Instrumented:
    """A design's sources with `cover` statements written into them; line numbers are those of the originals."""

    texts: Mapping[Path, str]
    """Text of every source, by the path of its original; includes are left as they are."""
    conditions: Mapping[CoveragePoint, tuple[Condition, ...]]
    """A point is hit exactly if one of its conditions happens in some instance."""
    unmapped: Mapping[CoveragePoint, str]
    """Why a point has no condition that is certain: one clause for a person."""
