"""All families and their weights: a seed and a number become one design as text. Writes no file and elaborates nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from llm4cov_training.corpus.families import (
    alu,
    arbiter,
    counter,
    crc,
    decoder,
    fifo,
    filters,
    handshake,
    lock,
    machine,
    pipeline,
    registers,
    serial,
    shifter,
    slave,
    system,
    timer,
)
from llm4cov_training.corpus.gated import add_gated
from llm4cov_training.corpus.ornaments import add_some
from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import source
from llm4cov_training.corpus.verilog.tree import shorten_blocks
from llm4cov_training.corpus.verilog.write import text_of
from llm4cov_training.corpus.words import MODULES

FAMILIES: dict[str, Callable[[Style, str], Unit]] = {
    "machine": machine.build,
    "counter": counter.build,
    "fifo": fifo.build,
    "arbiter": arbiter.build,
    "shifter": shifter.build,
    "serial": serial.build,
    "handshake": handshake.build,
    "alu": alu.build,
    "registers": registers.build,
    "crc": crc.build,
    "decoder": decoder.build,
    "pipeline": pipeline.build,
    "slave": slave.build,
    "timer": timer.build,
    "lock": lock.build,
    "filter": filters.build,
}
SYSTEM = "system"
_WEIGHTS = {"machine": 24, SYSTEM: 18, "slave": 8, "lock": 7, "decoder": 5, "counter": 5}
_OTHERS = 6
"""Weight of a family that is not named."""
_ORNAMENTS = (0, 1, 1, 2, 2)
_GATED_SHARE = 0.9
"""Of designs that have something behind a gate."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A design as text."""

    name: str
    """Of its file, unique within one seed."""
    family: str
    top: str
    text: str


def generate(seed: int, number: int) -> Generated:
    """Make design `number` of a seed; the same two give the same bytes."""
    style = Style(Random(f"{seed}:{number}"))
    names = [*FAMILIES, SYSTEM]
    family = style.rng.choices(names, [_WEIGHTS.get(name, _OTHERS) for name in names])[0]
    if family == SYSTEM:
        units = system.build(style, style.rng.choice(MODULES[SYSTEM]), [_leaf(name) for name in FAMILIES])
    else:
        units = [_leaf(family)(style)]
    if style.chance(_GATED_SHARE):
        # On the top module, as inputs of a lower one may be driven by another that never opens its gate.
        add_gated(units[-1])
    order = units if style.chance(0.7) else list(reversed(units))
    nodes = [unit.node() for unit in order]
    if style.short_blocks:
        for node in nodes:
            shorten_blocks(node)
    text = text_of(source(nodes), indent=style.indent)
    return Generated(f"{family}_{number:06d}", family, units[-1].name, text)


def _leaf(family: str) -> Callable[[Style], Unit]:
    def build(style: Style) -> Unit:
        suffix = style.rng.choice(("", "", f"_{style.rng.randrange(8, 64)}", f"_v{style.rng.randrange(1, 9)}"))
        unit = FAMILIES[family](style, style.rng.choice(MODULES[family]) + suffix)
        add_some(unit, style.rng.choice(_ORNAMENTS))
        return unit

    return build
