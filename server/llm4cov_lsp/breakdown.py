"""Takes a run's coverage apart for a report: by instance, and by the bits of the top's ports. Runs nothing.

What the simulator does not tell apart is left out; where there is too much, what is left out is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind, Tally
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.fold import FALL, RISE
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.rtl.design import Design
from llm4cov_lsp.per_instance import by_file, declared_name, root_of
from llm4cov_lsp.records import BitRecord, InstanceRecord, KindTally, PortRecord

MOST_INSTANCES = 1000
MOST_BITS = 2048
"""Bits of ports in all: a result is read as a whole whenever its document opens."""
_INDEX = re.compile(r"\[(-?\d+)\]")


def instances_of(design: Design, evaluation: Evaluation) -> tuple[InstanceRecord, ...]:
    """Count the points of each instance, in the order of the design; the top comes first under its own name."""
    coverage, proved = _coverage(evaluation), _proved(evaluation)
    sums: dict[str, dict[Kind, Tally]] = {}
    for entry, hits in coverage.instances.items():
        if "*" not in entry.hier and "," not in entry.hier:
            row = sums.setdefault(entry.hier, {})
            count = Tally(int(hits > 0), 1, int(not hits and entry.point in proved))
            row[entry.point.kind] = row.get(entry.point.kind, Tally()) + count
    root = root_of(sums)
    modules = {one.path.partition(".")[2]: one.module for one in design.instances}
    order = {path: rank for rank, path in enumerate(modules)}
    paths = {hier: "" if hier == root else hier.removeprefix(f"{root}.") for hier in sums}
    return tuple(
        InstanceRecord(
            path=paths[hier] or design.top,
            module=modules.get(paths[hier], "") if paths[hier] else design.top,
            tallies=tuple(
                KindTally(kind=kind.value, covered=one.covered, total=one.total, unreachable=one.unreachable)
                for kind in Kind
                if (one := sums[hier].get(kind)) is not None
            ),
        )
        for hier in sorted(sums, key=lambda hier: (paths[hier] != "", order.get(paths[hier], len(order)), hier))[:MOST_INSTANCES]
    )


def ports_of(design: Design, evaluation: Evaluation) -> tuple[PortRecord, ...]:
    """Give each port of the top the times that its bits rose and fell, the most significant bit first."""
    coverage, proved = _coverage(evaluation), _proved(evaluation)
    edges: dict[str, dict[str, dict[str, tuple[int, bool]]]] = {}
    for point, hits in _of_the_top(coverage):
        name, _, edge = point.comment.rpartition(":")
        port = declared_name(point.comment)
        # What a generate block declares may have the name of a port; its comment begins with that of the block.
        if point.kind is Kind.TOGGLE and edge in (RISE, FALL) and name.startswith(port):
            edges.setdefault(port, {}).setdefault(name.removeprefix(port), {})[edge] = (hits, not hits and point in proved)
    return tuple(_ports(design, edges))


def _ports(design: Design, edges: Mapping[str, Mapping[str, Mapping[str, tuple[int, bool]]]]) -> Iterator[PortRecord]:
    room = MOST_BITS
    for port in design.ports:
        found = edges.get(port.name)
        if not found:
            continue
        labels = sorted(found, key=_place)
        bits = tuple(_bit(label, found[label]) for label in labels[:room])
        room -= len(bits)
        yield PortRecord(name=port.name, direction=port.direction.value, line=port.span.line, bits=bits, left_out=len(labels) - len(bits))


def _bit(label: str, edges: Mapping[str, tuple[int, bool]]) -> BitRecord:
    (rose, never_rises), (fell, never_falls) = edges.get(RISE, (0, False)), edges.get(FALL, (0, False))
    return BitRecord(label=label, rose=rose, fell=fell, never_rises=never_rises, never_falls=never_falls)


def _coverage(evaluation: Evaluation) -> Coverage:
    """Give what counts: of a run that failed half-way nothing does."""
    return evaluation.run.coverage if evaluation.run.coverage is not None and evaluation.tallies else Coverage({})


def _proved(evaluation: Evaluation) -> frozenset[CoveragePoint]:
    return frozenset(hole.point for hole in evaluation.holes if hole.verdict.kind is VerdictKind.UNREACHABLE)


def _of_the_top(coverage: Coverage) -> Iterator[tuple[CoveragePoint, int]]:
    """Yield the points of the top's own instance; a module that is instantiated elsewhere too has others."""
    hiers = dict.fromkeys(hier for rows in by_file(coverage).values() for hier in rows)
    root = root_of(hiers)
    yield from ((entry.point, hits) for entry, hits in coverage.instances.items() if entry.hier == root)


def _place(label: str) -> tuple[str, tuple[int, ...]]:
    """Sort elements and fields by name, and bits from the highest down."""
    return _INDEX.sub("[]", label), tuple(-int(index) for index in _INDEX.findall(label))
