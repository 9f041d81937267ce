"""Checksums: a CRC bit by bit or a few bits at once, a check against a value, and simple sums."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, cat, mux, nonblocking, number, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    bits = style.one_of(4, 5, 7, 8, 12, 16)
    start = style.rng.choice((0, (1 << bits) - 1))
    polynomial = style.value(bits) | 1
    clear, valid = unit.input("clear"), unit.input("valid")
    out = unit.output("remainder", bits, is_reg=True)
    if style.chance(0.25):
        data = unit.input("data", bits)
        value: Expr = out + data if style.chance(0.5) else cat(out[bits - 2 : 0], out[bits - 1]) ^ data
    else:
        at_once = style.one_of(1, 1, 2, 4)
        data = unit.input("serial") if at_once == 1 else unit.input("data", at_once)
        value = out
        for step in range(at_once):
            bit = data if at_once == 1 else data[at_once - 1 - step]
            feed = unit.wire("serial", 1, value[bits - 1] ^ bit)
            value = unit.wire(
                "remainder", bits, cat(value[bits - 2 : 0], number(0, 1, "b")) ^ mux(feed, unit.number(polynomial, bits), unit.zero(bits))
            )
    unit.clocked(
        [when(unit.high(clear), [nonblocking(out, unit.number(start, bits))], [when(unit.high(valid), [nonblocking(out, value)])])],
        [(out, start, bits)],
    )
    good = unit.output("flag")
    unit.assign(good, out.eq(unit.zero(bits) if style.chance(0.5) else unit.number(style.value(bits), bits)))
    if style.chance(0.5):
        count_bits = style.one_of(4, 5, 6, 7)
        length, last = unit.reg("length", count_bits), unit.output("done", is_reg=True)
        end = unit.number(style.rng.randint(1 << (count_bits - 1), (1 << count_bits) - 1), count_bits)
        at_end = [nonblocking(last, unit.number(1, 1)), nonblocking(length, unit.zero(count_bits))]
        step_on = [
            when(length.eq(end), at_end, [nonblocking(length, length + unit.number(1, count_bits)), nonblocking(last, unit.number(0, 1))])
        ]
        unit.clocked(
            [when(unit.high(clear), [nonblocking(length, unit.zero(count_bits))], [when(unit.high(valid), step_on)])],
            [(length, 0, count_bits), (last, 0, 1)],
        )
    return unit
