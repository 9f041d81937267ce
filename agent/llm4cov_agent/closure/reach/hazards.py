"""Places where a simulator's order of evaluation differs from a netlist's, found in the text alone. Knows no tool.

A netlist is settled logic and registers. A simulator runs blocks: one that is not run when its inputs change, one that
races with another, one that is run twice while values settle. Whatever of that kind is possible is reported by the names
that are assigned there, so that a proof can leave their values open. Where the text can't be followed, the scan says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from llm4cov_agent.closure.reach.blocks import Block, BlockKind, Scan


@dataclass(frozen=True, slots=True)
class Hazards:
    """What has to be left open, by (text, module in it, name)."""

    cut: frozenset[tuple[str, int, str]]
    """May have any value at any time."""
    held: frozenset[tuple[str, int, str]]
    """May keep the value of before instead of following its logic."""


def hazards_of(scans: Mapping[str, Scan], signals: Collection[str]) -> Hazards:
    """Draw the conclusions for a whole design with signals of these names; keys are the names of the texts."""
    cut: set[tuple[str, int, str]] = set()
    held: set[tuple[str, int, str]] = set()
    edges = sum(block.kind is BlockKind.EDGE for scan in scans.values() for block in scan.blocks)
    everywhere: Counter[str] = Counter()
    for item in scans.values():
        everywhere.update(item.names)
    for key, item in scans.items():
        for block in item.blocks:
            blocking = block.blocking - block.declared
            if block.kind is BlockKind.LISTED or _never_runs(block, signals):
                held |= {(key, block.module, name) for name in blocking | block.nonblocking}
            elif block.kind is BlockKind.COMBINATIONAL:
                held |= {(key, block.module, name) for name in block.nonblocking}
            elif block.kind is BlockKind.TASK:
                # A task belongs to the block that calls it; only a clocked one may use non-blocking assignments freely.
                delayed = block.nonblocking if _calls(scans, block.callee) else set()
                cut |= {(key, block.module, name) for name in (blocking | delayed) - block.declared}
            elif edges > 1 or len(scans) > 1 or len(item.modules) > 1:
                # Another clocked block that reads it may see it before or after: the order is the simulator's choice.
                # One use beside those in this block is the declaration.
                cut |= {(key, block.module, name) for name in blocking if everywhere[name] > block.names[name] + 1}
    return Hazards(frozenset(cut), frozenset(held))


def _never_runs(block: Block, signals: Collection[str]) -> bool:
    """Whether a star finds nothing to wait for: a block that reads no signal but its own is never run; doubtful cases count."""
    if not block.waits or block.kind is not BlockKind.COMBINATIONAL:
        return False
    return not (set(block.names) - block.blocking - block.nonblocking - block.declared) & set(signals)


def _calls(scans: Mapping[str, Scan], callee: str) -> int:
    """How often a task is named in blocks that no clock edge runs, its own text left out."""
    return sum(
        block.names[callee]
        for scan in scans.values()
        for block in scan.blocks
        if block.kind is not BlockKind.EDGE and block.callee != callee
    )
