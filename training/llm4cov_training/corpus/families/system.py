"""Hierarchies: units of other families wired to each other below one top."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm4cov_training.corpus.style import Style
from llm4cov_training.corpus.unit import Unit
from llm4cov_training.corpus.verilog.build import Expr, cat, number

Leaf = Callable[[Style], Unit]


def build(style: Style, name: str, leaves: Sequence[Leaf]) -> list[Unit]:
    """Build a top over two to four units; gives the units first and the top last."""
    children: list[Unit] = []
    for leaf in style.rng.choices(leaves, k=style.rng.randint(2, 4)):
        made = leaf(style)
        same = next((child for child in children if child.name == made.name), None)
        if same is None:
            children.append(made)
    top = Unit(style, name)
    available: list[tuple[Expr, int]] = []
    for number_, child in enumerate([*children, *(children[:1] if style.chance(0.3) else [])]):
        connections: dict[str, Expr] = {}
        outputs: list[tuple[Expr, int]] = []
        for port in child.ports:
            if port.direction == "input":
                connections[port.name] = _source(top, port.width, port.concept, available)
            elif style.chance(0.55):
                connections[port.name] = top.output(port.concept, port.width)
                outputs.append((connections[port.name], port.width))
            else:
                connections[port.name] = top.wire(port.concept, port.width)
                outputs.append((connections[port.name], port.width))
        top.instance(child, f"u_{child.name}_{number_}" if style.chance(0.5) else f"{child.name}{number_}", connections)
        available += outputs
    flag = top.output("status")
    top.assign(flag, _any([signal for signal, _ in available]))
    return [*children, top]


def _source(top: Unit, width: int, concept: str, available: list[tuple[Expr, int]]) -> Expr:
    """What drives an input of a child: an output of another, an input that there is, or a new one."""
    style = top.style
    fitting = [signal for signal, bits in available if bits == width]
    if fitting and style.chance(0.5):
        return style.rng.choice(fitting)
    wider = [signal for signal, bits in available if bits > width]
    if wider and style.chance(0.25):
        return style.rng.choice(wider)[width - 1 : 0] if width > 1 else style.rng.choice(wider)[0]
    narrow = [(signal, bits) for signal, bits in available if 1 < bits < width]
    if narrow and style.chance(0.15):
        signal, bits = style.rng.choice(narrow)
        return cat(number(0, width - bits, "b"), signal)
    shared = [signal for signal, bits, _ in top.inputs if bits == width]
    if shared and style.chance(0.3):
        return style.rng.choice(shared)
    return top.input(concept, width)


def _any(signals: list[Expr]) -> Expr:
    made = signals[0].any_one()
    for signal in signals[1:4]:
        made = made.lor(signal.any_one())
    return made
