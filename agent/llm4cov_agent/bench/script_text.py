"""Writes a stimulus in the stimulus language, for prompts and training data: the inverse of `script`. Knows no model."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm4cov_agent.bench.script import plain_comment
from llm4cov_agent.bench.script_names import Target, Vocabulary
from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, RandomField, Repeat, Reset, Step, Stimulus, Wait
from llm4cov_agent.bench.text import plain_name
from llm4cov_agent.rtl.design import Design

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z", re.ASCII)
_NAMED = re.compile(r"(?P<base>.*?)(?P<rest>(?:\[-?\d+\])*(?:\.enable)?)\Z", re.DOTALL)


def script_of(stimulus: Stimulus, design: Design) -> str:
    """Write a stimulus that fits the design, one step per line.

    Its clocks are not written: they are those of `free_clocks`, or become them. A signal that is driven twice in one
    moment is written once, with what it ends at.
    """
    writer = _Writer(design)
    lines: list[str] = []
    for sequence in stimulus.sequences:
        comment = plain_comment(sequence.comment)
        lines.append(f"sequence {sequence.name}" + (f"  # {comment}" if comment else ""))
        lines += writer.lines(sequence.steps, "  ")
        lines.append("end")
    return "".join(f"{line}\n" for line in lines)


def spelled(name: str) -> str:
    """Give the name of a port, element or enable input as a script writes it: odd ones as Verilog does, `\\a+b ` with the space."""
    match = _NAMED.match(plain_name(name))
    assert match is not None
    return match["base"] + match["rest"] if _PLAIN.match(match["base"]) else f"\\{match['base']} {match['rest']}"


def value_text(value: int, target: Target) -> str:
    """Write a value in the way that reads best: by name, small ones in decimal, others in hexadecimal."""
    for member in target.enum:
        if member.value == value and _PLAIN.match(member.name):
            return member.name
    return str(value) if value < (100 if target.width >= 7 else 10) else f"{value:#x}"


class _Writer:
    def __init__(self, design: Design) -> None:
        self.vocabulary = Vocabulary(design)
        whole = (*self.vocabulary.observed.values(), *self.vocabulary.inputs.values())
        self.targets = {target.signal: target for target in whole if target.offset is None}
        self.fields: dict[str, list[tuple[str, Target]]] = {}
        """By signal: the members of a structure as (spelling, bits)."""
        for name, target in self.vocabulary.inputs.items():
            member = name.rpartition(".")[2]
            if target.offset is not None and _PLAIN.match(member):
                self.fields.setdefault(target.signal, []).append((f"{spelled(target.signal)}.{member}", target))
        self.all = tuple(RandomField(signal) for signal in self.vocabulary.drawn_by_all)

    def lines(self, steps: tuple[Step, ...], indent: str) -> Iterator[str]:
        for step in steps:
            match step:
                case Repeat():
                    yield f"{indent}repeat {step.count}"
                    yield from self.lines(step.steps, f"{indent}  ")
                    yield f"{indent}end"
                case _:
                    yield indent + " ".join(self._words(step))

    def _words(self, step: Step) -> Iterator[str]:
        match step:
            case Reset():
                yield f"reset {step.cycles}"
                yield from (spelled(port) for port in step.ports)
            case Drive():
                yield "drive"
                for signal, value in dict(step.values).items():
                    yield from self._assignments(signal, value)
            case Hold():
                yield f"hold {step.cycles}"
                if step.clock is not None:
                    yield f"on {spelled(step.clock)}"
            case Wait():
                wanted = value_text(step.value, self.targets[step.signal])
                yield f"wait {spelled(step.signal)} {'==' if step.equal else '!='} {wanted} limit {step.limit}"
            case Random():
                yield f"random {step.cycles}"
                if step.seed is not None:
                    yield f"seed {step.seed}"
                if step.fields == self.all and len(self.all) > 1 and "all" not in self.vocabulary.inputs:
                    yield "all"
                else:
                    yield from (self._drawn(field) for field in step.fields)
            case Pace():
                yield f"pace {spelled(step.clock)} {step.half_period}"
            case Repeat():
                raise AssertionError("repeats are several lines")

    def _assignments(self, signal: str, value: int) -> Iterator[str]:
        """Set a structure member by member, where that says the same; members that aren't named are 0."""
        members = [(name, target, target.offset or 0) for name, target in self.fields.get(signal, ())]
        parts = [(name, target, offset, value >> offset & ((1 << target.width) - 1)) for name, target, offset in members]
        if value and sum(part << offset for _, _, offset, part in parts) == value:
            yield from (f"{name}={value_text(part, target)}" for name, target, _, part in parts if part)
        else:
            yield f"{spelled(signal)}={value_text(value, self.targets[signal])}"

    def _drawn(self, field: RandomField) -> str:
        target, name = self.targets[field.signal], spelled(field.signal)
        percent = field.choice_percent
        stay = f"~{field.stay_percent}%" if field.stay_percent else ""
        if not field.choices:
            return f"{name}{stay}"
        if target.width == 1 and field.choices in ((0,), (1,)) and percent and percent % 2 == 0:
            # Half of the uniform draws are 1 as well.
            return f"{name}:{50 + (percent if field.choices == (1,) else -percent) // 2}%{stay}"
        choices = ",".join(value_text(choice, target) for choice in field.choices)
        return f"{name}={{{choices}}}{f':{percent}%' if percent != 100 else ''}{stay}"
