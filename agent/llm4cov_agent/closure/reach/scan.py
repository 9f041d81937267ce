"""Finds the procedural blocks of one source and what makes a netlist of it doubtful. Follows no macro and elaborates nothing."""

from __future__ import annotations

import re

from llm4cov_agent.closure.reach.blocks import Block, BlockKind, Scan, read_statements
from llm4cov_agent.closure.reach.tokens import Token, closing, closing_or_end, read_tokens, statement_end

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


def scan(text: str) -> Scan:
    """Find the procedural blocks of a source and whatever makes a netlist of it doubtful."""
    found = Scan()
    found.obstacle = _doubt_in_macros(text)
    tokens = list(read_tokens(text))
    found.names.update(token.text for token in tokens if token.kind == "word")
    for index, token in enumerate(tokens[:-1]):
        if token.kind == "word" and tokens[index + 1].text == "(" and (index == 0 or not _is_declared_here(tokens, index)):
            inside = tokens[index + 2 : closing_or_end(tokens, index + 1)]
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


def _block(tokens: list[Token], position: int, module: int, found: Scan) -> int:
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
        read_statements(tokens, position + 1, end, block, found)
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
    end = statement_end(tokens, position)
    block = Block(kind, module, (first.line, first.column), (tokens[end].line, tokens[end].column))
    read_statements(tokens, position, end + 1, block, found)
    block.waits = waited
    found.blocks.append(block)
    return end + 1


def _event(tokens: list[Token], position: int, found: Scan) -> tuple[BlockKind, int, bool]:
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
    end = closing(tokens, position)
    inside = [token.text for token in tokens[position + 1 : end]]
    if inside == ["*"]:
        return BlockKind.COMBINATIONAL, end + 1, True
    is_edge = "posedge" in inside or "negedge" in inside or "edge" in inside
    return (BlockKind.EDGE if is_edge else BlockKind.LISTED), end + 1, False


def _is_declared_here(tokens: list[Token], position: int) -> bool:
    """Whether a name with parentheses behind it is the head of a function, not a call."""
    while position > 0 and tokens[position - 1].text not in (";", "begin", "end", "endfunction", "endtask", "endmodule", ")"):
        position -= 1
        if tokens[position].text in ("function", "task"):
            return True
    return False
