"""Finds the sequences of a rendered SystemVerilog testbench in its text, so that a person can take some. Reads only what we rendered.

What is left after taking a sequence out builds as before: its task, the tables that only it reads, and the call of it go together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TASK = re.compile(r"  task automatic (\w+);")
_CALL = re.compile(r"    (\w+);")
_MAIN = "  initial begin"
_BEGIN = "    #1;  // Clear of time 0, when the initial values settle."


@dataclass(frozen=True, slots=True)
class SequenceText:
    """A sequence with all lines of the text that are its own."""

    name: str
    comment: str
    """What it is for, in one line."""
    lines: tuple[tuple[int, int], ...]
    """(first, last) of each range, 1-based and inclusive, in order."""


def sequences_of(text: str) -> tuple[SequenceText, ...]:
    """List the sequences in the order in which they run; none for a text that is not as it was rendered."""
    lines = text.split("\n")
    begin = next((at for at in range(1, len(lines)) if lines[at - 1 : at + 1] == [_MAIN, _BEGIN]), None)
    if begin is None:
        return ()
    tasks = {task[1]: at for at, line in enumerate(lines[:begin]) if (task := _TASK.fullmatch(line)) is not None}
    found: list[SequenceText] = []
    for at in range(begin + 1, len(lines)):
        call = _CALL.fullmatch(lines[at])
        head = tasks.get(call[1]) if call is not None else None
        if call is None or head is None:
            break
        first, last = _block(lines, head)
        words = [line.strip().removeprefix("//").strip() for line in lines[_above(lines, head) : head]]
        found.append(SequenceText(call[1], " ".join(words), ((first + 1, last + 1), (at + 1, at + 1))))
    # What shows the outputs in the end is called last, and is no sequence.
    return tuple(one for one in found if not _shows(lines, tasks[one.name]))


def without(text: str, names: frozenset[str]) -> str:
    """Write a testbench without some of its sequences."""
    gone = {line for one in sequences_of(text) if one.name in names for first, last in one.lines for line in range(first, last + 1)}
    return "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in gone)


def _above(lines: list[str], at: int) -> int:
    """Find the first of the comment lines that stand right above a line."""
    while at > 0 and lines[at - 1].startswith("  // "):
        at -= 1
    return at


def _block(lines: list[str], task: int) -> tuple[int, int]:
    """Give the first and last line (from 0) of a task with its comment, its tables and the blank lines before them."""
    last = next(at for at in range(task, len(lines)) if lines[at] == "  endtask")
    first = _above(lines, task)
    while first > 1 and lines[first - 1] == "" and lines[first - 2] == "  };":
        first = _above(lines, next(at for at in range(first - 2, -1, -1) if lines[at].startswith("  localparam ")))
    return (first - 1 if first and lines[first - 1] == "" else first), last


def _shows(lines: list[str], task: int) -> bool:
    return lines[_above(lines, task) : task] == ["  // Prints what the outputs are in the end."]
