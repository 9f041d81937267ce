"""Finds the constants that signals and ports are compared with, and the state machines. Knows no source text."""

from __future__ import annotations

from collections.abc import Iterator

from llm4cov_agent.rtl.design import ComparedBits, Constant, EnumMember, StateMachine
from llm4cov_agent.rtl.elaborate.facts import Comparison, Node, Ref, Write
from llm4cov_agent.rtl.elaborate.netlist import Netlist

MAX_STATES = 256
MAX_MACHINE_WIDTH = 64
MAX_PORT_CONSTANTS = 512
"""Once a port has so many, the signals that it feeds further on are not asked."""


def find_constants(netlist: Netlist) -> tuple[Constant, ...]:
    """Give each (signal, value) once, in source order of the instances; values stand at their bits' place in the signal."""
    found: dict[tuple[str, int], Constant] = {}
    for comparison in netlist.comparisons:
        signal = netlist.signals.get(comparison.ref.signal)
        if signal is None:
            continue
        width, value = _placed(comparison, signal.width, is_array=signal.is_array)
        key = (comparison.ref.signal, value)
        found.setdefault(key, Constant(comparison.ref.signal, width, value, comparison.span))
    for name, signal in netlist.signals.items():
        for member in signal.members:
            found.setdefault((name, member.value), Constant(name, signal.width, member.value, signal.span))
    return tuple(found.values())


def _placed(comparison: Comparison, width: int, *, is_array: bool) -> tuple[int, int]:
    """Give width and value of a comparison in terms of the whole signal, or of the element of a memory."""
    if is_array:
        return comparison.ref.width, comparison.value
    if comparison.ref.dynamic:
        return width, comparison.value
    return width, comparison.value << comparison.ref.low


class PortConstants:
    """Answers what a port, or a signal that it feeds unchanged, is compared with."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._forward = _forward(netlist)
        self._comparisons: dict[str, list[Comparison]] = {}
        for comparison in netlist.comparisons:
            self._comparisons.setdefault(comparison.ref.signal, []).append(comparison)

    def of(self, port: str, width: int) -> tuple[ComparedBits, ...]:
        """Give the comparisons of a port whose elements have `width` bits, sorted."""
        return _collect(self._forward, self._comparisons, port, width, self._netlist)


def _collect(
    forward: dict[str, list[tuple[Ref, Ref]]],
    comparisons: dict[str, list[Comparison]],
    port: str,
    width: int,
    netlist: Netlist,
) -> tuple[ComparedBits, ...]:
    if width <= 0:
        return ()
    total = netlist.inputs.get(port, width)
    values: set[ComparedBits] = set()
    start = (port, 0, 0, total)
    waiting = [start]
    seen = {start}
    while waiting and len(values) < MAX_PORT_CONSTANTS:
        # Bits `low` to `low + count - 1` of `name` are the port's from bit `at` on.
        name, low, at, count = waiting.pop()
        for comparison in comparisons.get(name, ()):
            ref = comparison.ref
            shift = at if ref.dynamic else at + ref.low - low
            if ref.dynamic or (ref.low < low + count and ref.low + ref.width > low):
                # Of an array, the place within an element; of a wider comparison, the bits that the port has.
                place = shift % width if total > width and shift > 0 else max(shift, 0)
                bits = min(ref.width + min(shift, 0), width - place)
                if bits > 0:
                    values.add(ComparedBits(place, bits, comparison.value >> max(-shift, 0) & ((1 << bits) - 1)))
        for source, target in forward.get(name, ()):
            first, last = max(source.low, low), min(source.low + source.width, low + count)
            if first < last:
                following = (target.signal, target.low + first - source.low, at + first - low, last - first)
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
    return tuple(sorted(values))


def _forward(netlist: Netlist) -> dict[str, list[tuple[Ref, Ref]]]:
    """Give, by source signal, the pairs (source bits, target bits) of plain copies."""
    found: dict[str, list[tuple[Ref, Ref]]] = {}
    for writes in netlist.drivers.values():
        for write in writes:
            _add_copies(found, write)
    for name, places in netlist.registers.items():
        writes = [netlist.blocks[block].writes[index] for block, index in places]
        if all(_is_copy(write.value) for write in writes):
            for write in writes:
                if not write.target.dynamic and write.target.signal == name:
                    _add_copies(found, write)
    return found


def _add_copies(found: dict[str, list[tuple[Ref, Ref]]], write: Write) -> None:
    if write.target.dynamic:
        return
    for source, low in _copied(write.value, 0):
        width = min(source.width, write.target.width - low)
        if width > 0 and not source.dynamic:
            target = Ref(write.target.signal, write.target.low + low, width)
            found.setdefault(source.signal, []).append((Ref(source.signal, source.low, width), target))


def _copied(node: Node, low: int) -> Iterator[tuple[Ref, int]]:
    """Give the references that a node passes on unchanged, with the bit of the node at which each begins."""
    if node.kind == "ref" and node.ref is not None:
        yield node.ref, low
    elif node.kind == "mux":
        yield from _copied(node.children[1], low)
        yield from _copied(node.children[2], low)
    elif node.kind == "concat":
        for child in reversed(node.children):
            yield from _copied(child, low)
            low += child.width


def _is_copy(node: Node) -> bool:
    """Say whether a node passes on signals or constants and computes nothing."""
    if node.kind == "mux":
        return all(_is_copy(arm) for arm in node.children[1:])
    if node.kind == "concat":
        # A zero extension is still the value; a shift register is not.
        return all(child.kind == "const" for child in node.children[:-1]) and _is_copy(node.children[-1])
    return node.kind in ("ref", "const")


def find_machines(netlist: Netlist) -> tuple[StateMachine, ...]:
    """Find the registers that a case statement or a comparison chain dispatches on and which are assigned constants.

    A register that takes its next state from a combinational signal (the two-process style) counts with the constants
    that this signal is assigned. One that is also computed, such as a counter, is a machine only if its type is enumerated.
    """
    compared: dict[str, list[Comparison]] = {}
    for comparison in netlist.comparisons:
        if comparison.is_equality:
            compared.setdefault(comparison.ref.signal, []).append(comparison)
    machines: list[StateMachine] = []
    for name in netlist.registers:
        signal = netlist.signals.get(name)
        if signal is None or signal.is_array or not 0 < signal.width <= MAX_MACHINE_WIDTH:
            continue
        tests = [test for test in compared.get(name, ()) if test.ref.low == 0 and test.ref.width == signal.width]
        if name not in netlist.dispatches and len({test.value for test in tests}) < 2:
            continue
        assigned, computed = _assigned_constants(netlist, name)
        if len(assigned) < 2 or (computed and not signal.members) or (signal.width == 1 and not signal.members):
            continue
        states = signal.members or _states(assigned, tests, signal.width)
        if not 2 <= len(states) <= MAX_STATES:
            continue
        machines.append(StateMachine(name, signal.width, states, signal.span))
    return tuple(machines)


def _states(assigned: dict[int, str | None], tests: list[Comparison], width: int) -> tuple[EnumMember, ...]:
    named = {test.value: test.name for test in tests if test.name} | {value: name for value, name in assigned.items() if name}
    values = sorted(set(assigned) | {test.value for test in tests if test.is_case})
    return tuple(EnumMember(named.get(value) or f"{width}'d{value}", value) for value in values)


def _assigned_constants(netlist: Netlist, register: str) -> tuple[dict[int, str | None], bool]:
    """Give the constants that a register takes, directly or through signals, with names; and whether it takes anything else."""
    found: dict[int, str | None] = {}
    computed = False
    waiting: list[tuple[str, Node]] = []
    for block, index in netlist.registers[register]:
        write = netlist.blocks[block].writes[index]
        if write.target.dynamic or write.target.low or write.target.width != netlist.signals[register].width:
            computed = True
        else:
            waiting.append((register, write.value))
    seen = {register}
    while waiting:
        owner, node = waiting.pop()
        match node.kind:
            case "const":
                if found.get(node.value) is None:
                    found[node.value] = node.name
            case "mux":
                waiting.extend((owner, arm) for arm in node.children[1:])
            case "ref" if node.ref is not None and node.ref.low == 0:
                source = node.ref.signal
                if source in seen:
                    continue
                seen.add(source)
                writes = netlist.drivers.get(source, [])
                if not writes:
                    # A remembered or loaded state is no computation, but says nothing of the states.
                    computed |= source in netlist.inputs
                waiting.extend((source, write.value) for write in writes)
            case _:
                computed = True
    return found, computed
