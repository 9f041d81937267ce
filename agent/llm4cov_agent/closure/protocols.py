"""Stimulus that plays a protocol which the ports reveal: requests that wait for their answer, answers to requests. Knows no coverage.

Handshakes are recognised by the words that the field uses for their two sides (AXI's and AXI-stream's valid and ready,
Wishbone's stb and ack, APB's sel, enable and ready, request and grant or acknowledge) and by the stem that a pair shares.
Where no pair is recognised, any control bit with any one-bit output is tried: a search keeps what works.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random as Generator

from llm4cov_agent.bench.stimulus import Drive, Hold, Random, Repeat, Step, Wait
from llm4cov_agent.bench.weighting import is_active_low
from llm4cov_agent.closure.palette import Palette

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
_GIVES = ("ready", "rdy", "ack", "gnt", "grant", "done", "valid", "vld", "rvalid", "bvalid")
"""Words of inputs that answer what a design asks for."""
LONGEST_WAIT = 2000


@dataclass(frozen=True, slots=True)
class Handshake:
    """Inputs that are raised together, and the output (and its level) that answers them."""

    asks: tuple[str, ...]
    answer: str
    level: int


@dataclass(frozen=True, slots=True)
class Service:
    """An output by which the design asks, and the inputs that may answer it."""

    request: str
    answers: tuple[str, ...]


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
    asks = handshake.asks
    if len(asks) > 1 and generator.random() < 0.6:
        # Of a group, one may say what is asked and not that something is: a bus's write, for instance.
        asks = tuple(ask for ask in asks if generator.random() < 0.7) or asks
    payload = [port for port in palette.inputs if port.name not in asks]
    fields = palette.drawn(payload, generator, preferred=generator.choice((None, 0, 1)), slowest=60)
    raised = Drive(tuple((ask, _active(ask)) for ask in asks))
    lowered = Drive(tuple((ask, 1 - _active(ask)) for ask in asks))
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


def accesses(palette: Palette, handshakes: Sequence[Handshake], generator: Generator) -> tuple[Step, ...]:
    """Read and write registers one after the other, each access with an address and data of its own.

    Which bits say that there is an access is chosen once for all of them; the other bits are drawn for each.
    """
    bits = [signal for signal, width, _ in palette.signals if width == 1 and not signal.endswith(".enable")]
    handshake = generator.choice(handshakes) if handshakes and generator.random() < 0.7 else None
    named = [bit for bit in bits if _parts(bit) & set(_ASKS)]
    if handshake is not None:
        asks = [ask for ask in handshake.asks if generator.random() < 0.8] or list(handshake.asks)
    else:
        asks = generator.sample(named or bits, min(len(named or bits), generator.choice((1, 1, 2, 3))))
    others = [bit for bit in bits if bit not in asks]
    steps: list[Step] = []
    in_turn, pause = generator.random() < 0.4, generator.choice((0, 1, 1, 3))
    turning = [bit for bit in others if generator.random() < 0.5]
    for _ in range(generator.choice((1, 2, 3, 5, 8))):
        values = {signal: palette.word(port, generator) for signal, width, port in palette.signals if width > 1}
        values |= {bit: generator.getrandbits(1) for bit in turning}
        steps.append(Drive(tuple(values.items())))
        for rank, ask in enumerate(asks):
            steps.append(Drive(((ask, _active(ask)),)))
            if in_turn and rank < len(asks) - 1:
                # APB selects a cycle before it enables.
                steps.append(Hold(1))
        steps.append(Hold(1))
        if handshake is not None:
            steps += [Wait(handshake.answer, handshake.level, generator.choice((4, 16, 64))), Hold(1)]
        steps.append(Drive(tuple((ask, 1 - _active(ask)) for ask in asks)))
        steps += [Hold(pause)] if pause else []
    return (*steps, Hold(1))


def find_services(palette: Palette) -> tuple[Service, ...]:
    """Find requests that the design makes and inputs that may answer them: it is the master of a bus, or reads a memory."""
    bits = [signal for signal, width, _ in palette.signals if width == 1 and not signal.endswith(".enable")]
    answers = [bit for bit in bits if _parts(bit) & set(_GIVES)]
    requests = [flag for flag in palette.flags if _parts(flag) & set(_ASKS)]
    found: list[Service] = []
    for request in requests:
        same = [bit for bit in answers if _stem(bit) and _stem(bit) == _stem(request)]
        alike = [bit for bit in answers if bit.split("_")[0] == request.split("_")[0]]
        chosen = tuple(dict.fromkeys((*same, *alike))) or tuple(answers[:3])
        if chosen:
            found.append(Service(request, chosen))
    return tuple(dict.fromkeys(found))


def serve(palette: Palette, service: Service, generator: Generator) -> tuple[Step, ...]:
    """Answer a design's requests for a while, each with data drawn for it: in one go, or granted first and answered later."""
    answers = list(service.answers)
    generator.shuffle(answers)
    answers = answers[: generator.choice((1, 1, 2))]
    payload = [port for port in palette.inputs if port.name not in service.answers]
    fields = palette.drawn(payload, generator, preferred=generator.choice((0, 0, None)), slowest=30)
    body: list[Step] = [Wait(service.request, 1, generator.choice((8, 32, 200)))]
    for rank, answer in enumerate(answers):
        delay = generator.choice((0, 0, 1, 2, 5))
        body += [Hold(delay)] if delay else []
        body.append(Drive(((answer, _active(answer)),)))
        body.append(Random(1, fields) if rank == len(answers) - 1 else Hold(1))
        body.append(Drive(((answer, 1 - _active(answer)),)))
    after = generator.choice((0, 0, 1, 3))
    body += [Hold(after)] if after else []
    if not any(isinstance(step, Hold | Random) for step in body):
        body.append(Hold(1))
    return (Random(1, fields, generator.getrandbits(32)), Repeat(generator.choice((1, 4, 16, 60, 200)), tuple(body)), Hold(1))


def _active(name: str) -> int:
    return 0 if is_active_low(name) else 1


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
