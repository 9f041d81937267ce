"""Stimulus for serial lines: frames of a UART, transfers of SPI, of I2C and of what looks like them. Knows no coverage.

Lines are recognised by the names that the field uses. How long a bit lasts is not known beforehand: it is one of the
numbers that the design counts to.
"""

from __future__ import annotations

import re
from random import Random as Generator

from llm4cov_agent.bench.stimulus import Drive, Hold, Step
from llm4cov_agent.bench.weighting import is_active_low
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.rtl.design import Direction

_CLOCK_LIKE = re.compile(r"(scl|sck|sclk|spi_clk|tck)", re.IGNORECASE)
_DATA_LIKE = re.compile(r"(sda|mosi|sdi|miso|rxd?$|^rx|uart|tdi|serial|din$|line)", re.IGNORECASE)
_SELECT_LIKE = re.compile(r"(cs|ss|sel)(_?n)?(_i)?$", re.IGNORECASE)


def has_frames(palette: Palette) -> bool:
    """Say whether some input looks like a serial line."""
    return any(
        width == 1 and _DATA_LIKE.search(signal) for signal, width, port in palette.signals if port.direction is not Direction.OUTPUT
    )


def frames(palette: Palette, generator: Generator, bit_cycles: int) -> tuple[Step, ...]:
    """Send words bit by bit: with a serial clock where there is one, else timed as a UART's frame is."""
    bits = [signal for signal, width, _ in palette.signals if width == 1]
    data = [bit for bit in bits if _DATA_LIKE.search(bit)] or bits
    if not data:
        return ()
    line = generator.choice(data)
    clocks = [bit for bit in bits if _CLOCK_LIKE.search(bit) and bit != line]
    selects = [bit for bit in bits if _SELECT_LIKE.search(bit) and bit not in clocks]
    width = generator.choice((8, 8, 8, 8, 8, 5, 7, 9, 10, 16))
    words = [_word(palette, width, generator) for _ in range(generator.choice((1, 1, 2, 3, 4, 6)))]
    hold = bit_cycles
    if not clocks:
        return _uart(line, words, width, hold, generator)
    # Where a serial clock is slow enough for the design's own is found in a few cycles of it, mostly.
    hold = hold if generator.random() < 0.3 else generator.choice((1, 2, 3, 4, 8))
    clock = generator.choice(clocks)
    if selects and generator.random() < 0.85:
        return _selected(clock, line, selects, words, width, hold, generator)
    return _two_wires(clock, line, words, width, hold, generator)


def _word(palette: Palette, width: int, generator: Generator) -> int:
    """Choose a word: one that the design compares something of that size with, shifted up by a direction bit now and then, or any."""
    mined = palette.words(width)
    if not mined or generator.random() < 0.3:
        return generator.getrandbits(width)
    word = generator.choice(mined)
    if generator.random() < 0.3:
        word |= generator.getrandbits(1)
    return word


def _uart(line: str, words: list[int], width: int, hold: int, generator: Generator) -> tuple[Step, ...]:
    """Start bit, the word from its low end, a parity bit or none, a stop bit that is wrong now and then."""
    parity = generator.choice(("none", "even", "odd"))
    steps: list[Step] = [Drive(((line, 1),)), Hold(2)]
    for word in words:
        levels = [0, *(word >> place & 1 for place in range(width))]
        if parity != "none":
            wrong = int(generator.random() < 0.1)
            levels.append((word.bit_count() + (parity == "odd") + wrong) & 1)
        levels.append(int(generator.random() < 0.9))
        for level in levels:
            steps += [Drive(((line, level),)), Hold(hold)]
        steps += [Drive(((line, 1),)), Hold(generator.choice((1, hold, 2 * hold)))]
    return tuple(steps)


def _selected(clock: str, line: str, selects: list[str], words: list[int], width: int, hold: int, generator: Generator) -> tuple[Step, ...]:
    """Transfer words between a select and its release, the high bit first; the serial clock rests at either level."""
    rest = int(generator.random() < 0.25)
    chosen = [generator.choice(selects)] if generator.random() < 0.7 else selects
    active = {select: int(not (is_active_low(select) or generator.random() < 0.8)) for select in chosen}
    steps: list[Step] = [
        Drive(((clock, rest), *((select, 1 - level) for select, level in active.items()))),
        Hold(hold),
        Drive(tuple(active.items())),
        Hold(hold),
    ]
    for word in words:
        for place in reversed(range(width)):
            steps += [Drive(((line, word >> place & 1),)), Hold(hold), Drive(((clock, 1 - rest),)), Hold(hold), Drive(((clock, rest),))]
    steps += [Hold(hold), Drive(tuple((select, 1 - level) for select, level in active.items())), Hold(hold)]
    return tuple(steps)


def _two_wires(clock: str, line: str, words: list[int], width: int, hold: int, generator: Generator) -> tuple[Step, ...]:
    """Start, words from their high end each with one bit more for the acknowledge, now and then a start in between, stop.

    Data changes while the clock is low, and while it is high only to start and to stop.
    """
    start: tuple[Step, ...] = (
        Drive(((line, 1),)),
        Hold(hold),
        Drive(((clock, 1),)),
        Hold(hold),
        Drive(((line, 0),)),
        Hold(hold),
        Drive(((clock, 0),)),
        Hold(hold),
    )
    restarts, acknowledges = generator.random() < 0.4, generator.choice((1, 1, 0))
    steps: list[Step] = [*start]
    for rank, word in enumerate(words):
        if rank and restarts and generator.random() < 0.5:
            steps += start
            # The address again, to turn the direction round.
            word = words[0] ^ 1
        levels = [*(word >> place & 1 for place in reversed(range(width))), acknowledges]
        for level in levels:
            steps += [Drive(((line, level),)), Hold(hold), Drive(((clock, 1),)), Hold(hold), Drive(((clock, 0),)), Hold(hold)]
    if generator.random() < 0.8:
        steps += [Drive(((line, 0),)), Hold(hold), Drive(((clock, 1),)), Hold(hold), Drive(((line, 1),)), Hold(hold)]
    return tuple(steps)
