"""FIFOs on one clock: flags from a count or from pointers with a bit more, almost full and empty, errors that stick."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, cat, choose, nonblocking, number, when


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    bits, depth_bits = style.one_of(4, 8, 12, 16), style.one_of(1, 2, 2, 3, 3, 4)
    write, data, read = unit.input("write"), unit.input("data", bits), unit.input("read")
    first_word = style.chance(0.5)
    out = unit.output("result", bits, is_reg=not first_word)
    full, empty = unit.output("full"), unit.output("empty")
    memory = unit.reg("memory", bits, words=1 << depth_bits)
    head, tail, level = _flags(unit, depth_bits, write, read, full, empty)
    take, give = write.land(full.lnot()), read.land(empty.lnot())
    unit.clocked([when(take, [nonblocking(memory[tail], data)])])
    if first_word:
        unit.assign(out, memory[head])
    else:
        unit.clocked([when(give, [nonblocking(out, memory[head])])], [(out, 0, bits)])
    if style.chance(0.5) and depth_bits > 1:
        almost = unit.output("status")
        unit.assign(almost, level.ge(number((1 << depth_bits) - style.one_of(1, 2))) if style.chance(0.6) else level.le(number(1)))
    if style.chance(0.6):
        lost = unit.output("overflow", is_reg=True)
        unit.clocked([when(write.land(full), [nonblocking(lost, unit.number(1, 1))])], [(lost, 0, 1)])
    if style.chance(0.4):
        starved = unit.output("error", is_reg=True)
        unit.clocked([nonblocking(starved, read & empty)], [(starved, 0, 1)])
    return unit


def _flags(unit: Unit, depth_bits: int, write: Expr, read: Expr, full: Expr, empty: Expr) -> tuple[Expr, Expr, Expr]:
    """The two pointers and the level; drives the flags."""
    style = unit.style
    wide = depth_bits + 1
    take, give = write.land(full.lnot()), read.land(empty.lnot())
    if style.chance(0.5):
        tail, head, level = unit.reg("position", depth_bits), unit.reg("position", depth_bits), unit.reg("level", wide)
        one = unit.number(1, depth_bits)
        unit.clocked(
            [when(take, [nonblocking(tail, tail + one)]), when(give, [nonblocking(head, head + one)])],
            [(tail, 0, depth_bits), (head, 0, depth_bits)],
        )
        more, less = nonblocking(level, level + unit.number(1, wide)), nonblocking(level, level - unit.number(1, wide))
        change: Stmt
        if style.chance(0.5):
            change = choose(cat(take, give), [([number(2, 2, "b")], [more]), ([number(1, 2, "b")], [less])], [nonblocking(level, level)])
        else:
            change = when(take.land(give.lnot()), [more], [when(give.land(take.lnot()), [less])])
        unit.clocked([change], [(level, 0, wide)])
        unit.assign(full, level.eq(unit.number(1 << depth_bits, wide)))
        unit.assign(empty, level.eq(unit.zero(wide)))
        return head, tail, level
    tail_wide, head_wide = unit.reg("write", wide), unit.reg("read", wide)
    one = unit.number(1, wide)
    unit.clocked([when(take, [nonblocking(tail_wide, tail_wide + one)])], [(tail_wide, 0, wide)])
    unit.clocked([when(give, [nonblocking(head_wide, head_wide + one)])], [(head_wide, 0, wide)])
    same = tail_wide[depth_bits - 1 : 0].eq(head_wide[depth_bits - 1 : 0])
    unit.assign(full, same.land(tail_wide[depth_bits].ne(head_wide[depth_bits])))
    unit.assign(empty, tail_wide.eq(head_wide))
    level = unit.wire("level", wide, tail_wide - head_wide)
    return head_wide[depth_bits - 1 : 0], tail_wide[depth_bits - 1 : 0], level
