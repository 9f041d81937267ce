"""Turns the simulator's places into the client's: 1-based columns of a line without its comments into 0-based code units."""

from __future__ import annotations

import re

from lsprotocol import types
from pygls.workspace import PositionCodec

from llm4cov_agent.judge.place import part_of

_LINE_END = re.compile(r"\r\n|\n|\r")


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


def index_in(line: str, character: int, codec: PositionCodec, *, bom: bool = False) -> int:
    """Give the index in a line's text of a client's character; behind the end it is the end. `bom` as in `range_at`."""
    mark = "\ufeff" if bom else ""
    return max(0, _offset(mark + line, types.Position(0, character), codec) - len(mark))


def range_at(line: str, number: int, column: int, codec: PositionCodec, *, whole: bool, bom: bool = False) -> types.Range:
    """Give the range of a hole in a 0-based line: the word at the column, or with `whole` all from there to the end of the code.

    `bom`: a byte order mark that the client counts stands before the line.
    """
    first, last = part_of(line, column, whole=whole)
    mark = codec.client_num_units("\ufeff") if bom else 0
    return types.Range(
        types.Position(number, mark + codec.client_num_units(line[:first])),
        types.Position(number, mark + codec.client_num_units(line[:last])),
    )
