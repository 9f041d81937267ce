"""The random numbers that every language draws alike: a 32-bit xorshift, with the rules for widths and chances.

Generator: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, triple (13, 17, 5).
The rendered testbenches and the compiled harness repeat exactly these few lines; tests hold them together.
"""

from __future__ import annotations

from collections.abc import Sequence

MASK32 = 0xFFFF_FFFF
ZERO_SEED = 0x9E37_79B9
"""Stands in for a seed of 0, at which the generator would stay for ever."""


def seed_state(seed: int) -> int:
    """Turn a seed into a state: its low 32 bits, never 0, one step taken so that small seeds part quickly."""
    return advance((seed & MASK32) or ZERO_SEED)


def advance(state: int) -> int:
    """Take one step; the new state is the number drawn."""
    state ^= (state << 13) & MASK32
    state ^= state >> 17
    return state ^ ((state << 5) & MASK32)


def draw_bits(state: int, width: int) -> tuple[int, int]:
    """Draw `width` bits as (new state, value): 32 at a time, the first draw the least significant."""
    value = 0
    for offset in range(0, width, 32):
        state = advance(state)
        value |= state << offset
    return state, value & ((1 << width) - 1)


def draw_below(state: int, bound: int) -> tuple[int, int]:
    """Draw a number below `bound` (at most 65536) as (new state, number): the high half of the draw, modulo the bound."""
    state = advance(state)
    return state, (state >> 16) % bound


def draw_field(state: int, *, width: int, current: int, choices: Sequence[int], choice_percent: int, stay_percent: int) -> tuple[int, int]:
    """Draw one `RandomField` as (new state, value).

    A draw below 100 for staying (only if `stay_percent` > 0), one for choosing (only if `choice_percent` > 0), one below
    `len(choices)` for which, else the bits.
    """
    if stay_percent:
        state, chance = draw_below(state, 100)
        if chance < stay_percent:
            return state, current
    if choice_percent:
        state, chance = draw_below(state, 100)
        if chance < choice_percent:
            state, rank = draw_below(state, len(choices))
            return state, choices[rank]
    return draw_bits(state, width)
