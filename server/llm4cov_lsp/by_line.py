"""What a result says about one file, found by line and by name in a step: editors ask about one line of thousands.

Lines are those of the text that was measured. Knows no document.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate

from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_lsp.records import FileResult, HoleRecord, InstanceLine, SignalRecord


class ByLine:
    """An index of one file's result, made once for all that is asked about it."""

    def __init__(self, of: FileResult) -> None:
        self.of = of
        self.holes: dict[int, list[tuple[int, HoleRecord]]] = {}
        """With their rank: the most telling hole of the file has the smallest."""
        self.signals: dict[str, list[SignalRecord]] = {}
        """By name, in source order."""
        self.counts: dict[int, int] = dict(reversed(of.counts))
        self.apart: dict[int, InstanceLine] = {one.line: one for one in reversed(of.apart)}
        for rank, hole in enumerate(of.holes):
            self.holes.setdefault(hole.line, []).append((rank, hole))
        rows: dict[Kind, list[tuple[int, Tally]]] = {}
        for row in of.tallies:
            rows.setdefault(Kind(row.kind), []).append((row.line, Tally(row.covered, row.total, row.unreachable)))
        self._sums: dict[Kind, tuple[list[int], list[Tally]]] = {}
        """By kind: the lines that have points, in their order, and the sums up to each of them, from nothing on."""
        for kind, found in rows.items():
            found.sort(key=lambda one: one[0])
            self._sums[kind] = [line for line, _ in found], [*accumulate((tally for _, tally in found), initial=Tally())]
        for signal in of.signals:
            self.signals.setdefault(signal.name, []).append(signal)

    def tallies(self, first: int, last: int) -> dict[Kind, Tally]:
        """Add up the points on 1-based lines `first` to `last`; kinds that have none there are left out."""
        sums = {}
        for kind, (lines, upto) in self._sums.items():
            begin, end = bisect_left(lines, first), bisect_right(lines, last)
            if begin < end:
                sums[kind] = upto[end] - upto[begin]
        return sums
