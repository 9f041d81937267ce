"""The random policy: weighted random inputs and a few resets, the baseline that every other policy must beat.

It knows a design's ports, clocks, resets and the constants collected for them; it never looks at coverage.
"""

from __future__ import annotations

import time
from random import Random as Generator

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Hold, Random, Reset, Sequence, Step, Stimulus, free_clocks
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.bench.weighting import drawn_inputs
from llm4cov_agent.loop.policy import Ask, Proposal
from llm4cov_agent.loop.state import State
from llm4cov_agent.rtl.design import Design, Port

RESET_CYCLES = 4
IDLE_CYCLES = 4


RANDOM_CYCLES = 2000


class RandomPolicy:
    """Proposes the random stimulus of the seed that it is asked with."""

    name = "random"
    model = None

    def __init__(self, language: Language, *, cycles: int = RANDOM_CYCLES) -> None:
        self._language, self._cycles = language, cycles

    def propose(self, state: State, ask: Ask) -> Proposal:
        """Draw a stimulus; the state's testbench is not looked at."""
        began = time.monotonic()
        design = state.design.design
        stimulus = random_stimulus(design, seed=ask.seed, cycles=self._cycles)
        testbench = render(stimulus, design, self._language)
        return Proposal(testbench=testbench, stimulus=stimulus, seconds=time.monotonic() - began)


def random_stimulus(design: Design, *, seed: int, cycles: int = RANDOM_CYCLES) -> Stimulus:
    """Make a stimulus of about `cycles` cycles, the same for the same seed."""
    generator = Generator(seed)
    clocks = free_clocks(design)
    clock_ports = {clock.port for clock in clocks}
    resets = tuple(dict.fromkeys(reset.port for reset in design.resets if reset.port not in clock_ports))
    inputs = [port for port in design.ports if port.is_driven and port.name not in clock_ports and port.name not in resets]
    overhead = IDLE_CYCLES + (RESET_CYCLES * 3 if resets else 0)
    quarter = max(1, (cycles - overhead) // 4)
    rest = max(1, cycles - overhead - 3 * quarter)

    start: list[Step] = [Reset(RESET_CYCLES)] if resets else []
    sequences = [
        Sequence(
            "power_up",
            "Reset the design and let it idle." if resets else "Let the design settle with all inputs at 0.",
            (*start, Hold(IDLE_CYCLES)),
        ),
        Sequence(
            "any_values",
            "Every input is drawn anew in most cycles: finds what depends on single values.",
            (_draws(inputs, quarter, generator, preferred=None, slowest=20),),
        ),
        Sequence(
            "mostly_idle",
            "Control bits are mostly inactive: single events, far from each other.",
            (_draws(inputs, quarter, generator, preferred=0, slowest=60),),
        ),
        Sequence(
            "mostly_active",
            "Control bits are mostly active, with a reset in between: fills what can be full, and starts over from there."
            if resets
            else "Control bits are mostly active: fills what can be full.",
            (
                _draws(inputs, max(1, quarter // 2), generator, preferred=1, slowest=40),
                *(_pulse(resets, generator) if resets else ()),
                _draws(inputs, max(1, quarter - quarter // 2), generator, preferred=1, slowest=40),
            ),
        ),
        Sequence(
            "slow_changes",
            "Inputs keep their values for long: leaves counters and handshakes the time to finish.",
            (*(_pulse(resets, generator) if resets else ()), _draws(inputs, rest, generator, preferred=None, slowest=97, quickest=85)),
        ),
    ]
    return Stimulus(design.top, seed & 0xFFFF_FFFF, clocks, tuple(sequences))


def _pulse(resets: tuple[str, ...], generator: Generator) -> tuple[Step, ...]:
    """Reset the design while it works: all of it, or one reset of several on its own."""
    if len(resets) > 1 and generator.random() < 0.5:
        return (Reset(RESET_CYCLES, (generator.choice(resets),)),)
    return (Reset(RESET_CYCLES),)


def _draws(inputs: list[Port], cycles: int, generator: Generator, *, preferred: int | None, slowest: int, quickest: int = 0) -> Random:
    return Random(cycles, drawn_inputs(inputs, generator, preferred=preferred, slowest=slowest, quickest=quickest))
