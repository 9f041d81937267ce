"""Turns slang's tokens into places and byte offsets of the design's own files. Knows no kind of statement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyslang
from pyslang import parsing, syntax

from llm4cov_agent.rtl.elaborate.site_values import Place, Slot, Where

_COMMENT_STRING_OR_MACRO = re.compile(
    r'//[^\n]*|(?P<comment>/\*.*?\*/)(?=(?P<end>[ \t\r]*(?://[^\n]*)?\n)?)|"(?:\\.|[^"\\\n])*"|`(?P<name>[A-Za-z_]\w*)', re.DOTALL
)

Key = tuple[Path, int, int]
"""File, start and end of a piece of syntax: what the syntax tree and the elaborated tree know each other by."""


def children(node: syntax.SyntaxNode) -> Iterator[syntax.SyntaxNode | parsing.Token]:
    """Give a node's parts in source order."""
    for index in range(len(node)):
        part = node[index]
        if isinstance(part, (syntax.SyntaxNode, parsing.Token)):
            yield part


def descendants(node: syntax.SyntaxNode) -> Iterator[syntax.SyntaxNode | parsing.Token]:
    """Give everything below a node, in no particular order and at any depth."""
    waiting = [node]
    while waiting:
        for part in children(waiting.pop()):
            if isinstance(part, syntax.SyntaxNode):
                waiting.append(part)
            yield part


def identifiers(node: syntax.SyntaxNode) -> frozenset[str]:
    """Give all names in a piece of syntax."""
    tokens = (part for part in descendants(node) if isinstance(part, parsing.Token))
    return frozenset(token.valueText for token in tokens if token.kind is parsing.TokenKind.Identifier)


def shifted_lines(text: str) -> frozenset[int]:
    """Find the lines on which Verilator's columns aren't the source's: those of macros and directives, and what follows a `/* */`.

    Its preprocessor hands a macro's text and one blank for a comment on to what counts columns.
    """
    found: set[int] = set()
    for match in _COMMENT_STRING_OR_MACRO.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["name"] is not None:
            end = _arguments_end(text, match.end())
            found.update(range(line, line + text.count("\n", match.start(), end) + 1))
        elif match["comment"] is not None and match["end"] is None:
            found.add(line + match["comment"].count("\n"))
    return frozenset(found)


def has_line_directive(text: str) -> bool:
    """Say whether the text tells tools to count its lines otherwise."""
    return any(match["name"] == "line" for match in _COMMENT_STRING_OR_MACRO.finditer(text))


def _arguments_end(text: str, start: int) -> int:
    """Give the end of the parenthesis behind a macro's name, or `start` if there is none."""
    opening = re.compile(r"[ \t]*\(").match(text, start)
    if opening is None:
        return start
    depth = 0
    for offset in range(opening.end() - 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[offset], 0)
        if depth == 0:
            return offset + 1
    return len(text)


class Texts:
    """The design's files by slang's buffers; whatever lies elsewhere has no place."""

    def __init__(self, manager: pyslang.SourceManager, texts: dict[Path, str]) -> None:
        self._manager = manager
        self._bytes = {path: text.encode() for path, text in texts.items()}
        self._files: dict[int, Path | None] = {}

    def _file(self, location: pyslang.SourceLocation) -> Path | None:
        if not self._manager.isFileLoc(location):
            return None
        key = hash(location.buffer)
        if key not in self._files:
            path = Path(self._manager.getFullPath(location.buffer))
            self._files[key] = path if path in self._bytes else None
        return self._files[key]

    def place(self, location: pyslang.SourceLocation) -> Place | None:
        """Give the place of a token that stands in a file itself, not in a macro or an include."""
        file = self._file(location)
        if file is None:
            return None
        line_start = self._bytes[file].rfind(b"\n", 0, location.offset) + 1
        return Place(file, self._manager.getLineNumber(location), location.offset - line_start + 1)

    def key(self, node: syntax.SyntaxNode) -> Key | None:
        """Give file and offsets of a node whose first and last token stand in one file themselves."""
        first, last = node.getFirstToken(), node.getLastToken()
        file = self._file(first.location)
        if file is None or file != self._file(last.location):
            return None
        return file, first.location.offset, last.range.end.offset

    def text(self, key: Key) -> str:
        """Give the source text of a node."""
        file, start, end = key
        return self._bytes[file][start:end].decode(errors="replace")

    def slot(self, node: syntax.SyntaxNode, where: Where, loop: tuple[int, int] | None = None) -> Slot | None:
        """Make a slot of a statement or an item; None where it is not whole in one file."""
        key = self.key(node)
        return None if key is None else Slot(*key[:1], where, *key[1:], loop)

    def inside(self, node: syntax.SyntaxNode, end: parsing.Token, where: Where, loop: tuple[int, int] | None = None) -> Slot | None:
        """Make a slot in front of a node's closing keyword."""
        key, place = self.key(node), self.place(end.location)
        return None if key is None or place is None else Slot(key[0], where, key[1], end.location.offset, loop)
