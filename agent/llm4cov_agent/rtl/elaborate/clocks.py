"""Finds the clocks and resets of a netlist by what its blocks wait for and what their first branches do. Knows no source text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.rtl.design import Clock, Edge, Reset
from llm4cov_agent.rtl.elaborate.facts import ClockedBlock, Event, Ref
from llm4cov_agent.rtl.elaborate.netlist import Netlist, bits_of
from llm4cov_agent.rtl.elaborate.trace import Level, Tracer, looks_like_reset, port_edge


@dataclass(slots=True)
class _Candidate:
    covered: dict[str, list[Ref]] = field(default_factory=dict)
    """By clock (name of the port); empty name for a block whose clock is unknown."""
    asynchronous: bool = False
    loads_data: bool = False
    """Whether a register that it covers takes something else than constants elsewhere."""
    alone: bool = False


def find_clocks_and_resets(
    netlist: Netlist, names: Mapping[tuple[str, int], str]
) -> tuple[tuple[Clock, ...], tuple[Reset, ...], tuple[Problem, ...]]:
    """Find the clocks and resets; `names` says what each bit of an input port is called, if it can be one."""
    analysis = _Analysis(netlist)
    analysis.run()
    clocks, problems = analysis.clocks(names)
    resets, more = analysis.resets(names, {clock.port for clock in clocks})
    return clocks, resets, (*problems, *more)


class _Analysis:
    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._tracer = Tracer(netlist)
        self._clock_edges: dict[tuple[str, int], set[str]] = {}
        self._clock_refs: dict[tuple[str, int], list[Ref]] = {}
        self._gated: set[tuple[str, int]] = set()
        self._block_ports: dict[int, tuple[tuple[str, int], ...]] = {}
        self._async_branches: dict[int, dict[tuple[int, int], tuple[Level, ...]]] = {}
        self._candidates: dict[tuple[str, int, bool], _Candidate] = {}

    def run(self) -> None:
        blocks = self._netlist.blocks
        for number, block in enumerate(blocks):
            self._tracer.block_clocks[number] = self._split_events(number, block)
        direct = {
            (one.port, one.bit)
            for number in range(len(blocks))
            for event in self._tracer.block_clocks[number]
            for one in self._tracer.clock_sources(event.value.bit(0), event.edge)
            if not one.gated
        }
        self._tracer.sure = frozenset(direct)
        for number, block in enumerate(blocks):
            self._clock(number, block)
        for number, block in enumerate(blocks):
            self._reset(number, block)

    def _split_events(self, number: int, block: ClockedBlock) -> tuple[Event, ...]:
        """Give the events that are clocks: those that no branch of the first chain tests."""
        if len(block.events) < 2:
            return block.events
        tested: set[int] = set()
        branches = self._async_branches.setdefault(number, {})
        event_levels = [self._tracer.levels(event.value.bit(0), True) for event in block.events]
        for chain_number, chain in enumerate(block.chains):
            for branch_number, branch in enumerate(chain):
                condition = branch.condition
                refs = set(condition.refs())
                levels = self._tracer.levels(condition, True)
                matched = {
                    index
                    for index, event in enumerate(block.events)
                    if refs & set(event.value.refs())
                    or {(level.port, level.bit) for level in levels} & {(level.port, level.bit) for level in event_levels[index]}
                }
                if not matched or len(tested | matched) == len(block.events):
                    break
                tested |= matched
                branches[chain_number, branch_number] = levels
        return tuple(event for index, event in enumerate(block.events) if index not in tested)

    def _clock(self, number: int, block: ClockedBlock) -> None:
        found: dict[tuple[str, int], None] = {}
        refs = [write.target for write in block.writes if write.target.signal in self._netlist.signals]
        for event in self._tracer.block_clocks[number]:
            for one in self._tracer.clock_sources(event.value.bit(0), event.edge):
                key = (one.port, one.bit)
                found[key] = None
                edges = one.edges or (port_edge(event.edge, one.inverted),)
                self._clock_edges.setdefault(key, set()).update(edges)
                self._clock_refs.setdefault(key, []).extend(refs)
                if one.gated:
                    self._gated.add(key)
        self._block_ports[number] = tuple(found)

    def clocks(self, names: Mapping[tuple[str, int], str]) -> tuple[tuple[Clock, ...], list[Problem]]:
        clocks: list[Clock] = []
        problems: list[Problem] = []
        for key, edges in self._clock_edges.items():
            if key not in names:
                problems.append(_unnamed("clock", key))
                continue
            edge = Edge(next(iter(edges))) if len(edges) == 1 else Edge.BOTH
            clocks.append(Clock(names[key], edge, bits_of(self._clock_refs[key], self._netlist.signals), key in self._gated))
        order = {name: index for index, name in enumerate(names.values())}
        clocks.sort(key=lambda clock: (-clock.registers, order[clock.port]))
        return tuple(clocks), problems

    def _reset(self, number: int, block: ClockedBlock) -> None:
        asynchronous = self._async_branches.get(number, {})
        for chain_number, chain in enumerate(block.chains):
            for branch_number, branch in enumerate(chain):
                key = (chain_number, branch_number)
                if key in asynchronous:
                    # A condition may name more than the events do, `if (!rst_n || clear)`: the rest of it counts as synchronous.
                    self._consider(number, block, branch.writes, asynchronous[key], is_async=True)
                    continue
                self._consider(number, block, branch.writes, self._tracer.levels(branch.condition, True), is_async=False)
                break
        for index, write in enumerate(block.writes):
            if write.value.kind == "mux":
                condition, then, other = write.value.children
                for arm, wanted in ((then, True), (other, False)):
                    if arm.kind == "const" and condition.width == 1:
                        self._consider(number, block, (index,), self._tracer.levels(condition, wanted), is_async=False, is_arm=True)

    def _consider(
        self,
        number: int,
        block: ClockedBlock,
        indices: tuple[int, ...],
        levels: tuple[Level, ...],
        *,
        is_async: bool,
        is_arm: bool = False,
    ) -> None:
        writes = [block.writes[index] for index in indices if block.writes[index].target.signal in self._netlist.signals]
        if not levels or not writes or not (is_arm or all(write.value.kind == "const" for write in writes)):
            return
        chosen = set(indices)
        others = [write for index, write in enumerate(block.writes) if is_arm or index not in chosen]
        changed = {write.target.signal for write in others}
        covered = [write.target for write in writes if is_async or write.target.signal in changed]
        if not covered:
            return
        names = {ref.signal for ref in covered}
        loads = any(write.value.kind != "const" for write in others if write.target.signal in names)
        event_ports = self._event_ports(block)
        for level in levels:
            candidate = self._candidates.setdefault((level.port, level.bit, level.value), _Candidate())
            for port, bit in self._block_ports.get(number, ()) or (("", 0),):
                candidate.covered.setdefault(f"{port}\0{bit}", []).extend(covered)
            candidate.asynchronous |= is_async and not level.delayed and (level.port, level.bit) in event_ports
            candidate.loads_data |= loads
            candidate.alone |= level.alone

    def _event_ports(self, block: ClockedBlock) -> set[tuple[str, int]]:
        levels = (level for event in block.events for level in self._tracer.levels(event.value.bit(0), True))
        return {(level.port, level.bit) for level in levels}

    def resets(self, names: Mapping[tuple[str, int], str], clocks: set[str]) -> tuple[tuple[Reset, ...], list[Problem]]:
        """Decide which candidates are resets: see `_is_reset` for the rule."""
        best: dict[tuple[str, int], tuple[bool, _Candidate]] = {}
        for (port, bit, value), candidate in self._candidates.items():
            kept = best.get((port, bit))
            if kept is None or self._size(candidate) > self._size(kept[1]):
                best[port, bit] = (value, candidate)
        sized = {key: self._size(candidate) for key, (_, candidate) in best.items()}
        strongest = max((sized[key] for key, (_, one) in best.items() if one.asynchronous or looks_like_reset(key[0])), default=0)
        resets: list[Reset] = []
        problems: list[Problem] = []
        for key, (value, candidate) in best.items():
            if names.get(key) in clocks or not self._is_reset(key[0], candidate, strongest):
                continue
            if key not in names:
                problems.append(_unnamed("reset", key))
                continue
            by_clock = {clock: bits_of(refs, self._netlist.signals) for clock, refs in candidate.covered.items()}
            clock, _, index = max(by_clock, key=lambda one: by_clock[one]).partition("\0")
            resets.append(Reset(names[key], not value, candidate.asynchronous, names.get((clock, int(index))), sized[key]))
        order = {name: index for index, name in enumerate(names.values())}
        resets.sort(key=lambda reset: (-reset.registers, order[reset.port]))
        return tuple(resets), problems

    def _is_reset(self, port: str, candidate: _Candidate, strongest: int) -> bool:
        """Say whether a candidate is a reset.

        An asynchronous one is. A synchronous one is if it is called like one, or if it covers at least half of the register
        bits of its clock (memories aside that it leaves alone), nothing called like a reset covers as much, and the registers
        take data elsewhere, so that it isn't merely one of several commands to a flag.
        """
        if candidate.asynchronous:
            return True
        if looks_like_reset(port):
            return True
        if not candidate.alone or not candidate.loads_data or self._size(candidate) <= strongest:
            return False
        for clock, refs in candidate.covered.items():
            port_name, _, bit = clock.partition("\0")
            touched = {ref.signal for ref in refs}
            state = [
                ref
                for ref in self._clock_refs.get((port_name, int(bit)), [])
                if ref.signal in touched or not self._netlist.signals[ref.signal].is_array
            ]
            if 2 * bits_of(refs, self._netlist.signals) >= bits_of(state, self._netlist.signals) > 0:
                return True
        return False

    def _size(self, candidate: _Candidate) -> int:
        return bits_of([ref for refs in candidate.covered.values() for ref in refs], self._netlist.signals)


def _unnamed(what: str, key: tuple[str, int]) -> Problem:
    return Problem(
        f"bit {key[1]} of port '{key[0]}' is a {what}, which is not supported",
        hint=f"A {what} should be a port of its own or an element of a simple vector.",
        severity=Severity.WARNING,
    )
