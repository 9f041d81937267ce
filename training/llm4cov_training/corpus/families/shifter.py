"""Shifters: universal shift registers, barrel shifters, rotators and linear feedback registers."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, blocking, cat, choose, mux, nonblocking, number, times, when

_TAPS = {4: (3, 2), 5: (4, 2), 6: (5, 4), 7: (6, 5), 8: (7, 5, 4, 3), 10: (9, 6), 12: (11, 10, 9, 3), 16: (15, 14, 12, 3)}


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    kind = style.rng.choice(("universal", "universal", "barrel", "stages", "feedback"))
    {"universal": _universal, "barrel": _barrel, "stages": _stages, "feedback": _feedback}[kind](unit)
    return unit


def _universal(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(4, 6, 8, 12)
    mode, data = unit.input("mode", 2), unit.input("data", bits)
    left, right = unit.input("serial"), unit.input("serial")
    out = unit.output("output", bits, is_reg=True)
    moves = [
        nonblocking(out, cat(out[bits - 2 : 0], left)),
        nonblocking(out, cat(right, out[bits - 1 : 1])),
        nonblocking(out, data),
    ]
    style.rng.shuffle(moves)
    items = [([number(place + 1, 2, style.base)], [move]) for place, move in enumerate(moves)]
    unit.clocked([choose(mode, items, [nonblocking(out, out)])], [(out, 0, bits)])
    if style.chance(0.5):
        flag = unit.output("flag")
        unit.assign(flag, out.eq(unit.number(style.value(bits), bits)))


def _barrel(unit: Unit) -> None:
    style = unit.style
    bits, amount_bits = 8, 3
    if style.chance(0.4):
        bits, amount_bits = 16, 4
    data, amount, mode = unit.input("data", bits), unit.input("position", amount_bits), unit.input("mode", 2)
    out = unit.output("result", bits, is_reg=True)
    around = (data << amount) | (data >> (number(bits) - amount))
    kinds = [data << amount, data >> amount, around, ~data]
    style.rng.shuffle(kinds)
    if style.chance(0.5):
        unit.comb([choose(mode, [([number(k, 2)], [blocking(out, made)]) for k, made in enumerate(kinds[:3])], [blocking(out, kinds[3])])])
    else:
        enable = unit.input("enable")
        inner = choose(mode, [([number(k, 2)], [nonblocking(out, made)]) for k, made in enumerate(kinds[:3])], [nonblocking(out, data)])
        unit.clocked([when(unit.high(enable), [inner])], [(out, 0, bits)])


def _stages(unit: Unit) -> None:
    style = unit.style
    steps = style.one_of(2, 3, 4)
    bits = 1 << steps
    value, amount = unit.input("data", bits), unit.input("position", steps)
    fill = unit.input("mode") if style.chance(0.6) else None
    out = unit.output("result", bits)
    for step in range(steps):
        by = 1 << step
        pad = times(by, fill) if fill is not None else number(0, by, "b")
        moved = cat(pad, value[bits - 1 : by]) if style.chance(0.5) else cat(value[bits - 1 - by : 0], pad)
        value = unit.wire("stage", bits, mux(amount[step], moved, value))
    unit.assign(out, value)


def _feedback(unit: Unit) -> None:
    style = unit.style
    bits = style.rng.choice(tuple(_TAPS))
    enable, seed, load = unit.input("enable"), unit.input("data", bits), unit.input("load")
    out, hit = unit.output("output", bits, is_reg=True), unit.output("flag")
    taps = _TAPS[bits]
    mixed: Expr = out[taps[0]]
    for tap in taps[1:]:
        mixed = mixed ^ out[tap]
    start = style.value(bits)
    loaded = nonblocking(out, mux(seed.eq(unit.zero(bits)), unit.number(start, bits), seed))
    step = when(unit.high(enable), [nonblocking(out, cat(out[bits - 2 : 0], mixed))])
    unit.clocked([when(unit.high(load), [loaded], [step])], [(out, start, bits)])
    unit.assign(hit, out.eq(unit.number(style.value(bits), bits)))
