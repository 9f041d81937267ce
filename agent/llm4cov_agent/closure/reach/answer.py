"""Questions about a design answered: a witness, a proof, or how far nothing was found. Knows the order, not the engines.

A proof rests on what is said in its reason and on this: inputs are 0 or 1, and the simulator is Verilator with its defaults.
A witness is a claim about a netlist; it counts once a simulator has confirmed it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event as CancelEvent
from typing import Any

from llm4cov_agent.bench.stimulus import default_clocks
from llm4cov_agent.closure.reach import pdr, transition
from llm4cov_agent.closure.reach.condition import Condition, Event
from llm4cov_agent.closure.reach.model_values import Phase
from llm4cov_agent.closure.reach.request import Facts
from llm4cov_agent.closure.reach.schedule import ClockInput, ResetInput, Schedule
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.rtl.design import Design, Direction, Edge

RESET_CYCLES = 2
"""Cycles of the reference clock that a witness's reset lasts."""
_SETTLE_STEPS = 2


class AnswerKind(Enum):
    """What became of a question."""

    WITNESS = "witness"
    PROVED = "proved"
    BOUNDED = "bounded"
    UNKNOWN = "unknown"


Cycle = Mapping[str, int]
"""Value of each driven signal (as in `Design.driven_signals`) during one cycle of the reference clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question with its answer."""

    question: Condition
    kind: AnswerKind
    reason: str
    """One sentence for a person; for a proof with the assumption that it rests on."""
    cycles: int = 0
    """BOUNDED: within how many cycles after the reset nothing was found."""
    witness: tuple[Cycle, ...] = ()
    """WITNESS: inputs in each cycle from after the reset, or from the given state; empty where the reset itself does it."""


def answer(
    design: Design,
    texts: Mapping[Path, str],
    questions: Sequence[Condition],
    *,
    budget_s: float,
    depth: int,
    cancel: CancelEvent | None = None,
    start: Mapping[str, int] | None = None,
    proves: bool = True,
) -> tuple[Answer, ...]:
    """Answer all questions, in their order, within a time in seconds and a number of cycles.

    `start` names registers by hierarchical name (`u_rx.count`; words of a memory `mem[3]`) with the values from which
    witnesses begin instead of the reset; proofs are not concerned. Nothing that a user wrote raises.
    """
    deadline = time.monotonic() + budget_s
    found: dict[int, Answer] = {}
    with scratch_folder() as folder:
        work = _Work(design, texts, tuple(questions), folder, cancel)
        for phase in (Phase.ANY_START, Phase.POWER_UP) if proves else ():
            for number, item in work.proofs(phase, _open(questions, found), max(1.0, (deadline - time.monotonic()) * 0.4)):
                found[number] = item
        # Proofs come first, as what is proved need not be searched for.
        left = max(1.0, deadline - time.monotonic())
        for number, item in work.witnesses(_open(questions, found), left, depth, start):
            found[number] = item
    return tuple(found[number] for number in range(len(questions)))


def _open(questions: Sequence[Condition], found: Mapping[int, Answer]) -> list[int]:
    return [number for number in range(len(questions)) if number not in found]


class _Work:
    """The engines on one design."""

    def __init__(
        self, design: Design, texts: Mapping[Path, str], questions: tuple[Condition, ...], folder: Path, cancel: CancelEvent | None
    ) -> None:
        self._design = design
        self._texts = texts
        self._questions = questions
        self._folder = folder
        self._cancel = cancel
        self._why_no_proof = ""

    def _stopped(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()

    def _build(self, phase: Phase, wanted: Sequence[int], folder: Path, limit_s: float) -> Facts:
        chosen = [self._questions[number] for number in wanted]
        return transition.build(self._design, self._texts, chosen, phase, folder=folder, limit_s=limit_s, cancel=self._cancel)

    def proofs(self, phase: Phase, wanted: Sequence[int], budget_s: float) -> Iterator[tuple[int, Answer]]:
        """Prove what can be proved."""
        if not wanted or self._stopped() or self._why_no_proof:
            return
        folder = self._folder / phase.value
        folder.mkdir()
        deadline = time.monotonic() + budget_s
        facts = self._build(phase, wanted, folder, budget_s)
        if not facts.done:
            self._why_no_proof = facts.error or facts.obstacle or "the model for proofs was not finished"
            return
        gone = {place for place in facts.absent if place not in facts.doubtful}
        for place in gone:
            reason = "It lies in a branch that the parameters and constants switch off, so it can never be executed."
            yield wanted[place], Answer(question=self._questions[wanted[place]], kind=AnswerKind.PROVED, reason=reason)
        ready = [place for place in range(len(wanted)) if place not in facts.absent and place not in facts.doubtful]
        proofs = pdr.prove(folder, ready, budget_s=max(0.5, deadline - time.monotonic()), cancel=self._cancel)
        for place in proofs.proved:
            question = self._questions[wanted[place]]
            yield wanted[place], Answer(question=question, kind=AnswerKind.PROVED, reason=_assumption(self._design, phase))

    def witnesses(
        self, wanted: Sequence[int], budget_s: float, depth: int, start: Mapping[str, int] | None
    ) -> Iterator[tuple[int, Answer]]:
        """Search for witnesses; answers everything that is wanted."""
        deadline = time.monotonic() + budget_s
        if not wanted:
            return
        if self._stopped():
            yield from self._unknown(wanted, "It was stopped.")
            return
        folder = self._folder / "witness"
        folder.mkdir()
        facts = self._build(Phase.WITNESS, wanted, folder, budget_s)
        if not facts.done:
            yield from self._unknown(wanted, f"No model could be made: {facts.error}.")
            return
        schedule = schedule_of(self._design, from_reset=start is None)
        ready = [place for place in range(len(wanted)) if place not in facts.absent]
        job = {
            "schedule": schedule.to_json(),
            "inputs": {port.lstrip("\\"): name.lstrip("\\") for port, name in facts.inputs.items()},
            "first": _first_values(facts, start),
            "depth": depth - 1,
            "budget_s": max(0.5, deadline - time.monotonic()),
            "questions": {str(place): self._questions[wanted[place]].event.value for place in ready},
        }
        (folder / "job.json").write_text(json.dumps(job))
        limits = Limits(wall_s=max(0.5, deadline - time.monotonic()) + 3.0)
        outcome = run(
            (sys.executable, "-m", "llm4cov_agent.closure.reach.bmc", "job.json"), folder=folder, limits=limits, cancel=self._cancel
        )
        record: dict[str, Any] = {"complete": -1, "found": {}, "error": f"the search {outcome.reason}" if not outcome.ok else ""}
        if (folder / "found.json").is_file():
            record = json.loads((folder / "found.json").read_text())
        yield from self._read(wanted, facts, record, start is None)

    def _read(self, wanted: Sequence[int], facts: Facts, record: Mapping[str, Any], from_reset: bool) -> Iterator[tuple[int, Answer]]:
        complete = int(record["complete"]) + 1
        whence = "the reset" if from_reset and self._design.resets else "power-up" if from_reset else "the given state"
        for place, number in enumerate(wanted):
            question = self._questions[number]
            values = record["found"].get(str(place))
            if values is not None:
                witness = tuple(_signals(self._design, group) for group in values)
                reason = f"Reached {len(witness)} cycle{'s' * (len(witness) != 1)} after {whence}, in the model."
                yield number, Answer(question=question, kind=AnswerKind.WITNESS, reason=reason, witness=witness)
            elif place in facts.absent:
                yield from self._unknown((number,), "Its statement is not part of what was elaborated.")
            elif complete > 0 and not self._why_no_proof and not facts.open_names:
                reason = f"Not reached within {complete} cycle{'s' * (complete != 1)} after {whence}, undefined values taken as 0."
                yield number, Answer(question=question, kind=AnswerKind.BOUNDED, reason=reason, cycles=complete)
            else:
                why = record["error"] or self._why_no_proof or _left_open(facts)
                yield from self._unknown((number,), f"Neither reached nor proved: {why}.")

    def _unknown(self, wanted: Sequence[int], reason: str) -> Iterator[tuple[int, Answer]]:
        for number in wanted:
            yield number, Answer(question=self._questions[number], kind=AnswerKind.UNKNOWN, reason=reason)


def _left_open(facts: Facts) -> str:
    if facts.open_names:
        return f"the contents of {', '.join(f'`{name}`' for name in facts.open_names[:3])} are too large for the model"
    return "the time was too short"


def _assumption(design: Design, phase: Phase) -> str:
    if phase is Phase.POWER_UP:
        return "It can't happen from power-up with every register at its initial value or 0, whatever the inputs do."
    if design.resets:
        names = ", ".join(f"`{reset.port}`" for reset in design.resets)
        return (
            f"It can't happen, whatever the inputs do: neither from power-up with registers at their initial value or 0, "
            f"nor from any state after {names} was active for two edges of each clock."
        )
    return "It can't happen from any state of the registers, whatever the inputs do."


def schedule_of(design: Design, *, from_reset: bool) -> Schedule:
    """Say how a run goes that looks for a witness."""
    widths = {port.name: port.width * len(list(port.signals())) for port in transition.drivable(design)}
    clocks = []
    for drive in default_clocks(design.clocks):
        wire, bit = transition.bit_of(design, drive.port)
        falls = drive.edge is Edge.NEGEDGE
        clocks.append(ClockInput(port=wire.lstrip("\\"), bit=bit, half_period=drive.half_period, phase=drive.phase, falls=falls))
    resets = []
    for reset in design.resets:
        wire, bit = transition.bit_of(design, reset.port)
        resets.append(ResetInput(port=wire.lstrip("\\"), bit=bit, active_low=reset.active_low))
    is_plain = len(design.clocks) == 1 and not design.clocks[0].gated
    return Schedule(
        widths=widths,
        clocks=tuple(clocks),
        resets=tuple(resets),
        reset_cycles=RESET_CYCLES if resets and from_reset else 0,
        settle=0 if is_plain else _SETTLE_STEPS,
        every_edge=not is_plain or design.clocks[0].edge is Edge.BOTH,
    )


def _first_values(facts: Facts, start: Mapping[str, int] | None) -> dict[str, str]:
    """Values of the inputs that set the registers in the first step; empty for power-up."""
    if start is None:
        return {}
    return {register.first.lstrip("\\"): str(_value(register.bits, register.initial, start)) for register in facts.registers}


def _value(bits: Sequence[tuple[str, int]], initial: int, start: Mapping[str, int]) -> int:
    value = 0
    for position, (wire, index) in enumerate(bits):
        given = start.get(wire.lstrip("\\"))
        bit = initial >> position & 1 if given is None else given >> index & 1
        value |= bit << position
    return value


def _signals(design: Design, group: Mapping[str, str]) -> dict[str, int]:
    """Split the values of whole ports into those of driven signals, clocks and untouched bits left out."""
    values: dict[str, int] = {}
    clocks = {clock.port for clock in design.clocks}
    for port in transition.drivable(design):
        if port.name not in group or port.direction is not Direction.INPUT:
            continue
        whole = int(group[port.name])
        for name, low in transition.slices(port).items():
            if name not in clocks:
                values[name] = whole >> low & ((1 << port.width) - 1)
    return values


__all__ = ["Answer", "AnswerKind", "Condition", "Cycle", "Event", "answer", "schedule_of"]
