from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.compact import Line, Loop, Table, compact, initial_values, reset_levels
from llm4cov_agent.bench.stimulus import Drive, Hold, Random, RandomField, Repeat, Reset, Sequence, Step, Stimulus, Wait, default_clocks
from tests.unit.designs_by_hand import ALU

NAMES = ("a", "op", "regs[3]", "rst_n")


def any_steps(generator: random.Random, depth: int = 2) -> list[Step]:
    """Make steps of all kinds, with long runs of drive and hold among them, as a search leaves them."""
    steps: list[Step] = []
    for _ in range(generator.randint(0, 8)):
        match generator.randint(0, 6):
            case 0:
                steps.append(Reset(generator.randint(0, 2)))
            case 1:
                steps.append(Wait("y", 1, generator.randint(0, 2)))
            case 2:
                fields = tuple(RandomField(name) for name in generator.sample(NAMES, generator.randint(0, 2)))
                steps.append(Random(generator.randint(0, 2), fields))
            case 3 if depth:
                steps.append(Repeat(generator.randint(0, 3), tuple(any_steps(generator, depth - 1))))
            case 4:
                names = generator.sample(NAMES, generator.randint(1, 4))
                for _ in range(generator.randint(8, 60)):
                    steps.append(Drive(((generator.choice(names), generator.randint(0, 1)),)))
                    steps.append(Hold(generator.randint(1, 3)))
            case 5:
                steps.append(Drive(tuple((name, generator.randint(0, 1)) for name in generator.sample(NAMES, generator.randint(0, 3)))))
            case _:
                steps.append(Hold(generator.randint(0, 3), generator.choice((None, "clk"))))
    return steps


def waveform(lines: Iterable[Step | Line]) -> list[object]:
    """Say what every cycle sees; random values are told apart only by their place."""
    values: dict[str, object] = dict(initial_values(stimulus_of([]), ALU))
    seen: list[object] = []
    fresh = count()

    def play(items: Iterable[Step | Line]) -> None:
        for item in items:
            match item:
                case Drive():
                    values.update(item.values)
                case Hold():
                    seen.extend([dict(values)] * item.cycles)
                case Reset():
                    values.update(reset_levels(ALU, item.ports, active=True))
                    seen.extend([dict(values)] * item.cycles)
                    values.update(reset_levels(ALU, item.ports, active=False))
                case Wait():
                    seen.extend([(item, dict(values))] * (item.limit > 0))
                case Random():
                    for _ in range(item.cycles):
                        values.update((field.signal, f"random {next(fresh)}") for field in item.fields)
                        seen.append(dict(values))
                case Repeat(times, steps) | Loop(times, steps):
                    for _ in range(times):
                        play(steps)
                case Table():
                    for row, cycles in item.rows:
                        values.update(zip(item.signals, row, strict=True))
                        seen.extend([dict(values)] * cycles)

    play(lines)
    return seen


def stimulus_of(*sequences: list[Step]) -> Stimulus:
    return Stimulus(
        "alu", 1, default_clocks(ALU.clocks), tuple(Sequence(f"s{rank}", "S.", tuple(steps)) for rank, steps in enumerate(sequences))
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_what_is_driven_stays_the_same(seed: int) -> None:
    generator = random.Random(seed)
    sequences = [any_steps(generator), any_steps(generator)]
    short = compact(stimulus_of(*sequences), ALU)
    assert waveform(line for body in short for line in body) == waveform(step for steps in sequences for step in steps)


def lines_of(steps: list[Step]) -> Iterator[Line]:
    yield from compact(stimulus_of(steps), ALU)[0]


def test_repeats_become_loops() -> None:
    steps: list[Step] = [Drive((("a", 1),)), Hold(1), Drive((("a", 2),)), Hold(2)] * 50
    (loop,) = lines_of(steps)
    assert isinstance(loop, Loop)
    assert (loop.count, len(loop.body)) == (50, 4)


def test_runs_of_values_become_tables() -> None:
    steps: list[Step] = [step for value in range(100) for step in (Drive((("a", value * 7919 & 0xFFFF),)), Hold(1 + value % 3))]
    (table,) = lines_of(steps)
    assert isinstance(table, Table)
    assert (table.signals, len(table.rows)) == (("a",), 100)


def test_what_does_nothing_is_left_out() -> None:
    nothing: list[Step] = [Hold(0), Repeat(0, (Hold(1),)), Repeat(3, ()), Wait("y", 1, 0), Random(0, ()), Drive(())]
    assert list(lines_of(nothing)) == []
