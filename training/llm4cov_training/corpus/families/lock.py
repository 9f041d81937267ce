"""Locks and parsers: a code in several digits with a lockout, and packets with a header, a length and a checksum."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import choose, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    if style.chance(0.5):
        _code(unit)
    else:
        _packet(unit)
    return unit


def _code(unit: Unit) -> None:
    style = unit.style
    bits, digits = style.one_of(2, 3, 4, 8), style.rng.randint(2, 4)
    key, valid = unit.input("key", bits), unit.input("valid")
    opened, locked = unit.output("open", is_reg=True), unit.output("expired", is_reg=True)
    place_bits = digits.bit_length()
    place, tries = unit.reg("position", place_bits), unit.reg("count", 2)
    most = style.rng.randint(1, 3)
    wrong = [
        nonblocking(place, unit.zero(place_bits)),
        when(tries.eq(unit.number(most, 2)), [nonblocking(locked, unit.number(1, 1))], [nonblocking(tries, tries + unit.number(1, 2))]),
    ]
    items = []
    for index in range(digits):
        right = [nonblocking(place, unit.number(index + 1, place_bits))]
        if index == digits - 1:
            right = [nonblocking(opened, unit.number(1, 1)), nonblocking(tries, unit.zero(2)), nonblocking(place, unit.zero(place_bits))]
        items.append(([unit.number(index, place_bits)], [when(key.eq(unit.number(style.value(bits), bits)), right, wrong)]))
    tried = valid.land(locked.lnot())
    body = [when(tried, [choose(place, items, [nonblocking(place, unit.zero(place_bits))])])]
    if style.chance(0.6):
        close = unit.input("clear")
        body = [when(opened.land(close), [nonblocking(opened, unit.number(0, 1))], body)]
    unit.clocked(body, [(place, 0, place_bits), (tries, 0, 2), (opened, 0, 1), (locked, 0, 1)])


def _packet(unit: Unit) -> None:
    style = unit.style
    bits = 8 if style.chance(0.7) else 4
    data, valid = unit.input("data", bits), unit.input("valid")
    good, bad, kind = unit.output("done", is_reg=True), unit.output("error", is_reg=True), unit.output("field", 2, is_reg=True)
    names = ("IDLE", "KIND", "LENGTH", "BODY", "SUM")
    idle, kinds, lengths, body_state, sums = (unit.named(label, code, 3) for code, label in enumerate(names))
    state, left, total = unit.reg("state", 3), unit.reg("length", 4), unit.reg("remainder", bits)
    header = unit.number(style.value(bits), bits)
    known = style.rng.sample(range(min(16, 1 << bits)), 3)
    table = [
        ([unit.number(value, bits)], [nonblocking(kind, unit.number(rank + 1, 2)), nonblocking(state, lengths)])
        for rank, value in enumerate(known)
    ]
    wrong = [nonblocking(bad, unit.number(1, 1)), nonblocking(state, idle)]
    most = unit.number(style.rng.randint(2, min(12, (1 << bits) - 2)), bits)
    added = total + data if style.chance(0.5) else total ^ data
    items = [
        ([idle], [when(data.eq(header), [nonblocking(state, kinds), nonblocking(total, unit.zero(bits))])]),
        ([kinds], [choose(data, table, wrong)]),
        (
            [lengths],
            [when(data.eq(unit.zero(bits)).lor(data.gt(most)), wrong, [nonblocking(left, data[3:0]), nonblocking(state, body_state)])],
        ),
        (
            [body_state],
            [
                nonblocking(total, added),
                when(left.eq(unit.number(1, 4)), [nonblocking(state, sums)], [nonblocking(left, left - unit.number(1, 4))]),
            ],
        ),
        (
            [sums],
            [when(data.eq(total), [nonblocking(good, unit.number(1, 1))], [nonblocking(bad, unit.number(1, 1))]), nonblocking(state, idle)],
        ),
    ]
    unit.clocked(
        [
            nonblocking(good, unit.number(0, 1)),
            nonblocking(bad, unit.number(0, 1)),
            when(unit.high(valid), [choose(state, items, [nonblocking(state, idle)])]),
        ],
        [(state, 0, 3), (left, 0, 4), (total, 0, bits), (good, 0, 1), (bad, 0, 1), (kind, 0, 2)],
    )
