"""Makes long step lists short before they become text: loops for repeats, tables for runs of values. Knows no language.

Nothing here changes what is driven or when; only how many lines it takes to say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Union

from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, Repeat, Reset, Step, Stimulus, Wait
from llm4cov_agent.rtl.design import Design, Direction, Port

LONGEST_PERIOD = 16
"""Longest group of steps that is looked for as a repeat."""
FEWEST_SAVED = 4
"""A loop must save at least as many steps, or it reads worse than the steps."""
FEWEST_ELEMENTS = 4
"""As many elements of an array that are treated alike become a loop over its index."""
FEWEST_ROWS = 8
"""A table must have at least as many rows."""
MOST_ROWS = 512
MOST_TABLE_BITS = 16384
"""Larger tables are cut: simulators limit the width of a vector."""
_LINE_CHARACTERS = 90


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that each set all the `signals` and then hold for some cycles of a clock."""

    signals: tuple[str, ...]
    clock: str | None
    rows: tuple[tuple[tuple[int, ...], int], ...]
    """(value per signal, cycles)."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A body that is done `count` times."""

    count: int
    body: tuple[Line, ...]


Line = Union[Reset, Drive, Hold, Wait, Random, Pace, Table, Loop]


def reset_levels(design: Design, ports: tuple[str, ...], *, active: bool, skip: frozenset[str] = frozenset()) -> dict[str, int]:
    """Give the values of reset inputs (of all, where `ports` is empty) in their active or inactive state, by signal."""
    levels: dict[str, int] = {}
    for reset in design.resets:
        port = design.port(reset.port)
        if (ports and reset.port not in ports) or reset.port in levels or reset.port in skip or not port.is_driven:
            continue
        for signal in port.signals():
            levels.setdefault(signal, (1 << port.width) - 1 if active != reset.active_low else 0)
    return levels


def initial_values(stimulus: Stimulus, design: Design) -> dict[str, int]:
    """Give the values of all driven signals before the first step."""
    clocks = frozenset(clock.port for clock in stimulus.clocks)
    return dict.fromkeys(design.driven_signals(), 0) | reset_levels(design, (), active=False, skip=clocks)


def owners(design: Design) -> dict[str, Port]:
    """Give the port of each driven signal."""
    ports: dict[str, Port] = {}
    for port in design.ports:
        if port.is_driven:
            for signal in port.signals():
                ports[signal] = port
                if port.direction is Direction.INOUT:
                    ports[f"{signal}.enable"] = port
    return ports


def group_elements(signals: Items[str], kinds: Items[object], ports: Mapping[str, Port]) -> Iterator[tuple[int, int]]:
    """Cut signals into (place, count): neighbouring elements of a one-dimensional array that are of one kind, else one signal."""
    place = 0
    while place < len(signals):
        port, count = ports[signals[place]], 1
        if len(port.unpacked) == 1 and port.direction is Direction.INPUT:
            elements = list(port.signals())
            start = elements.index(signals[place])
            most = min(len(signals) - place, len(elements) - start)
            while count < most and signals[place + count] == elements[start + count] and kinds[place + count] == kinds[place]:
                count += 1
        count = count if count >= FEWEST_ELEMENTS else 1
        yield place, count
        place += count


def varies(table: Table) -> bool:
    """Say whether the rows hold for different numbers of cycles."""
    return len({cycles for _, cycles in table.rows}) > 1


def compact(stimulus: Stimulus, design: Design) -> list[tuple[Line, ...]]:
    """Shorten each sequence of a valid stimulus; the result has one entry per sequence, in order."""
    clocks = frozenset(clock.port for clock in stimulus.clocks)
    known = initial_values(stimulus, design)
    rewriter = _Rewriter(design, stimulus.clocks[0].port if stimulus.clocks else None, clocks, design.driven_signals())
    return [rewriter.tables(_loops(rewriter.tidy(sequence.steps)), known) for sequence in stimulus.sequences]


def walk_lines(lines: Items[Line]) -> Iterator[Line]:
    """Yield every line once, those inside a loop after it."""
    for line in lines:
        yield line
        if isinstance(line, Loop):
            yield from walk_lines(line.body)


def _loops(lines: Items[Line]) -> list[Line]:
    """Fold groups of lines that are repeated one right after the other, the most saving group first at each place."""
    folded: list[Line] = []
    place = 0
    while place < len(lines):
        best_saved, best_period, best_count = 0, 1, 1
        for period in range(1, min(LONGEST_PERIOD, (len(lines) - place) // 2) + 1):
            count = 1
            while lines[place + count * period : place + (count + 1) * period] == lines[place : place + period]:
                count += 1
            if (count - 1) * period > best_saved:
                best_saved, best_period, best_count = (count - 1) * period, period, count
        if best_saved >= FEWEST_SAVED:
            folded.append(Loop(best_count, tuple(lines[place : place + best_period])))
            place += best_period * best_count
        else:
            line = lines[place]
            folded.append(Loop(line.count, tuple(_loops(line.body))) if isinstance(line, Loop) else line)
            place += 1
    return folded


def _table(signals: tuple[str, ...], pairs: Items[tuple[Drive, Hold]], known: Mapping[str, int]) -> Table:
    values = dict(known)
    rows: list[tuple[tuple[int, ...], int]] = []
    for drive, hold in pairs:
        values.update(drive.values)
        rows.append((tuple(values[name] for name in signals), hold.cycles))
    return Table(signals, pairs[0][1].clock, tuple(rows))


@dataclass(frozen=True, slots=True)
class _Rewriter:
    """Rewrites the steps of one stimulus."""

    design: Design
    reference: str | None
    clocks: frozenset[str]
    widths: Mapping[str, int]

    def tidy(self, steps: Items[Step]) -> list[Line]:
        """Drop what does nothing and join what is one: two drives of one moment, two holds in a row."""
        lines: list[Line] = []
        for line in self._effective(steps):
            last = lines[-1] if lines else None
            if isinstance(line, Drive) and isinstance(last, Drive):
                lines[-1] = Drive(tuple((dict(last.values) | dict(line.values)).items()))
            elif isinstance(line, Hold) and isinstance(last, Hold) and line.clock == last.clock:
                lines[-1] = Hold(last.cycles + line.cycles, last.clock)
            else:
                lines.append(line)
        return lines

    def _effective(self, steps: Items[Step]) -> Iterator[Line]:
        for step in steps:
            match step:
                case Drive():
                    if step.values:
                        yield Drive(tuple(dict(step.values).items()))
                case Hold():
                    if step.cycles:
                        yield Hold(step.cycles, None if step.clock == self.reference else step.clock)
                case Reset():
                    levels = reset_levels(self.design, step.ports, active=False, skip=self.clocks)
                    if step.cycles:
                        yield step if levels else Hold(step.cycles)
                    elif levels:
                        yield Drive(tuple(levels.items()))
                case Random():
                    if step.cycles:
                        yield step if step.fields else Hold(step.cycles)
                case Wait():
                    if step.limit:
                        yield step
                case Pace():
                    yield step
                case Repeat():
                    body = tuple(self.tidy(step.steps)) if step.count else ()
                    if len(body) == 1 and isinstance(body[0], Hold):
                        yield Hold(body[0].cycles * step.count, body[0].clock)
                    elif step.count == 1:
                        yield from body
                    elif body:
                        yield Loop(step.count, body)

    def tables(self, lines: Items[Line], known: dict[str, int]) -> tuple[Line, ...]:
        """Turn runs of drive-and-hold into tables, where all values of a row are known when it begins.

        `known` holds the values that signals surely have, and is brought up to date.
        """
        result: list[Line] = []
        place = 0
        while place < len(lines):
            table = self._table_at(lines, place, known)
            if table is not None:
                result.append(table)
                known.update(zip(table.signals, table.rows[-1][0], strict=True))
                place += 2 * len(table.rows)
                continue
            line = lines[place]
            result.append(self._plain(line, known))
            place += 1
        return tuple(result)

    def _plain(self, line: Line, known: dict[str, int]) -> Line:
        match line:
            case Drive():
                known.update(line.values)
            case Reset():
                known.update(reset_levels(self.design, line.ports, active=False, skip=self.clocks))
            case Random():
                for field in line.fields:
                    known.pop(field.signal, None)
            case Loop():
                for signal in self._set_in(line.body):
                    known.pop(signal, None)
                return Loop(line.count, self.tables(line.body, known))
            case _:
                pass
        return line

    def _table_at(self, lines: Items[Line], place: int, known: Mapping[str, int]) -> Table | None:
        pairs: list[tuple[Drive, Hold]] = []
        while place + 2 * len(pairs) + 1 < len(lines) and len(pairs) < MOST_ROWS:
            drive, hold = lines[place + 2 * len(pairs)], lines[place + 2 * len(pairs) + 1]
            if not isinstance(drive, Drive) or not isinstance(hold, Hold) or (pairs and hold.clock != pairs[0][1].clock):
                break
            pairs.append((drive, hold))
        while len(pairs) >= FEWEST_ROWS:
            wanted = {name for drive, _ in pairs for name, _ in drive.values}
            signals = tuple(name for name in self.widths if name in wanted)
            row_bits = sum(self.widths[name] for name in signals) + max(hold.cycles for _, hold in pairs).bit_length()
            if row_bits * len(pairs) > MOST_TABLE_BITS:
                pairs = pairs[: min(len(pairs) - 1, MOST_TABLE_BITS // row_bits)]
                continue
            values_at_start = dict(pairs[0][0].values)
            if any(name not in known and name not in values_at_start for name in signals):
                return None
            table_lines = len(pairs) * (row_bits / 4 + 8) / _LINE_CHARACTERS + 4
            plain_lines = sum(1 + sum(12 + self.widths[name] / 4 for name, _ in drive.values) / _LINE_CHARACTERS + 1 for drive, _ in pairs)
            return _table(signals, pairs, known) if 1.5 * table_lines < plain_lines else None
        return None

    def _set_in(self, lines: Items[Line]) -> Iterator[str]:
        for line in walk_lines(lines):
            match line:
                case Drive():
                    yield from (name for name, _ in line.values)
                case Random():
                    yield from (field.signal for field in line.fields)
                case Reset():
                    yield from reset_levels(self.design, line.ports, active=False, skip=self.clocks)
                case _:
                    pass
