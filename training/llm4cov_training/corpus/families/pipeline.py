"""Pipelines: stages with valid bits, stall and flush, that compute something on the way."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, cat, mux, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    bits, stages = style.one_of(4, 8, 12), style.rng.randint(2, 5)
    valid, data = unit.input("valid"), unit.input("data", bits)
    other = unit.input("right", bits) if style.chance(0.5) else None
    stall = unit.input("stop") if style.chance(0.7) else None
    flush = unit.input("clear") if style.chance(0.5) else None
    out_valid, out = unit.output("valid"), unit.output("result", bits)
    value, has = data, valid
    for _ in range(stages):
        kept, kept_valid = unit.reg("stage", bits), unit.reg("valid")
        step: list[Stmt] = [nonblocking(kept_valid, has), *_compute(unit, kept, value, other, bits)]
        if style.chance(0.3):
            step = [nonblocking(kept_valid, has), when(has, _compute(unit, kept, value, other, bits))]
        if stall is not None:
            step = [when(stall.lnot(), step)]
        if flush is not None:
            step = [when(unit.high(flush), [nonblocking(kept_valid, unit.number(0, 1))], step)]
        unit.clocked(step, [(kept_valid, 0, 1), (kept, 0, bits)])
        value, has = kept, kept_valid
    unit.assign(out_valid, has)
    unit.assign(out, value)
    return unit


def _compute(unit: Unit, target: Expr, value: Expr, other: Expr | None, bits: int) -> list[Stmt]:
    style = unit.style
    ways: list[Expr] = [
        value + unit.number(style.value(bits), bits),
        value ^ unit.number(style.value(bits), bits),
        cat(value[bits - 2 : 0], value[bits - 1]),
        mux(value.gt(unit.number(style.value(bits), bits)), value - unit.number(1, bits), value),
        mux(value[bits - 1], ~value, value),
    ]
    if other is not None:
        ways += [value + other, value & other, mux(value.eq(other), unit.zero(bits), value)]
    chosen = style.rng.choice(ways)
    if style.chance(0.35):
        special = value.eq(unit.number(style.value(bits), bits))
        return [when(special, [nonblocking(target, unit.zero(bits))], [nonblocking(target, chosen)])]
    return [nonblocking(target, chosen)]
