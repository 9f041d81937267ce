"""Tells instances of a module apart: what each executed of a line, and which edges of a declared signal each never saw. Runs nothing.

Instances with the same numbers are one group, the ones that saw least come first, and what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.fold import fold_toggles
from llm4cov_agent.judge.holes import rank_of
from llm4cov_agent.judge.wording import folded_words, missed_words
from llm4cov_lsp.records import InstanceEdges, InstanceGroup, InstanceLine, SignalRecord

MOST_GROUPS = 6
"""Groups of instances that a line or a signal is told of."""
MOST_NAMES = 4
"""Instances that a group names."""
MOST_WORDS = 5
"""Things missed that are named of a group, or of a signal."""
MOST_LINES = 10_000
"""Lines of a file that are told by instance: a result is read as a whole whenever its document opens."""

ByInstance = Mapping[str, Mapping[CoveragePoint, int]]


def by_file(coverage: Coverage) -> dict[str, dict[str, dict[CoveragePoint, int]]]:
    """Sort hits by file and by instance; what the simulator did not tell apart is left out."""
    found: dict[str, dict[str, dict[CoveragePoint, int]]] = {}
    for entry, hits in coverage.instances.items():
        if "*" not in entry.hier and "," not in entry.hier:
            found.setdefault(entry.point.file, {}).setdefault(entry.hier, {})[entry.point] = hits
    return found


def root_of(hiers: Iterable[str]) -> str:
    """Give the name of the design's top below the testbench, as the simulator writes it."""
    names = list(dict.fromkeys(hiers))
    tops = [hier for hier in names if not any(hier.startswith(f"{other}.") for other in names)]
    # `tb.dut` is above all others; a design whose top has no line of its own has several that are uppermost.
    return tops[0] if len(tops) == 1 else ".".join(tops[0].split(".")[:2]) if tops else ""


def lines_apart(coverage: Coverage, instances: ByInstance, names: Mapping[str, str]) -> Iterator[InstanceLine]:
    """Yield the lines of a file that several instances have, in order; `names` gives what a person calls an instance."""
    counts: dict[int, dict[str, int]] = {}
    missed: dict[int, dict[str, set[CoveragePoint]]] = {}
    totals: dict[tuple[int, str], int] = {}
    for hier, hits in instances.items():
        for point, count in hits.items():
            left = missed.setdefault(point.line, {}).setdefault(hier, set())
            totals[point.line, hier] = totals.get((point.line, hier), 0) + 1
            if not count:
                left.add(point)
            if point.kind in (Kind.LINE, Kind.BRANCH):
                for line in {point.line, *coverage.lines.get(point, ())}:
                    row = counts.setdefault(line, {})
                    row[hier] = max(row.get(hier, 0), count)
    told = 0
    for line in sorted({*counts, *missed}):
        executed, points = counts.get(line, {}), missed.get(line, {})
        rows: dict[tuple[int | None, frozenset[CoveragePoint], int], list[str]] = {}
        for hier in sorted({*executed, *points}):
            key = (executed.get(hier), frozenset(points.get(hier, ())), totals.get((line, hier), 0))
            rows.setdefault(key, []).append(names.get(hier, hier))
        of = sum(len(members) for members in rows.values())
        if of < 2 or told == MOST_LINES:
            continue
        told += 1
        ordered = sorted(rows.items(), key=lambda row: (_share(row[0][2] - len(row[0][1]), row[0][2]), row[0][0] or 0, row[1]))
        groups = tuple(
            InstanceGroup(
                names=tuple(members[:MOST_NAMES]),
                of=len(members),
                count=count,
                covered=total - len(left_points),
                total=total,
                missed=_all_words(left_points),
            )
            for (count, left_points, total), members in ordered[:MOST_GROUPS]
        )
        yield InstanceLine(line=line, of=of, groups=groups)


def signals_of(
    points: Iterable[tuple[CoveragePoint, int]], instances: ByInstance, names: Mapping[str, str], unreachable: Collection[CoveragePoint]
) -> Iterator[SignalRecord]:
    """Yield the declared names among a file's points, with their toggle points in all instances together and in each."""
    declared: dict[tuple[int, int, str], list[tuple[CoveragePoint, int]]] = {}
    for point, hits in points:
        if point.kind is Kind.TOGGLE:
            declared.setdefault(_key(point), []).append((point, hits))
    # By declaration and by what is missing: the instances.
    apart: dict[tuple[int, int, str], dict[frozenset[CoveragePoint], list[str]]] = {}
    for hier in sorted(instances):
        missed: dict[tuple[int, int, str], set[CoveragePoint]] = {}
        for point, hits in instances[hier].items():
            if point.kind is Kind.TOGGLE:
                missing = missed.setdefault(_key(point), set())
                if not hits:
                    missing.add(point)
        for key, missing in missed.items():
            apart.setdefault(key, {}).setdefault(frozenset(missing), []).append(names.get(hier, hier))
    for key, members in sorted(declared.items()):
        line, column, name = key
        left = [point for point, hits in members if not hits]
        groups = sorted(apart.get(key, {}).items(), key=lambda row: (-len(row[0]), row[1]))
        of = sum(len(each) for _, each in groups)
        yield SignalRecord(
            name=name,
            line=line,
            column=column,
            covered=len(members) - len(left),
            total=len(members),
            missed=_words(point for point in left if point not in unreachable),
            proved=_words(point for point in left if point in unreachable),
            of=of,
            groups=tuple(
                InstanceEdges(names=tuple(each[:MOST_NAMES]), of=len(each), covered=len(members) - len(missing), missed=_words(missing))
                for missing, each in (groups[:MOST_GROUPS] if of > 1 else ())
            ),
        )


def _key(point: CoveragePoint) -> tuple[int, int, str]:
    return point.line, point.column, declared_name(point.comment)


def declared_name(comment: str) -> str:
    """Give the declared name in a toggle's comment: `g[0].count[3]:0->1` is about `count`, `packet.length[1]:0->1` about `packet`."""
    name = comment.rpartition(":")[0] or comment
    # A scope of a generate construct comes with its index and a dot; a field of a structure comes after its signal.
    pieces = name.split(".")
    while len(pieces) > 1 and pieces[0].endswith("]"):
        pieces.pop(0)
    return pieces[0].partition("[")[0]


def _all_words(points: Iterable[CoveragePoint]) -> tuple[str, ...]:
    """Say what was missed on a line, what tells most first."""
    ordered = sorted(points, key=lambda point: (rank_of(point.kind), point.sort_key))
    others = [missed_words(point) for point in ordered if point.kind is not Kind.TOGGLE]
    return _cut([*others, *(folded_words(one) for one in fold_toggles(point for point in ordered if point.kind is Kind.TOGGLE))])


def _words(points: Iterable[CoveragePoint]) -> tuple[str, ...]:
    return _cut([folded_words(one) for one in fold_toggles(points)])


def _cut(words: Sequence[str]) -> tuple[str, ...]:
    return (*words[:MOST_WORDS], *([f"and {len(words) - MOST_WORDS} more"] if len(words) > MOST_WORDS else []))


def _share(covered: int, total: int) -> float:
    return covered / total if total else 1.0
