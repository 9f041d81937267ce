"""Turns steps into the words that the compiled harness executes. Runs nothing; the verbs are those of `harness.cpp`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from llm4cov_agent.bench.compact import initial_values, reset_levels
from llm4cov_agent.bench.prng import seed_state
from llm4cov_agent.bench.stimulus import ClockDrive, Drive, Hold, Pace, Random, Repeat, Reset, Step, Stimulus, Wait
from llm4cov_agent.closure.shell import Shell
from llm4cov_agent.rtl.design import Design, Edge

SET, TICK, WAIT, RANDOM, REPEAT, PACE = 1, 2, 3, 4, 5, 6


def value_words(value: int, width: int) -> list[int]:
    """Cut a bit pattern into 32-bit words, the least significant first."""
    return [value >> low & 0xFFFF_FFFF for low in range(0, max(width, 1), 32)]


@dataclass(frozen=True)
class Coder:
    """Codes steps for one design under one set of clocks."""

    design: Design
    shell: Shell
    clocks: tuple[ClockDrive, ...]

    @cached_property
    def _inputs(self) -> Mapping[str, tuple[int, int]]:
        return {port.signal: (rank, port.width) for rank, port in enumerate(self.shell.inputs)}

    @cached_property
    def _outputs(self) -> Mapping[str, tuple[int, int]]:
        return {port.signal: (rank, port.width) for rank, port in enumerate(self.shell.outputs)}

    @cached_property
    def _clock_ranks(self) -> Mapping[str | None, int]:
        return {None: 0} | {clock.port: rank for rank, clock in enumerate(self.clocks)}

    @cached_property
    def _clock_ports(self) -> frozenset[str]:
        return frozenset(clock.port for clock in self.clocks)

    def power_up(self, seed: int) -> list[int]:
        """Code what holds before the first step: the generator's seed, the clocks and the initial values."""
        words = [seed_state(seed), len(self.clocks)]
        for clock in self.clocks:
            rank, width = self._inputs[clock.port]
            words += [rank, clock.half_period, clock.phase, int(clock.edge is Edge.NEGEDGE), (1 << width) - 1]
        # Only the clocks and the resets of a stimulus decide its initial values.
        levels = initial_values(Stimulus(self.design.top, seed, self.clocks, ()), self.design)
        return words + self._set(levels.items())

    def steps(self, steps: Iterable[Step]) -> list[int]:
        """Code steps; they must fit the design, which `bench.stimulus.problems_of` checks."""
        words: list[int] = []
        for step in steps:
            match step:
                case Drive():
                    words += self._set(step.values)
                case Hold():
                    words += [TICK, self._clock_ranks[step.clock], step.cycles]
                case Reset():
                    words += self._set(reset_levels(self.design, step.ports, active=True, skip=self._clock_ports).items())
                    words += [TICK, 0, step.cycles]
                    words += self._set(reset_levels(self.design, step.ports, active=False, skip=self._clock_ports).items())
                case Wait():
                    rank, width = self._outputs[step.signal]
                    words += [WAIT, rank, int(step.equal), step.limit, *value_words(step.value, width)]
                case Random():
                    words += self._random(step)
                case Pace():
                    words += [PACE, self._clock_ranks[step.clock], step.half_period]
                case Repeat():
                    body = self.steps(step.steps)
                    words += [REPEAT, step.count, len(body), *body]
        return words

    def _set(self, values: Iterable[tuple[str, int]]) -> list[int]:
        words: list[int] = []
        for signal, value in values:
            rank, width = self._inputs[signal]
            words += [SET, rank, *value_words(value, width)]
        return words

    def _random(self, step: Random) -> list[int]:
        fields: list[int] = []
        for field in step.fields:
            rank, width = self._inputs[field.signal]
            fields += [rank, field.choice_percent, field.stay_percent, len(field.choices)]
            for choice in field.choices:
                fields += value_words(choice, width)
        if not step.fields:
            return [TICK, 0, step.cycles]
        has_seed = step.seed is not None
        return [RANDOM, step.cycles, int(has_seed), seed_state(step.seed or 0) if has_seed else 0, len(fields), *fields]
