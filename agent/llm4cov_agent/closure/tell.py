"""Holes as a person is told about them: grouped, in sentences, with what is known, at their place in the line.

The editor's diagnostics and the command line's reports both say what this says. Knows no output format, and gives no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from llm4cov_agent.closure.explain import Explanation, explain
from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.closure.reached import reached_of
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.fold import fold_toggles
from llm4cov_agent.judge.holes import Hole, Verdict, VerdictKind, rank_holes
from llm4cov_agent.judge.wording import folded_words, missed_words
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.conditions import read_conditions

MOST_EXPLAINED = 300
"""Holes of a design that are explained; each costs time, and nobody reads more."""


@dataclass(frozen=True, slots=True)
class Told:
    """One hole, or several bits of one declaration that miss the same edges and have the same verdict."""

    holes: tuple[Hole, ...]
    """At least one; the first gives the name and the place."""
    sentence: str
    detail: str
    """Markdown."""
    conditions: tuple[tuple[str, int], ...]
    """(text, line in the same file) of what must hold, outermost first."""
    earlier: tuple[str, ...] = ()
    """How near an earlier search came to what they want, one text each."""

    @property
    def point(self) -> CoveragePoint:
        """The point that stands for all."""
        return self.holes[0].point

    @property
    def verdict(self) -> Verdict:
        """What is known about all of them."""
        return self.holes[0].verdict

    @property
    def reason(self) -> str:
        """The ground of the verdict, if there is one."""
        return self.verdict.reason if self.verdict.kind is not VerdictKind.UNKNOWN else ""


def tell(
    design: Design,
    coverage: Coverage,
    holes: Iterable[Hole],
    nearest: Mapping[str, NearestApproach] | None = None,
    *,
    earlier: Mapping[str, NearestApproach] | None = None,
    most_explained: int = MOST_EXPLAINED,
) -> Iterator[Told]:
    """Yield what is told about holes, most telling first; behind `most_explained` only what was missed is said."""
    groups = list(grouped(holes))
    if not groups:
        return
    conditions = read_conditions(design)
    reached = reached_of(coverage, conditions)
    for number, (group, words) in enumerate(groups):
        hole = group[0]
        explanation = Explanation(f"{words} (line {hole.point.line}).", detail=f"**{words}**")
        if number < most_explained:
            explanation = explain(hole, design, conditions, nearest, reached, earlier)
        sentence, detail = explanation.sentence, explanation.detail
        if len(group) > 1:
            own = missed_words(hole.point)
            sentence, detail = sentence.replace(own, words, 1), detail.replace(own, words, 1)
        yield Told(group, sentence, detail, explanation.conditions, explanation.earlier)


def grouped(holes: Iterable[Hole]) -> Iterator[tuple[tuple[Hole, ...], str]]:
    """Yield holes that are told as one, with the words for what was missed."""
    ranked = rank_holes(holes)
    for proved in (False, True):
        part = [hole for hole in ranked if (hole.verdict.kind is VerdictKind.UNREACHABLE) is proved]
        toggles: dict[tuple[str, str, str], list[Hole]] = {}
        for hole in part:
            if hole.point.kind is Kind.TOGGLE:
                toggles.setdefault((str(hole.verdict), hole.verdict.reason, hole.hier), []).append(hole)
            else:
                yield (hole,), missed_words(hole.point)
        for members in toggles.values():
            by_point = {hole.point: hole for hole in members}
            for folded in fold_toggles(by_point):
                # The edge from 0 to 1 says more than the way back.
                points = sorted(folded.points(), key=lambda point: (point.comment.endswith("1->0"), point.sort_key))
                yield tuple(by_point[point] for point in points), folded_words(folded)


def told_with(holes: Iterable[Hole], point_id: str) -> tuple[CoveragePoint, ...]:
    """List the points that are told as one with the point of this id; none if it is no hole."""
    for group, _ in grouped(holes):
        points = tuple(hole.point for hole in group)
        if any(point.id == point_id for point in points):
            return points
    return ()
