"""Handshakes: a register slice, a two-entry skid buffer, request and acknowledge in four phases, a link with credits."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import choose, mux, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    style.rng.choice((_slice, _skid, _four_phase, _credits))(unit)
    return unit


def _slice(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(4, 8, 10, 16)
    valid, data, ready = unit.input("valid"), unit.input("data", bits), unit.input("ready")
    out_valid, out, can = unit.output("valid", is_reg=True), unit.output("result", bits, is_reg=True), unit.output("ready")
    unit.assign(can, out_valid.lnot().lor(ready))
    kept = when(can, [nonblocking(out_valid, valid), when(unit.high(valid), [nonblocking(out, data)])])
    unit.clocked([kept], [(out_valid, 0, 1), (out, 0, bits)])
    if style.chance(0.6):
        count_bits = style.one_of(3, 4, 6)
        count = unit.output("count", count_bits, is_reg=True)
        unit.clocked([when(out_valid.land(ready.lnot()), [nonblocking(count, count + 1)])], [(count, 0, count_bits)])


def _skid(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(4, 8, 12)
    valid, data, ready = unit.input("valid"), unit.input("data", bits), unit.input("ready")
    can, out_valid, out = unit.output("ready"), unit.output("valid"), unit.output("result", bits)
    main, spare, has_main, has_spare = unit.reg("stage", bits), unit.reg("stage", bits), unit.reg("valid"), unit.reg("full")
    one, none = unit.number(1, 1), unit.number(0, 1)
    unit.assign(can, has_spare.lnot())
    unit.assign(out_valid, has_main)
    unit.assign(out, main)
    take, give = valid.land(can), has_main.land(ready)
    into_main = [nonblocking(main, data), nonblocking(has_main, one)]
    refill = [
        when(has_spare, [nonblocking(main, spare), nonblocking(has_spare, none)], [when(take, into_main, [nonblocking(has_main, none)])])
    ]
    keep = [when(take, [when(has_main, [nonblocking(spare, data), nonblocking(has_spare, one)], into_main)])]
    unit.clocked([when(give, refill, keep)], [(main, 0, bits), (spare, 0, bits), (has_main, 0, 1), (has_spare, 0, 1)])


def _four_phase(unit: Unit) -> None:
    style = unit.style
    start, ack = unit.input("start"), unit.input("ready")
    request, done, late = unit.output("request", is_reg=True), unit.output("done", is_reg=True), unit.output("expired", is_reg=True)
    bits = style.one_of(3, 4, 5, 6)
    limit = style.rng.randint(1 << (bits - 1), (1 << bits) - 1)
    idle, raised, lowered, failed = (unit.named(label, code, 2) for code, label in enumerate(("IDLE", "RAISED", "LOWERED", "FAILED")))
    state, waited = unit.reg("state", 2), unit.reg("timer", bits)
    one, none = unit.number(1, 1), unit.number(0, 1)
    begin = [nonblocking(request, one), nonblocking(waited, unit.zero(bits)), nonblocking(state, raised)]
    wait = when(
        waited.eq(unit.number(limit, bits)),
        [nonblocking(request, none), nonblocking(state, failed)],
        [nonblocking(waited, waited + unit.number(1, bits))],
    )
    items = [
        ([idle], [nonblocking(done, none), when(unit.high(start), begin)]),
        ([raised], [when(unit.high(ack), [nonblocking(request, none), nonblocking(state, lowered)], [wait])]),
        ([lowered], [when(ack.lnot(), [nonblocking(done, one), nonblocking(state, idle)])]),
        ([failed], [nonblocking(late, one), when(start.lnot().land(ack.lnot()), [nonblocking(state, idle)])]),
    ]
    unit.clocked(
        [choose(state, items, [nonblocking(state, idle)] if style.chance(0.7) else None)],
        [(state, 0, 2), (waited, 0, bits), (request, 0, 1), (done, 0, 1), (late, 0, 1)],
    )


def _credits(unit: Unit) -> None:
    style = unit.style
    bits = style.one_of(2, 3, 4)
    most = (1 << bits) - 1
    send, back = unit.input("request"), unit.input("done")
    grant, credit = unit.output("grant"), unit.output("credit", bits, is_reg=True)
    error = unit.output("error", is_reg=True)
    unit.assign(grant, send.land(credit.ne(unit.zero(bits))))
    more = [
        when(
            credit.eq(unit.number(most, bits)),
            [nonblocking(error, unit.number(1, 1))],
            [nonblocking(credit, credit + unit.number(1, bits))],
        )
    ]
    less = [nonblocking(credit, credit - unit.number(1, bits))]
    unit.clocked([when(back.land(grant.lnot()), more, [when(grant.land(back.lnot()), less)])], [(credit, most, bits), (error, 0, 1)])
    if style.chance(0.5):
        low = unit.output("status")
        unit.assign(low, mux(credit.lt(unit.number(2, bits)), unit.number(1, 1), unit.number(0, 1)))
