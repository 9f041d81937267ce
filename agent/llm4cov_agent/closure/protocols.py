"""Stimulus that plays a protocol which the ports reveal: requests that wait for their answer, frames bit by bit. Knows no coverage.

Handshakes are recognised by the words that the field uses for their two sides (AXI's and AXI-stream's valid and ready,
Wishbone's stb and ack, APB's sel, enable and ready, request and grant or acknowledge) and by the stem that a pair shares.
Where no pair is recognised, any control bit with any one-bit output is tried: a search keeps what works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random as Generator

from llm4cov_agent.bench.stimulus import Drive, Hold, Random, Repeat, Step, Wait
from llm4cov_agent.bench.weighting import drawn_inputs, is_active_low
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.rtl.design import Direction

_ASKS = (
    "valid",
    "vld",
    "stb",
    "strobe",
    "req",
    "request",
    "start",
    "sel",
    "en",
    "enable",
    "cyc",
    "push",
    "pop",
    "write",
    "read",
    "wr",
    "rd",
    "go",
    "load",
)
_ANSWERS = ("ready", "rdy", "ack", "gnt", "grant", "done", "valid", "busy", "full", "empty", "idle")
_CLOCK_LIKE = re.compile(r"(scl|sck|sclk|spi_clk|tck)", re.IGNORECASE)
_DATA_LIKE = re.compile(r"(sda|mosi|sdi|miso|rxd?$|^rx|uart|tdi|serial|din$|line)", re.IGNORECASE)
_SELECT_LIKE = re.compile(r"(cs|ss|sel)(_?n)?$", re.IGNORECASE)
LONGEST_WAIT = 2000


@dataclass(frozen=True, slots=True)
class Handshake:
    """Inputs that are raised together, and the output (and its level) that answers them."""

    asks: tuple[str, ...]
    answer: str
    level: int


def find_handshakes(palette: Palette) -> tuple[Handshake, ...]:
    """Find pairs by name, and groups of inputs that only make sense together (cycle and strobe, select and enable)."""
    bits = [signal for signal, width, _ in palette.signals if width == 1 and not signal.endswith(".enable")]
    asks = [bit for bit in bits if _last_word(bit) in _ASKS or _parts(bit) & set(_ASKS)]
    found: list[Handshake] = []
    for answer in palette.flags:
        words = _parts(answer)
        if not words & set(_ANSWERS):
            continue
        level = 0 if words & {"busy", "full", "empty"} else 1
        stems = [ask for ask in asks if _stem(ask) == _stem(answer)]
        found += [Handshake((ask,), answer, level) for ask in stems]
        if len(stems) > 1:
            found.append(Handshake(tuple(stems), answer, level))
        if not stems and asks:
            found += [Handshake((ask,), answer, level) for ask in asks[:6]]
            found.append(Handshake(tuple(asks[:4]), answer, level))
    return tuple(dict.fromkeys(found))


def requests(palette: Palette, handshake: Handshake, generator: Generator) -> tuple[Step, ...]:
    """Ask a few times with random payload, each time until it is answered, with pauses of one length between."""
    payload = [port for port in palette.inputs if port.name not in handshake.asks]
    fields = drawn_inputs(payload, generator, preferred=generator.choice((None, 0, 1)), slowest=60)
    raised = Drive(tuple((ask, 0 if is_active_low(ask) else 1) for ask in handshake.asks))
    lowered = Drive(tuple((ask, 1 if is_active_low(ask) else 0) for ask in handshake.asks))
    body: tuple[Step, ...] = (
        Random(1, fields),
        raised,
        *((Hold(1),) if generator.random() < 0.5 else ()),
        Wait(handshake.answer, handshake.level, generator.choice((16, 64, 300, LONGEST_WAIT))),
        Hold(1),
        *((lowered, Hold(generator.choice((1, 1, 2, 5)))) if generator.random() < 0.8 else ()),
    )
    return (*_seeded(body, generator), Repeat(generator.choice((1, 2, 4, 16, 40)), body), lowered, Hold(2))


def _seeded(body: tuple[Step, ...], generator: Generator) -> tuple[Step, ...]:
    """Draw once from a seed of its own, so that the draws of a body that is repeated are known."""
    first = next((step for step in body if isinstance(step, Random)), None)
    return (Random(1, first.fields, generator.getrandbits(32)),) if first is not None else ()


def frames(palette: Palette, generator: Generator) -> tuple[Step, ...]:
    """Send words bit by bit on an input: with a serial clock and a select where there are such, else timed as a UART's frame is."""
    bits = [signal for signal, width, _ in palette.signals if width == 1]
    data = [bit for bit in bits if _DATA_LIKE.search(bit)] or bits
    if not data:
        return ()
    line = generator.choice(data)
    hold = generator.choice(palette.holds[: max(1, len(palette.holds) * 2 // 3)] or (1,))
    hold = min(hold, 600)
    clocks = [bit for bit in bits if _CLOCK_LIKE.search(bit) and bit != line]
    count = generator.choice((5, 7, 8, 8, 9, 10, 16))
    steps: list[Step] = []
    selects = [bit for bit in bits if _SELECT_LIKE.search(bit)]
    if clocks:
        clock = generator.choice(clocks)
        # Data may move while the serial clock is high as well: that is how I2C starts and stops.
        steps += [Drive(((select, 0),)) for select in selects]
        steps += [Drive(((clock, 1), (line, 1))), Hold(hold), Drive(((line, 0),)), Hold(hold)]
        for _ in range(generator.choice((1, 2, 3))):
            word = generator.getrandbits(count)
            for place in range(count):
                steps += [Drive(((clock, 0), (line, word >> place & 1))), Hold(hold), Drive(((clock, 1),)), Hold(hold)]
        steps += [Drive(((clock, 0), (line, 0))), Hold(hold), Drive(((clock, 1),)), Hold(hold), Drive(((line, 1),)), Hold(hold)]
        steps += [Drive(((select, 1),)) for select in selects]
        return (*steps, Hold(2))
    for _ in range(generator.choice((1, 1, 2, 4))):
        word, parity = generator.getrandbits(count), generator.random() < 0.5
        steps += [Drive(((line, 0),)), Hold(hold)]
        for place in range(count):
            steps += [Drive(((line, word >> place & 1),)), Hold(hold)]
        if parity:
            steps += [Drive(((line, word.bit_count() & 1),)), Hold(hold)]
        steps += [Drive(((line, int(generator.random() < 0.85)),)), Hold(hold), Drive(((line, 1),)), Hold(hold)]
    return tuple(steps)


def has_frames(palette: Palette) -> bool:
    """Say whether some input looks like a serial line."""
    return any(
        width == 1 and _DATA_LIKE.search(signal) for signal, width, port in palette.signals if port.direction is not Direction.OUTPUT
    )


def _parts(name: str) -> set[str]:
    text = name.lower()
    words = set(re.split(r"[^a-z]+", text))
    # AXI, APB and Wishbone write their words without a gap: awvalid, pready, stb_i.
    return words | {word for word in (*_ASKS, *_ANSWERS) if len(word) > 2 and any(part.endswith(word) for part in words)}


def _last_word(name: str) -> str:
    return [part for part in re.split(r"[^a-z]+", name.lower()) if part][-1] if re.search("[a-zA-Z]", name) else ""


def _stem(name: str) -> str:
    text = re.sub(r"(^|_)[io]($|_)", "_", name.lower())
    for word in sorted({*_ASKS, *_ANSWERS}, key=len, reverse=True):
        text = re.sub(rf"{word}(?=_|$|\d)", "", text)
    return text.strip("_")
