"""How alike two designs are: their structure as a digest, and ROUGE-L over their words. Knows no family and no store.

ROUGE-L is F1 of the longest common subsequence (Lin, 2004), over words in lower case as is usual: comments and punctuation do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

from llm4cov_agent.bench.keywords import SYSTEMVERILOG
from llm4cov_agent.digest import digest_text

TOO_SIMILAR = 0.5
"""ROUGE-L F1 from which a design counts as known from another one."""
_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TOKEN = re.compile(r"\\\S+|`?[A-Za-z_$][\w$]*|(?:\d[\d_]*)?\s*'[sS]?[bodhBODH]\s*[\w?]+|\d[\w.]*|\"[^\"\n]*\"|\S")
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Likeness:
    """The known design that is most like another."""

    name: str
    f1: float


def structure_of(text: str) -> str:
    """A digest that is equal for texts that differ in comments, spaces, identifiers and literals alone."""
    return digest_text(" ".join(_normal(token) for token in _TOKEN.findall(_without_comments(text))))


def _normal(token: str) -> str:
    if token in SYSTEMVERILOG or not (token[0].isalnum() or token[0] in "_$\\'\"`"):
        return token
    return "0" if token[0].isdigit() or token[0] in "'\"" else "i"


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as ROUGE takes them."""
    return tuple(_WORD.findall(_without_comments(text).lower()))


def rouge_l(left: Sequence[str], right: Sequence[str], *, at_least: float = 0.0) -> float:
    """F1 of ROUGE-L; 0 where it is below `at_least`."""
    total = len(left) + len(right)
    if not total or 2 * min(len(left), len(right)) < at_least * total:
        return 0.0
    common = LCSseq.similarity(left, right)
    f1 = 2 * common / total
    return f1 if f1 >= at_least else 0.0


def most_like(words: Sequence[str], known: Iterable[tuple[str, Sequence[str]]], *, at_least: float = TOO_SIMILAR) -> Likeness | None:
    """The first of the known texts that is at least so much like a text; None if none is."""
    for name, other in known:
        f1 = rouge_l(words, other, at_least=at_least)
        if f1:
            return Likeness(name, f1)
    return None


def _without_comments(text: str) -> str:
    return _COMMENT.sub(lambda found: found.group() if found.group().startswith('"') else " ", text)
