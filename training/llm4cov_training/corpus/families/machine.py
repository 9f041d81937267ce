"""State machines: one, two or three blocks; binary, one-hot or Gray states; a random graph with rare ways between the states."""

from __future__ import annotations

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, Stmt, blocking, choose, nonblocking, when

_NAMES = ("IDLE", "INIT", "LOAD", "FETCH", "WAIT", "RUN", "SEND", "CHECK", "FLUSH", "DONE", "ERROR", "HOLD", "SYNC", "DRAIN", "ARM", "FIRE")


def build(style: Style, name: str) -> Unit:
    """Build one."""
    unit = Unit(style, name)
    count = style.rng.randint(3, 9)
    encoding = style.rng.choice(("binary", "binary", "onehot", "gray"))
    bits = count if encoding == "onehot" else max(1, (count - 1).bit_length())
    codes = {"onehot": [1 << k for k in range(count)], "gray": [k ^ (k >> 1) for k in range(count)]}.get(encoding, list(range(count)))
    prefix = style.rng.choice(("", "S_", "ST_", ""))
    inputs: list[Expr] = [unit.input(concept) for concept in ("start", "stop", "ready")[: style.rng.randint(1, 3)]]
    width = style.one_of(3, 4, 6, 8)
    bus = unit.input("data", width) if style.chance(0.7) else None
    labels = [prefix + label for label in ("IDLE", *style.rng.sample(_NAMES[1:], count - 1))]
    states = [unit.named(label if style.upper_states else label.lower(), code, bits) for label, code in zip(labels, codes, strict=True)]

    def conditions() -> list[Expr]:
        """Different tests for the ways out of one state, so that each can be taken."""
        simple = [unit.high(one) for one in inputs] + [one.lnot() for one in inputs]
        pairs = [one.land(other if style.chance(0.6) else other.lnot()) for one in inputs for other in inputs if one is not other]
        values = [] if bus is None else [bus.eq(unit.number(style.value(width), width)) for _ in range(2)]
        ranges = [] if bus is None else [bus.gt(unit.number(style.value(width), width))]
        rare = [*pairs, *values, *ranges]
        style.rng.shuffle(simple)
        style.rng.shuffle(rare)
        made = rare[: style.rng.choice((0, 0, 1, 1, 2))]
        return [*made, simple[0]] if style.chance(0.8) or not made else made

    ways: list[list[tuple[Expr | None, int]]] = []
    for index in range(count):
        onward = (index + 1) % count
        if style.chance(0.2):
            ways.append([(None, onward)])
            continue
        tests = conditions()
        targets = [onward, *(style.rng.randrange(count) for _ in tests[1:])]
        style.rng.shuffle(targets)
        ways.append(list(zip(tests, targets, strict=True)))
    style_of_blocks = style.rng.choice(("one", "two", "three", "two"))
    state = unit.reg("state", bits)
    busy, done = unit.output("busy"), unit.output("done", is_reg=style_of_blocks != "two")
    out_bits = style.one_of(2, 3, 4)
    moore = unit.output("status", out_bits, is_reg=True)
    unit.assign(busy, state.ne(states[0]))
    outputs = [style.rng.randrange(1 << out_bits) for _ in range(count)]

    def go(target: Expr, index: int, assign: type | None = None) -> list[Stmt]:
        put = nonblocking if style_of_blocks == "one" else blocking
        chain: list[Stmt] = []
        for test, aim in reversed(ways[index]):
            chain = [put(target, states[aim])] if test is None else [when(test, [put(target, states[aim])], chain)]
        return chain

    last = count - 1
    if style_of_blocks == "one":
        items = []
        for index, label in enumerate(states):
            body = [*go(state, index), nonblocking(moore, unit.number(outputs[index], out_bits))]
            if index == last:
                body.append(nonblocking(done, unit.number(1, 1)))
            items.append(([label], body))
        clear = [nonblocking(done, unit.number(0, 1))]
        unit.clocked(
            [*clear, choose(state, items, [nonblocking(state, states[0])])], [(state, codes[0], bits), (done, 0, 1), (moore, 0, out_bits)]
        )
        return unit
    following = unit.reg("next", bits)
    unit.clocked([nonblocking(state, following)], [(state, codes[0], bits)])
    unit.comb(
        [
            blocking(following, state),
            choose(state, [([label], go(following, i)) for i, label in enumerate(states)], [blocking(following, states[0])]),
        ]
    )
    if style_of_blocks == "two":
        unit.assign(done, state.eq(states[last]))
        words = [([label], [blocking(moore, unit.number(outputs[i], out_bits))]) for i, label in enumerate(states)]
        unit.comb([choose(state, words, [blocking(moore, unit.zero(out_bits))])])
        return unit
    words = [([label], [nonblocking(moore, unit.number(outputs[i], out_bits))]) for i, label in enumerate(states)]
    unit.clocked(
        [nonblocking(done, following.eq(states[last])), choose(following, words, [nonblocking(moore, unit.zero(out_bits))])],
        [(done, 0, 1), (moore, 0, out_bits)],
    )
    return unit
