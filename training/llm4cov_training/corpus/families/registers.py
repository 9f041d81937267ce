"""Register files: one or two read ports, a register that reads as 0, write protection, a valid bit for each word."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import mux, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    bits, address_bits = style.one_of(4, 8, 16), style.one_of(2, 3, 3, 4)
    write, to, data = unit.input("write"), unit.input("address", address_bits), unit.input("data", bits)
    memory = unit.reg("memory", bits, words=1 << address_bits)
    zero_first = style.chance(0.4)
    allowed = write.land(to.ne(unit.zero(address_bits))) if zero_first else unit.high(write)
    locked = None
    if style.chance(0.5):
        locked = unit.output("status", is_reg=True)
        key_to, key = unit.number((1 << address_bits) - 1, address_bits), unit.number(style.value(bits), bits)
        unit.clocked([when(write.land(to.eq(key_to)).land(data.eq(key)), [nonblocking(locked, unit.number(1, 1))])], [(locked, 0, 1)])
        allowed = allowed.land(locked.lnot())
    unit.clocked([when(allowed, [nonblocking(memory[to], data)])])
    for _ in range(style.one_of(1, 1, 2)):
        at = unit.input("address", address_bits)
        registered = style.chance(0.5)
        out = unit.output("result", bits, is_reg=registered)
        value = memory[at]
        if style.chance(0.4):
            value = mux(write.land(at.eq(to)), data, value)
        if zero_first:
            value = mux(at.eq(unit.zero(address_bits)), unit.zero(bits), value)
        if registered:
            enable = unit.input("read")
            unit.clocked([when(unit.high(enable), [nonblocking(out, value)])], [(out, 0, bits)])
        else:
            unit.assign(out, value)
    if style.chance(0.5):
        words = 1 << address_bits
        valid, hit = unit.reg("valid", words), unit.output("flag")
        clear = unit.input("clear")
        unit.clocked(
            [
                when(
                    unit.high(clear),
                    [nonblocking(valid, unit.zero(words))],
                    [when(unit.high(write), [nonblocking(valid[to], unit.number(1, 1))])],
                )
            ],
            [(valid, 0, words)],
        )
        unit.assign(hit, valid.all_ones() if style.chance(0.5) else valid[to])
    return unit
