"""Small bus slaves: registers by address, bits that clear when read or written, an interrupt, keys, and wait states."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, blocking, choose, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    bits, address_bits = style.one_of(8, 8, 16), style.one_of(3, 4, 5, 8)
    two_phase = style.chance(0.5)
    select = unit.input("select")
    enable = unit.input("enable") if two_phase else None
    write, address, data = unit.input("write"), unit.input("address", address_bits), unit.input("data", bits)
    event = unit.input("request")
    out, ready, error = unit.output("result", bits, is_reg=True), unit.output("ready"), unit.output("error", is_reg=True)
    access = unit.wire("valid", 1, select.land(enable) if enable is not None else select)
    waits = style.chance(0.4)
    if waits:
        count = unit.reg("count", 2)
        unit.clocked(
            [when(access.land(ready.lnot()), [nonblocking(count, count + unit.number(1, 2))], [nonblocking(count, unit.zero(2))])],
            [(count, 0, 2)],
        )
        unit.assign(ready, count.eq(unit.number(style.rng.randint(1, 3), 2)))
        access = access.land(ready)
    else:
        unit.assign(ready, access)
    many = style.rng.randint(2, 6)
    places = style.rng.sample(range(1 << address_bits), many + 2)
    registers = [unit.reg("control", bits) for _ in range(many)]
    pending = unit.reg("status", 1)
    form = style.rng.choice(("ADDR_{}", "REG{}", "A_{}", "OFFSET_{}", "R{}_ADR"))
    labels = [unit.named(form.format(k), place, address_bits) for k, place in enumerate(places)]
    writes: list[tuple[list[Expr], list[Stmt]]] = []
    for label, register in zip(labels, registers, strict=False):
        body: list[Stmt] = [nonblocking(register, data)]
        way = style.rng.randrange(5)
        if way == 0:
            body = [nonblocking(register, register & ~data)]
        elif way == 1:
            body = [nonblocking(register, register | data)]
        elif way == 2:
            body = [when(data[0].lnot(), body, [nonblocking(error, unit.number(1, 1))])]
        elif way == 3:
            key = data[bits - 1 : bits - 4].eq(unit.number(style.value(4), 4))
            body = [when(key, body)]
        writes.append(([label], body))
    writes.append(([labels[many]], [when(data[0], [nonblocking(pending, unit.number(0, 1))])]))
    held = [(register, style.rng.choice((0, 0, style.value(bits))), bits) for register in registers]
    unit.clocked(
        [
            nonblocking(error, unit.number(0, 1)),
            when(unit.high(event), [nonblocking(pending, unit.number(1, 1))]),
            when(access.land(write), [choose(address, writes, [nonblocking(error, unit.number(1, 1))])]),
        ],
        [(error, 0, 1), (pending, 0, 1), *held],
    )
    reads = [([label], [blocking(out, register)]) for label, register in zip(labels, registers, strict=False)]
    reads.append(([labels[many + 1]], [blocking(out, unit.number(style.value(bits), bits))]))
    unit.comb([choose(address, reads, [blocking(out, unit.zero(bits))])])
    interrupt = unit.output("flag")
    unit.assign(interrupt, pending & registers[0][0])
    return unit
