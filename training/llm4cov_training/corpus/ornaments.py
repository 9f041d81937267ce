"""Parts that make a clocked unit harder to cover: rare values, orders of events, deep counters. Each adds an output of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, cat, choose, mux, nonblocking, number, when

Ornament = Callable[[Unit], None]


def _bus(unit: Unit) -> tuple[Expr, int]:
    """An input of at least three bits; a new one where there is none."""
    wide = [(signal, width) for signal, width, _ in unit.inputs if width >= 3]
    if wide:
        return unit.style.rng.choice(wide)
    width = unit.style.one_of(4, 5, 6, 8)
    return unit.input("data", width), width


def _bit(unit: Unit) -> Expr:
    """An input of one bit; a new one where there is none."""
    bits = [signal for signal, width, _ in unit.inputs if width == 1]
    return unit.style.rng.choice(bits) if bits else unit.input("enable")


def _rare(unit: Unit) -> Expr:
    """A condition that random inputs seldom meet: a bus with one value, or in a narrow range, or two bits apart from it."""
    bus, width = _bus(unit)
    value = unit.style.value(width)
    way = unit.style.rng.randrange(4)
    if way == 0:
        return bus.eq(unit.number(value, width))
    if way == 1:
        return unit.high(_bit(unit)).land(bus.eq(unit.number(value, width)))
    if way == 2:
        low = min(value, (1 << width) - 3)
        return bus.ge(unit.number(low, width)).land(bus.le(unit.number(low + 1, width)))
    return bus.eq(unit.number(value, width)).lor(bus.eq(unit.number(unit.style.value(width), width)))


def magic_value(unit: Unit) -> None:
    """A flag that stays set once a bus had one value."""
    flag = unit.output("flag", is_reg=True)
    then: Sequence[Stmt] = [nonblocking(flag, unit.number(1, 1))]
    if unit.style.chance(0.5):
        unit.clocked([when(_rare(unit), then)], [(flag, 0, 1)])
    else:
        clear = unit.high(_bit(unit))
        unit.clocked([when(clear, [nonblocking(flag, unit.number(0, 1))], [when(_rare(unit), then)])], [(flag, 0, 1)])


def ordered_values(unit: Unit) -> None:
    """A flag after several values of a bus in the right order."""
    style = unit.style
    bus, width = _bus(unit)
    steps = style.one_of(2, 3, 3, 4, 5)
    bits = steps.bit_length()
    place, flag = unit.reg("position", bits), unit.output("open", is_reg=True)
    values = [style.value(width) for _ in range(steps)]
    # Where a wrong value goes back to the beginning, drawn values never get far.
    falls_back = style.chance(0.75)
    items = []
    for step, value in enumerate(values):
        last = step == steps - 1
        forward = [nonblocking(flag, unit.number(1, 1)), nonblocking(place, unit.zero(bits))] if last else []
        forward = forward or [nonblocking(place, unit.number(step + 1, bits))]
        miss = [nonblocking(place, unit.zero(bits))] if falls_back and step else []
        items.append(([unit.number(step, bits)], [when(bus.eq(unit.number(value, width)), forward, miss)]))
    body: list[Stmt] = [choose(place, items, [nonblocking(place, unit.zero(bits))])]
    if style.chance(0.5):
        body = [when(unit.high(_bit(unit)), body)]
    unit.clocked(body, [(place, 0, bits), (flag, 0, 1)])


def deep_counter(unit: Unit) -> None:
    """A counter that reaches its end only after a condition held for long."""
    style = unit.style
    bits = style.one_of(6, 7, 8, 9, 10, 11)
    end = style.rng.randint((1 << bits) // 2, (1 << bits) - 1)
    count, expired = unit.reg("timer", bits), unit.output("expired", is_reg=True)
    bit = unit.high(_bit(unit))
    condition = bit if style.chance(0.6) else bit.lnot()
    at_end: list[Stmt] = [nonblocking(expired, unit.number(1, 1))]
    if style.chance(0.5):
        at_end.append(nonblocking(count, unit.zero(bits)))
    step = [when(count.eq(unit.number(end, bits)), at_end, [nonblocking(count, count + unit.number(1, bits))])]
    idle: list[Stmt] = []
    if style.chance(0.7):
        idle = [nonblocking(count, unit.zero(bits))]
        if style.chance(0.5):
            idle.append(nonblocking(expired, unit.number(0, 1)))
    unit.clocked([when(condition, step, idle)], [(count, 0, bits), (expired, 0, 1)])


def saturating_errors(unit: Unit) -> None:
    """A counter of rare events that stops at its largest value, with a level on the way."""
    style = unit.style
    bits = style.one_of(2, 3, 4, 5)
    errors, level = unit.output("error", bits, is_reg=True), unit.output("status")
    add = when(errors.ne(unit.number((1 << bits) - 1, bits)), [nonblocking(errors, errors + unit.number(1, bits))])
    clear = style.chance(0.6)
    body = [when(_rare(unit), [add])]
    if clear:
        body = [when(unit.high(_bit(unit)), [nonblocking(errors, unit.zero(bits))], body)]
    unit.clocked(body, [(errors, 0, bits)])
    unit.assign(level, errors.ge(unit.number(style.rng.randint(2, (1 << bits) - 1), bits)))


def peak(unit: Unit) -> None:
    """The largest or the smallest value that a bus had."""
    bus, width = _bus(unit)
    highest = unit.style.chance(0.5)
    kept = unit.output("peak" if highest else "low", width, is_reg=True)
    better = bus.gt(kept) if highest else bus.lt(kept)
    body = [when(better, [nonblocking(kept, bus)])]
    if unit.style.chance(0.4):
        body = [when(unit.high(_bit(unit)), body)]
    unit.clocked(body, [(kept, 0 if highest else (1 << width) - 1, width)])


def edges(unit: Unit) -> None:
    """A pulse on an edge of an input, and perhaps a count of them."""
    style = unit.style
    bit, before = _bit(unit), unit.reg("previous")
    pulse = unit.output("pulse")
    rising = style.chance(0.6)
    unit.assign(pulse, bit & ~before if rising else ~bit & before)
    body: list[Stmt] = [nonblocking(before, bit)]
    resets = [(before, 0, 1)]
    if style.chance(0.6):
        bits = style.one_of(3, 4, 5)
        count = unit.output("count", bits, is_reg=True)
        body.append(when(pulse, [nonblocking(count, count + unit.number(1, bits))]))
        resets.append((count, 0, bits))
    unit.clocked(body, resets)


def mode_table(unit: Unit) -> None:
    """A word that is looked up from a bus, with a default that takes the rest."""
    style = unit.style
    bus, width = _bus(unit)
    bits = style.one_of(3, 4, 6, 8)
    out = unit.output("light", bits, is_reg=True)
    values = style.rng.sample(range(1 << width), min(1 << width, style.rng.randint(3, 7)))
    items = [([unit.number(value, width)], [nonblocking(out, unit.number(style.value(bits), bits))]) for value in values]
    unit.clocked([choose(bus, items, [nonblocking(out, unit.zero(bits))])], [(out, 0, bits)])


def key_write(unit: Unit) -> None:
    """A register that is written only in the cycle after a key was."""
    style = unit.style
    bus, width = _bus(unit)
    armed, kept = unit.reg("open"), unit.output("control", width, is_reg=True)
    key = unit.number(style.value(width), width)
    write = unit.high(_bit(unit))
    arm = [nonblocking(armed, mux(bus.eq(key), number(1, 1, "b"), number(0, 1, "b")))]
    body = [when(write, [when(armed, [nonblocking(kept, bus), nonblocking(armed, unit.number(0, 1))], arm)])]
    unit.clocked(body, [(armed, 0, 1), (kept, 0, width)])


def history(unit: Unit) -> None:
    """A flag when the last values of an input form a pattern."""
    style = unit.style
    bits = style.one_of(3, 4, 5, 6)
    bit, past = _bit(unit), unit.reg("shift", bits)
    flag = unit.output("flag")
    unit.clocked([nonblocking(past, cat(past[bits - 2 : 0], bit))], [(past, 0, bits)])
    unit.assign(flag, past.eq(unit.number(style.value(bits), bits)))


def hold_time(unit: Unit) -> None:
    """A level that changes only once its input was different for some cycles."""
    style = unit.style
    bits = style.one_of(2, 3, 4)
    bit, count, level = _bit(unit), unit.reg("count", bits), unit.output("output", is_reg=True)
    end = unit.number(style.rng.randint(1 << (bits - 1), (1 << bits) - 1), bits)
    change = when(count.eq(end), [nonblocking(level, bit), nonblocking(count, unit.zero(bits))], [nonblocking(count, count + 1)])
    unit.clocked([when(bit.ne(level), [change], [nonblocking(count, unit.zero(bits))])], [(level, 0, 1), (count, 0, bits)])


ALL: tuple[Ornament, ...] = (
    magic_value,
    ordered_values,
    deep_counter,
    saturating_errors,
    peak,
    edges,
    mode_table,
    key_write,
    history,
    hold_time,
)


_HARD: tuple[Ornament, ...] = (ordered_values, deep_counter, key_write, saturating_errors)
"""What drawn inputs seldom get through; every other design with an ornament has one of these for its first."""


def add_some(unit: Unit, count: int) -> None:
    """Add some of them, each at most once."""
    chosen = unit.style.rng.sample(ALL, min(count, len(ALL)))
    if chosen and unit.style.chance(0.5):
        hard = unit.style.rng.choice(_HARD)
        chosen = [hard, *(one for one in chosen[1:] if one is not hard)]
    for ornament in chosen:
        ornament(unit)
