"""Where a point's column lies in its source line. Knows no editor's units.

Verilator counts bytes of what its preprocessor leaves: a block comment is one column, whatever is in it. Where a macro was
expanded the column can lie behind the line's end; it is then taken for the line's first character.
"""

from __future__ import annotations

import re

from llm4cov_agent.judge.coverage import Kind

_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_LINE_END = re.compile(r"\r\n|\n|\r")


def lines_of(text: str) -> list[str]:
    """Split as the simulator and LSP both do, at line feeds and carriage returns; without line ends and byte order mark."""
    return [line.removeprefix("\ufeff") if number == 0 else line for number, line in enumerate(_LINE_END.split(text))]


def is_whole(kind: Kind) -> bool:
    """Say whether a hole of a kind is about all that follows in its line, and not about a word."""
    return kind in (Kind.LINE, Kind.BRANCH, Kind.FSM)


def index_of(line: str, column: int) -> int | None:
    """Give the index in a line's text of a 1-based column of the simulator; None if the line has no such column."""
    index, at = 0, 1
    while at < column:
        if index >= len(line):
            return None
        end = line.find("*/", index + 2) if line.startswith("/*", index) else -1
        if end >= 0:
            index, at = end + 2, at + 1
        else:
            at += len(line[index].encode("utf-8", "surrogatepass"))
            index += 1
    return index if index < len(line) else None


def part_of(line: str, column: int, *, whole: bool) -> tuple[int, int]:
    """Give (first, behind the last) index of the word at a column, or with `whole` of all from there to the end of the code."""
    index = index_of(line, column)
    code_end = len(line.split("//", 1)[0].rstrip()) or len(line.rstrip())
    if index is None or index >= code_end:
        index, whole = len(line) - len(line.lstrip()), True
    word = _WORD.match(line, index)
    end = code_end if whole or word is None else word.end()
    return min(index, end), max(index, end)
