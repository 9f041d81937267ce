"""Counters: up, down, both ways, with a modulus, with a load, Gray, Johnson, ring and decimal."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Stmt, cat, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    kind = style.rng.choice(("up", "updown", "modulus", "load", "gray", "johnson", "ring", "decimal"))
    bits = style.rng.randint(3, 10)
    enable = unit.input("enable") if style.chance(0.8) else None
    if kind == "decimal":
        return _decimal(unit, enable is not None)
    is_hidden = kind == "gray"
    count = unit.reg("count", bits) if is_hidden else unit.output("count", bits, is_reg=True)
    one = unit.number(1, bits)
    step: list[Stmt] = [nonblocking(count, count + one)]
    start = 0
    if kind == "updown":
        up = unit.input("up")
        down: list[Stmt] = [nonblocking(count, count - one)]
        if style.chance(0.6):
            step = [when(count.ne(unit.number((1 << bits) - 1, bits)), step)]
            down = [when(count.ne(unit.zero(bits)), down)]
        step = [when(unit.high(up), step, down)]
    elif kind == "modulus":
        end = style.rng.randint((1 << (bits - 1)) + 1, (1 << bits) - 1)
        wraps = unit.output("overflow", is_reg=True)
        step = [
            when(
                count.eq(unit.number(end, bits)),
                [nonblocking(count, unit.zero(bits)), nonblocking(wraps, unit.number(1, 1))],
                [*step, nonblocking(wraps, unit.number(0, 1))],
            )
        ]
        unit.clocked(_guarded(unit, enable, step), [(count, 0, bits), (wraps, 0, 1)])
        return unit
    elif kind == "load":
        load, value = unit.input("load"), unit.input("data", bits)
        step = [when(unit.high(load), [nonblocking(count, value)], step)]
        at_end = unit.output("done")
        unit.assign(at_end, count.all_ones() if style.chance(0.5) else count.eq(unit.number(style.value(bits), bits)))
    elif kind == "gray":
        out = unit.output("output", bits)
        unit.assign(out, count ^ (count >> 1))
    elif kind == "johnson":
        step = [nonblocking(count, cat(count[bits - 2 : 0], ~count[bits - 1]))]
    elif kind == "ring":
        start = 1
        step = [nonblocking(count, cat(count[bits - 2 : 0], count[bits - 1]))]
    if style.chance(0.4):
        clear = unit.input("clear")
        step = [when(unit.high(clear), [nonblocking(count, unit.number(start, bits))], _guarded(unit, enable, step))]
    else:
        step = _guarded(unit, enable, step)
    unit.clocked(step, [(count, start, bits)])
    return unit


def _guarded(unit: Unit, enable: object, step: list[Stmt]) -> list[Stmt]:
    if enable is None:
        return step
    return [when(unit.high(unit.inputs[0][0]), step)]


def _decimal(unit: Unit, has_enable: bool) -> Unit:
    digits = unit.style.one_of(2, 2, 3)
    outputs = [unit.output("count", 4, is_reg=True) for _ in range(digits)]
    nine = unit.number(9, 4)
    step: list[Stmt] = []
    for digit in reversed(outputs):
        step = [when(digit.eq(nine), [nonblocking(digit, unit.zero(4)), *step], [nonblocking(digit, digit + unit.number(1, 4))])]
    unit.clocked(_guarded(unit, has_enable or None, step), [(digit, 0, 4) for digit in outputs])
    return unit
