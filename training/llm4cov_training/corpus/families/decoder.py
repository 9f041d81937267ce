"""Decoders and encoders: one of many, priority, lookup tables, address maps and small instruction sets."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, blocking, choose, number, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    style.rng.choice((_one_of_many, _priority, _table, _map, _instructions))(unit)
    return unit


def _one_of_many(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(2, 3, 4)
    select, enable = unit.input("select", bits), unit.input("enable")
    out = unit.output("output", 1 << bits, is_reg=True)
    items = [([unit.number(k, bits)], [blocking(out, unit.number(1 << k, 1 << bits))]) for k in range((1 << bits) - style.one_of(0, 1, 2))]
    unit.comb(
        [blocking(out, unit.zero(1 << bits)), when(unit.high(enable), [choose(select, items, [blocking(out, unit.zero(1 << bits))])])]
    )


def _priority(unit: Unit) -> None:
    style = unit.style
    count = style.rng.randint(4, 10)
    bits = (count - 1).bit_length()
    requests = unit.input("request", count)
    mask = unit.input("control", count) if style.chance(0.5) else None
    seen = unit.wire("request", count, requests & mask) if mask is not None else requests
    place, valid = unit.output("position", bits, is_reg=True), unit.output("valid", is_reg=True)
    chain: list[Stmt] = [blocking(place, unit.zero(bits)), blocking(valid, unit.number(0, 1))]
    order = range(count) if style.chance(0.5) else reversed(range(count))
    for index in order:
        chain = [when(seen[index], [blocking(place, unit.number(index, bits)), blocking(valid, unit.number(1, 1))], chain)]
    unit.comb(chain)


def _table(unit: Unit) -> None:
    style = unit.style
    bits, out_bits = style.one_of(3, 4, 4, 5), style.one_of(4, 7, 8)
    select = unit.input("data", bits)
    out = unit.output("light", out_bits, is_reg=True)
    known = style.rng.sample(range(1 << bits), style.rng.randint(4, min(16, 1 << bits)))
    items = [([unit.number(k, bits)], [blocking(out, unit.number(style.rng.randrange(1 << out_bits), out_bits))]) for k in sorted(known)]
    table: list[Stmt] = [choose(select, items, [blocking(out, unit.zero(out_bits))])]
    if style.chance(0.5):
        off = unit.input("clear")
        table = [when(unit.high(off), [blocking(out, unit.number((1 << out_bits) - 1, out_bits))], table)]
    unit.comb(table)


def _map(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(6, 8, 10, 12)
    address, valid = unit.input("address", bits), unit.input("valid")
    count = style.rng.randint(2, 5)
    select, error = unit.output("select", count, is_reg=True), unit.output("error", is_reg=True)
    edges = sorted(style.rng.sample(range(1, 1 << bits), count))
    chain: list[Stmt] = [blocking(select, unit.zero(count)), blocking(error, valid)]
    for index in reversed(range(count)):
        hit: Expr = address.lt(unit.number(edges[index], bits))
        if index and style.chance(0.3):
            hit = address.eq(unit.number(edges[index], bits))
        chain = [when(valid.land(hit), [blocking(select, unit.number(1 << index, count)), blocking(error, unit.number(0, 1))], chain)]
    unit.comb(chain)


def _instructions(unit: Unit) -> None:
    style = unit.style
    word = unit.input("data", 8)
    op, mode = unit.output("opcode", 3, is_reg=True), unit.output("mode", 2, is_reg=True)
    reads, writes, bad = unit.output("read", is_reg=True), unit.output("write", is_reg=True), unit.output("error", is_reg=True)
    zero = [
        blocking(op, number(0, 3)),
        blocking(mode, number(0, 2)),
        blocking(reads, unit.number(0, 1)),
        blocking(writes, unit.number(0, 1)),
        blocking(bad, unit.number(0, 1)),
    ]
    items = []
    for code in style.rng.sample(range(16), style.rng.randint(5, 11)):
        body: list[Stmt] = [
            blocking(op, number(style.rng.randrange(8), 3)),
            blocking(reads, word[0]),
            blocking(writes, unit.number(style.rng.randrange(2), 1)),
        ]
        if style.chance(0.4):
            body.append(
                when(
                    word[3:0].eq(unit.number(style.value(4), 4)),
                    [blocking(mode, word[1:0])],
                    [blocking(mode, number(style.rng.randrange(4), 2))],
                )
            )
        if style.chance(0.25):
            body.append(when(word[2].land(word[1]), [blocking(bad, unit.number(1, 1))]))
        items.append(([unit.number(code, 4)], body))
    unit.comb([*zero, choose(word[7:4], items, [blocking(bad, unit.number(1, 1))])])
