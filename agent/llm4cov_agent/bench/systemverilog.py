"""Renders a stimulus as a self-contained SystemVerilog testbench: pure text, same input same bytes. Runs no tool.

The text keeps to what both Verilator and Icarus Verilog 11 read, and is free of warnings under `verilator -Wall`.
Unpacked arrays of ports are the exception: Icarus has no such ports.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from llm4cov_agent.bench.compact import Line, Loop, Table, compact, group_elements, initial_values, owners, reset_levels, varies, walk_lines
from llm4cov_agent.bench.stimulus import COMBINATIONAL_PERIOD, ClockDrive, Drive, Hold, Pace, Random, RandomField, Reset, Stimulus, Wait
from llm4cov_agent.bench.sv_names import element, literal, member_names, packed, pick_names, spelled, unpacked
from llm4cov_agent.bench.sv_random import Drawing
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.bench.text import as_comment, as_identifier, paragraph, plain_name, testbench_name, wrap
from llm4cov_agent.rtl.design import Design, Direction, Edge, Port


def render_systemverilog(stimulus: Stimulus, design: Design, *, variant: str = "") -> Testbench:
    """Render a stimulus that `problems_of` finds nothing wrong with; no interface port may be among the unsupported ones.

    `variant` goes into its name.
    """
    return _Writer(stimulus, design, variant).testbench()


@dataclass(slots=True)
class _Tables:
    """The constants that one task reads rows from."""

    wish: str
    """Name of the first one; later ones get a number behind it."""
    hold_width: int
    """Bits of the variable that holds a row's number of cycles."""
    lines: list[str] = dataclass_field(default_factory=list)


class _Writer:
    """Holds what the parts of one text must agree on: its names, and which tasks are called."""

    def __init__(self, stimulus: Stimulus, design: Design, variant: str) -> None:
        self.stimulus, self.design = stimulus, design
        self.name = testbench_name(design.top, (design.top, *(instance.module for instance in design.instances)), variant)
        self.names = pick_names(design, self.name)
        self.widths = design.driven_signals()
        self.owners = owners(design)
        self.clocks = {clock.port: clock for clock in stimulus.clocks}
        self.bodies = compact(stimulus, design)
        lines = [line for body in self.bodies for line in walk_lines(body)]
        pool = self.names.pool
        self.dut, self.show = pool.pick("dut"), pool.pick("show_outputs")
        self.tick = {None: pool.pick("tick")} | {
            clock.port: pool.pick(f"tick_{as_identifier(clock.port)}") for clock in stimulus.clocks[1:]
        }
        if stimulus.clocks:
            self.tick[stimulus.clocks[0].port] = self.tick[None]
        self.tasks = [pool.pick(sequence.name) for sequence in stimulus.sequences]
        self.resets: dict[tuple[str, ...], str] = {}
        self.waits: dict[tuple[str, bool], str] = {}
        for line in lines:
            if isinstance(line, Reset) and self._reset_ports(line) not in self.resets:
                self.resets[self._reset_ports(line)] = pool.pick(self._reset_wish(line))
            if isinstance(line, Wait) and (line.signal, line.equal) not in self.waits:
                wish = f"wait_{'for' if line.equal else 'while'}_{as_identifier(line.signal)}"
                self.waits[line.signal, line.equal] = pool.pick(wish)
        self.cycles, self.limit, self.value, self.waited = (pool.pick(name) for name in ("cycles", "limit", "wanted", "waited"))
        self.row, self.hold, self.index = pool.pick("row"), pool.pick("hold_cycles"), pool.pick("index")
        self.ticked = {line.clock for line in lines if isinstance(line, Hold | Table)} & {clock.port for clock in stimulus.clocks[1:]}
        self.ticks = any(not isinstance(line, Drive | Pace | Loop) for line in lines)
        paced = {line.clock for line in lines if isinstance(line, Pace)}
        self.half_periods = {
            clock.port: pool.pick(f"{as_identifier(clock.port)}_half_period") for clock in stimulus.clocks if clock.port in paced
        }
        fields = (field for line in lines if isinstance(line, Random) for field in line.fields)
        self.drawing = Drawing(((field, self.owners[field.signal], self.widths[field.signal]) for field in fields), pool, stimulus.seed)

    def testbench(self) -> Testbench:
        lines = [
            *self._header(),
            "`timescale 1ns / 1ps",
            "",
            # Verilator's expression coverage evaluates a condition twice, random draws in it included.
            "// Only the design is measured.",
            "// verilator coverage_off",
            f"module {self.name};",
            *self._declarations(),
            *self._instance(),
            *self._clock_generators(),
            *self.drawing.text(),
            *self._tick_tasks(),
            *self._reset_tasks(),
            *self._wait_tasks(),
            *self._show_task(),
        ]
        for sequence, task, body in zip(self.stimulus.sequences, self.tasks, self.bodies, strict=True):
            lines += self._sequence_task(sequence.comment, task, body)
        lines += [*self._main(), "endmodule", "// verilator coverage_on"]
        return Testbench(Language.SYSTEMVERILOG, self.name, "\n".join(line.rstrip() for line in lines) + "\n")

    def _header(self) -> Iterator[str]:
        options = [f"-D{name}" + (f"={value}" if value is not None else "") for name, value in self.design.defines]
        options += [f"-I{folder.name}" for folder in self.design.include_dirs]
        words = [f"{self.name}.sv", *options, *(path.name for path in self.design.sources), "--top-module", self.name]
        # Verilator writes two underscores in a row as something longer in the names of its files.
        program, named = (self.name, ["-o", self.name]) if "__" in self.name else (f"V{self.name}", [])
        yield from paragraph(f"Testbench of {plain_name(self.design.top)}.", prefix="// ")
        yield "//"
        yield "// To build and run it:"
        # In one line, however long, so that it can be pasted; behind a `$`, as Verilator would take the bare name for a directive.
        yield f"//   {as_comment(f'$ verilator --binary --timing {shlex.join([*words, *named])}')}"
        yield f"//   $ obj_dir/{program}"

    def _declarations(self) -> Iterator[str]:
        initial = initial_values(self.stimulus, self.design)
        for port in self.design.ports:
            if port.unsupported is not None:
                continue
            pin, arrays = self.names.pin[port.name], unpacked(port)
            if port.is_driven:
                signals = list(port.signals())
                variable = self.names.set[signals[0]].split("[")[0]
                value = "'{default: '0}" if port.unpacked else literal(port.width, initial[signals[0]])
                yield f"  {element(port)}{variable}{arrays} = {value};{self._type_comment(port)}"
                if port.direction is Direction.INOUT:
                    enable = self.names.set[f"{signals[0]}.enable"].split("[")[0]
                    closed = "'{default: '0}" if port.unpacked else "1'b0"
                    yield f"  logic {enable}{arrays} = {closed};"
            if port.direction is not Direction.INPUT:
                yield f"  {element(port).replace('logic', 'wire')}{pin}{arrays};"
        for port in self.design.ports:
            if port.is_driven and port.direction is Direction.INOUT:
                yield ""
                for signal in port.signals():
                    wire, value, enable = self.names.get[signal], self.names.set[signal], self.names.set[f"{signal}.enable"]
                    yield f"  assign {wire} = {enable} ? {value} : 'z;"

    @staticmethod
    def _type_comment(port: Port) -> str:
        return f"  // {as_comment(port.type_name)}" if port.type_name else ""

    def _instance(self) -> Iterator[str]:
        yield ""
        head = f"  {spelled(self.design.top)}"
        if self.design.overrides:
            values = [f".{spelled(name)}({value})" for name, value in self.design.overrides]
            yield head.rstrip() + " #("
            yield from wrap(values, indent="      ")
            head = "  )"
        if not self.design.ports:
            yield f"{head.rstrip()} {self.dut} ();"
            return
        yield f"{head.rstrip()} {self.dut} ("
        width = max(len(spelled(port.name)) for port in self.design.ports)
        for rank, port in enumerate(self.design.ports):
            comma = "," if rank < len(self.design.ports) - 1 else ""
            if port.unsupported is not None:
                # Verilator has no other way to say that a port is open on purpose.
                yield f"      // Left open: {as_comment(port.unsupported)}."
                yield "      // verilator lint_off PINCONNECTEMPTY"
                yield f"      .{spelled(port.name):<{width}} (){comma}"
                yield "      // verilator lint_on PINCONNECTEMPTY"
            else:
                yield f"      .{spelled(port.name):<{width}} ({self.names.pin[port.name]}){comma}"
        yield "  );"

    def _clock_generators(self) -> Iterator[str]:
        for clock in self.stimulus.clocks:
            signal = self.names.set[clock.port]
            yield ""
            if clock.port in self.half_periods:
                variable = self.half_periods[clock.port]
                yield f"  // Rises at {clock.phase + clock.half_period} ns; its half period changes in mid-run."
                yield f"  int {variable} = {clock.half_period};"
                toggle = f"#({variable}) {signal} = ~{signal};"
            else:
                yield f"  // Rises at {clock.phase + clock.half_period} ns and every {2 * clock.half_period} ns from there."
                toggle = f"#{clock.half_period} {signal} = ~{signal};"
            if clock.phase:
                yield from ("  initial begin", f"    #{clock.phase};", f"    forever {toggle}", "  end")
            else:
                yield f"  initial forever {toggle}"

    def _edge(self, clock: ClockDrive) -> str:
        bit = "[0]" if self.widths[clock.port] > 1 else ""
        return f"@({'negedge' if clock.edge is Edge.NEGEDGE else 'posedge'} {self.names.set[clock.port]}{bit})"

    def _tick_tasks(self) -> Iterator[str]:
        if not self.stimulus.clocks:
            if self.ticks:
                yield ""
                yield f"  // Lets the design settle for so many cycles of {COMBINATIONAL_PERIOD} ns."
                yield f"  task automatic {self.tick[None]}(input int {self.cycles});"
                yield f"    repeat ({self.cycles}) #{COMBINATIONAL_PERIOD};"
                yield "  endtask"
            return
        for rank, clock in enumerate(self.stimulus.clocks):
            if clock.port not in self.ticked and not (rank == 0 and self.ticks):
                continue
            yield ""
            yield f"  // Lets cycles of {self.names.set[clock.port]} pass. Stops 1 ns after the edge: inputs change there, clear of it."
            yield f"  task automatic {self.tick[clock.port]}(input int {self.cycles});"
            yield f"    repeat ({self.cycles}) {self._edge(clock)};"
            yield "    #1;"
            yield "  endtask"

    def _reset_ports(self, step: Reset) -> tuple[str, ...]:
        return tuple(reset_levels(self.design, step.ports, active=True, skip=frozenset(self.clocks)))

    def _reset_wish(self, step: Reset) -> str:
        some, every = self._reset_ports(step), self._reset_ports(Reset(1))
        return "reset_dut" if some == every else "_".join(["reset", *(as_identifier(name) for name in some[:3])])

    def _reset_tasks(self) -> Iterator[str]:
        for signals, task in self.resets.items():
            ports = tuple({self.owners[signal].name: None for signal in signals})
            yield ""
            yield f"  // Puts {as_comment(', '.join(ports))} into reset for so many cycles."
            yield f"  task automatic {task}(input int {self.cycles});"
            yield from self._assignments(reset_levels(self.design, ports, active=True).items(), "    ")
            yield f"    {self.tick[None]}({self.cycles});"
            yield from self._assignments(reset_levels(self.design, ports, active=False).items(), "    ")
            yield "  endtask"

    def _wait_tasks(self) -> Iterator[str]:
        widths = {signal: port.width for port in self.design.ports if port.unsupported is None for signal in port.signals()}
        for (signal, equal), task in self.waits.items():
            expression = self.names.get[signal]
            yield ""
            yield f"  // Lets cycles pass {'until' if equal else 'while'} {expression} is {self.value}, at most {self.limit}."
            yield f"  task automatic {task}(input {packed(widths[signal])}{self.value}, input int {self.limit});"
            goes_on = f"{self.waited} < {self.limit} && {expression} {'!==' if equal else '==='} {self.value}"
            yield f"    for (int {self.waited} = 0; {goes_on}; {self.waited}++)"
            yield f"      {self.tick[None]}(1);"
            yield "  endtask"

    def _show_task(self) -> Iterator[str]:
        ports = self._outputs()
        if not ports:
            return
        yield ""
        yield "  // Prints what the outputs are in the end."
        yield f"  task automatic {self.show};"
        for port in ports:
            indent, element, places = "    ", self.names.pin[port.name], ""
            label = as_comment(plain_name(port.name)).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
            for depth, (left, right) in enumerate(port.unpacked):
                variable = self.index if depth == 0 else f"{self.index}_{depth + 1}"
                low, high = min(left, right), max(left, right)
                yield f"{indent}for (int {variable} = {low}; {variable} <= {high}; {variable}++)"
                indent, element, places = indent + "  ", f"{element}[{variable}]", f"{places}{variable}, "
                label += "[%0d]"
            yield f'{indent}$display("{label} = %h", {places}{element});'
        yield "  endtask"

    def _outputs(self) -> list[Port]:
        return [port for port in self.design.ports if port.direction is Direction.OUTPUT and port.unsupported is None]

    def _sequence_task(self, comment: str, task: str, body: Items[Line]) -> list[str]:
        holds = [cycles for line in walk_lines(body) if isinstance(line, Table) and varies(line) for _, cycles in line.rows]
        tables = _Tables(f"{task.upper()}_ROWS", max(holds, default=0).bit_length())
        statements = list(self._statements(body, "    ", tables))
        local = [f"    {packed(tables.hold_width)}{self.hold};"] if holds else []
        head = [*paragraph(comment, prefix="  // "), f"  task automatic {task};"]
        return [*tables.lines, "", *head, *local, *(statements or ["    // Nothing to do."]), "  endtask"]

    def _statements(self, lines: Items[Line], indent: str, tables: _Tables) -> Iterator[str]:
        for line in lines:
            match line:
                case Drive():
                    yield from self._assignments(line.values, indent)
                case Hold():
                    yield f"{indent}{self.tick[line.clock]}({line.cycles});"
                case Reset():
                    yield f"{indent}{self.resets[self._reset_ports(line)]}({line.cycles});"
                case Wait():
                    port = next(port for port in self.design.ports if port.unsupported is None and line.signal in set(port.signals()))
                    named = member_names(port, (line.value,))
                    call = f"{self.waits[line.signal, line.equal]}({literal(port.width, line.value)}, {line.limit});"
                    yield indent + call + (f"  // {named}" if named else "")
                case Random():
                    yield from ([indent + self.drawing.restart(line.seed)] if line.seed is not None and line.fields else [])
                    yield f"{indent}repeat ({line.cycles}) begin"
                    yield from self._draws(line.fields, indent + "  ")
                    yield f"{indent}  {self.tick[None]}(1);"
                    yield f"{indent}end"
                case Pace():
                    yield f"{indent}{self.half_periods[line.clock]} = {line.half_period};"
                case Loop():
                    yield f"{indent}repeat ({line.count}) begin"
                    yield from self._statements(line.body, indent + "  ", tables)
                    yield f"{indent}end"
                case Table():
                    yield from self._table(line, indent, tables)

    def _assignments(self, values: Iterable[tuple[str, int]], indent: str) -> Iterator[str]:
        """Write the assignments of one moment, as many on a line as fit."""
        items = list(values)
        texts: list[str] = []
        named: list[str] = []
        for place, count in group_elements([name for name, _ in items], [value for _, value in items], self.owners):
            signal, value = items[place]
            right = literal(self.widths[signal], value)
            if count > 1:
                loop, target = self._element_loop([name for name, _ in items[place : place + count]])
                yield f"{indent}{loop} {target} = {right};"
                continue
            texts.append(f"{self.names.set[signal]} = {right};")
            member = "" if signal.endswith(".enable") else member_names(self.owners[signal], (value,))
            named += [f"{self.names.set[signal]}: {member}"] if member else []
        lines = wrap(texts, indent=indent, separator=" ")
        if lines and named:
            lines[-1] += "  // " + ", ".join(named)
        yield from lines

    def _draws(self, fields: Items[RandomField], indent: str) -> Iterator[str]:
        kinds = [(field.choices, field.choice_percent, field.stay_percent) for field in fields]
        for place, count in group_elements([field.signal for field in fields], kinds, self.owners):
            field = fields[place]
            port, width = self.owners[field.signal], self.widths[field.signal]
            if count > 1:
                loop, target = self._element_loop([one.signal for one in fields[place : place + count]])
                yield f"{indent}{loop} {self.drawing.keep_or_draw(target, field, port, width)}"
            else:
                yield indent + self.drawing.keep_or_draw(self.names.set[field.signal], field, port, width)

    def _element_loop(self, signals: Items[str]) -> tuple[str, str]:
        """Give the head of a loop over neighbouring elements, and the element that its body assigns."""
        port = self.owners[signals[0]]
        first, last = (int(signal[len(port.name) + 1 : -1]) for signal in (signals[0], signals[-1]))
        test, step = ("<=", "++") if first <= last else (">=", "--")
        variable = self.names.set[signals[0]].split("[")[0]
        return f"for (int {self.index} = {first}; {self.index} {test} {last}; {self.index}{step})", f"{variable}[{self.index}]"

    def _table(self, table: Table, indent: str, tables: _Tables) -> Iterator[str]:
        """Write a loop over a constant, and the constant itself into `tables`."""
        name = self.names.pool.pick(tables.wish)
        widths = [self.widths[signal] for signal in table.signals]
        targets = [self.names.set[signal] for signal in table.signals]
        hold_width = tables.hold_width if varies(table) else 0
        width, count = sum(widths) + hold_width, len(table.rows)
        entries: list[str] = []
        for values, cycles in table.rows:
            row = 0
            for own, value in zip(widths, values, strict=True):
                row = row << own | value
            entries.append(literal(width, row << hold_width | (cycles if hold_width else 0)))
        columns = ", ".join(targets + (["cycles to hold"] if hold_width else []))
        tables.lines += ["", *paragraph(f"Rows of {columns}, the first row leftmost.", prefix="  // ")]
        tables.lines += [f"  localparam logic [{width * count - 1}:0] {name} = {{", *wrap(entries, indent="      "), "  };"]
        yield f"{indent}for (int {self.row} = {count - 1}; {self.row} >= 0; {self.row}--) begin"
        left = ", ".join(targets + ([self.hold] if hold_width else []))
        yield f"{indent}  {{{left}}} = {name}[{width}*{self.row}+:{width}];"
        cycles_text = f"32'({self.hold})" if hold_width else str(table.rows[0][1])
        yield f"{indent}  {self.tick[table.clock]}({cycles_text});"
        yield f"{indent}end"

    def _main(self) -> Iterator[str]:
        yield ""
        yield "  initial begin"
        yield "    #1;  // Clear of time 0, when the initial values settle."
        yield from (f"    {task};" for task in self.tasks)
        if self._outputs():
            yield f"    {self.show};"
        yield "    $finish;"
        yield "  end"
