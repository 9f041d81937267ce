"""Turns the simulator's places into the client's: 1-based columns of a line without its comments into 0-based code units.

Verilator counts bytes of what its preprocessor leaves: a block comment is one column, whatever is in it. Where a macro was
expanded the column can lie behind the line's end; it is then taken for the line's first character.
"""

from __future__ import annotations

import re

from lsprotocol import types
from pygls.workspace import PositionCodec

_WORD = re.compile(r"[A-Za-z_$][\w$]*")


def lines_of(text: str) -> list[str]:
    """Split as the simulator and LSP both do, at line feeds and carriage returns; without line ends and byte order mark."""
    return [line.removeprefix("\ufeff") if number == 0 else line for number, line in enumerate(re.split(r"\r\n|\n|\r", text))]


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


def range_at(line: str, number: int, column: int, codec: PositionCodec, *, whole: bool, bom: bool = False) -> types.Range:
    """Give the range of a hole in a 0-based line: the word at the column, or with `whole` all from there to the end of the code.

    `bom`: a byte order mark that the client counts stands before the line.
    """
    index = index_of(line, column)
    code_end = len(line.split("//", 1)[0].rstrip()) or len(line.rstrip())
    if index is None or index >= code_end:
        index, whole = len(line) - len(line.lstrip()), True
    word = _WORD.match(line, index)
    end = code_end if whole or word is None else word.end()
    first, last = min(index, end), max(index, end)
    mark = codec.client_num_units("\ufeff") if bom else 0
    return types.Range(
        types.Position(number, mark + codec.client_num_units(line[:first])),
        types.Position(number, mark + codec.client_num_units(line[:last])),
    )
