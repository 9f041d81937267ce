"""A procedural block as the names that it assigns, declares and reads, collected from its tokens. Draws no conclusion."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from llm4cov_agent.closure.reach.tokens import Token, closing, statement_end

_OPERATOR_ASSIGNMENTS = {"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "<<<=", ">>>="}

_HEADED = {"if", "for", "while", "repeat", "case", "casez", "casex", "foreach", "wait"}

_PLAIN = {
    "else",
    "begin",
    "end",
    "fork",
    "join",
    "join_any",
    "join_none",
    "endcase",
    "unique",
    "unique0",
    "priority",
    "default",
    "automatic",
    "static",
    "forever",
    "do",
    "assert",
    "cover",
    "assume",
    "return",
    "break",
    "continue",
    "disable",
    "final",
    "property",
    "signed",
    "unsigned",
    "const",
    "expect",
    "restrict",
    "void",
}
"""Words that stand before a statement or are one, and are no type."""

_TYPES = {
    "reg",
    "logic",
    "bit",
    "integer",
    "int",
    "byte",
    "shortint",
    "longint",
    "var",
    "genvar",
    "localparam",
    "parameter",
    "input",
    "output",
    "inout",
}


class BlockKind(Enum):
    """What runs a procedural block."""

    EDGE = "edge"
    COMBINATIONAL = "combinational"
    LISTED = "listed"
    """A list of signals without edges."""
    TASK = "task"


@dataclass(slots=True)
class Block:
    """A procedural block with the names that it assigns; lines and columns are 1-based, the end is the last token's."""

    kind: BlockKind
    module: int
    """Index of the module in its text; -1 outside of modules."""
    start: tuple[int, int]
    end: tuple[int, int]
    blocking: set[str] = field(default_factory=set)
    nonblocking: set[str] = field(default_factory=set)
    names: Counter[str] = field(default_factory=Counter)
    declared: set[str] = field(default_factory=set)
    waits: bool = False
    """Whether it waits for `*`, that is, for the signals that it reads."""
    callee: str = ""
    """Name of a task or function."""
    loops: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    """Where each `for` begins and ends; outer loops come before those inside them."""


@dataclass(slots=True)
class Scan:
    """What was found in one text."""

    modules: list[tuple[int, int]] = field(default_factory=list)
    """(first line, last line) of each module."""
    blocks: list[Block] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    """How often each identifier occurs."""
    calls: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """Each name with parentheses behind it, with the names inside them."""
    obstacle: str = ""
    """Why this text can't be trusted to behave like a netlist; empty if nothing of that kind was found."""


def read_statements(tokens: list[Token], position: int, end: int, block: Block, found: Scan) -> None:
    """Collect what is assigned and named between two positions."""
    block.names.update(token.text for token in tokens[position:end] if token.kind == "word")
    while position < end:
        token = tokens[position]
        if token.text in _HEADED and token.kind == "word":
            position += 1
            if position < end and tokens[position].text == "(":
                behind = closing(tokens, position)
                if token.text == "for":
                    last = tokens[statement_end(tokens, behind + 1)]
                    block.loops.append(((token.line, token.column), (last.line, last.column)))
                    _read_loop(tokens[position + 1 : behind], block)
                position = behind + 1
        elif token.text in ("begin", "fork") and position + 1 < end and tokens[position + 1].text == ":":
            position += 3
        elif token.kind == "macro":
            found.obstacle = found.obstacle or "a macro stands for statements"
            position += 1
        elif token.text in ("@", "#", "->") and token.kind == "op":
            found.obstacle = found.obstacle or "a delay or event control is inside a block"
            position += 1
        elif token.text in ("assign", "deassign"):
            found.obstacle = found.obstacle or "a procedural assign is used"
            position += 1
        elif token.text in _TYPES:
            position = _read_declaration(tokens, position, end, block)
        elif token.text in _PLAIN or token.text in (";", ":", ")"):
            position += 1
        else:
            position = _read_plain(tokens, position, end, block)


def _read_loop(tokens: list[Token], block: Block) -> None:
    declares = bool(tokens) and tokens[0].text in _TYPES
    for token, after in pairwise(tokens):
        if token.kind == "word" and (after.text in ("=", "++", "--") or after.text in _OPERATOR_ASSIGNMENTS):
            (block.declared if declares else block.blocking).add(token.text)


def _read_declaration(tokens: list[Token], position: int, end: int, block: Block) -> int:
    depth = 0
    while position < end and not (tokens[position].text == ";" and depth == 0):
        token = tokens[position]
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        if token.kind == "word" and depth == 0:
            block.declared.add(token.text)
        position += 1
    return position + 1


def _read_plain(tokens: list[Token], position: int, end: int, block: Block) -> int:
    """Read an assignment, a call, or the label of a case item; returns the position behind it."""
    start = position
    names = {tokens[position].text} if tokens[position].kind == "word" else set()
    inside_braces = tokens[position].text == "{"
    while position < end:
        text = tokens[position].text
        if text in ("(", "[", "{"):
            behind = closing(tokens, position)
            if text == "{" and inside_braces and position == start:
                names |= {token.text for token in tokens[position:behind] if token.kind == "word"}
            position = behind + 1
            continue
        if text == "=" or text in _OPERATOR_ASSIGNMENTS or text in ("++", "--"):
            if not names and position + 1 < end and tokens[position + 1].kind == "word":
                names = {tokens[position + 1].text}
            block.blocking |= names
            break
        if text == "<=":
            block.nonblocking |= names
            break
        if text == ":" or text == ";":
            # A user-defined type in front of a name declares it.
            return position + 1
        position += 1
    if position - start >= 2 and tokens[start].kind == "word" and tokens[start + 1].kind == "word":
        # `type name = value` declares a variable of the block.
        block.blocking -= names
        block.declared.add(tokens[start + 1].text)
    while position < end and tokens[position].text != ";":
        position = closing(tokens, position) + 1 if tokens[position].text in ("(", "[", "{") else position + 1
    return position + 1
