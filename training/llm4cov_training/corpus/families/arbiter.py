"""Arbiters: fixed priority, round robin by a pointer, grants that are held, and one that lets the waiting in after a while."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, blocking, choose, nonblocking, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    count = style.rng.randint(2, 6)
    requests = unit.input("request", count)
    kind = style.rng.choice(("fixed", "fixed", "robin", "robin", "held", "aged"))
    grant = unit.output("grant", count, is_reg=True)
    resets = [(grant, 0, count)]
    order = list(range(count)) if style.chance(0.6) else list(reversed(range(count)))
    pick = _chain(unit, requests, grant, order, count)
    if kind == "fixed":
        stop = unit.input("stop") if style.chance(0.4) else None
        unit.clocked([when(stop, [nonblocking(grant, unit.zero(count))], pick)] if stop is not None else pick, resets)
    elif kind == "held":
        free = unit.input("done")
        unit.clocked([when(grant.any_one().lnot().lor(free), pick)], resets)
        busy = unit.output("busy")
        unit.assign(busy, grant.any_one())
    elif kind == "robin":
        bits = max(1, (count - 1).bit_length())
        pointer = unit.reg("position", bits)
        chosen = unit.reg("pick", count)
        items = []
        for start in range(count):
            turn = [(start + step) % count for step in range(count)]
            items.append(([unit.number(start, bits)], _chain(unit, requests, chosen, turn, count, now=True)))
        unit.comb([choose(pointer, items, [blocking(chosen, unit.zero(count))])])
        moves: list[Stmt] = []
        for index in reversed(range(count)):
            moves = [when(chosen[index], [nonblocking(pointer, unit.number((index + 1) % count, bits))], moves)]
        unit.clocked([nonblocking(grant, chosen), *moves], [*resets, (pointer, 0, bits)])
    else:
        bits = style.one_of(3, 4, 5)
        waited, last = unit.reg("timer", bits), order[-1]
        end = unit.number((1 << bits) - style.one_of(1, 2, 3), bits)
        urgent = unit.output("status")
        unit.assign(urgent, waited.eq(end))
        served = unit.number(1 << last, count)
        waiting = requests[last].land(grant[last].lnot())
        age = when(
            waiting, [when(waited.ne(end), [nonblocking(waited, waited + unit.number(1, bits))])], [nonblocking(waited, unit.zero(bits))]
        )
        unit.clocked([when(urgent, [nonblocking(grant, served)], pick), age], [*resets, (waited, 0, bits)])
    return unit


def _chain(unit: Unit, requests: Expr, target: Expr, order: list[int], width: int, *, now: bool = False) -> list[Stmt]:
    """The first request in an order gets the grant."""
    put = blocking if now else nonblocking
    chain: list[Stmt] = [put(target, unit.zero(width))]
    for index in reversed(order):
        chain = [when(requests[index], [put(target, unit.number(1 << index, width))], chain)]
    return chain
