"""Filters: debouncers, a moving average, a comparator with two thresholds, a majority vote over samples."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, cat, nonblocking, number, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    style.rng.choice((_debounce, _average, _two_thresholds, _vote))(unit)
    return unit


def _debounce(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(3, 4, 5, 6)
    raw = unit.input("serial")
    first, second, count = unit.reg("previous"), unit.reg("previous"), unit.reg("count", bits)
    out, rose = unit.output("output", is_reg=True), unit.output("pulse", is_reg=True)
    end = unit.number(style.rng.randint(1 << (bits - 1), (1 << bits) - 1), bits)
    unit.clocked([nonblocking(first, raw), nonblocking(second, first)], [(first, 0, 1), (second, 0, 1)])
    change = [nonblocking(out, second), nonblocking(count, unit.zero(bits)), nonblocking(rose, second)]
    differs = [when(count.eq(end), change, [nonblocking(count, count + unit.number(1, bits))])]
    unit.clocked(
        [nonblocking(rose, unit.number(0, 1)), when(second.ne(out), differs, [nonblocking(count, unit.zero(bits))])],
        [(out, 0, 1), (rose, 0, 1), (count, 0, bits)],
    )


def _average(unit: Unit) -> None:
    style = unit.style
    bits, steps = style.one_of(4, 6, 8), style.one_of(1, 2)
    valid, data = unit.input("valid"), unit.input("data", bits)
    out, alarm = unit.output("result", bits), unit.output("expired", is_reg=True)
    taps = [unit.reg("stage", bits) for _ in range(1 << steps)]
    wide = bits + steps
    pad = number(0, steps, "b")
    total: Expr = cat(pad, taps[0])
    for tap in taps[1:]:
        total = total + cat(pad, tap)
    summed = unit.wire("count", wide, total)
    unit.assign(out, summed[wide - 1 : steps])
    moves = [nonblocking(to, source) for to, source in zip(taps, [data, *taps[:-1]], strict=True)]
    unit.clocked([when(unit.high(valid), moves)], [(tap, 0, bits) for tap in taps])
    unit.clocked([nonblocking(alarm, out.gt(unit.number((1 << bits) - style.one_of(2, 3, 4), bits)))], [(alarm, 0, 1)])


def _two_thresholds(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(4, 6, 8)
    data = unit.input("data", bits)
    out, changes = unit.output("output", is_reg=True), unit.output("count", 3, is_reg=True)
    low, high = sorted(style.rng.sample(range(1, (1 << bits) - 1), 2))
    rise, fall = data.gt(unit.number(high, bits)), data.lt(unit.number(low, bits))
    add = [when(changes.ne(number(7, 3)), [nonblocking(changes, changes + unit.number(1, 3))])]
    unit.clocked(
        [when(out, [when(fall, [nonblocking(out, unit.number(0, 1)), *add])], [when(rise, [nonblocking(out, unit.number(1, 1)), *add])])],
        [(out, 0, 1), (changes, 0, 3)],
    )


def _vote(unit: Unit) -> None:
    style = unit.style
    count = style.one_of(3, 5)
    inputs = [unit.input("serial") for _ in range(3)]
    out, differs = unit.output("result", is_reg=True), unit.output("error", is_reg=True)
    faults = unit.output("count", count, is_reg=True)
    one, two, three = inputs
    vote = unit.wire("pick", 1, (one & two) | (one & three) | (two & three))
    same = one.eq(two).land(two.eq(three))
    unit.clocked([nonblocking(out, vote), nonblocking(differs, same.lnot())], [(out, 0, 1), (differs, 0, 1)])
    full = unit.number((1 << count) - 1, count)
    unit.clocked([when(same.lnot().land(faults.ne(full)), [nonblocking(faults, faults + unit.number(1, count))])], [(faults, 0, count)])
