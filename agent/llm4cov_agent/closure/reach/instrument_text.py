"""Writes `cover` statements into source texts without moving a line. Knows where they go, not what they are for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.rtl.elaborate.site_values import Slot, Where


@dataclass(frozen=True, slots=True)
class Cover:
    """A labelled `cover` statement at a slot; `condition` is an expression of one bit."""

    label: str
    condition: str
    slot: Slot


@dataclass(slots=True)
class _Around:
    """What is added to one statement or item."""

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    """Declarations, which come first in the block."""


@dataclass(slots=True)
class _File:
    around: dict[tuple[int, int], _Around] = field(default_factory=lambda: defaultdict(_Around))
    inside: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    otherwise: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))


def write_covers(texts: Mapping[Path, str], covers: Iterable[Cover]) -> dict[Path, str]:
    """Give all texts, with the covers in those that have slots; other characters stay, in their lines."""
    files: dict[Path, _File] = defaultdict(_File)
    for cover in covers:
        _place(files[cover.slot.file], cover)
    return {path: _written(text, files[path]) if path in files else text for path, text in texts.items()}


def _place(file: _File, cover: Cover) -> None:
    slot = cover.slot
    statement = f"{cover.label}: cover ({cover.condition});"
    if slot.loop is not None:
        # A label may run once only. What happens in a loop is remembered until the loop is over.
        flag = f"{cover.label}_seen"
        loop = file.around[slot.loop]
        loop.flags.append(f"automatic logic {flag} = 1'b0;")
        loop.after.append(f"{cover.label}: cover ({flag});")
        statement = f"if ({cover.condition}) {flag} = 1'b1;"
    match slot.where:
        case Where.BEFORE:
            file.around[slot.start, slot.end].before.append(statement)
        case Where.AFTER:
            file.around[slot.start, slot.end].after.append(statement)
        case Where.INSIDE:
            file.inside[slot.end].append(statement)
        case Where.ELSE:
            file.otherwise[slot.start, slot.end].append(statement)
            if not slot.is_block:
                # An `else` belongs to the nearest `if`, which could be one inside the first branch.
                file.around[slot.start, slot.end].before.append("")
        case Where.MEMBERS:
            file.inside[slot.end].append(f"always_comb {statement}")
        case Where.LONE_MEMBER:
            file.around[slot.start, slot.end].after.append(f"always_comb {statement}")


def _written(text: str, file: _File) -> str:
    # At one offset, what ends there is closed from the inside out, then what begins there is opened from the outside in.
    insertions: list[tuple[int, int, int, int, str]] = []
    for (start, end), around in file.around.items():
        insertions.append((start, 2, -end, 0, _joined("begin", *around.flags, *around.before) + " "))
        insertions.append((end, 0, -start, 0, " " + _joined(*around.after, "end")))
    for (start, end), statements in file.otherwise.items():
        insertions.append((end, 0, -start, 1, " " + _joined("else begin", *statements, "end")))
    for end, statements in file.inside.items():
        insertions.append((end, 1, 0, 0, _joined(*statements) + " "))
    content = text.encode()
    parts: list[bytes] = []
    position = 0
    for offset, *_, addition in sorted(insertions):
        parts += [content[position:offset], addition.encode()]
        position = offset
    return b"".join([*parts, content[position:]]).decode()


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
