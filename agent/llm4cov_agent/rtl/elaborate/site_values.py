"""Where a design's source can be observed, as plain values: statements, choices, expressions, signals. Knows no parser and no coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The first character of a token; line and column are 1-based, columns count bytes."""

    file: Path
    line: int
    column: int


class Where(Enum):
    """How statements are added at a slot."""

    BEFORE = "before"
    """In front of the statement `start:end`, in a block around it."""
    AFTER = "after"
    """Behind the statement `start:end`, in a block around it."""
    INSIDE = "inside"
    """In front of the `end` at `end`, as the last statements of the block that begins at `start`."""
    ELSE = "else"
    """In an `else` that the `if` with the first branch `start:end` doesn't have yet."""
    MEMBERS = "members"
    """In front of the `endmodule`, or of the `end` of a generate block, at `end`: module items, not statements."""
    LONE_MEMBER = "lone member"
    """Behind the only item `start:end` of a generate block without `begin`: module items, in a block around both."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where statements (module items, for two kinds) can be added; offsets count bytes of UTF-8 text."""

    file: Path
    where: Where
    start: int
    end: int
    loop: tuple[int, int] | None = None
    """The outermost loop around it, a statement; what is added there runs several times."""
    is_block: bool = False
    """For ELSE: whether the first branch is a block already."""


@dataclass(frozen=True, slots=True)
class Shape:
    """An expression reduced to what a simulator's rendering of it can be compared with.

    `kind` is one of name, operator, bit (base, index), range (base), part (base, start), member (base), item (base, index; of
    an unpacked array), concatenation, repeat (its operand once), other. A constant has its value whatever its kind.
    """

    kind: str
    text: str = ""
    """The name, or the operator as it is written."""
    children: tuple[Shape, ...] = ()
    width: int = 1
    value: int | None = None
    """Bit pattern of a constant, in `width` bits."""
    low: int = 0
    """Least significant bit of a range, as declared, or of a member."""
    base_low: int = 0
    """Declared index of the least significant bit of what a bit, a range or a part is selected from, or of a vector itself."""
    count: int = 1
    """Of a repeat; of a bit, how many bits one element has."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A condition that an expression's value is made of, or all bits of a vector of which each is one."""

    text: str
    """As the source writes it."""
    shape: Shape
    is_vector: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """An expression in one elaboration of its module or generate block."""

    operands: tuple[Operand, ...]
    constants: tuple[tuple[str, int, int], ...]
    """(text, width, value) of the parameters and generate variables that it names, and of the sizes of its vectors."""


@dataclass(frozen=True, slots=True)
class ExpressionSite:
    """An expression of one bit; `slots` is where its operands' values are those that a simulator looks at."""

    slots: tuple[Slot, ...]
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class ChoiceSite:
    """One result of a conditional operator: chosen when `slots` is reached while each text is true, or false."""

    slots: tuple[Slot, ...]
    conditions: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Bit:
    """A condition on one signal: its text in the scope where it is declared, and the genvar values of that scope."""

    text: str
    slot: Slot
    constants: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sites:
    """All places of a design; a place that can't be used is in `refused` with the reason."""

    texts: Mapping[Path, str]
    statements: Mapping[tuple[Place, str], tuple[Slot, ...]] = field(default_factory=dict)
    """By place and Verilator's word: block, case, if (elsif too), else."""
    choices: Mapping[tuple[Place, str], ChoiceSite] = field(default_factory=dict)
    """By place and word: cond_then, cond_else."""
    expressions: Mapping[Place, ExpressionSite] = field(default_factory=dict)
    bits: Mapping[tuple[Place, str], Bit] = field(default_factory=dict)
    """By place of the declared name and the path of the bit from its module down, such as `g[1].count[3]`."""
    machines: Mapping[Place, Mapping[str, Bit]] = field(default_factory=dict)
    """By place of a `case` on a state, and by `variable::STATE`: a condition that is true in the state."""
    copied_machines: frozenset[Place] = frozenset()
    """Places of the machines that stand in several instances."""
    refused: Mapping[Place, str] = field(default_factory=dict)
    shifted_lines: Mapping[Path, frozenset[int]] = field(default_factory=dict)
    """Lines on which the simulator counts columns of other text than the source's."""
