"""Makes a stimulus fit a design that changed since: keeps what still has a meaning, leaves out the rest. Knows no simulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, Repeat, Reset, Step, Stimulus, Wait, free_clocks, problems_of
from llm4cov_agent.rtl.design import Design

_WAIT_CYCLES = 16
"""Cycles at most in place of waiting for an output that is gone."""


def refit(stimulus: Stimulus, design: Design) -> Stimulus | None:
    """Give the stimulus as it is if it fits, else what of it fits; None if nothing of it does.

    Its clocks are those that the design needs now; inputs that are gone are not driven, and values are cut to the widths of today.
    """
    clocks = free_clocks(design)
    if stimulus.clocks == clocks and not problems_of(stimulus, design):
        return stimulus
    fitting = _Fitting(
        driven={name: width for name, width in design.driven_signals().items() if name not in {clock.port for clock in clocks}},
        outputs={name: port.width for port in design.ports if port.unsupported is None for name in port.signals()},
        resets=frozenset(reset.port for reset in design.resets),
        clocks=frozenset(clock.port for clock in clocks),
    )
    sequences = tuple(replace(sequence, steps=steps) for sequence in stimulus.sequences if (steps := tuple(fitting.steps(sequence.steps))))
    fitted = replace(stimulus, top=design.top, clocks=clocks, sequences=sequences)
    return fitted if sequences and not problems_of(fitted, design) else None


@dataclass(frozen=True, slots=True)
class _Fitting:
    driven: Mapping[str, int]
    """Bits of each input that is no clock."""
    outputs: Mapping[str, int]
    resets: frozenset[str]
    clocks: frozenset[str]

    def steps(self, steps: tuple[Step, ...]) -> Iterator[Step]:
        for step in steps:
            match step:
                case Reset():
                    ports = tuple(port for port in step.ports if port in self.resets)
                    # Time passes all the same: what follows may count on it.
                    yield replace(step, ports=ports) if self.resets and (ports or not step.ports) else Hold(step.cycles)
                case Drive():
                    values = tuple((name, self._cut(name, value)) for name, value in step.values if name in self.driven)
                    if values:
                        yield Drive(values)
                case Hold():
                    yield step if step.clock in self.clocks else replace(step, clock=None)
                case Wait():
                    fits = step.signal in self.outputs and step.signal not in self.clocks and step.value < 1 << self.outputs[step.signal]
                    yield step if fits else Hold(max(1, min(step.limit, _WAIT_CYCLES)))
                case Random():
                    fields = tuple(
                        replace(field, choices=tuple(self._cut(field.signal, value) for value in field.choices))
                        for field in step.fields
                        if field.signal in self.driven
                    )
                    yield replace(step, fields=fields) if fields else Hold(step.cycles)
                case Pace():
                    if step.clock in self.clocks:
                        yield step
                case Repeat():
                    inner = tuple(self.steps(step.steps))
                    if inner:
                        yield replace(step, steps=inner)

    def _cut(self, name: str, value: int) -> int:
        return value & ((1 << self.driven[name]) - 1)
