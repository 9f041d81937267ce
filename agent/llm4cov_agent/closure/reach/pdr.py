"""Proofs on an and-inverter graph with yosys-abc: which outputs can never be 1. Knows no source and no netlist.

Outputs are answered by name. A proof comes from one of three: the output is constant after optimisation, induction on
equivalences (`scorr`), or property-directed reachability (`pdr`).
"""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as CancelEvent

from llm4cov_agent.errors import ToolMissing
from llm4cov_agent.judge.process import Limits, run

_EACH_MS = 500
_PROVED = re.compile(r"^Proved output\s+(\d+) in frame", re.MULTILINE)
_ASSERTED = re.compile(r"^Output\s+(\d+) was asserted in frame", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What became of the outputs of one model, by their numbers."""

    proved: frozenset[int]
    refuted: frozenset[int]
    """Can be 1 in the model; that is no witness, as the model leaves more open than a simulator."""


def abc_path() -> Path:
    """Find yosys-abc beside pyosys, without importing that. Raises ToolMissing."""
    spec = importlib.util.find_spec("pyosys")
    path = Path(spec.origin).parent / "yosys-abc" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ToolMissing("yosys-abc", "pip install pyosys")
    return path


def prove(folder: Path, wanted: Sequence[int], *, budget_s: float, cancel: CancelEvent | None) -> Proofs:
    """Try to prove the outputs `bad<N>` of `model.aig`, N in `wanted`, within a time in seconds."""
    deadline = time.monotonic() + budget_s
    positions, lemmas = _positions(folder / "model.aig")
    numbers = {position: number for number, position in positions.items()}
    pending = {positions[number] for number in wanted if number in positions}
    proved = {position for position in pending if _outputs(folder / "model.aig")[position] == 0}
    pending -= proved
    refuted: set[int] = set()
    if pending and (left := deadline - time.monotonic()) > 0.5:
        # Induction wants registers; without any, equal gates are found by satisfiability alone.
        sweep = "scorr" if _latches(folder / "model.aig") else "ifraig; dc2; ifraig"
        _abc(folder, f"read_aiger model.aig; strash; {sweep}; write_aiger reduced.aig", max(2.0, left / 3), cancel)
        if (folder / "reduced.aig").exists():
            literals = _outputs(folder / "reduced.aig")
            found = {position for position in pending if literals[position] == 0}
            proved |= found
            pending -= found
    helpful: list[int] = []
    useless: set[int] = set()
    source = "reduced.aig" if (folder / "reduced.aig").exists() else "model.aig"
    if pending and (left := deadline - time.monotonic()) > 0.5:
        # All at once first: most are easy, and a process for each would cost more than the proofs.
        slice_s = max(1, round(left / 4))
        text = _abc(folder, f"read_aiger {source}; pdr -a -H {_EACH_MS} -T {slice_s}", slice_s + 3.0, cancel)
        sure = {int(match[1]) for match in _PROVED.finditer(text)}
        helpful = sorted(lemmas & sure)
        useless = {int(match[1]) for match in _ASSERTED.finditer(text)}
        sure &= pending
        failed = {int(match[1]) for match in _ASSERTED.finditer(text)} & pending
        proved |= sure - failed
        refuted |= failed
        pending -= sure | failed
    until = time.monotonic() + max(0.0, deadline - time.monotonic()) / 3
    for position in sorted(lemmas - useless - set(helpful)) if pending else ():
        if time.monotonic() > until or (cancel is not None and cancel.is_set()):
            break
        if _one(folder, source, [position], 1.0, cancel):
            helpful.append(position)
    for effort in (1.0, 4.0, 30.0, 300.0):
        for position in sorted(pending):
            left = deadline - time.monotonic()
            if left <= 0.2 or (cancel is not None and cancel.is_set()):
                return _named(proved, refuted, numbers)
            verdict = _one(folder, source, [position, *helpful], min(effort, left), cancel)
            if verdict is True:
                proved.add(position)
            elif verdict is False:
                refuted.add(position)
            else:
                continue
            pending.discard(position)
    return _named(proved, refuted, numbers)


def _named(proved: set[int], refuted: set[int], numbers: dict[int, int]) -> Proofs:
    return Proofs(frozenset(numbers[item] for item in proved), frozenset(numbers[item] for item in refuted))


def _one(folder: Path, source: str, positions: Sequence[int], effort_s: float, cancel: CancelEvent | None) -> bool | None:
    """Prove (True) or refute (False) the first output; None where the time was too short.

    The others are known to be 0 for ever. Asking for the disjunction gives the prover that for its induction, and changes
    nothing about the answer.
    """
    numbers = ",".join(map(str, positions))
    chosen = f"cone -N {numbers}; orpos" if len(positions) > 1 else f"cone -O {numbers}"
    command = f"read_aiger {source}; {chosen}; scleanup; dc2; pdr -T {max(1, round(effort_s))}"
    text = _abc(folder, command, effort_s + 2.0, cancel)
    if "Property proved" in text:
        return True
    if "was asserted in frame" in text:
        return False
    return None


def _abc(folder: Path, command: str, limit_s: float, cancel: CancelEvent | None) -> str:
    outcome = run((str(abc_path()), "-q", command), folder=folder, limits=Limits(wall_s=limit_s, file_bytes=1 << 30), cancel=cancel)
    return outcome.output


def _positions(path: Path) -> tuple[dict[int, int], set[int]]:
    """Number of each question -> position of its output, and positions of lemmas, from the symbols behind the gates."""
    # Gates are binary, but a symbol fills a line of its own, and positions are checked against the number of outputs.
    symbols = re.findall(rb"^o(\d+) \\?(bad|lemma)(\d+)$", path.read_bytes(), re.MULTILINE)
    if sorted(int(position) for position, _, _ in symbols) != list(range(len(_outputs(path)))):
        return {}, set()
    questions = {int(number): int(position) for position, kind, number in symbols if kind == b"bad"}
    return questions, {int(position) for position, kind, _ in symbols if kind == b"lemma"}


def _latches(path: Path) -> int:
    with path.open("rb") as file:
        return int(file.readline().split()[3])


def _outputs(path: Path) -> list[int]:
    """Literals of the outputs of a binary AIGER file, in order (format: aiger.h of the AIGER library, version 1.9)."""
    with path.open("rb") as file:
        header = file.readline().split()
        latches, outputs = int(header[3]), int(header[4])
        for _ in range(latches):
            file.readline()
        return [int(file.readline()) for _ in range(outputs)]
