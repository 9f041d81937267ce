"""Signals whose value may be seen before logic has settled, found on a flat netlist. Knows no tool and proves nothing.

A simulator runs each block of combinational logic as a whole. Where blocks depend on each other in a circle (two blocks
through two pairs of signals, or a vector whose bits depend on other bits of it), it runs them more than once, and counters
in them see values that no settled state has, although the bits as such form no loop. All signals of such a circle are
named here. A vertex is a block in one instance with what it assigns, or a signal that no block assigns.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from llm4cov_agent.closure.reach.blocks import Block, BlockKind, Scan
from llm4cov_agent.closure.reach.netlist import Bit, Netlist, Wire

Place = tuple[str, int, int]
"""(text, line, column)."""
_Vertex = tuple[object, ...]
_STORAGE = {"$dff", "$dffe", "$adff", "$adffe", "$aldff", "$aldffe", "$memwr_v2", "$ff", "$sdff", "$sdffe", "$dffsr"}
_LEAVING = ("while", "repeat", "foreach", "forever", "do", "return", "break", "continue", "disable")
_STATEMENTS = {"$check", "$print"}


def place_of(src: str) -> Place | None:
    """Read where something begins from a `file:line.column-line.column|...` attribute."""
    match = re.match(r"([^|]*?):(\d+)\.(\d+)", src)
    return (match[1].rsplit("/", 1)[-1], int(match[2]), int(match[3])) if match else None


def module_at(scans: Mapping[str, Scan], place: Place) -> int:
    """Index of the module around a place, -1 if there is none."""
    scan = scans.get(place[0])
    if scan is None:
        return -1
    return next((index for index, (first, last) in enumerate(scan.modules) if first <= place[1] <= last), -1)


def base_name(wire: Wire) -> str:
    """Name of the declared signal that a wire is (a part of)."""
    return wire.path[-1].split("[")[0] if wire.path else ""


def wires_named(netlist: Netlist, scans: Mapping[str, Scan], names: Iterable[tuple[str, int, str]]) -> set[str]:
    """Find the wires, in all instances, of signals given as (text, module in it, name)."""
    wanted = set(names)
    found = set()
    for wire in netlist.wires.values():
        place = place_of(wire.src)
        if wire.path and place is not None and (place[0], module_at(scans, place), base_name(wire)) in wanted:
            found.add(wire.name)
    return found


def unsettled(netlist: Netlist, scans: Mapping[str, Scan]) -> set[str]:
    """Name the wires that take part in a circle of combinational blocks."""
    owners = _owners(scans)
    vertex_of: dict[str, _Vertex] = {}
    members: dict[_Vertex, list[str]] = defaultdict(list)
    by_block: dict[_Vertex, list[tuple[tuple[str, ...], _Vertex]]] = defaultdict(list)
    for wire in netlist.wires.values():
        vertex: _Vertex = ("net", wire.name)
        if wire.path:
            place, name = place_of(wire.src), base_name(wire)
            vertex = ("signal", wire.path[:-1], name)
            if place is not None:
                block = owners.get((place[0], module_at(scans, place), name))
                if block is not None:
                    vertex = ("block", wire.path[:-1], block)
                    by_block[("block", block)].append((wire.path[:-1], vertex))
            members[vertex].append(wire.name)
        vertex_of[wire.name] = vertex
    edges: dict[_Vertex, set[_Vertex]] = defaultdict(set)
    for number, cell in enumerate(netlist.cells):
        if cell.type in _STORAGE or cell.type in _STATEMENTS:
            continue
        inside: _Vertex = ("cell", number)
        for port, signal in cell.ports.items():
            for name in {bit[0] for bit in signal if isinstance(bit, tuple)}:
                if cell.is_output(port):
                    edges[inside].add(vertex_of[name])
                else:
                    edges[vertex_of[name]].add(inside)
    for target, source in netlist.connections:
        # Bit by bit, as one connection may join many signals that have nothing to do with each other.
        for driven, driver in zip(target, source, strict=True):
            if isinstance(driven, tuple) and isinstance(driver, tuple):
                edges[vertex_of[driver[0]]].add(vertex_of[driven[0]])
    _steer(netlist, scans, vertex_of, edges, by_block)
    found: set[str] = set()
    for component in _components(edges):
        if len(component) > 1 or component[0] in edges[component[0]]:
            found.update(name for vertex in component for name in members.get(vertex, ()))
    return found


def tied_low(netlist: Netlist, scans: Mapping[str, Scan]) -> set[Bit]:
    """Name the bits that a continuous assignment ties to 0 in signals that no block assigns.

    They are 0 from the start and nothing ever writes another value, so no order of evaluation matters to them. A bit
    that is tied to 1 is 0 until it is first evaluated.
    """
    assigned = {
        (key, block.module, name) for key, scan in scans.items() for block in scan.blocks for name in block.blocking | block.nonblocking
    }
    found: set[Bit] = set()
    drivers = [(cell.ports["Y"], cell.ports["A"]) for cell in netlist.cells if cell.type == "$buf"]
    for target, source in (*drivers, *netlist.connections):
        for driven, driver in zip(target, source, strict=True):
            if driver != "0" or not isinstance(driven, tuple):
                continue
            wire = netlist.wires[driven[0]]
            place = place_of(wire.src)
            is_plain = wire.path and not wire.init and wire.direction in ("", "output")
            if is_plain and place is not None and (place[0], module_at(scans, place), base_name(wire)) not in assigned:
                found.add(driven)
    return found


def is_doubtful(
    scans: Mapping[str, Scan], place: Place, signals: Collection[str], elaborated: Collection[tuple[str, int]], *, is_absent: bool
) -> bool:
    """Say whether the front end may have left out uses of a statement that a simulator has.

    It evaluates function calls with constant arguments while it elaborates, and branches that constants switch off. The
    latter can be believed where nothing but conditions lies around the statement, that is, no loop that it unrolls. Of a
    function, only that it is called nowhere is believed, and that for those which `rtl.elaborate` gives slots in.
    """
    scan = scans.get(place[0])
    if scan is None:
        return True
    if not is_absent and not any(block.kind is BlockKind.TASK for block in scan.blocks):
        return False
    block = next((block for block in scan.blocks if block.start <= place[1:] <= block.end), None)
    if block is not None and block.kind is BlockKind.TASK:
        is_called_with_constants = any(not arguments & set(signals) for arguments in _calls(scans, block.callee))
        if not is_absent or not block.callee or is_called_with_constants:
            return True
    if not is_absent:
        return False
    if block is None or (place[0], block.module) not in elaborated:
        return True
    return any(word in block.names for word in _LEAVING) or any(first <= place[1:] <= last for first, last in block.loops)


def _calls(scans: Mapping[str, Scan], callee: str) -> Iterable[set[str]]:
    """Names in the arguments of each call of a function."""
    for scan in scans.values():
        for name, arguments in scan.calls:
            if name == callee:
                yield set(arguments)


def _owners(scans: Mapping[str, Scan]) -> dict[tuple[str, int, str], tuple[str, int]]:
    """Which combinational block assigns a signal."""
    owners: dict[tuple[str, int, str], tuple[str, int]] = {}
    for key, scan in scans.items():
        for number, block in enumerate(scan.blocks):
            if block.kind in (BlockKind.COMBINATIONAL, BlockKind.LISTED):
                for name in (block.blocking | block.nonblocking) - block.declared:
                    owners.setdefault((key, block.module, name), (key, number))
    return owners


def _assigning(scans: Mapping[str, Scan]) -> dict[str, list[tuple[int, Block]]]:
    """Combinational blocks of each text that assign something, by their number; the others belong to no circle."""
    return {
        key: [
            (number, block)
            for number, block in enumerate(scan.blocks)
            if block.kind in (BlockKind.COMBINATIONAL, BlockKind.LISTED) and (block.blocking or block.nonblocking)
        ]
        for key, scan in scans.items()
    }


def _block_at(blocks: Mapping[str, list[tuple[int, Block]]], place: Place | None) -> tuple[str, int] | None:
    if place is None:
        return None
    for number, block in blocks.get(place[0], ()):
        if block.start <= place[1:] <= block.end:
            return place[0], number
    return None


def _steer(
    netlist: Netlist,
    scans: Mapping[str, Scan],
    vertex_of: Mapping[str, _Vertex],
    edges: dict[_Vertex, set[_Vertex]],
    by_block: Mapping[_Vertex, list[tuple[tuple[str, ...], _Vertex]]],
) -> None:
    """Let the signals that decide whether a statement of a block runs lead to the block."""
    drivers: dict[str, list[int]] = defaultdict(list)
    for number, cell in enumerate(netlist.cells):
        for port, signal in cell.ports.items():
            if cell.is_output(port):
                for name in {bit[0] for bit in signal if isinstance(bit, tuple)}:
                    drivers[name].append(number)
    aliases: dict[str, set[str]] = defaultdict(set)
    for target, source in netlist.connections:
        for driven, driver in zip(target, source, strict=True):
            if isinstance(driven, tuple) and isinstance(driver, tuple):
                aliases[driven[0]].add(driver[0])
    blocks = _assigning(scans)
    for cell in netlist.cells:
        if cell.type not in _STATEMENTS:
            continue
        block = _block_at(blocks, place_of(cell.src))
        if block is None:
            continue
        steering = {bit[0] for port in ("EN", "A") for bit in cell.ports.get(port, ()) if isinstance(bit, tuple)}
        for name in _nearest_signals(netlist, drivers, aliases, steering):
            prefix = netlist.wires[name].path[:-1]
            for instance, vertex in by_block.get(("block", block), ()):
                shorter = min(len(instance), len(prefix))
                if instance[:shorter] == prefix[:shorter]:
                    edges[vertex_of[name]].add(vertex)


def _nearest_signals(netlist: Netlist, drivers: Mapping[str, list[int]], aliases: Mapping[str, set[str]], names: Iterable[str]) -> set[str]:
    """Walk back from nets to the first signals of the sources."""
    found: set[str] = set()
    seen: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if netlist.wires[name].path:
            found.add(name)
            continue
        pending.extend(aliases.get(name, ()))
        for number in drivers.get(name, ()):
            cell = netlist.cells[number]
            if cell.type not in _STORAGE:
                inputs = (signal for port, signal in cell.ports.items() if not cell.is_output(port))
                pending.extend({bit[0] for signal in inputs for bit in signal if isinstance(bit, tuple)})
    return found


def _components(edges: Mapping[_Vertex, set[_Vertex]]) -> list[list[_Vertex]]:
    """Strongly connected components, after Tarjan (1972), without recursion."""
    index: dict[_Vertex, int] = {}
    low: dict[_Vertex, int] = {}
    on_stack: set[_Vertex] = set()
    stack: list[_Vertex] = []
    result: list[list[_Vertex]] = []
    for root in list(edges):
        if root in index:
            continue
        work = [(root, iter(edges.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            vertex, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(edges.get(other, ()))))
                    break
                if other in on_stack:
                    low[vertex] = min(low[vertex], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[vertex])
                if low[vertex] == index[vertex]:
                    component = []
                    while True:
                        other = stack.pop()
                        on_stack.discard(other)
                        component.append(other)
                        if other == vertex:
                            break
                    result.append(component)
    return result
