"""Places where a simulator's order of evaluation differs from a netlist's, found in the text alone. Knows no tool.

A netlist is settled logic and registers. A simulator runs blocks: one that is not run when its inputs change, one that
races with another, one that is run twice while values settle. Whatever of that kind is possible is reported by the names
that are assigned there, so that a proof can leave their values open. Where the text can't be followed, the scan says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise


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


_TOKEN = re.compile(
    r"(?P<skip>//[^\n]*|/\*.*?\*/|\(\*(?!\s*\)).*?\*\)|\s+)|(?P<string>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<word>\\\S+|[A-Za-z_$][\w$]*)|(?P<macro>`[\w$`]+)|(?P<number>\d*\s*'\s*[sS]?[bodhBODH]\s*[\w?]+|\d[\w.]*|'[01xzXZ])"
    r"|(?P<op><<<=|>>>=|<<=|>>=|<=|>=|===|!==|==|!=|&&|\|\||\+\+|--|->|::|[-+*/%&|^]=|.)",
    re.DOTALL,
)
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
_FOREIGN = {
    "interface": "an interface is used",
    "force": "a force statement is used",
    "release": "a force statement is used",
    "fork": "parallel statements are used",
    "alias": "a net alias is used",
    "class": "a class is used",
    "primitive": "a user-defined primitive is used",
    "bind": "a bind statement is used",
    "event": "a named event is used",
    "specify": "a specify block is used",
    "supply0": "a net with a strength is used",
    "supply1": "a net with a strength is used",
    "tri0": "a net with a pull is used",
    "tri1": "a net with a pull is used",
    "triand": "a resolved net is used",
    "trior": "a resolved net is used",
    "wand": "a resolved net is used",
    "wor": "a resolved net is used",
    "trireg": "a net that keeps charge is used",
    "pullup": "a net with a pull is used",
    "pulldown": "a net with a pull is used",
    "defparam": "a defparam is used",
    "$c": "C code is used",
    "$cpure": "C code is used",
    "$random": "random numbers are used",
    "$urandom": "random numbers are used",
    "$urandom_range": "random numbers are used",
    "$time": "the time is used",
    "$realtime": "the time is used",
    "$value$plusargs": "the command line is used",
    "$test$plusargs": "the command line is used",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int
    column: int


def scan(text: str) -> Scan:
    """Find the procedural blocks of a source and whatever makes a netlist of it doubtful."""
    found = Scan()
    found.obstacle = _doubt_in_macros(text)
    tokens = list(_tokens(text))
    found.names.update(token.text for token in tokens if token.kind == "word")
    for index, token in enumerate(tokens[:-1]):
        if token.kind == "word" and tokens[index + 1].text == "(" and (index == 0 or not _is_declared_here(tokens, index)):
            inside = tokens[index + 2 : _closing_or_end(tokens, index + 1)]
            found.calls.append((token.text, frozenset(item.text for item in inside if item.kind == "word")))
    for word, why in _FOREIGN.items():
        if word in found.names:
            found.obstacle = found.obstacle or why
    position, module, start = 0, -1, 0
    while position < len(tokens):
        token = tokens[position]
        if token.text in ("module", "macromodule") and token.kind == "word":
            module, start = len(found.modules), token.line
            found.modules.append((start, start))
        elif token.text == "endmodule":
            found.modules[-1:] = [(start, token.line)]
            module = -1
        elif token.text in ("always", "always_ff", "always_comb", "always_latch", "task", "function") and token.kind == "word":
            try:
                position = _block(tokens, position, module, found)
            except IndexError:
                found.obstacle = found.obstacle or "a block has no end that was found"
                return found
            continue
        position += 1
    return found


def _doubt_in_macros(text: str) -> str:
    for match in re.finditer(r"`define\b(?:[^\\\n]|\\.|\\\n)*", text):
        if re.search(r"\b(always\w*|assign|task|function)\b|<=", match.group()):
            return "a macro holds statements"
    if re.search(r"\btranslate_o(n|ff)\b", text):
        return "parts are hidden from synthesis by comments"
    return ""


def _tokens(text: str) -> Iterator[_Token]:
    line, line_start, position = 1, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        kind, part = match.lastgroup or "op", match.group()
        if kind == "macro" and part[1:] in (
            "define",
            "ifdef",
            "ifndef",
            "elsif",
            "undef",
            "include",
            "timescale",
            "default_nettype",
            "line",
        ):
            end = (
                re.compile(r"(?:[^\\\n]|\\.|\\\n)*", re.DOTALL).match(text, position)
                if part[1:] in ("define", "include", "timescale", "line")
                else None
            )
            part = end.group().split("\n")[0] if end and part[1:] != "define" else end.group() if end else part
            kind = "skip"
        elif kind == "macro" and part[1:] in ("else", "endif", "resetall", "celldefine", "endcelldefine", "begin_keywords", "end_keywords"):
            kind = "skip"
        if kind != "skip":
            yield _Token(kind, part, line, position - line_start + 1)
        breaks = part.count("\n")
        if breaks:
            line += breaks
            line_start = position + part.rindex("\n") + 1
        position += len(part)


def _block(tokens: list[_Token], position: int, module: int, found: Scan) -> int:
    """Read one block; returns the position behind it."""
    first = tokens[position]
    if first.text in ("task", "function"):
        end = position
        while tokens[end].text != f"end{first.text}":
            if tokens[end].text in ("extern", ";") and tokens[position - 1].text in ("import", "export", '"DPI-C"'):
                found.obstacle = found.obstacle or "foreign functions are used"
                return end
            end += 1
        block = Block(BlockKind.TASK, module, (first.line, first.column), (tokens[end].line, tokens[end].column))
        _read_statements(tokens, position + 1, end, block, found)
        header = position
        while tokens[header].text != ";":
            if tokens[header].kind == "word":
                block.declared.add(tokens[header].text)
                if tokens[header + 1].text in ("(", ";") and not block.callee:
                    block.callee = tokens[header].text
            header += 1
        found.blocks.append(block)
        return end + 1
    kind, position, waited = _event(tokens, position, found)
    end = _statement_end(tokens, position)
    block = Block(kind, module, (first.line, first.column), (tokens[end].line, tokens[end].column))
    _read_statements(tokens, position, end + 1, block, found)
    block.waits = waited
    found.blocks.append(block)
    return end + 1


def _never_runs(block: Block, signals: Collection[str]) -> bool:
    """Whether a star finds nothing to wait for: a block that reads no signal but its own is never run; doubtful cases count."""
    if not block.waits or block.kind is not BlockKind.COMBINATIONAL:
        return False
    return not (set(block.names) - block.blocking - block.nonblocking - block.declared) & set(signals)


def _event(tokens: list[_Token], position: int, found: Scan) -> tuple[BlockKind, int, bool]:
    """Classify `always ...`; returns the kind, where its statement begins, and whether it waits for `*`."""
    word = tokens[position].text
    position += 1
    if word in ("always_comb", "always_latch"):
        return BlockKind.COMBINATIONAL, position, False
    if tokens[position].text != "@":
        found.obstacle = found.obstacle or "a block runs on a delay"
        return BlockKind.LISTED, position, False
    position += 1
    if tokens[position].text == "*":
        return BlockKind.COMBINATIONAL, position + 1, True
    if tokens[position].text != "(":
        return BlockKind.LISTED, position + 1, False
    end = _closing(tokens, position)
    inside = [token.text for token in tokens[position + 1 : end]]
    if inside == ["*"]:
        return BlockKind.COMBINATIONAL, end + 1, True
    is_edge = "posedge" in inside or "negedge" in inside or "edge" in inside
    return (BlockKind.EDGE if is_edge else BlockKind.LISTED), end + 1, False


def _is_declared_here(tokens: list[_Token], position: int) -> bool:
    """Whether a name with parentheses behind it is the head of a function, not a call."""
    while position > 0 and tokens[position - 1].text not in (";", "begin", "end", "endfunction", "endtask", "endmodule", ")"):
        position -= 1
        if tokens[position].text in ("function", "task"):
            return True
    return False


def _closing_or_end(tokens: list[_Token], position: int) -> int:
    try:
        return _closing(tokens, position)
    except IndexError:
        return len(tokens)


def _closing(tokens: list[_Token], position: int) -> int:
    depth = 0
    while True:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(tokens[position].text, 0) if tokens[position].kind == "op" else 0
        if depth == 0:
            return position
        position += 1


def _statement_end(tokens: list[_Token], position: int) -> int:
    """Position of the last token of the statement that begins here."""
    while tokens[position].text in ("unique", "unique0", "priority") or (
        tokens[position].kind == "word" and tokens[position + 1].text == ":" and tokens[position].text != "default"
    ):
        position += 1 if tokens[position].text in ("unique", "unique0", "priority") else 2
    text = tokens[position].text
    if text in ("begin", "case", "casez", "casex", "fork"):
        depth = 0
        while True:
            depth += {"begin": 1, "case": 1, "casez": 1, "casex": 1, "fork": 1, "end": -1, "endcase": -1, "join": -1}.get(
                tokens[position].text, 0
            )
            if depth == 0:
                break
            position += 1
        if tokens[position + 1].text == ":" and tokens[position + 2].kind == "word":
            position += 2
        return position
    if text in ("if", "for", "while", "repeat", "foreach"):
        position = _statement_end(tokens, _closing(tokens, position + 1) + 1)
        if text == "if" and position + 1 < len(tokens) and tokens[position + 1].text == "else":
            return _statement_end(tokens, position + 2)
        return position
    if text in ("@", "#"):
        after = _closing(tokens, position + 1) + 1 if tokens[position + 1].text == "(" else position + 2
        return _statement_end(tokens, after)
    while tokens[position].text != ";":
        position = _closing(tokens, position) + 1 if tokens[position].text in ("(", "{", "[") else position + 1
    return position


def _read_statements(tokens: list[_Token], position: int, end: int, block: Block, found: Scan) -> None:
    """Collect what is assigned and named between two positions."""
    block.names.update(token.text for token in tokens[position:end] if token.kind == "word")
    while position < end:
        token = tokens[position]
        if token.text in _HEADED and token.kind == "word":
            position += 1
            if position < end and tokens[position].text == "(":
                closing = _closing(tokens, position)
                if token.text == "for":
                    _read_loop(tokens[position + 1 : closing], block)
                position = closing + 1
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


def _read_loop(tokens: list[_Token], block: Block) -> None:
    declares = bool(tokens) and tokens[0].text in _TYPES
    for token, after in pairwise(tokens):
        if token.kind == "word" and (after.text in ("=", "++", "--") or after.text in _OPERATOR_ASSIGNMENTS):
            (block.declared if declares else block.blocking).add(token.text)


def _read_declaration(tokens: list[_Token], position: int, end: int, block: Block) -> int:
    depth = 0
    while position < end and not (tokens[position].text == ";" and depth == 0):
        token = tokens[position]
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        if token.kind == "word" and depth == 0:
            block.declared.add(token.text)
        position += 1
    return position + 1


def _read_plain(tokens: list[_Token], position: int, end: int, block: Block) -> int:
    """Read an assignment, a call, or the label of a case item; returns the position behind it."""
    start = position
    names = {tokens[position].text} if tokens[position].kind == "word" else set()
    inside_braces = tokens[position].text == "{"
    while position < end:
        text = tokens[position].text
        if text in ("(", "[", "{"):
            closing = _closing(tokens, position)
            if text == "{" and inside_braces and position == start:
                names |= {token.text for token in tokens[position:closing] if token.kind == "word"}
            position = closing + 1
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
        position = _closing(tokens, position) + 1 if tokens[position].text in ("(", "[", "{") else position + 1
    return position + 1


def _calls(scans: Mapping[str, Scan], callee: str) -> int:
    """How often a task is named in blocks that no clock edge runs, its own text left out."""
    return sum(
        block.names[callee]
        for scan in scans.values()
        for block in scan.blocks
        if block.kind is not BlockKind.EDGE and block.callee != callee
    )


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
