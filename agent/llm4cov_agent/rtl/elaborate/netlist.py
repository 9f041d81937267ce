"""The facts of all bodies put together under names from the top down, with who drives what. Knows no parser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm4cov_agent.rtl.elaborate.facts import Branch, ClockedBlock, Comparison, Event, Facts, Node, Ref, Signal, Write
from llm4cov_agent.rtl.source import Span


@dataclass(slots=True)
class Netlist:
    """A flat design: built once by `add`, then only read."""

    inputs: Mapping[str, int]
    """Input and inout ports of the top with their widths in bits."""
    signals: dict[str, Signal] = field(default_factory=dict)
    drivers: dict[str, list[Write]] = field(default_factory=dict)
    """Combinational writes by the signal that they change."""
    blocks: list[ClockedBlock] = field(default_factory=list)
    registers: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Register -> (block, write) of each clocked write to it."""
    comparisons: list[Comparison] = field(default_factory=list)
    dispatches: dict[str, Span] = field(default_factory=dict)
    data_files: list[tuple[str, Span, bool]] = field(default_factory=list)

    def add(self, facts: Facts, prefix: str) -> None:
        """Add the facts of one instance; `prefix` is empty for the top, `u_rx.` for an instance."""
        renamer = _Renamer(facts, prefix)
        for name, signal in facts.signals.items():
            self.signals[facts.signal_name(name, prefix)] = signal
        for write in facts.wires:
            renamed = renamer.write(write)
            self.drivers.setdefault(renamed.target.signal, []).append(renamed)
        for block in facts.blocks:
            self._add_block(renamer.block(block))
        self.comparisons.extend(renamer.comparison(comparison) for comparison in facts.comparisons)
        for name, span in facts.dispatches.items():
            self.dispatches.setdefault(facts.signal_name(name, prefix), span)
        self.data_files.extend(facts.data_files)

    def _add_block(self, block: ClockedBlock) -> None:
        number = len(self.blocks)
        self.blocks.append(block)
        for index, write in enumerate(block.writes):
            self.registers.setdefault(write.target.signal, []).append((number, index))

    def is_register(self, name: str) -> bool:
        """Say whether a name is state of the design and not a variable of a block."""
        return name in self.registers and name in self.signals

    def drivers_of(self, name: str, bit: int) -> list[Write]:
        """Give the combinational writes that reach a bit of a signal."""
        found = self.drivers.get(name, ())
        return [write for write in found if write.target.low <= bit < write.target.low + max(write.target.width, 1)]

    def clocked_writes(self, name: str, bit: int) -> list[tuple[int, Write]]:
        """Give (block, write) of the clocked writes that reach a bit of a register."""
        found = ((block, self.blocks[block].writes[index]) for block, index in self.registers.get(name, ()))
        return [(block, write) for block, write in found if write.target.low <= bit < write.target.low + max(write.target.width, 1)]


def bits_of(refs: list[Ref], signals: Mapping[str, Signal]) -> int:
    """Count the bits that references cover, each once; a changing index stands for all that it may reach."""
    covered: dict[str, set[tuple[int, int]]] = {}
    for ref in refs:
        covered.setdefault(ref.signal, set()).add((ref.low, ref.low + ref.width))
    total = 0
    for name, ranges in covered.items():
        end = -1
        count = 0
        for low, high in sorted(ranges):
            count += max(high - max(low, end), 0)
            end = max(end, high)
        total += min(count, signals[name].width) if name in signals else count
    return total


class _Renamer:
    """Puts the prefix of an instance before every local name; keeps equal nodes one object."""

    def __init__(self, facts: Facts, prefix: str) -> None:
        self._facts = facts
        self._prefix = prefix
        self._changes = bool(prefix) or not facts.is_shareable

    def ref(self, ref: Ref) -> Ref:
        if not self._changes:
            return ref
        return Ref(self._facts.signal_name(ref.signal, self._prefix), ref.low, ref.width, ref.dynamic)

    def node(self, node: Node) -> Node:
        if not self._changes or node.kind == "const":
            return node
        children = tuple(self.node(child) for child in node.children)
        return Node(node.kind, node.width, children, self.ref(node.ref) if node.ref is not None else None, node.value, node.name)

    def write(self, write: Write) -> Write:
        if not self._changes:
            return write
        return Write(self.ref(write.target), self.node(write.value), tuple(self.node(guard) for guard in write.guards))

    def block(self, block: ClockedBlock) -> ClockedBlock:
        if not self._changes:
            return block
        return ClockedBlock(
            tuple(Event(self.node(event.value), event.edge) for event in block.events),
            tuple(self.write(write) for write in block.writes),
            tuple(tuple(Branch(self.node(branch.condition), branch.writes) for branch in chain) for chain in block.chains),
        )

    def comparison(self, found: Comparison) -> Comparison:
        return Comparison(self.ref(found.ref), found.value, found.span, found.name, found.is_case, found.is_equality)
