"""What a result says about one file, found by line and by name in a step: editors ask about one line of thousands.

Lines are those of the text that was measured. Knows no document.
"""

from __future__ import annotations

from llm4cov_lsp.records import FileResult, HoleRecord, InstanceLine, LineTally, SignalRecord


class ByLine:
    """An index of one file's result, made once for all that is asked about it."""

    def __init__(self, of: FileResult) -> None:
        self.of = of
        self.holes: dict[int, list[tuple[int, HoleRecord]]] = {}
        """With their rank: the most telling hole of the file has the smallest."""
        self.tallies: dict[int, list[LineTally]] = {}
        self.signals: dict[str, list[SignalRecord]] = {}
        """By name, in source order."""
        self.counts: dict[int, int] = dict(reversed(of.counts))
        self.apart: dict[int, InstanceLine] = {one.line: one for one in reversed(of.apart)}
        for rank, hole in enumerate(of.holes):
            self.holes.setdefault(hole.line, []).append((rank, hole))
        for row in of.tallies:
            self.tallies.setdefault(row.line, []).append(row)
        for signal in of.signals:
            self.signals.setdefault(signal.name, []).append(signal)
