"""Follows clocks and reset conditions of a netlist back to the input ports of the top. Decides nothing about them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llm4cov_agent.rtl.elaborate.facts import Event, Node, Write
from llm4cov_agent.rtl.elaborate.netlist import Netlist

_CLOCK_NAME = re.compile(r"(?i)(?:^|_)[a-z]*(?:clk|clock|ck)[a-z]?\d*(?:_|$)|clk|clock")
_RESET_TOKEN = re.compile(r"(?i)(?:[aspnhgmi]|wb|sys|axi|hw|sw|hard|soft)*n?(?:rst|res|por)(?:n|b|p|i|o|ni|in|x)?\d*")


def looks_like_reset(name: str) -> bool:
    """Say whether a name is one that people give resets: only ever a tie-breaker."""
    return "reset" in name.lower() or any(_RESET_TOKEN.fullmatch(token) for token in re.split(r"[_\W]+", name))


def looks_like_clock(name: str) -> bool:
    """Say whether a name is one that people give clocks: only ever a tie-breaker."""
    return _CLOCK_NAME.search(name) is not None


@dataclass(frozen=True, slots=True)
class Source:
    """A bit of an input port that a clock comes from."""

    port: str
    bit: int
    inverted: bool = False
    gated: bool = False
    edges: tuple[str, ...] = ()
    """Edges of the port that matter, where registers in between decide it; else empty."""


@dataclass(frozen=True, slots=True)
class Level:
    """A bit of an input port and the value of it that brings a condition about."""

    port: str
    bit: int
    value: bool
    alone: bool = True
    """Whether this level suffices without others."""
    delayed: bool = False
    """Whether it takes a clock edge to arrive."""


class Tracer:
    """Follows signals back to the input ports of the top."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self.sure: frozenset[tuple[str, int]] = frozenset()
        """Ports that reach an event control without logic in between."""
        self.block_clocks: dict[int, tuple[Event, ...]] = {}
        """The events of each block that are clocks; all of them until resets are known."""
        # What was found for a signal within one question: without it, signals that feed each other crosswise are followed along
        # every path, whose number doubles with each stage.
        self._sources: dict[tuple[str, int, str], tuple[Source, ...]] = {}
        self._levels: dict[tuple[str, int, bool], tuple[Level, ...]] = {}

    def clock_sources(self, node: Node, edge: str, seen: frozenset[tuple[str, int]] = frozenset()) -> tuple[Source, ...]:
        """Follow a one-bit node to the ports whose edges make its edges."""
        if not seen:
            self._sources.clear()
        match node.kind:
            case "ref" if node.ref is not None:
                return self._signal_clock(node.ref.signal, node.ref.low, edge, seen)
            case "not":
                opposite = {"posedge": "negedge", "negedge": "posedge"}.get(edge, edge)
                found = self.clock_sources(node.children[0], opposite, seen)
                return tuple(Source(one.port, one.bit, not one.inverted, one.gated, one.edges) for one in found)
            case "mux":
                arms = [self.clock_sources(arm.bit(0), edge, seen) for arm in node.children[1:]]
                return _gated([one for arm in arms for one in arm])
            case "concat":
                return self.clock_sources(node.bit(0), edge, seen) if node.width == 1 and len(node.children) == 1 else ()
            case "const":
                return ()
            case _:
                leaves = [self.clock_sources(child.bit(0), edge, seen) for child in node.children]
                if node.ref is not None:
                    bits = range(node.ref.low, node.ref.low + min(node.ref.width, 64))
                    leaves = [self._signal_clock(node.ref.signal, bit, edge, seen) for bit in bits]
                    return _gated([one for leaf in leaves for one in leaf])
                return _gated(self._chosen(leaves))

    def _chosen(self, leaves: list[tuple[Source, ...]]) -> list[Source]:
        """Of the inputs of a gate, choose those that are clocks and not enables."""
        leaves = [leaf for leaf in leaves if leaf]
        known = [one for leaf in leaves for one in leaf if (one.port, one.bit) in self.sure]
        named = [one for leaf in leaves for one in leaf if looks_like_clock(one.port)]
        return known or named or [one for leaf in leaves[:1] for one in leaf]

    def _signal_clock(self, name: str, bit: int, edge: str, seen: frozenset[tuple[str, int]]) -> tuple[Source, ...]:
        if name in self._netlist.inputs:
            return (Source(name, bit),)
        if (name, bit) in seen:
            return ()
        key = (name, bit, edge)
        if key not in self._sources:
            self._sources[key] = ()
            self._sources[key] = self._follow_clock(name, bit, edge, seen | {(name, bit)})
        return self._sources[key]

    def _follow_clock(self, name: str, bit: int, edge: str, seen: frozenset[tuple[str, int]]) -> tuple[Source, ...]:
        writes = self._netlist.drivers_of(name, bit)
        if len(writes) == 1 and not writes[0].guards:
            return self.clock_sources(writes[0].value.bit(bit - writes[0].target.low), edge, seen)
        if writes:
            return self._several(writes, bit, edge, seen)
        found: list[Source] = []
        for block in sorted({block for block, _ in self._netlist.clocked_writes(name, bit)}):
            for event in self.block_clocks.get(block, self._netlist.blocks[block].events):
                for one in self.clock_sources(event.value.bit(0), event.edge, seen):
                    found.append(Source(one.port, one.bit, one.inverted, True, one.edges or (port_edge(event.edge, one.inverted),)))
        return tuple(dict.fromkeys(found))

    def _several(self, writes: list[Write], bit: int, edge: str, seen: frozenset[tuple[str, int]]) -> tuple[Source, ...]:
        """Follow a signal with guarded writes: a latch hangs on its enable, a multiplexer on its data."""
        guards = [ref for write in writes for guard in write.guards for ref in guard.refs()]
        enables = [one for ref in guards for one in self._signal_clock(ref.signal, ref.low, edge, seen)]
        latched = [one for one in enables if (one.port, one.bit) in self.sure]
        if latched:
            return _gated(latched)
        data = [self.clock_sources(write.value.bit(bit - write.target.low), edge, seen) for write in writes]
        return _gated([one for part in data for one in part])

    def levels(self, node: Node, wanted: bool, seen: frozenset[tuple[str, int]] = frozenset()) -> tuple[Level, ...]:
        """Follow a condition to the port levels that make it `wanted`."""
        if not seen:
            self._levels.clear()
        match node.kind:
            case "ref" if node.ref is not None:
                return self._signal_levels(node.ref.signal, node.ref.low, wanted, seen)
            case "not":
                return self.levels(node.children[0], not wanted, seen)
            case "or" | "and":
                parts = [level for child in node.children for level in self.levels(child.bit(0), wanted, seen)]
                if (node.kind == "or") == wanted:
                    return tuple(dict.fromkeys(parts))
                return tuple(dict.fromkeys(Level(part.port, part.bit, part.value, False, part.delayed) for part in parts))
            case "concat" if len(node.children) == 1:
                return self.levels(node.children[0].bit(0), wanted, seen)
            case _:
                return ()

    def _signal_levels(self, name: str, bit: int, wanted: bool, seen: frozenset[tuple[str, int]]) -> tuple[Level, ...]:
        if name in self._netlist.inputs:
            return (Level(name, bit, wanted),)
        if (name, bit) in seen:
            return ()
        key = (name, bit, wanted)
        if key not in self._levels:
            self._levels[key] = ()
            self._levels[key] = self._follow_levels(name, bit, wanted, seen | {(name, bit)})
        return self._levels[key]

    def _follow_levels(self, name: str, bit: int, wanted: bool, seen: frozenset[tuple[str, int]]) -> tuple[Level, ...]:
        writes = self._netlist.drivers_of(name, bit)
        if writes:
            if len(writes) == 1 and not writes[0].guards:
                return self.levels(writes[0].value.bit(bit - writes[0].target.low), wanted, seen)
            return ()
        return self._register_levels(name, bit, wanted, seen)

    def _register_levels(self, name: str, bit: int, wanted: bool, seen: frozenset[tuple[str, int]]) -> tuple[Level, ...]:
        """Follow a register: an asynchronous branch that gives it the wanted value, or what it copies at each edge."""
        writes = self._netlist.clocked_writes(name, bit)
        for number, write in writes:
            block = self._netlist.blocks[number]
            value = write.value.bit(bit - write.target.low)
            if len(block.events) > 1 and block.chains and value.kind == "const" and bool(value.value) == wanted:
                branch = block.chains[0][0]
                if any(block.writes[index] is write for index in branch.writes):
                    return self.levels(branch.condition.bit(0), True, seen)
        found: list[Level] = []
        for _, write in writes:
            value = write.value.bit(bit - write.target.low)
            for level in self.levels(value, wanted, seen):
                found.append(Level(level.port, level.bit, level.value, level.alone, True))
        return tuple(dict.fromkeys(found))


def _gated(found: list[Source]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(Source(one.port, one.bit, one.inverted, True, one.edges) for one in found))


def port_edge(edge: str, inverted: bool) -> str:
    """Give the edge at a port for an edge of a signal that may be its inverse."""
    if not inverted:
        return edge
    return {"posedge": "negedge", "negedge": "posedge"}.get(edge, edge)
