"""Renders a stimulus as a self-contained cocotb 2 testbench: pure text, same input same bytes.

Despite its name it never imports cocotb, and it runs no tool. The inputs change at the same moments as those of the
SystemVerilog rendering. Verilator can't tri-state a port of the top: there, a released bidirectional port reads as 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Items
from keyword import iskeyword

from llm4cov_agent.bench import keywords
from llm4cov_agent.bench.cocotb_parts import (
    CLOCK,
    GENERATOR,
    IMPORTS_OF_PIN,
    PIN,
    TICK,
    TICK_WITHOUT_CLOCK,
    TO_SIGNED,
    WAIT_FOR,
    WAIT_WHILE,
)
from llm4cov_agent.bench.compact import Line, Loop, Table, compact, group_elements, initial_values, owners, reset_levels, varies, walk_lines
from llm4cov_agent.bench.prng import seed_state
from llm4cov_agent.bench.stimulus import COMBINATIONAL_PERIOD, Drive, Hold, Pace, Random, RandomField, Reset, Stimulus, Wait
from llm4cov_agent.bench.sv_names import member_names
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.bench.text import Names, as_comment, as_identifier, is_simple, paragraph, plain_name, testbench_name, wrap
from llm4cov_agent.rtl.design import Design, Direction, Edge, Port

MOST_INLINE_CHOICES = 4
"""More choices than these get a constant of their own."""


def render_cocotb(stimulus: Stimulus, design: Design, *, variant: str = "") -> Testbench:
    """Render a stimulus that `problems_of` finds nothing wrong with; `variant` goes into its name."""
    return _Writer(stimulus, design, variant).testbench()


class _Writer:
    """Holds what the parts of one text must agree on: its names, and which functions are called."""

    def __init__(self, stimulus: Stimulus, design: Design, variant: str) -> None:
        self.stimulus, self.design = stimulus, design
        self.name = testbench_name(design.top, (design.top, *(instance.module for instance in design.instances)), variant)
        self.widths, self.owners = design.driven_signals(), owners(design)
        self.bodies = compact(stimulus, design)
        self.lines = [line for body in self.bodies for line in walk_lines(body)]
        fixed = (
            "cocotb",
            "Event",
            "Timer",
            "Logic",
            "LogicArray",
            "FreeRunningClock",
            "Pin",
            "Xorshift32",
            "tick",
            "wait_for",
            "wait_while",
        )
        self.pool = Names((*keywords.PYTHON, *fixed, "to_signed", "rng", "dut", "cycles", "hold_cycles", "index", self.name))
        self.clocks = {clock.port: self.pool.pick(as_identifier(clock.port)) for clock in stimulus.clocks}
        inouts = [port for port in design.ports if port.is_driven and port.direction is Direction.INOUT]
        self.pins = {signal: self.pool.pick(as_identifier(signal)) for port in inouts for signal in port.signals()}
        self.test = self.pool.pick(f"test_{as_identifier(design.top)}")
        self.functions = [self.pool.pick(sequence.name) for sequence in stimulus.sequences]
        self.resets: dict[tuple[str, ...], str] = {}
        self.choices: dict[tuple[str, tuple[int, ...]], str] = {}
        self.columns: dict[str, str] = {}
        self.tables: list[str] = []
        every = self._reset_signals(Reset(1))
        for line in self.lines:
            if isinstance(line, Reset) and (some := self._reset_signals(line)) not in self.resets:
                wish = "reset_dut" if some == every else "_".join(["reset", *(as_identifier(name) for name in some[:3])])
                self.resets[some] = self.pool.pick(wish)
            if isinstance(line, Random):
                for field in line.fields:
                    key = (self.owners[field.signal].name, field.choices)
                    if field.choice_percent and len(field.choices) > MOST_INLINE_CHOICES and key not in self.choices:
                        self.choices[key] = self.pool.pick(f"{as_identifier(key[0]).upper()}_CHOICES")
            if isinstance(line, Table):
                for signal in line.signals:
                    self.columns.setdefault(signal, self.pool.pick(as_identifier(signal)) if signal not in self.columns else "")

    def testbench(self) -> Testbench:
        sequences: list[str] = []
        for sequence, name, body in zip(self.stimulus.sequences, self.functions, self.bodies, strict=True):
            self.tables = []
            statements = list(self._statements(body, "    ", name)) or ["    # Nothing to do."]
            if all(statement.lstrip().startswith("#") for statement in statements):
                statements.append("    return")
            sequences += [*self.tables, "", "", *paragraph(sequence.comment, prefix="# "), f"async def {name}(dut):", *statements]
        lines = [*self._header(), *self._parts(), *self._reset_functions(), *sequences, *self._main()]
        return Testbench(Language.COCOTB, self.name, "\n".join(line.rstrip() for line in lines) + "\n")

    def _header(self) -> Iterator[str]:
        top = _quoted(plain_name(self.design.top))
        yield f"# Testbench of {as_comment(plain_name(self.design.top))} for cocotb 2."
        yield "#"
        yield "# To build and run it:"
        yield "#"
        yield "#   from cocotb_tools.runner import get_runner"
        yield "#"
        yield '#   runner = get_runner("verilator")'
        yield "#   runner.build("
        yield from wrap((_quoted(path.name) for path in self.design.sources), indent="#       sources=[", end="],")
        if self.design.include_dirs:
            yield from wrap((_quoted(folder.name) for folder in self.design.include_dirs), indent="#       includes=[", end="],")
        for keyword, pairs in (("defines", self.design.defines), ("parameters", self.design.overrides)):
            if pairs:
                entries = (f"{_quoted(name)}: {_quoted(value or '')}" for name, value in pairs)
                yield from wrap(entries, indent=f"#       {keyword}={{", end="},")
        yield f"#       hdl_toplevel={top},"
        yield "#   )"
        yield f"#   runner.test(hdl_toplevel={top}, test_module={_quoted(self.name)})"

    def _parts(self) -> Iterator[str]:
        has = {type(line) for line in self.lines}
        equals = {line.equal for line in self.lines if isinstance(line, Wait)}
        yield ""
        yield "import cocotb"
        yield "from cocotb.triggers import Event, Timer" if self.clocks else "from cocotb.triggers import Timer"
        if self.pins:
            yield IMPORTS_OF_PIN
        if Random in has:
            yield GENERATOR
        if any(isinstance(line, Random) and any(self._is_signed(field.signal) for field in line.fields) for line in self.lines):
            yield TO_SIGNED
        if self.clocks:
            yield CLOCK
        if self.pins:
            yield PIN
        yield ""
        if self.clocks or self.pins or Random in has or self.choices:
            yield ""
        for clock in self.stimulus.clocks:
            settings = f"half_period_ns={clock.half_period}, phase_ns={clock.phase}, active={0 if clock.edge is Edge.NEGEDGE else 1}"
            yield f"{self.clocks[clock.port]} = FreeRunningClock({settings})"
        for signal, pin in self.pins.items():
            yield f"{pin} = Pin({self.widths[signal]})"
        if Random in has:
            yield f"rng = Xorshift32(0x{seed_state(self.stimulus.seed):08x})  # Seed {self.stimulus.seed}, one step taken."
        for (_, values), name in self.choices.items():
            yield f"{name} = ("
            yield from wrap((_number(value) for value in values), indent="    ", end=",")
            yield ")"
        if has - {Drive, Pace, Loop}:
            yield (
                TICK.format(reference=next(iter(self.clocks.values())))
                if self.clocks
                else TICK_WITHOUT_CLOCK.format(period=COMBINATIONAL_PERIOD)
            )
        if True in equals:
            yield WAIT_FOR
        if False in equals:
            yield WAIT_WHILE

    def _reset_signals(self, step: Reset) -> tuple[str, ...]:
        return tuple(reset_levels(self.design, step.ports, active=True, skip=frozenset(clock.port for clock in self.stimulus.clocks)))

    def _reset_functions(self) -> Iterator[str]:
        for signals, name in self.resets.items():
            ports = tuple({self.owners[signal].name: None for signal in signals})
            yield from ("", "")
            yield f"# Puts {as_comment(', '.join(ports))} into reset for so many cycles."
            yield f"async def {name}(dut, cycles):"
            yield from self._assignments(reset_levels(self.design, ports, active=True).items(), "    ")
            yield "    await tick(cycles)"
            yield from self._assignments(reset_levels(self.design, ports, active=False).items(), "    ")

    def _statements(self, lines: Items[Line], indent: str, name: str) -> Iterator[str]:
        for line in lines:
            match line:
                case Drive():
                    yield from self._assignments(line.values, indent)
                case Hold():
                    yield f"{indent}{self._tick(str(line.cycles), line.clock)}"
                case Reset():
                    yield f"{indent}await {self.resets[self._reset_signals(line)]}(dut, {line.cycles})"
                case Wait():
                    port = next(port for port in self.design.ports if port.unsupported is None and line.signal in set(port.signals()))
                    named = member_names(port, (line.value,))
                    call = f"await wait_{'for' if line.equal else 'while'}({self._handle(port, line.signal)}, "
                    yield f"{indent}{call}{_as_number(line.value, port)}, limit={line.limit})" + (f"  # {named}" if named else "")
                case Random():
                    yield from ([f"{indent}rng.state = 0x{seed_state(line.seed):08x}"] if line.seed is not None and line.fields else [])
                    yield f"{indent}for _ in range({line.cycles}):"
                    yield from self._draws(line.fields, indent + "    ")
                    yield f"{indent}    {self._tick('1', None)}"
                case Pace():
                    yield f"{indent}{self.clocks[line.clock]}.half_period_ns = {line.half_period}"
                case Loop():
                    yield f"{indent}for _ in range({line.count}):"
                    yield from self._statements(line.body, indent + "    ", name)
                case Table():
                    yield from self._table(line, indent, name)

    def _tick(self, cycles: str, clock: str | None) -> str:
        is_reference = clock is None or clock == self.stimulus.clocks[0].port
        return f"await tick({cycles})" if is_reference or clock is None else f"await tick({cycles}, {self.clocks[clock]})"

    def _handle(self, port: Port, signal: str) -> str:
        name = plain_name(port.name)
        # cocotb keeps names with a leading underscore for itself.
        plain = is_simple(name) and not iskeyword(name) and not name.startswith("_")
        return f"dut{f'.{name}' if plain else f'[{_quoted(name)}]'}{signal[len(port.name) :]}"

    def _is_signed(self, signal: str) -> bool:
        port = self.owners[signal]
        return port.signed and port.width > 1 and not signal.endswith(".enable")

    def _write(self, signal: str, value: str, *, element: str | None = None) -> str:
        """Say in one statement that a signal gets a value; `element` stands for its index where a loop runs over an array."""
        port = self.owners[signal]
        if port.direction is Direction.INOUT:
            base = signal.removesuffix(".enable")
            return f"{self.pins[base]}.set({self._handle(port, base)}, {'enable' if base != signal else 'value'}={value})"
        return f"{self._handle(port, f'{port.name}[{element}]' if element else signal)}.value = {value}"

    def _assignments(self, values: Iterable[tuple[str, int]], indent: str) -> Iterator[str]:
        items = list(values)
        for place, count in group_elements([name for name, _ in items], [value for _, value in items], self.owners):
            signal, value = items[place]
            port = self.owners[signal]
            right = str(value) if signal.endswith(".enable") else _as_number(value, port)
            named = "" if signal.endswith(".enable") else member_names(port, (value,))
            comment = f"  # {named}" if named else ""
            if count > 1:
                yield indent + self._element_loop([name for name, _ in items[place : place + count]])
                yield f"{indent}    {self._write(signal, right, element='index')}{comment}"
            else:
                yield f"{indent}{self._write(signal, right)}{comment}"

    def _draws(self, fields: Items[RandomField], indent: str) -> Iterator[str]:
        kinds = [(field.choices, field.choice_percent, field.stay_percent) for field in fields]
        for place, count in group_elements([field.signal for field in fields], kinds, self.owners):
            field, inner, element = fields[place], indent, None
            if count > 1:
                yield indent + self._element_loop([one.signal for one in fields[place : place + count]])
                inner, element = indent + "    ", "index"
            if field.stay_percent:
                yield f"{inner}if not rng.chance({field.stay_percent}):"
                inner += "    "
            yield inner + self._write(field.signal, self._drawn(field), element=element)

    def _drawn(self, field: RandomField) -> str:
        width = self.widths[field.signal]
        text = f"rng.bits({width})"
        if field.choice_percent:
            inline = "(" + ", ".join(_number(value) for value in field.choices) + ("," if len(field.choices) == 1 else "") + ")"
            text = f"rng.draw({width}, {field.choice_percent}, {self.choices.get((self.owners[field.signal].name, field.choices), inline)})"
        return f"to_signed({text}, {width})" if self._is_signed(field.signal) else text

    def _element_loop(self, signals: Items[str]) -> str:
        name = self.owners[signals[0]].name
        first, last = (int(signal[len(name) + 1 : -1]) for signal in (signals[0], signals[-1]))
        return f"for index in range({first}, {last + 1}):" if first <= last else f"for index in range({first}, {last - 1}, -1):"

    def _table(self, table: Table, indent: str, name: str) -> Iterator[str]:
        """Write a loop over a constant, and the constant itself into `self.tables`."""
        constant = self.pool.pick(f"{name.upper()}_ROWS")
        has_holds = varies(table)
        columns = [self.columns[signal] for signal in table.signals] + (["hold_cycles"] if has_holds else [])
        rows: list[str] = []
        for values, cycles in table.rows:
            cells = [_as_number(value, self.owners[signal]) for signal, value in zip(table.signals, values, strict=True)]
            cells += [str(cycles)] if has_holds else []
            rows.append(cells[0] if len(cells) == 1 else f"({', '.join(cells)})")
        self.tables += ["", "", f"# Rows of {', '.join(columns)}.", f"{constant} = (", *wrap(rows, indent="    ", end=","), ")"]
        yield f"{indent}for {', '.join(columns)} in {constant}:"
        for signal in table.signals:
            yield f"{indent}    {self._write(signal, self.columns[signal])}"
        yield f"{indent}    {self._tick('hold_cycles' if has_holds else str(table.rows[0][1]), table.clock)}"

    def _main(self) -> Iterator[str]:
        yield from ("", "", "@cocotb.test()", f"async def {self.test}(dut):")
        initial = initial_values(self.stimulus, self.design)
        yield from self._assignments([(signal, value) for signal, value in initial.items() if not signal.endswith(".enable")], "    ")
        for clock in self.stimulus.clocks:
            yield f"    cocotb.start_soon({self.clocks[clock.port]}.drive({self._clock_writer(clock.port)}))"
        yield '    await Timer(1, "ns")'
        yield from (f"    await {function}(dut)" for function in self.functions)

    def _clock_writer(self, signal: str) -> str:
        port, width = self.owners[signal], self.widths[signal]
        if port.direction is Direction.INOUT:
            return f"lambda level: {self._pin_call(port, signal)}"
        level = "level" if width == 1 else f"level * {_number((1 << width) - 1)}"
        return f"lambda level: {self._handle(port, signal)}.set({level})"

    def _pin_call(self, port: Port, signal: str) -> str:
        level = "level" if port.width == 1 else f"level * {_number((1 << port.width) - 1)}"
        return f"{self.pins[signal]}.set({self._handle(port, signal)}, value={level})"


def _number(value: int) -> str:
    """Spell a bit pattern: small ones in decimal, larger ones in hexadecimal."""
    return str(value) if value < 10 else f"0x{value:x}"


def _as_number(value: int, port: Port) -> str:
    """Spell a bit pattern as a number of the port's type: cocotb refuses patterns that a signed port reads as negative."""
    negative = port.signed and port.width > 1 and value >> (port.width - 1)
    return str(value - (1 << port.width)) if negative else _number(value)


def _quoted(text: str) -> str:
    """Spell a Python string."""
    return json.dumps(text)
