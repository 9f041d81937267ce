"""Turns the simulator's places into the client's: 1-based columns of a line without its comments into 0-based code units.

Verilator counts bytes of what its preprocessor leaves: a block comment is one column, whatever is in it. Where a macro was
expanded the column can lie behind the line's end; it is then taken for the line's first character.
"""

from __future__ import annotations

import re

from lsprotocol import types
from pygls.workspace import PositionCodec

_LINE_END = re.compile(r"\r\n|\n|\r")
_WORD = re.compile(r"[A-Za-z_$][\w$]*")


def lines_of(text: str) -> list[str]:
    """Split as the simulator and LSP both do, at line feeds and carriage returns; without line ends and byte order mark."""
    return [line.removeprefix("\ufeff") if number == 0 else line for number, line in enumerate(_LINE_END.split(text))]


def changed(text: str, place: types.Range, inserted: str, codec: PositionCodec) -> str:
    """Apply a client's edit. pygls has a text too, but it takes form feeds and Unicode's separators for line ends, which LSP does not."""
    first = _offset(text, place.start, codec)
    last = max(first, _offset(text, place.end, codec))
    return text[:first] + inserted + text[last:]


def _offset(text: str, position: types.Position, codec: PositionCodec) -> int:
    """Give the offset of a client's position; behind a line's end it is that end, behind the last line the text's."""
    start = 0
    for _ in range(position.line):
        match = _LINE_END.search(text, start)
        if match is None:
            return len(text)
        start = match.end()
    match = _LINE_END.search(text, start)
    end = match.start() if match is not None else len(text)
    units = position.character
    while start < end and units > 0:
        units -= codec.client_num_units(text[start])
        start += 1
    return start


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
