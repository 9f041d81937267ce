"""The drawing functions of a SystemVerilog testbench: the generator of `bench.prng`, said in Verilog. Knows no steps but the fields.

Each function is written only if something calls it, callees before callers.
"""

from __future__ import annotations

from collections.abc import Iterable

from llm4cov_agent.bench.prng import seed_state
from llm4cov_agent.bench.stimulus import RandomField
from llm4cov_agent.bench.sv_names import literal, member_names, packed
from llm4cov_agent.bench.text import Names, as_identifier, wrap
from llm4cov_agent.rtl.design import Port

MOST_CASE_ITEMS = 16
"""More choices than these are kept in a packed constant instead of a case statement."""


class Drawing:
    """Names the functions that the random fields of one testbench need, and writes them."""

    def __init__(self, fields: Iterable[tuple[RandomField, Port, int]], pool: Names, seed: int) -> None:
        """`fields` are all random fields in order, each with its port (an enable has one too) and its width."""
        self._seed = seed
        self._state, self._advance, self._next = pool.pick("rng_state"), pool.pick("advance_rng"), pool.pick("next_random")
        self._below, self._chance, self._mostly = pool.pick("below"), pool.pick("chance"), pool.pick("mostly")
        self._bound, self._percent, self._value, self._low = (pool.pick(name) for name in ("bound", "percent", "value", "low"))
        self._wide: dict[int, str] = {}
        self._choosers: dict[tuple[str, int, tuple[int, ...]], tuple[str, str, Port]] = {}
        self._is_used = self._uses_below = self._uses_chance = self._uses_mostly = False
        for field, port, width in fields:
            self._is_used = True
            self._uses_chance |= bool(field.stay_percent or field.choice_percent)
            if field.choice_percent and width == 1 and len(field.choices) == 1:
                self._uses_mostly = True
                continue
            if width > 32 and width not in self._wide:
                self._wide[width] = pool.pick(f"random_{width}_bits")
            key = _key(field, port, width)
            if field.choice_percent and key not in self._choosers:
                base = as_identifier(port.name) + ("_enable" if field.signal.endswith(".enable") else "")
                self._choosers[key] = (pool.pick(f"draw_{base}"), pool.pick(f"{base.upper()}_CHOICES"), port)
        self._uses_below = self._uses_chance

    def restart(self, seed: int) -> str:
        """Say in one statement that the generator starts again from a seed."""
        return f"{self._state} = 32'h{seed_state(seed):08x};"

    def keep_or_draw(self, target: str, field: RandomField, port: Port, width: int) -> str:
        """Say in one statement how a field is drawn."""
        statement = f"{target} = {self._drawn(field, port, width)};"
        return f"if (!{self._chance}({field.stay_percent})) {statement}" if field.stay_percent else statement

    def _drawn(self, field: RandomField, port: Port, width: int) -> str:
        if not field.choice_percent:
            return self._bits(width)
        if width == 1 and len(field.choices) == 1:
            return f"{self._mostly}({literal(1, field.choices[0])}, {field.choice_percent})"
        return f"{self._choosers[_key(field, port, width)][0]}({field.choice_percent})"

    def _bits(self, width: int) -> str:
        if width > 32:
            return f"{self._wide[width]}()"
        return f"{self._next}()" if width == 32 else f"{width}'({self._next}())"

    def text(self) -> list[str]:
        """Write the generator and the functions around it; nothing if no field is drawn."""
        if not self._is_used:
            return []
        state = self._state
        lines = [
            "",
            f"  // Random numbers: a 32-bit xorshift, seed {self._seed}, so that every simulator draws the same ones.",
            f"  logic [31:0] {state} = 32'h{seed_state(self._seed):08x};",
            "",
            f"  function automatic void {self._advance}();",
            f"    {state} = {state} ^ ({state} << 13);",
            f"    {state} = {state} ^ ({state} >> 17);",
            f"    {state} = {state} ^ ({state} << 5);",
            "  endfunction",
            "",
            f"  function automatic logic [31:0] {self._next}();",
            f"    {self._advance}();",
            f"    {self._next} = {state};",
            "  endfunction",
        ]
        if self._uses_below:
            lines += [
                "",
                f"  function automatic int unsigned {self._below}(input int unsigned {self._bound});",
                f"    {self._below} = ({self._next}() >> 16) % {self._bound};",
                "  endfunction",
            ]
        if self._uses_chance:
            lines += [
                "",
                f"  function automatic logic {self._chance}(input int unsigned {self._percent});",
                f"    {self._chance} = {self._below}(100) < {self._percent};",
                "  endfunction",
            ]
        if self._uses_mostly:
            lines += [
                "",
                f"  // A bit that is {self._value} in so many percent of the draws, and any in the others.",
                f"  function automatic logic {self._mostly}(input logic {self._value}, input int unsigned {self._percent});",
                f"    if ({self._chance}({self._percent})) begin",
                f"      {self._advance}();  // The draw that a choice among several would take.",
                f"      {self._mostly} = {self._value};",
                "    end else begin",
                f"      {self._mostly} = 1'({self._next}());",
                "    end",
                "  endfunction",
            ]
        for width, name in self._wide.items():
            lines += self._wide_function(width, name)
        for (_, width, choices), (name, constant, port) in self._choosers.items():
            lines += self._chooser(port, width, choices, name, constant)
        return lines

    def _wide_function(self, width: int, name: str) -> list[str]:
        whole = width // 32 * 32
        lines = ["", f"  function automatic {packed(width)}{name}();"]
        if whole == 32:
            lines.append(f"    {name}[31:0] = {self._next}();")
        else:
            lines.append(
                f"    for (int {self._low} = 0; {self._low} < {whole}; {self._low} += 32) {name}[{self._low}+:32] = {self._next}();"
            )
        if width == whole + 1:
            lines.append(f"    {name}[{whole}] = 1'({self._next}());")
        elif width > whole:
            lines.append(f"    {name}[{width - 1}:{whole}] = {width - whole}'({self._next}());")
        return [*lines, "  endfunction"]

    def _chooser(self, port: Port, width: int, choices: tuple[int, ...], name: str, constant: str) -> list[str]:
        count = len(choices)
        ranks: dict[int, list[int]] = {}
        for rank, value in enumerate(choices):
            ranks.setdefault(value, []).append(rank)
        head = [
            "  // In so many percent of the draws one of these values, else any.",
            f"  function automatic {packed(width)}{name}(input int unsigned {self._percent});",
            f"    if ({self._chance}({self._percent})) begin",
        ]
        tail = ["    end else begin", f"      {name} = {self._bits(width)};", "    end", "  endfunction"]
        if len(ranks) == 1:
            return ["", *head, f"      {self._advance}();  // The draw that a choice among several would take.",
                    f"      {name} = {literal(width, choices[0])};", *tail]  # fmt: skip
        if len(ranks) > MOST_CASE_ITEMS:
            # A concatenation has its first item on the left, at the highest index.
            table = [
                f"  localparam logic [{count * width - 1}:0] {constant} = {{",
                *wrap((literal(width, value) for value in reversed(choices)), indent="      "),
                "  };",
            ]
            return ["", *table, "", *head, f"      {name} = {constant}[{width}*{self._below}({count})+:{width}];", *tail]
        items: list[str] = []
        for place, (value, own) in enumerate(ranks.items()):
            label = "default" if place == len(ranks) - 1 else ", ".join(str(rank) for rank in own)
            named = member_names(port, (value,)) if width == port.width else ""
            items.append(f"        {label}: {name} = {literal(width, value)};" + (f"  // {named}" if named else ""))
        return ["", *head, f"      case ({self._below}({count}))", *items, "      endcase", *tail]


def _key(field: RandomField, port: Port, width: int) -> tuple[str, int, tuple[int, ...]]:
    # Elements of one port that have the same choices share a function, an enable does not with its value.
    return f"{port.name}{'.enable' if field.signal.endswith('.enable') else ''}", width, field.choices
