"""From a design to the conditions under which its places are reached and its signals assigned. Knows no coverage and no simulator."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pyslang import ast

from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.condition_finder import ConditionFinder, Key, Range
from llm4cov_agent.rtl.elaborate.condition_text import shortened
from llm4cov_agent.rtl.elaborate.condition_values import Condition, Conditions, Declared, ModuleText, Region
from llm4cov_agent.rtl.elaborate.design_of import flatten
from llm4cov_agent.rtl.elaborate.netlist import Netlist
from llm4cov_agent.rtl.elaborate.owners import reading
from llm4cov_agent.rtl.elaborate.rereading import reread

_E = ast.ExpressionKind
_S = ast.StatementKind

_Compared = tuple[int, int, str, int]
"""Line and column of the constant, the signal's name from the top down, the value."""


@lru_cache(maxsize=2)
@reading()
def read_conditions(design: Design) -> Conditions:
    """Read a design's sources again; what lies in files that can't be read, or in macros, is left out. Never raises for a source."""
    try:
        return _read(design)
    except (RuntimeError, ValueError):
        # These are what slang's binding raises for inputs that it gives up on, a nesting too deep among them.
        return Conditions()


def _read(design: Design) -> Conditions:
    read = reread(design)
    unit, root = read.unit, read.root
    top = next((instance for instance in root.topInstances if instance.name == design.top), None)
    if top is None:
        return Conditions()
    netlist, _, _ = flatten(top, unit.places)
    manager = unit.places.manager
    finder = ConditionFinder(manager, read.texts, design.top, read.context)
    handlers: dict[object, Callable[..., None]] = {
        _S.Conditional: finder.on_if,
        _S.Case: finder.on_case,
        _E.ConditionalOp: finder.on_choice,
        _E.Assignment: finder.on_assignment,
        _E.UnaryOp: finder.on_increment,
        ast.SymbolKind.Net: finder.on_signal,
        ast.SymbolKind.Variable: finder.on_signal,
        ast.SymbolKind.Instance: finder.on_instance,
    }
    root.visit(lookup_table=handlers)
    return _put_together(finder, netlist)


def _put_together(finder: ConditionFinder, netlist: Netlist) -> Conditions:
    compared = _comparisons(netlist)
    own: dict[Key, Condition] = {}
    for key, found in finder.own.items():
        wanted = tuple(dict.fromkeys(_within(compared.get(found.place.file, ()), found.ranges)))
        own[key] = Condition(shortened(found.text), found.place, shortened(found.written), tuple(found.signals), wanted)
    regions: dict[Path, list[Region]] = {}
    for (start, end), (part, key) in finder.regions.items():
        regions.setdefault(start.file, []).append(Region(start, end, part, own[key]))
    return Conditions(
        regions={file: tuple(_nested(found)) for file, found in regions.items()},
        own=own,
        declared={place: Declared(name, tuple(paths)) for place, (name, paths) in finder.declared.items()},
        assignments={place: tuple(found.values()) for place, found in finder.assignments.items()},
        subjects=finder.subjects,
        modules=tuple(ModuleText(start, end, tuple(prefixes)) for (start, end), prefixes in finder.modules.items()),
        feeds=_feeds(netlist),
        inputs=frozenset(netlist.inputs),
    )


def _nested(regions: Iterable[Region]) -> list[Region]:
    """Sort the regions of one file and say which are around which."""
    found: list[Region] = []
    around: list[int] = []
    for region in sorted(regions, key=lambda one: (one.start.line, one.start.column, -one.end.line, -one.end.column)):
        while around and (found[around[-1]].end.line, found[around[-1]].end.column) <= (region.start.line, region.start.column):
            around.pop()
        found.append(replace(region, outer=around[-1] if around else -1))
        around.append(len(found) - 1)
    return found


def _comparisons(netlist: Netlist) -> dict[Path, list[_Compared]]:
    """Give the comparisons of whole signals with constants by file, in source order."""
    files: dict[str, Path] = {}
    found: dict[Path, set[_Compared]] = {}
    for one in netlist.comparisons:
        file = files.setdefault(one.span.file, Path(one.span.file).resolve())
        signal = netlist.signals.get(one.ref.signal)
        if signal is not None and not one.ref.dynamic and one.ref.low == 0 and one.ref.width == signal.width:
            found.setdefault(file, set()).add((one.span.line, one.span.column, one.ref.signal, one.value))
    return {file: sorted(compared) for file, compared in found.items()}


def _within(compared: Sequence[_Compared], ranges: Iterable[Range]) -> Iterator[tuple[str, int]]:
    for start, end in ranges:
        first = bisect_left(compared, (start.line, start.column, "", 0))
        yield from ((signal, value) for _, _, signal, value in compared[first : bisect_left(compared, (end.line, end.column, "", 0))])


def _feeds(netlist: Netlist) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {name: {} for name in netlist.signals}
    clocked = (write for block in netlist.blocks for write in block.writes)
    combinational = (write for writes in netlist.drivers.values() for write in writes)
    for write in (*combinational, *clocked):
        into = found.setdefault(write.target.signal, {})
        for node in (*write.guards, write.value):
            into.update(dict.fromkeys(ref.signal for ref in node.refs()))
    return {name: tuple(into) for name, into in found.items()}
