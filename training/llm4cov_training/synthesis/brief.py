"""Makes what the search found into a reply that a small model could have written: short, in round numbers. Judges nothing.

What is lost by it is measured when the reply is judged, as that of any model is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Sequences
from dataclasses import dataclass, replace

from llm4cov_agent.bench.script_names import Vocabulary
from llm4cov_agent.bench.script_text import script_of
from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, RandomField, Repeat, Reset, Sequence, Step, Stimulus, Wait, free_clocks
from llm4cov_agent.bench.text import Names
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.rtl.design import Design

OPENING = "anything"
"""Name of the sequence that draws all inputs."""
_MOST_CHOICES = 6
_LONGEST_RANDOM = 2000
_LONGER = 4
"""How much longer draws are made: without its seed a step needs more of them for the same, and a longer one takes no more words."""
_LINE = re.compile(r"(line_\d+)(?:_\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Brief:
    """A reply and what did not fit in it."""

    reply: str
    """Empty if not even the shortest sequence fits."""
    left: tuple[Sequence, ...]
    """In their order, for a later reply."""


def opening_sequence(design: Design, cycles: int) -> Sequence | None:
    """A reset, then all inputs drawn at once for so many cycles; None where there is nothing to draw, or no cycles are wanted."""
    drawn = tuple(RandomField(signal) for signal in Vocabulary(design).drawn_by_all)
    if not drawn or not cycles:
        return None
    clocks = {clock.port for clock in free_clocks(design)}
    resets: tuple[Step, ...] = (Reset(4),) if any(reset.port not in clocks for reset in design.resets) else ()
    return Sequence(OPENING, "", (*resets, Random(cycles, drawn)))


def simplified(sequences: Sequences[Sequence], design: Design, *, tells_lines: bool) -> tuple[Sequence, ...]:
    """Say the same in fewer words: few choices, round shares, no seeds, no comments.

    With `tells_lines` a name tells the line that a sequence is first to reach, where the prompt lists lines that were missed.
    """
    constants = {port.name: frozenset(port.constants) | {member.value for member in port.enum} for port in design.ports}
    widths = {port.name: port.width for port in design.ports}
    names = Names(())
    return tuple(
        Sequence(names.pick(_name(one.name) if tells_lines else f"part{number}"), "", _steps(one.steps, constants, widths))
        for number, one in enumerate(sequences, 1)
    )


def fitted(sequences: Sequences[Sequence], design: Design, stimulus: Stimulus, *, most_tokens: int) -> Brief:
    """Choose the shortest sequences that fit together, and write them in their own order."""

    def written(chosen: Sequences[Sequence]) -> str:
        return script_of(replace(stimulus, sequences=tuple(chosen)), design)

    cost = {place: tokens_of(written([one])) for place, one in enumerate(sequences)}
    room, taken = most_tokens, set[int]()
    for place in sorted(cost, key=lambda place: (cost[place], place)):
        if cost[place] > room:
            break
        room -= cost[place]
        taken.add(place)
    reply = written([one for place, one in enumerate(sequences) if place in taken]) if taken else ""
    return Brief(reply, tuple(one for place, one in enumerate(sequences) if place not in taken))


def _name(name: str) -> str:
    found = _LINE.search(name)
    return found[1] if found else name.removeprefix("reach_")[:24].rstrip("_") or "more"


def _steps(steps: tuple[Step, ...], constants: dict[str, frozenset[int]], widths: dict[str, int]) -> tuple[Step, ...]:
    made: list[Step] = []
    for step in steps:
        match step:
            case Repeat(1, inner):
                made += _steps(inner, constants, widths)
            case Repeat(count, inner):
                made.append(Repeat(count, _steps(inner, constants, widths)))
            case Random():
                fields = tuple(_field(field, constants, widths) for field in step.fields)
                made.append(Random(max(step.cycles, min(_LONGEST_RANDOM, _rounded_up(_LONGER * step.cycles))), fields))
            case Hold() if made and isinstance(made[-1], Hold) and made[-1].clock == step.clock:
                made[-1] = replace(step, cycles=step.cycles + made[-1].cycles)
            case Reset() | Drive() | Hold() | Wait() | Pace():
                made.append(step)
    return tuple(made)


def _field(field: RandomField, constants: dict[str, frozenset[int]], widths: dict[str, int]) -> RandomField:
    choices = field.choices
    if len(choices) > _MOST_CHOICES:
        known = constants.get(field.signal, frozenset())
        top = (1 << widths.get(field.signal, 1)) - 1
        liked = [choice for choice in choices if choice in known] + [choice for choice in choices if choice in (0, top)]
        choices = tuple(dict.fromkeys(liked or choices))[:_MOST_CHOICES]
    step = 20 if widths.get(field.signal) == 1 else 10
    percent = min(100, max(step, round(field.choice_percent / step) * step)) if choices else 0
    return RandomField(field.signal, choices, percent, min(90, round(field.stay_percent / 10) * 10))


def _rounded_up(cycles: int) -> int:
    """To one digit and a half: 28 becomes 30, 117 becomes 150."""
    unit = 1
    while cycles > 20 * unit:
        unit *= 5 if str(unit).startswith("1") else 2
    return -(-cycles // unit) * unit
