"""Replies as a student writes them that has learned little: few inputs, few cycles; and replies that are broken. Looks at no coverage."""

from __future__ import annotations

from random import Random as Generator

from llm4cov_agent.bench.script_text import script_of
from llm4cov_agent.bench.stimulus import Drive, Hold, Random, RandomField, Repeat, Reset, Sequence, Step, Stimulus, free_clocks
from llm4cov_agent.rtl.design import Design

_NAMES = ("try_values", "basic", "test", "random_inputs", "drive_all", "first")


def novice_reply(design: Design, generator: Generator) -> str:
    """Write one to three short sequences that know the ports and little else."""
    clocks = {clock.port for clock in free_clocks(design)}
    resets = tuple(reset.port for reset in design.resets if reset.port not in clocks)
    inputs = [name for name in design.driven_signals() if name not in clocks and name not in resets and "." not in name]
    widths = {port.name: port.width for port in design.ports}
    sequences: list[Sequence] = []
    for name in generator.sample(_NAMES, generator.choice((1, 1, 2, 3))):
        steps: list[Step] = [Reset(generator.choice((2, 4, 5)))] if resets and generator.random() < 0.8 else []
        some = generator.sample(inputs, generator.randint(1, min(len(inputs), 4))) if inputs else []
        for signal in some:
            value = generator.choice((0, 1, (1 << widths.get(signal, 1)) - 1))
            steps += [Drive(((signal, value),)), Hold(generator.choice((1, 2, 5, 10)))]
        if some and generator.random() < 0.5:
            steps.append(Random(generator.choice((5, 10, 20)), tuple(RandomField(signal) for signal in some)))
        if some and generator.random() < 0.3:
            steps.append(Repeat(generator.randint(2, 4), (Drive(((some[0], 1),)), Hold(1), Drive(((some[0], 0),)), Hold(1))))
        sequences.append(Sequence(name, "", (*steps, Hold(generator.choice((2, 5, 10))))))
    return script_of(Stimulus(design.top, 1, free_clocks(design), tuple(sequences)), design)


def damaged(reply: str, generator: Generator) -> str:
    """Break a reply as models do: a port that does not exist, a value that does not fit, a verb that is none, prose."""
    lines = reply.splitlines()
    steps = [place for place, line in enumerate(lines) if line.startswith("  ")]
    if not steps or generator.random() < 0.15:
        return "Here is a testbench for the design. First reset it, then drive all inputs."
    place = generator.choice(steps)
    words = lines[place].split()
    way = generator.randrange(4)
    if way == 0 and len(words) > 1:
        lines[place] = "  drive " + generator.choice(("data_valid_x", "input1", "enable_all", "A", "value0")) + "=1"
    elif way == 1:
        lines[place] = f"  {generator.choice(('set', 'apply', 'loop', 'assert', 'check'))} {' '.join(words[1:])}"
    elif way == 2:
        lines[place] = f"  wait {generator.choice(('done_all', 'ready_x', 'out1'))} == 1 limit 50"
    else:
        lines[place] = f"  hold {generator.choice(('ten', '-5', '1.5', 'clk'))}"
    return "\n".join(lines) + "\n"
