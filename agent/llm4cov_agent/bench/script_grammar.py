"""The stimulus language of one design as a GBNF grammar, which makes a decoder write nothing else. Knows no model and no decoder.

GBNF is llama.cpp's notation (its `grammars/README.md`); xgrammar reads it too. What the grammar allows is a part of what
`script` reads, bounded so that a small model comes to an end: no script of it takes more than `script_steps.MOST_CYCLES` cycles.

Bounds. A script has at most 6 sequences, so each may take 33,333 cycles. It has up to 4 + 2 * 3 steps of at most 1,999 cycles and
two repeats: of up to 9 times 4 steps of 179, or of up to 99 times 4 steps of 16 (6,444 or 6,336 cycles). In sum 32,878 at most.
A clock of which one cycle takes up to 4 of the reference clock's gets the counts of the next smaller class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from llm4cov_agent.bench.script_names import Vocabulary
from llm4cov_agent.bench.script_text import spelled
from llm4cov_agent.rtl.design import Design, Direction, EnumMember, Port

MOST_SEQUENCES = 6
MOST_SIGNALS = 6
"""Signals per drive or random step."""
_MOST_DIGITS = 16
"""Hexadecimal digits of a value; wider ports get small values only."""
_MOST_ELEMENTS = 64
"""Elements of a dimension that are listed; the rest of a large array is left alone."""
_MOST_DRAWN = 500
"""Inputs that are drawn all at once; scripts have a bound on what they set."""
_SLOWEST_RATIO = 4
_PACE_FACTORS = (1, 2, 3, 4, 6, 8)
"""Half periods in units of `Vocabulary.pace_step`; 8 of them are 4 times the reference clock's half period."""
_COUNTS = {
    "l": '[1-9] [0-9]{0,2} | "1" [0-9]{3}',
    "m": '[1-9] [0-9]? | "1" [0-7] [0-9]',
    "s": '[1-9] | "1" [0-6]',
    "t": "[1-4]",
}
"""Counts of cycles by class: up to 1999, 179, 16 and 4."""


def script_grammar(design: Design) -> str:
    """Write the grammar; its start is the rule `root`. Each signal is listed once, under the kind of values that it takes."""
    rules = _Rules(design)
    rules.build()
    return "".join(f"{name} ::= {body}\n" for name, body in rules.rules.items())


class _Rules:
    def __init__(self, design: Design) -> None:
        self.design, self.vocabulary = design, Vocabulary(design)
        self.rules: dict[str, str] = {}
        self.enums: dict[tuple[EnumMember, ...], str] = {}
        self.slow = [
            clock for clock in self.vocabulary.clocks[1:] if clock.half_period <= _SLOWEST_RATIO * self.vocabulary.clocks[0].half_period
        ]

    def build(self) -> None:
        """Make the rules, the start first."""
        self.rules["root"] = f"sequence{{1,{MOST_SEQUENCES}}}"
        self.rules["sequence"] = '"sequence " name ("  # " comment)? "\\n" ("  " step-l){1,4} (repeat ("  " step-l){0,3}){0,2} "end\\n"'
        self.rules["name"] = "[a-z] [a-z0-9_]{0,23}"
        self.rules["comment"] = "[!-~] [ -~]{0,119}"
        self.rules["repeat"] = '"  repeat " ([1-9] "\\n" ("    " step-m){1,4} | [1-9] [0-9] "\\n" ("    " step-s){1,4}) "  end\\n"'
        drives, draws = self._inputs()
        waits = self._outputs()
        resets = [_quoted(f" {spelled(port)}") for port in self.vocabulary.resets.values()]
        for size, smaller in zip("lms", "mst", strict=True):
            kinds = [f'"hold " count-{size}']
            if self.slow:
                kinds.append(f'"hold " count-{smaller} " on " clock')
                kinds.append('"pace " clock " " pace')
            if resets:
                kinds.append(f'"reset " {"[1-9] [0-9]?" if size == "l" else "[1-9]"}' + (" reset?" if len(resets) > 1 else ""))
            if drives:
                kinds.append(f'"drive" (" " drive){{1,{MOST_SIGNALS}}}')
            if draws:
                everything = '" all" | ' if len(self.vocabulary.drawn_by_all) <= _MOST_DRAWN else ""
                kinds.append(f'"random " count-{size} ({everything}(" " draw){{1,{MOST_SIGNALS}}})')
            if waits:
                kinds.append(f'"wait " wait " limit " count-{size}')
            self.rules[f"step-{size}"] = f'({" | ".join(kinds)}) "\\n"'
            self.rules[f"count-{size}"] = _COUNTS[size]
        if self.slow:
            step = self.vocabulary.pace_step
            self.rules["count-t"] = _COUNTS["t"]
            self.rules["clock"] = _any(_quoted(spelled(clock.port)) for clock in self.slow)
            self.rules["pace"] = _any(f'"{step * factor}"' for factor in _PACE_FACTORS)
        if len(resets) > 1:
            self.rules["reset"] = _any(resets)
        if drives:
            self.rules["drive"] = _any(drives)
        if draws:
            self.rules["draw"] = f'({_any(draws)}) ("~" percent)?'
            self.rules["percent"] = '[1-9] [0-9]? "%"'
        if waits:
            self.rules["wait"] = _any(waits)
            self.rules["is"] = '" == " | " != "'

    def _inputs(self) -> tuple[list[str], list[str]]:
        """Give the ways to drive a signal and to draw one, by kind of value."""
        running, resets = set(self.vocabulary.running.values()), set(self.vocabulary.resets.values())
        ports = [port for port in self.design.ports if port.is_driven and port.name not in running | resets]
        signals: dict[str, list[str]] = {}
        members: dict[str, list[str]] = {}
        for port in ports:
            signals.setdefault(self._kind(port.width, port.enum), []).append(_elements(port))
            if port.direction is Direction.INOUT:
                signals.setdefault(self._kind(1), []).append(f'{_elements(port)} ".enable"')
            for field in port.fields:
                if re.fullmatch(r"[A-Za-z_]\w*", field.name, re.ASCII):
                    members.setdefault(self._kind(field.width), []).append(f"{_elements(port)} {_quoted('.' + field.name)}")
        drives: list[str] = []
        draws: list[str] = []
        for kind, names in signals.items():
            self.rules[f"in-{kind}"] = _any(names)
            drives.append(f'in-{kind} "=" v-{kind}')
            how = '(":" percent)?' if kind == "1" else f'("={{" v-{kind} ("," v-{kind}){{0,5}} "}}" (":" percent)?)?'
            draws.append(f"in-{kind} {how}")
        for kind, names in members.items():
            self.rules[f"member-{kind}"] = _any(names)
            drives.append(f'member-{kind} "=" v-{kind}')
        return drives, draws

    def _outputs(self) -> list[str]:
        """Give the conditions that can be waited for, by kind of value."""
        running = set(self.vocabulary.running.values())
        signals: dict[str, list[str]] = {}
        for port in self.design.ports:
            if port.unsupported is None and port.direction is not Direction.INPUT and port.name not in running:
                signals.setdefault(self._kind(port.width, port.enum), []).append(_elements(port))
        for kind, names in signals.items():
            self.rules[f"out-{kind}"] = _any(names)
        return [f"out-{kind} is v-{kind}" for kind in signals]

    def _kind(self, width: int, enum: tuple[EnumMember, ...] = ()) -> str:
        """Name the kind of a value and make its rule: `8` for eight bits, `e1` for the first enumerated type."""
        members = tuple(member for member in enum if re.fullmatch(r"[A-Za-z_]\w*", member.name, re.ASCII))
        if members:
            kind = self.enums.setdefault(enum, f"e{len(self.enums) + 1}")
            if f"v-{kind}" not in self.rules:
                plain = self._kind(width)
                self.rules[f"v-{kind}"] = _any([*(_quoted(member.name) for member in members), f"v-{plain}"])
            return kind
        if f"v-{width}" not in self.rules:
            self.rules[f"v-{width}"] = _number(width)
        return str(width)


def _number(width: int) -> str:
    """Literals of at most `width` bits, in the way that `script_text` writes them."""
    if width <= 3:
        return f"[0-{(1 << width) - 1}]"
    decimal = "[0-9]" if width < 7 else "[0-9] | [1-9] [0-9]"
    digits, rest = divmod(width, 4)
    if digits >= _MOST_DIGITS:
        digits, rest = _MOST_DIGITS, 0
    shorter = f'{decimal} | "0x" [0-9a-f]{{1,{digits}}}' if digits > 1 else f'{decimal} | "0x" [0-9a-f]'
    return f'{shorter} | "0x" [0-{(1 << rest) - 1}] [0-9a-f]{{{digits}}}' if rest else shorter


def _elements(port: Port) -> str:
    """The port's name, or those of its elements."""
    parts = [_quoted(spelled(port.name))]
    for left, right in port.unpacked:
        step = 1 if left <= right else -1
        indices = range(left, right + step, step)[:_MOST_ELEMENTS]
        parts.append('"[" (' + _any(_quoted(str(index)) for index in indices) + ') "]"')
    return " ".join(parts)


def _quoted(text: str) -> str:
    """A literal of the grammar; what is not plain ASCII goes in by its code point."""
    return '"' + "".join(_character(char) for char in text) + '"'


def _character(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if " " <= char <= "~":
        return char
    return f"\\x{ord(char):02X}" if ord(char) < 0x100 else f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}"


def _any(alternatives: Iterable[str]) -> str:
    return " | ".join(alternatives)
