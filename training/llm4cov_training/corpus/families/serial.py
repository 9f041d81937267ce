"""Serial links: senders and receivers of frames, with a divider, a parity bit and checks of the frame."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, cat, choose, nonblocking, number, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    if style.chance(0.5):
        _sender(unit)
    else:
        _receiver(unit)
    return unit


def _divider(unit: Unit) -> Expr | None:
    """A tick once in some cycles; None where each cycle is one."""
    style = unit.style
    ratio = style.one_of(1, 2, 3, 4, 5, 8)
    if ratio == 1:
        return None
    bits = max(1, (ratio - 1).bit_length())
    count = unit.reg("count", bits)
    last = unit.number(ratio - 1, bits)
    step = [when(count.eq(last), [nonblocking(count, unit.zero(bits))], [nonblocking(count, count + unit.number(1, bits))])]
    unit.clocked(step, [(count, 0, bits)])
    return unit.wire("pulse", 1, count.eq(last))


def _on(tick: Expr | None, statement: Stmt) -> Stmt:
    return statement if tick is None else when(tick, [statement])


def _sender(unit: Unit) -> None:
    style = unit.style
    bits = style.rng.randint(4, 9)
    has_parity = style.chance(0.5)
    start, data = unit.input("start"), unit.input("data", bits)
    line, busy, done = unit.output("serial", is_reg=True), unit.output("busy", is_reg=True), unit.output("done", is_reg=True)
    tick = _divider(unit)
    frame = bits + 2 + has_parity
    frame_bits = frame.bit_length()
    shift, left = unit.reg("shift", frame - 1), unit.reg("position", frame_bits)
    kept = [number(1, 1, "b"), *([data.parity()] if has_parity else []), data]
    begin = [
        nonblocking(shift, cat(*kept)),
        nonblocking(left, unit.number(frame, frame_bits)),
        nonblocking(busy, unit.number(1, 1)),
        nonblocking(line, unit.number(0, 1)),
    ]
    send = [
        nonblocking(line, shift[0]),
        nonblocking(shift, cat(number(1, 1, "b"), shift[frame - 2 : 1])),
        nonblocking(left, left - unit.number(1, frame_bits)),
    ]
    finish = [nonblocking(busy, unit.number(0, 1)), nonblocking(done, unit.number(1, 1)), nonblocking(line, unit.number(1, 1))]
    go_on = _on(tick, when(left.eq(unit.number(1, frame_bits)), finish, send))
    unit.clocked(
        [nonblocking(done, unit.number(0, 1)), when(busy.lnot(), [when(unit.high(start), begin)], [go_on])],
        [(line, 1, 1), (busy, 0, 1), (done, 0, 1), (shift, 0, frame - 1), (left, 0, frame_bits)],
    )


def _receiver(unit: Unit) -> None:
    style = unit.style
    bits = style.rng.randint(4, 9)
    has_parity = style.chance(0.5)
    line = unit.input("serial")
    out, valid, error = unit.output("result", bits, is_reg=True), unit.output("valid", is_reg=True), unit.output("error", is_reg=True)
    tick = _divider(unit)
    place_bits = bits.bit_length()
    names = ["IDLE", "BITS", *(["PAR"] if has_parity else []), "STOP"]
    labels = [unit.named(label, code, 2) for code, label in enumerate(names)]
    state, place, shift = unit.reg("state", 2), unit.reg("position", place_bits), unit.reg("shift", bits)
    odd = unit.reg("parity") if has_parity else None
    after_bits = labels[2]
    items: list[tuple[list[Expr], list[Stmt]]] = [
        ([labels[0]], [when(line.lnot(), [nonblocking(state, labels[1]), nonblocking(place, unit.zero(place_bits))])]),
        (
            [labels[1]],
            [
                nonblocking(shift, cat(line, shift[bits - 1 : 1])),
                when(
                    place.eq(unit.number(bits - 1, place_bits)),
                    [nonblocking(state, after_bits)],
                    [nonblocking(place, place + unit.number(1, place_bits))],
                ),
            ],
        ),
    ]
    if odd is not None:
        items.append(([labels[2]], [nonblocking(odd, line ^ shift.parity()), nonblocking(state, labels[3])]))
    right = line.land(odd.lnot()) if odd is not None else unit.high(line)
    good = [nonblocking(out, shift), nonblocking(valid, unit.number(1, 1))]
    items.append(([labels[-1]], [when(right, good, [nonblocking(error, unit.number(1, 1))]), nonblocking(state, labels[0])]))
    resets = [(state, 0, 2), (place, 0, place_bits), (shift, 0, bits), (out, 0, bits), (valid, 0, 1), (error, 0, 1)]
    if odd is not None:
        resets.append((odd, 0, 1))
    unit.clocked([nonblocking(valid, unit.number(0, 1)), _on(tick, choose(state, items, [nonblocking(state, labels[0])]))], resets)
