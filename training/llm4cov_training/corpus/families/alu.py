"""Arithmetic units: operations by code, flags, saturation, an accumulator; combinational or behind a register."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, blocking, cat, choose, mux, nonblocking, number, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    bits = style.one_of(4, 6, 8, 12, 16)
    code_bits = style.one_of(2, 3, 3, 4)
    left, right, code = unit.input("left", bits), unit.input("right", bits), unit.input("opcode", code_bits)
    result = unit.reg("result", bits)
    kinds = [
        left + right,
        left - right,
        left & right,
        left | right,
        left ^ right,
        ~left,
        left << 1,
        left >> 1,
        mux(left.lt(right), unit.number(1, bits), unit.number(0, bits)),
        mux(left.gt(right), left, right),
        cat(left[bits // 2 - 1 : 0], left[bits - 1 : bits // 2]),
        mux(left.eq(right), unit.number((1 << bits) - 1, bits), unit.zero(bits)),
        ~(left & right),
        left + unit.number(1, bits),
    ]
    style.rng.shuffle(kinds)
    many = min(len(kinds), (1 << code_bits) - style.rng.randint(0, 2))
    names = [f"OP_{k}" for k in range(many)]
    codes = [unit.named(label, k, code_bits) if style.chance(0.9) else number(k, code_bits) for k, label in enumerate(names)]
    table = [([label], [blocking(result, kind)]) for label, kind in zip(codes, kinds[:many], strict=True)]
    unit.comb([choose(code, table, [blocking(result, unit.zero(bits))])])
    zero, carry = unit.output("flag"), unit.output("overflow")
    unit.assign(zero, result.eq(unit.zero(bits)))
    wide = unit.wire("result", bits + 1, cat(number(0, 1, "b"), left) + cat(number(0, 1, "b"), right))
    unit.assign(carry, wide[bits])
    if style.chance(0.4):
        out = unit.output("result", bits)
        unit.assign(out, result)
        if style.chance(0.5):
            same = unit.output("status")
            unit.assign(same, left.eq(right))
        return unit
    enable = unit.input("enable")
    out = unit.output("result", bits, is_reg=True)
    done = unit.output("done", is_reg=True)
    keep: list[Stmt] = [nonblocking(out, _limited(unit, result, bits)), nonblocking(done, unit.number(1, 1))]
    if style.chance(0.5):
        keep = [when(result.eq(unit.number(style.value(bits), bits)), [nonblocking(out, unit.zero(bits))], keep)]
    unit.clocked([when(unit.high(enable), keep, [nonblocking(done, unit.number(0, 1))])], [(out, 0, bits), (done, 0, 1)])
    return unit


def _limited(unit: Unit, value: Expr, bits: int) -> Expr:
    if unit.style.chance(0.6):
        return value
    limit = unit.number(unit.style.rng.randint(1 << (bits - 1), (1 << bits) - 1), bits)
    return mux(value.gt(limit), limit, value)
