"""Registers that nothing but an asynchronous reset writes: found in the text, and put back where a front end drops them.

Such a register holds what it began with until the first reset and the constant of the reset for ever after, so a netlist
that gives it no value loses what a simulator knows. Only whole names, single constants and blocks with one clock and
one reset that no generate construct can leave out are read; the rest stays without a value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llm4cov_agent.closure.reach.blocks import Scan
from llm4cov_agent.closure.reach.netlist import Bit, Cell, Netlist, Signal, Wire
from llm4cov_agent.closure.reach.settling import module_at, place_of
from llm4cov_agent.closure.reach.tokens import Token, closing, read_tokens, statement_end

_LITERAL = re.compile(r"(?P<size>\d+)?\s*'\s*(?P<base>[bodhBODH])\s*(?P<digits>[0-9a-fA-F_]+)|(?P<plain>\d[\d_]*)|'(?P<fill>[01])")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}


@dataclass(frozen=True, slots=True)
class ResetLoad:
    """What a reset does to one register: `literal` is the text of the constant."""

    line: int
    name: str
    literal: str
    clock: str
    clock_rises: bool
    reset: str
    active_high: bool


def reset_loads(text: str) -> tuple[ResetLoad, ...]:
    """Find the constants that asynchronous resets load, of blocks that begin with `if (reset)`."""
    tokens = list(read_tokens(text))
    found: list[ResetLoad] = []
    otherwise: set[str] = set()
    depth = 0
    try:
        for position, token in enumerate(tokens):
            depth += {"begin": 1, "end": -1}.get(token.text, 0) if token.kind == "word" else 0
            before = tokens[position - 1].text if position else ""
            if token.kind == "word" and token.text in ("always", "always_ff") and depth == 0 and before not in (")", "else", ":"):
                found.extend(_block(tokens, position))
            elif token.text in ("initial", "assign") and token.kind == "word":
                otherwise |= {item.text for item in tokens[position : statement_end(tokens, position + 1) + 1]}
            elif token.text == "=" and token.kind == "op":
                otherwise.add(_named_before(tokens, position))
    except IndexError:
        # A block without an end is an obstacle elsewhere.
        return ()
    return tuple(load for load in found if load.name not in otherwise)


def with_else(text: str) -> str:
    """Give clocked blocks with asynchronous resets the `else` that the front end insists on; it does nothing."""
    tokens = list(read_tokens(text))
    offsets = [0]
    for line in text.split("\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    places: list[int] = []
    try:
        for position, token in enumerate(tokens):
            if token.kind == "word" and token.text in ("always", "always_ff"):
                last = _last_without_else(tokens, position)
                if last is not None:
                    places.append(offsets[last.line - 1] + last.column - 1 + len(last.text))
    except IndexError:
        return text
    for place in reversed(places):
        text = f"{text[:place]} else ;{text[place:]}"
    return text


def _last_without_else(tokens: list[Token], position: int) -> Token | None:
    """The last token of the branch of an asynchronous reset that has no `else`."""
    if [token.text for token in tokens[position + 1 : position + 3]] != ["@", "("]:
        return None
    end = closing(tokens, position + 2)
    edges = sum(token.text in ("posedge", "negedge") for token in tokens[position + 3 : end])
    position = end + 1
    while tokens[position].text == "begin":
        position += 3 if tokens[position + 1].text == ":" else 1
    for _ in range(edges - 1):
        if tokens[position].text != "if":
            return None
        last = statement_end(tokens, closing(tokens, position + 1) + 1)
        if last + 1 >= len(tokens) or tokens[last + 1].text != "else":
            return tokens[last]
        position = last + 2
    return None


def _named_before(tokens: list[Token], position: int) -> str:
    """The name, indices left out, in front of a sign: what is declared with a value, or assigned."""
    position -= 1
    depth = 0
    while position > 0 and (depth or tokens[position].text == "]"):
        depth += {"]": 1, "[": -1}.get(tokens[position].text, 0)
        position -= 1
    return tokens[position].text


def _block(tokens: list[Token], position: int) -> Iterator[ResetLoad]:
    if [token.text for token in tokens[position + 1 : position + 3]] != ["@", "("]:
        return
    end = closing(tokens, position + 2)
    events = [token.text for token in tokens[position + 3 : end]]
    if len(events) != 5 or events[2] not in ("or", ",") or {events[0], events[3]} - {"posedge", "negedge"}:
        return
    edges = {events[1]: events[0] == "posedge", events[4]: events[3] == "posedge"}
    position = end + 1
    while tokens[position].text == "begin":
        position += 3 if tokens[position + 1].text == ":" else 1
    if tokens[position].text != "if" or len(edges) != 2:
        return
    end = closing(tokens, position + 1)
    condition = [token.text for token in tokens[position + 2 : end]]
    reset, active_high = condition[-1], len(condition) == 1
    if reset not in edges or edges[reset] != active_high or condition[:-1] not in ([], ["!"], ["~"]):
        return
    (clock,) = edges.keys() - {reset}
    for name, literal in _constants(tokens[end + 1 : statement_end(tokens, end + 1) + 1]):
        yield ResetLoad(name.line, name.text, literal, clock, edges[clock], reset, active_high)


def _constants(branch: list[Token]) -> Iterator[tuple[Token, str]]:
    """Assignments of constants that always run with a branch; none if a loop or a condition is in it."""
    texts = [token.text for token in branch]
    if {"if", "for", "case", "casez", "casex", "while", "repeat", "foreach", "do", "forever", "begin"} & set(texts[1:]):
        return
    for position in range(len(branch) - 3):
        name, sign, value, stop = branch[position : position + 4]
        starts = position == 0 or texts[position - 1] in (";", "begin")
        if starts and name.kind == "word" and (sign.text, stop.text) == ("<=", ";") and texts.count(name.text) == 1:
            yield name, value.text


def _value(literal: str, width: int) -> int | None:
    """Value of an unsigned literal in a number of bits; None where it isn't one."""
    matched = _LITERAL.fullmatch(literal)
    if matched is None:
        return None
    if matched["fill"] is not None:
        return (1 << width) - 1 if matched["fill"] == "1" else 0
    if matched["plain"] is not None:
        return int(matched["plain"].replace("_", "")) & ((1 << width) - 1)
    digits, base = matched["digits"].replace("_", ""), _BASES[matched["base"].lower()]
    try:
        value = int(digits, base)
    except ValueError:
        return None
    size = int(matched["size"]) if matched["size"] else 32
    return value & ((1 << size) - 1) & ((1 << width) - 1)


def restore(netlist: Netlist, scans: Mapping[str, Scan], loads: Mapping[str, tuple[ResetLoad, ...]]) -> None:
    """Make registers of the bits that the front end left undefined and that a reset of their module loads."""
    by_name: dict[tuple[str, int, str], list[ResetLoad]] = {}
    for key, group in loads.items():
        for load in group:
            by_name.setdefault((key, module_at(scans, (key, load.line, 1)), load.name), []).append(load)
    by_path = {wire.path: wire for wire in netlist.wires.values() if wire.path}
    assigned = Counter(
        (key, block.module, name) for key, item in scans.items() for block in item.blocks for name in block.blocking | block.nonblocking
    )
    added: list[Cell] = []
    for cell in netlist.cells:
        if cell.type != "$buf":
            continue
        bits = list(zip(cell.ports["A"], cell.ports["Y"], strict=True))
        names = {bit[0] for source, bit in bits if source == "x" and isinstance(bit, tuple)}
        if len(names) != 1:
            continue
        wire = netlist.wires[names.pop()]
        place = place_of(wire.src)
        if place is None or not wire.path:
            continue
        home = (place[0], module_at(scans, place), wire.path[-1])
        found = by_name.get(home, [])
        if len(found) != 1 or assigned[home] != 1:
            continue
        (load,) = found
        clock, reset = _only(by_path, scans, wire, load.clock), _only(by_path, scans, wire, load.reset)
        value = _value(load.literal, wire.width)
        if clock is None or reset is None or clock.width != 1 or reset.width != 1 or value is None:
            continue
        left: list[tuple[Bit, Bit]] = [pair for pair in bits if pair[0] != "x"]
        mine: Signal = tuple(bit for source, bit in bits if source == "x")
        constant: Signal = tuple("1" if isinstance(bit, tuple) and value >> bit[1] & 1 else "0" for bit in mine)
        cell.ports.update(A=tuple(source for source, _ in left), Y=tuple(bit for _, bit in left))
        cell.parameters["WIDTH"] = str(len(left))
        netlist.fresh += 1
        parameters = {"WIDTH": str(len(mine)), "CLK_POLARITY": str(int(load.clock_rises)), "ALOAD_POLARITY": str(int(load.active_high))}
        ports: dict[str, Signal] = {"CLK": ((clock.name, 0),), "ALOAD": ((reset.name, 0),), "D": mine, "AD": constant, "Q": mine}
        added.append(Cell("$aldff", f"$reach$cell${netlist.fresh}", parameters, ports, cell.src))
    netlist.cells = [cell for cell in netlist.cells if cell.type != "$buf" or cell.ports["Y"]] + added


def _only(by_path: Mapping[tuple[str, ...], Wire], scans: Mapping[str, Scan], beside: Wire, name: str) -> Wire | None:
    """The signal of this name beside another one; None if a block inside the module has one of the same name."""
    scope = beside.path[:-1]
    found = by_path.get((*scope, name))
    home = _home(scans, beside)
    for path, wire in by_path.items():
        if path[-1] == name and len(path) > len(scope) + 1 and path[: len(scope)] == scope and _home(scans, wire) == home:
            return None
    return found if found is not None and _home(scans, found) == home else None


def _home(scans: Mapping[str, Scan], wire: Wire) -> tuple[str, int] | None:
    place = place_of(wire.src)
    return None if place is None else (place[0], module_at(scans, place))
