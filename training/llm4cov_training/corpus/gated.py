"""Parts that random inputs hardly ever open: a gate that takes the right values or events in order, or patience, and what runs behind it.

What is behind a gate has lines, branches and bits of its own, so a stimulus that does not open it misses all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, choose, nonblocking, when

Gate = Callable[[Unit, Expr], None]
"""Adds what sets a register of one bit, and perhaps clears it again."""
Payload = Callable[[Unit, Expr], None]
"""Adds what runs only while a condition holds."""
_LEAST_BITS, _MOST_BITS = 4, 16


def add_gated(unit: Unit) -> None:
    """Add one gate with one or two payloads behind it."""
    style = unit.style
    opened = unit.reg("open")
    style.rng.choice(_GATES)(unit, opened)
    for payload in style.rng.sample(_PAYLOADS, style.one_of(1, 2, 2)):
        payload(unit, unit.high(opened))


def _bus(unit: Unit) -> tuple[Expr, int]:
    wide = [(signal, width) for signal, width, _ in unit.inputs if _LEAST_BITS <= width <= _MOST_BITS]
    if wide:
        return unit.style.rng.choice(wide)
    width = unit.style.one_of(4, 6, 8)
    return unit.input("data", width), width


def _bits(unit: Unit, count: int) -> list[Expr]:
    """Inputs of one bit, new ones where there are too few."""
    found = [signal for signal, width, _ in unit.inputs if width == 1]
    unit.style.rng.shuffle(found)
    concepts = iter(("enable", "select", "mode"))
    while len(found) < count:
        found.append(unit.input(next(concepts)))
    return found[:count]


def _closing(unit: Unit, opened: Expr, opening: Sequence[Stmt]) -> list[Stmt]:
    """Let an input close the gate again, in some designs."""
    if not unit.style.chance(0.3):
        return list(opening)
    bus, width = _bus(unit)
    close = opened.land(bus.eq(unit.number((1 << width) - 1, width)))
    return [when(close, [nonblocking(opened, unit.number(0, 1))], opening)]


def values_in_order(unit: Unit, opened: Expr) -> None:
    """Several values of a bus one after the other; a wrong one is a new beginning."""
    style = unit.style
    bus, width = _bus(unit)
    steps = style.one_of(3, 4, 4, 5)
    bits = steps.bit_length()
    place = unit.reg("position", bits)
    items: list[tuple[Sequence[Expr], Sequence[Stmt]]] = []
    for step in range(steps):
        is_last = step == steps - 1
        forward = nonblocking(opened, unit.number(1, 1)) if is_last else nonblocking(place, unit.number(step + 1, bits))
        back = [nonblocking(place, unit.zero(bits))] if step else []
        items.append(([unit.number(step, bits)], [when(bus.eq(unit.number(style.value(width), width)), [forward], back)]))
    body = [choose(place, items, [nonblocking(place, unit.zero(bits))])]
    unit.clocked(_closing(unit, opened, body), [(place, 0, bits), (opened, 0, 1)])


def patience(unit: Unit, opened: Expr) -> None:
    """An input that keeps its level for long: whenever it does not, all of the wait begins again."""
    style = unit.style
    bits = style.one_of(6, 7, 8, 9)
    waited = unit.reg("timer", bits)
    end = style.rng.randint((1 << bits) // 2, (1 << bits) - 2)
    bit = unit.high(_bits(unit, 1)[0])
    holds: Expr = bit if style.chance(0.6) else bit.lnot()
    if style.chance(0.4):
        bus, width = _bus(unit)
        holds = holds.land(bus.eq(unit.number(style.value(width), width)) if style.chance(0.5) else bus.ne(unit.zero(width)))
    tick = when(
        waited.eq(unit.number(end, bits)), [nonblocking(opened, unit.number(1, 1))], [nonblocking(waited, waited + unit.number(1, bits))]
    )
    body = [when(holds, [tick], [nonblocking(waited, unit.zero(bits))])]
    unit.clocked(_closing(unit, opened, body), [(waited, 0, bits), (opened, 0, 1)])


def events_in_order(unit: Unit, opened: Expr) -> None:
    """Levels of two inputs in an order, each for at least a cycle; a wrong one is a new beginning."""
    style = unit.style
    one, other = (unit.high(bit) for bit in _bits(unit, 2))
    levels = [one.land(other), one.land(other.lnot()), one.lnot().land(other), one.lnot().land(other.lnot())]
    steps = style.one_of(5, 6, 7)
    bits = steps.bit_length()
    place = unit.reg("position", bits)
    items: list[tuple[Sequence[Expr], Sequence[Stmt]]] = []
    before = -1
    for step in range(steps):
        # The same level twice in a row would be no new event.
        before = style.rng.choice([rank for rank in range(len(levels)) if rank != before])
        is_last = step == steps - 1
        forward = nonblocking(opened, unit.number(1, 1)) if is_last else nonblocking(place, unit.number(step + 1, bits))
        back = [nonblocking(place, unit.zero(bits))] if step else []
        items.append(([unit.number(step, bits)], [when(levels[before], [forward], back)]))
    body = [choose(place, items, [nonblocking(place, unit.zero(bits))])]
    unit.clocked(_closing(unit, opened, body), [(place, 0, bits), (opened, 0, 1)])


def many_of_one(unit: Unit, opened: Expr) -> None:
    """One value of a bus so many times in a row, or with an input in between that forgets them."""
    style = unit.style
    bus, width = _bus(unit)
    bits = style.one_of(2, 3, 3)
    count = unit.reg("count", bits)
    hit = bus.eq(unit.number(style.value(width), width))
    if style.chance(0.5):
        hit = unit.high(_bits(unit, 1)[0]).land(hit)
    full = count.eq(unit.number((1 << bits) - 1, bits))
    step = when(full, [nonblocking(opened, unit.number(1, 1))], [nonblocking(count, count + unit.number(1, bits))])
    body = [when(hit, [step], [nonblocking(count, unit.zero(bits))])]
    unit.clocked(_closing(unit, opened, body), [(count, 0, bits), (opened, 0, 1)])


def table(unit: Unit, condition: Expr) -> None:
    """A register that takes a word for each of some values."""
    style = unit.style
    bus, width = _bus(unit)
    bits = style.one_of(6, 8, 10, 12)
    out = unit.output("light", bits, is_reg=True)
    values = style.rng.sample(range(1 << width), style.rng.randint(3, 6))
    items = [([unit.number(value, width)], [nonblocking(out, unit.number(style.value(bits), bits))]) for value in values]
    unit.clocked([when(condition, [choose(bus, items, [nonblocking(out, _turned(unit, out, bus, bits, width))])])], [(out, 0, bits)])


def _turned(unit: Unit, out: Expr, bus: Expr, bits: int, width: int) -> Expr:
    """The bus where it fits, else the register turned over."""
    return bus if width == bits and unit.style.chance(0.5) else ~out


def sums(unit: Unit, condition: Expr) -> None:
    """A sum over a bus, with a level that it passes, and one that makes it start again."""
    style = unit.style
    bus, width = _bus(unit)
    bits = width + style.one_of(2, 3)
    total, over = unit.output("result", bits, is_reg=True), unit.output("overflow", is_reg=True)
    most = unit.number(style.rng.randint(1 << (bits - 1), (1 << bits) - (1 << width) - 1), bits)
    restart = [nonblocking(total, unit.zero(bits)), nonblocking(over, unit.number(1, 1))]
    unit.clocked([when(condition, [when(total.gt(most), restart, [nonblocking(total, total + bus)])])], [(total, 0, bits), (over, 0, 1)])


def walk(unit: Unit, condition: Expr) -> None:
    """A small machine that goes on, waits or goes back as an input says, with a word for each state."""
    style = unit.style
    bit = unit.high(_bits(unit, 1)[0])
    states = style.one_of(4, 5, 6)
    bits, out_bits = (states - 1).bit_length(), style.one_of(4, 6, 8)
    state, out = unit.reg("state", bits), unit.output("status", out_bits, is_reg=True)
    items: list[tuple[Sequence[Expr], Sequence[Stmt]]] = []
    for number in range(states):
        onward = [nonblocking(state, unit.number((number + 1) % states, bits))]
        back = [nonblocking(state, unit.number(style.rng.randrange(states), bits))] if style.chance(0.5) else []
        word = nonblocking(out, unit.number(style.value(out_bits), out_bits))
        items.append(([unit.number(number, bits)], [word, when(bit if style.chance(0.7) else bit.lnot(), onward, back)]))
    unit.clocked([when(condition, [choose(state, items, [nonblocking(state, unit.zero(bits))])])], [(state, 0, bits), (out, 0, out_bits)])


def clockwork(unit: Unit, condition: Expr) -> None:
    """A counter that runs, with something to be seen at its end."""
    style = unit.style
    bits = style.one_of(4, 5, 6, 7, 8)
    count, done = unit.output("count", bits, is_reg=True), unit.output("done", is_reg=True)
    end = unit.number(style.rng.randint(1 << (bits - 1), (1 << bits) - 1), bits)
    step = when(
        count.eq(end),
        [nonblocking(count, unit.zero(bits)), nonblocking(done, unit.number(1, 1))],
        [nonblocking(count, count + unit.number(1, bits))],
    )
    unit.clocked([when(condition, [step])], [(count, 0, bits), (done, 0, 1)])


_GATES: tuple[Gate, ...] = (values_in_order, values_in_order, patience, patience, events_in_order, many_of_one)
_PAYLOADS: tuple[Payload, ...] = (table, sums, walk, clockwork)
