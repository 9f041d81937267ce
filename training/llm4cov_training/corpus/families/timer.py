"""Timers: pulse width modulation, one-shot timers, watchdogs with a window, prescalers."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    style.rng.choice((_pulse_width, _one_shot, _watchdog))(unit)
    return unit


def _pulse_width(unit: Unit) -> None:
    style = unit.style
    bits = style.rng.randint(4, 9)
    enable, load, duty = unit.input("enable"), unit.input("load"), unit.input("duty", bits)
    out = unit.output("output", is_reg=True)
    count, kept = unit.reg("count", bits), unit.reg("duty", bits)
    end = (1 << bits) - 1 if style.chance(0.4) else style.rng.randint(1 << (bits - 1), (1 << bits) - 1)
    wrap = count.eq(unit.number(end, bits))
    unit.clocked([when(unit.high(load), [nonblocking(kept, duty)])], [(kept, style.value(bits), bits)])
    idle = [nonblocking(count, unit.zero(bits)), nonblocking(out, unit.number(0, 1))]
    step = [
        when(wrap, [nonblocking(count, unit.zero(bits))], [nonblocking(count, count + unit.number(1, bits))]),
        nonblocking(out, count.lt(kept)),
    ]
    unit.clocked([when(unit.high(enable), step, idle)], [(count, 0, bits), (out, 0, 1)])
    if style.chance(0.5):
        error = unit.output("error", is_reg=True)
        unit.clocked(
            [
                when(
                    load.land(duty.gt(unit.number(end, bits))) if end < (1 << bits) - 1 else load.land(duty.all_ones()),
                    [nonblocking(error, unit.number(1, 1))],
                )
            ],
            [(error, 0, 1)],
        )


def _one_shot(unit: Unit) -> None:
    style = unit.style
    bits = style.rng.randint(4, 10)
    start, stop, reload = unit.input("start"), unit.input("stop"), unit.input("period", bits)
    repeats = unit.input("mode") if style.chance(0.6) else None
    busy, expired, count = unit.output("busy", is_reg=True), unit.output("expired", is_reg=True), unit.reg("timer", bits)
    again = [nonblocking(count, reload)]
    end = [
        nonblocking(expired, unit.number(1, 1)),
        *(
            [when(unit.high(repeats), again, [nonblocking(busy, unit.number(0, 1))])]
            if repeats is not None
            else [nonblocking(busy, unit.number(0, 1))]
        ),
    ]
    run = [when(count.eq(unit.zero(bits)), end, [nonblocking(count, count - unit.number(1, bits))])]
    body = [
        nonblocking(expired, unit.number(0, 1)),
        when(
            unit.high(stop),
            [nonblocking(busy, unit.number(0, 1))],
            [when(busy, run, [when(unit.high(start), [*again, nonblocking(busy, unit.number(1, 1))])])],
        ),
    ]
    unit.clocked(body, [(busy, 0, 1), (expired, 0, 1), (count, 0, bits)])


def _watchdog(unit: Unit) -> None:
    style = unit.style
    bits = style.rng.randint(4, 9)
    kick, enable = unit.input("start"), unit.input("enable")
    late, early, count = unit.output("expired", is_reg=True), unit.output("error", is_reg=True), unit.reg("timer", bits)
    last = style.rng.randint((1 << (bits - 1)) + 1, (1 << bits) - 1)
    first = style.rng.randint(1, last // 2)
    kicked = [when(count.lt(unit.number(first, bits)), [nonblocking(early, unit.number(1, 1))]), nonblocking(count, unit.zero(bits))]
    tick = [
        when(count.eq(unit.number(last, bits)), [nonblocking(late, unit.number(1, 1))], [nonblocking(count, count + unit.number(1, bits))])
    ]
    unit.clocked([when(unit.high(enable), [when(unit.high(kick), kicked, tick)])], [(count, 0, bits), (late, 0, 1), (early, 0, 1)])
    if style.chance(0.5):
        warn = unit.output("status")
        unit.assign(warn, count.gt(unit.number(last - style.rng.randint(1, 3), bits)))
