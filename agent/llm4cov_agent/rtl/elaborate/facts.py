"""What one module body says, as plain values with names local to the body. Knows no parser and no instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from llm4cov_agent.rtl.design import EnumMember
from llm4cov_agent.rtl.source import Span

ABSOLUTE = "/"
"""First character of a name that is given from the top module down, not from the body."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Bits `low` to `low + width - 1` of a signal; an element of an unpacked array counts on behind the one before it."""

    signal: str
    low: int
    width: int
    dynamic: bool = False
    """Whether a changing index picks among these bits, so that not all of them are meant at once."""


@dataclass(frozen=True, slots=True)
class Node:
    """An expression reduced to what tracing needs.

    `kind` is one of ref, const, not, and, or, mux (condition, then, else), concat (most significant first), opaque
    (anything else over the children). `not`, `and` and `or` work bit by bit.
    """

    kind: str
    width: int
    children: tuple[Node, ...] = ()
    ref: Ref | None = None
    value: int = 0
    name: str | None = None
    """How the source names a constant, if it does."""

    def refs(self) -> Iterator[Ref]:
        """Give every signal that the value depends on."""
        if self.ref is not None:
            yield self.ref
        for child in self.children:
            yield from child.refs()

    def bit(self, index: int) -> Node:
        """Reduce to one bit."""
        if self.width == 1 and index == 0:
            return self
        match self.kind:
            case "ref" if self.ref is not None:
                if self.ref.dynamic:
                    return self
                if index >= self.ref.width:
                    return Node("const", 1)
                return Node("ref", 1, ref=Ref(self.ref.signal, self.ref.low + index, 1))
            case "const":
                return Node("const", 1, value=(self.value >> index) & 1)
            case "not" | "and" | "or":
                return Node(self.kind, 1, tuple(child.bit(index) for child in self.children))
            case "mux":
                condition, then, other = self.children
                return Node("mux", 1, (condition, then.bit(index), other.bit(index)))
            case "concat":
                for child in reversed(self.children):
                    if index < child.width:
                        return child.bit(index)
                    index -= child.width
                return Node("const", 1)
            case _:
                return Node("opaque", 1, self.children, self.ref)

    def slice(self, low: int, width: int) -> Node:
        """Reduce to `width` bits from bit `low` on."""
        if low == 0 and width == self.width:
            return self
        if self.kind == "ref" and self.ref is not None and not self.ref.dynamic:
            return Node("ref", width, ref=Ref(self.ref.signal, self.ref.low + low, width))
        if self.kind == "const":
            return Node("const", width, self.children, value=(self.value >> low) & ((1 << width) - 1))
        if self.kind == "concat":
            parts: list[Node] = []
            for child in reversed(self.children):
                if low < child.width and width > 0:
                    taken = min(child.width - low, width)
                    parts.insert(0, child.slice(low, taken))
                    width -= taken
                low = max(low - child.width, 0)
            return parts[0] if len(parts) == 1 else Node("concat", sum(part.width for part in parts), tuple(parts))
        return self.bit(low) if width == 1 else Node("opaque", width, (self,))

    def split(self, targets: Sequence[Ref], guards: tuple[Node, ...] = ()) -> list[Write]:
        """Share the value out over the places of a concatenation, most significant first."""
        if len(targets) == 1:
            return [Write(targets[0], self, guards)]
        found: list[Write] = []
        low = 0
        for target in reversed(targets):
            found.append(Write(target, self.slice(low, target.width), guards))
            low += target.width
        return found


@dataclass(frozen=True, slots=True)
class Write:
    """One assignment: what it changes, to what, under which conditions."""

    target: Ref
    value: Node
    guards: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """A member of an event control; `edge` is posedge, negedge or both."""

    value: Node
    edge: str


@dataclass(frozen=True, slots=True)
class Branch:
    """An `if` arm: its condition and the writes below it (by index into the block's writes)."""

    condition: Node
    writes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClockedBlock:
    """A block that waits for edges."""

    events: tuple[Event, ...]
    writes: tuple[Write, ...]
    chains: tuple[tuple[Branch, ...], ...]
    """The `if` chains at the top of the block, in order: each `if`, `else if`, ... without the last `else`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A signal (some bits of it) compared with a constant; `value` is that of these bits."""

    ref: Ref
    value: int
    span: Span
    name: str | None = None
    is_case: bool = False
    """Whether it is a case item."""
    is_equality: bool = True


@dataclass(frozen=True, slots=True)
class Signal:
    """A variable or net that is declared in the body."""

    width: int
    span: Span
    members: tuple[EnumMember, ...] = ()
    is_array: bool = False
    """Whether it has an unpacked dimension: a memory."""


@dataclass(slots=True)
class Facts:
    """All that is known of one body. Filled while the body is walked, then only read."""

    signals: dict[str, Signal] = field(default_factory=dict)
    wires: list[Write] = field(default_factory=list)
    """Combinational writes: continuous assigns, port connections, combinational blocks, latches."""
    blocks: list[ClockedBlock] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    dispatches: dict[str, Span] = field(default_factory=dict)
    """Signals that a case statement dispatches on."""
    data_files: list[tuple[str, Span, bool]] = field(default_factory=list)
    """(name, place, whether the design can't work without it)."""
    is_shareable: bool = True
    """Whether all names are local, so that equal bodies can share these facts."""

    def signal_name(self, name: str, prefix: str) -> str:
        """Give the name from the top down of a name in this body, whose instance has `prefix` (`u_rx.` or nothing)."""
        return name[1:] if name.startswith(ABSOLUTE) else prefix + name
