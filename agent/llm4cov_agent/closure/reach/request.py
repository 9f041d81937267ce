"""What the parent asks of the child that builds models, and what it hears back: values that travel as JSON. Knows no tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from llm4cov_agent.closure.reach.model_values import ClockPin, Model, Phase, Register, ResetPin


@dataclass(frozen=True, slots=True)
class Question:
    """One cover statement by its place in a text as written for the tool, and the event asked for."""

    file: str
    line: int
    column: int
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build."""

    sources: tuple[str, ...]
    """Names of the texts, in compile order; `scan_NAME` lies beside each and has no cover statements."""
    options: tuple[str, ...]
    top: str
    questions: tuple[Question, ...]
    clocks: tuple[ClockPin, ...]
    resets: tuple[ResetPin, ...]
    phase: Phase
    covers: tuple[tuple[str, int, int], ...] = ()
    """Places (text, line, column) of all labelled cover statements, asked about or not."""
    obstacle: str = ""
    """Why nothing may be proved, known before."""

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` reads."""
        return asdict(self) | {"phase": self.phase.value}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Request:
        """Read what `to_json` wrote."""
        return Request(
            sources=tuple(record["sources"]),
            options=tuple(record["options"]),
            top=record["top"],
            questions=tuple(Question(**item) for item in record["questions"]),
            clocks=tuple(ClockPin(**item) for item in record["clocks"]),
            resets=tuple(ResetPin(**item) for item in record["resets"]),
            phase=Phase(record["phase"]),
            covers=tuple((file, line, column) for file, line, column in record.get("covers", ())),
            obstacle=record["obstacle"],
        )


@dataclass(slots=True)
class Facts:
    """What the child found out."""

    done: bool = False
    """Whether the model file is complete."""
    error: str = ""
    """Why there is none: a clause for a person."""
    obstacle: str = ""
    """Why nothing may be proved on this design."""
    registers: list[Register] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    """Port -> input of the model."""
    open_names: list[str] = field(default_factory=list)
    absent: list[int] = field(default_factory=list)
    """Questions whose statement the front end left out."""
    doubtful: list[int] = field(default_factory=list)
    """Questions of which nothing may be proved, as the front end may have left out uses of their statement."""

    def take(self, model: Model) -> None:
        """Copy what was built."""
        self.registers = model.registers
        self.inputs = model.inputs
        self.open_names = sorted(model.open_names)

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` reads; register values as text, as they may be wider than a JSON number."""
        registers = [[item.first, [list(bit) for bit in item.bits], str(item.initial)] for item in self.registers]
        plain: dict[str, object] = {
            "done": self.done,
            "error": self.error,
            "obstacle": self.obstacle,
            "inputs": self.inputs,
            "open_names": self.open_names,
        }
        return plain | {"registers": registers, "absent": self.absent, "doubtful": self.doubtful}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Facts:
        """Read what `to_json` wrote."""
        return Facts(
            done=record["done"],
            error=record["error"],
            obstacle=record["obstacle"],
            registers=[Register(first, _bits(bits), int(initial)) for first, bits, initial in record["registers"]],
            inputs=record["inputs"],
            open_names=record["open_names"],
            absent=record["absent"],
            doubtful=record["doubtful"],
        )


def _bits(bits: Sequence[Sequence[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((name, index) for name, index in bits)
