"""From a design's instrumented sources to a model in a scratch folder, by way of a child process. Knows no solver.

Every failure of the tool is a `Facts` with an error: a clause for a person, never an exception.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event as CancelEvent

from llm4cov_agent.closure.reach.condition import Condition
from llm4cov_agent.closure.reach.model_values import ClockPin, Phase, ResetPin
from llm4cov_agent.closure.reach.request import Facts, Question, Request
from llm4cov_agent.closure.reach.restored import with_else
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.rtl.design import Design, Direction, Edge, Port

_COVER = re.compile(r"(?<![\w$.])(?P<label>[A-Za-z_]\w*)(?P<colon>\s*:\s*)(?=cover\b)")
_PROCEDURAL = re.compile(r"\b(always\w*|initial|module|function|task|assign)\b")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
_VERILATOR_MACROS = ("VERILATOR", "verilator", "SV_COV_START")


def build(
    design: Design,
    texts: Mapping[Path, str],
    questions: Sequence[Condition],
    phase: Phase,
    *,
    folder: Path,
    limit_s: float,
    cancel: CancelEvent | None,
) -> Facts:
    """Make `model.btor` (for witnesses) or `model.aig` (for proofs) in `folder`."""
    request = _write_request(design, texts, questions, phase, folder)
    for name in ("facts.json", "model.btor", "model.aig"):
        (folder / name).unlink(missing_ok=True)
    limits = Limits(wall_s=limit_s, memory_bytes=8 << 30, file_bytes=1 << 30)
    argv = (sys.executable, "-m", "llm4cov_agent.closure.reach.gates", "request.json")
    (folder / "request.json").write_text(json.dumps(request.to_json()))
    outcome = run(argv, folder=folder, limits=limits, cancel=cancel)
    try:
        return Facts.from_json(json.loads((folder / "facts.json").read_text()))
    except (OSError, ValueError):
        return Facts(error=_last_words(folder / "pass.log") or f"the tool that reads the sources {outcome.reason}")


def _last_words(log: Path) -> str:
    """What a pass said when it ended the whole process, as an internal check of the tool does."""
    said = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return next((line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")), "")


def _write_request(design: Design, texts: Mapping[Path, str], questions: Sequence[Condition], phase: Phase, folder: Path) -> Request:
    places: dict[str, tuple[str, int, int]] = {}
    names = []
    for number, path in enumerate(design.sources):
        # Columns are those of the tool only where a character is a byte and a tab is one column.
        text = "".join(char if char.isascii() else "?" for char in texts[path].replace("\t", " ").replace("\r\n", "\n"))
        name = f"s{number}.sv"
        names.append(name)
        plain, bare = unlabelled(with_else(text))
        for label, line, column in plain[1]:
            places[label] = (name, line, column)
        (folder / name).write_text(plain[0])
        (folder / f"scan_{name}").write_text(bare)
    for file in design.files:
        if file.role == "data" and file.path.is_file():
            shutil.copyfile(file.path, folder / file.path.name)
    (folder / "options.f").write_text("\n".join(_options(design)) + "\n")
    unknown = ("", 0, 0)
    return Request(
        sources=tuple(names),
        options=("-f", "options.f"),
        top=design.top,
        questions=tuple(Question(*places.get(question.label, unknown), question.event.value) for question in questions),
        clocks=tuple(_clocks(design)),
        resets=tuple(_resets(design)),
        phase=phase,
        covers=tuple(places.values()),
        obstacle=_obstacle(design),
    )


def unlabelled(text: str) -> tuple[tuple[str, list[tuple[str, int, int]]], str]:
    """Blank the labels of cover statements, as a label used twice (an unrolled loop) breaks the tool.

    Returns the text with the places (label, line, column) of the statements, and the text without the statements.
    """
    found: list[tuple[str, int, int]] = []
    plain, bare = list(text), list(text)
    comments = [(match.start(), match.end()) for match in _COMMENT.finditer(text)]
    position = 0
    for match in _COVER.finditer(text):
        while position < len(comments) and comments[position][1] <= match.start():
            position += 1
        inside_comment = position < len(comments) and comments[position][0] <= match.start()
        if inside_comment:
            continue
        for index in range(match.start(), match.end()):
            if text[index] != "\n":
                plain[index] = " "
        start = match.end()
        found.append((match["label"], text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1))
        # An empty statement stays, as the cover may be all that an `if` governs.
        for index in range(match.start(), text.index(";", start)):
            if text[index] != "\n":
                bare[index] = " "
    return ("".join(plain), found), "".join(bare)


def _options(design: Design) -> Iterator[str]:
    yield "--single-unit"
    for folder in dict.fromkeys((*design.include_dirs, *(path.parent for path in design.sources))):
        yield f"-I {_quoted(str(folder))}"
    known = {name for name, _ in design.defines}
    for name, value in (*design.defines, *((name, "1") for name in _VERILATOR_MACROS if name not in known)):
        yield f"-D {_quoted(name if value is None else f'{name}={value}')}"
    for name, value in design.overrides:
        yield f"-G {_quoted(f'{name}={value}')}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _obstacle(design: Design) -> str:
    if design.uses_dpi:
        return "foreign functions are used"
    for file in design.files:
        # The scan follows sources only; an include with declarations and macros is harmless.
        if file.role == "include":
            try:
                text = _COMMENT.sub(" ", file.path.read_text(errors="replace"))
            except OSError:
                return f"{file.path.name} can't be read"
            if _PROCEDURAL.search(text):
                return f"the included file {file.path.name} holds statements"
    return ""


def _clocks(design: Design) -> Iterator[ClockPin]:
    for clock in design.clocks:
        wire, index = bit_of(design, clock.port)
        yield ClockPin(wire=wire, index=index, rising=clock.edge is not Edge.NEGEDGE, falling=clock.edge is not Edge.POSEDGE)


def _resets(design: Design) -> Iterator[ResetPin]:
    for reset in design.resets:
        wire, index = bit_of(design, reset.port)
        yield ResetPin(wire=wire, index=index, active_low=reset.active_low)


def bit_of(design: Design, name: str) -> tuple[str, int]:
    """Wire and bit of a signal named as in `Design.driven_signals` or with a bit index behind it."""
    port = next(port for port in design.ports if port.name == name.partition("[")[0])
    offset = slices(port).get(name)
    if offset is not None:
        return f"\\{port.name}", offset
    return f"\\{port.name}", int(name.rpartition("[")[2].rstrip("]"))


def slices(port: Port) -> dict[str, int]:
    """Name of each element of a port -> its lowest bit in the netlist, where the first element is the uppermost."""
    names = list(port.signals())
    return {name: (len(names) - 1 - position) * port.width for position, name in enumerate(names)}


def drivable(design: Design) -> tuple[Port, ...]:
    """Ports that a witness can set."""
    return tuple(port for port in design.ports if port.is_driven and port.direction is Direction.INPUT)
