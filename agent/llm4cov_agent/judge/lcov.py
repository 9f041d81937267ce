"""Writes line and branch coverage as an lcov tracefile (see geninfo(1)). Leaves out what the format has no word for.

Expressions, toggles and state machines stay out: as branches they would drown the real ones in every viewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind

_ELSE = {"else": "if", "cond_else": "cond_then"}
"""Verilator puts an else-branch one column behind its if-branch."""


def to_lcov(coverage: Coverage, *, name_of: Callable[[str], str]) -> str:
    """Write a tracefile that genhtml loads; `name_of` gives the name under which a file's path is written.

    A line's count is the highest of the points that stand for it: a line is executed if anything on it is.
    """
    by_file: dict[str, list[CoveragePoint]] = {}
    for point in coverage.hits:
        if point.kind in (Kind.LINE, Kind.BRANCH):
            by_file.setdefault(point.file, []).append(point)
    records = (_record(coverage, name_of(file), points) for file, points in sorted(by_file.items()))
    return "".join(f"{line}\n" for record in records for line in record)


def line_counts(coverage: Coverage, file: str) -> dict[int, int]:
    """Count how often each line of a file was executed; lines without a line or branch point are not in it."""
    return _line_counts(coverage, [point for point in coverage.hits if point.file == file and point.kind in (Kind.LINE, Kind.BRANCH)])


def _line_counts(coverage: Coverage, points: list[CoveragePoint]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for point in points:
        count = coverage.hits[point]
        for line in {point.line, *coverage.lines.get(point, ())}:
            counts[line] = max(counts.get(line, 0), count)
    return dict(sorted(counts.items()))


def _record(coverage: Coverage, name: str, points: list[CoveragePoint]) -> Iterator[str]:
    branches = list(_branches(coverage, [point for point in points if point.kind is Kind.BRANCH]))
    counts = _line_counts(coverage, points)
    yield "TN:"
    yield f"SF:{name}"
    for line, block, rank, taken in branches:
        yield f"BRDA:{line},{block},{rank},{'-' if taken is None else taken}"
    yield f"BRF:{len(branches)}"
    yield f"BRH:{sum(1 for *_, taken in branches if taken)}"
    for line, count in counts.items():
        yield f"DA:{line},{count}"
    yield f"LF:{len(counts)}"
    yield f"LH:{sum(1 for count in counts.values() if count)}"
    yield "end_of_record"


def _branches(coverage: Coverage, points: list[CoveragePoint]) -> Iterator[tuple[int, int, int, int | None]]:
    """Yield (line, block, rank in the block, taken); taken is None where nothing of the block was reached."""
    blocks: dict[tuple[int, int, str], list[CoveragePoint]] = {}
    for point in sorted(points, key=lambda point: (point.line, point.column, point.comment)):
        partner = (point.line, point.column - 1, _ELSE.get(point.comment, ""))
        if partner in blocks:
            blocks[partner].append(point)
        else:
            blocks[(point.line, point.column, point.comment)] = [point]
    numbers: dict[int, int] = {}
    for (line, _, _), members in blocks.items():
        block = numbers[line] = numbers.get(line, -1) + 1
        reached = any(coverage.hits[point] for point in members)
        for rank, point in enumerate(members):
            yield line, block, rank, coverage.hits[point] if reached else None
