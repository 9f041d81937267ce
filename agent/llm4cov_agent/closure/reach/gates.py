"""A child process that turns sources into a model file: the only module that imports pyosys. Decides nothing.

Run as a module with the path of a request. All that it finds out goes to `facts.json` beside the request; an error of the
tool is a fact, never a failure. The tool's passes print, so everything they say goes to files.

Nothing may be optimised while values are undefined, as a pass would choose them: sources are read without the front end's
own lowering, `unique` and `full_case` promises are removed, processes become multiplexers without any clean-up, and only
after `model` has made every undefined value an input do optimising passes run.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pyosys import libyosys  # type: ignore[import-untyped]

from llm4cov_agent.closure.reach.blocks import Scan
from llm4cov_agent.closure.reach.hazards import hazards_of
from llm4cov_agent.closure.reach.model import Builder
from llm4cov_agent.closure.reach.model_values import Mark, Phase
from llm4cov_agent.closure.reach.netlist import Netlist, NetlistError, parse, write
from llm4cov_agent.closure.reach.request import Facts, Request
from llm4cov_agent.closure.reach.restored import reset_loads, restore
from llm4cov_agent.closure.reach.scan import scan
from llm4cov_agent.closure.reach.settling import base_name, is_doubtful, module_at, place_of, tied_low, unsettled, wires_named
from llm4cov_agent.closure.reach.undefined import soften_memories

MEMORY_BITS = {Phase.WITNESS: 16384, Phase.ANY_START: 1024, Phase.POWER_UP: 4096}
"""Largest memory that becomes registers; the contents of larger ones are left open.

Few proofs need what a memory holds, and all get harder by it.
"""

_PROMISES = re.compile(r"^\s*attribute \\(full_case|parallel_case)\b.*\n", re.MULTILINE)
_UNDEFINED_ITEM = re.compile(r"^\s*case .*\d'[01xz-]*[xz]", re.MULTILINE)


class ToolError(Exception):
    """A pass failed; the message is what it said last."""


def main() -> None:
    """Read the request, build, write the facts."""
    request = Request.from_json(json.loads(Path(sys.argv[1]).read_text()))
    facts = Facts()
    try:
        _build(request, facts)
    except (NetlistError, ToolError) as error:
        facts.error = str(error)
    except RecursionError:
        facts.error = "the design is nested too deeply"
    Path("facts.json").write_text(json.dumps(facts.to_json()))


def _build(request: Request, facts: Facts) -> None:
    scans = {name: scan(Path(f"scan_{name}").read_text()) for name in request.sources}
    facts.obstacle = next((item.obstacle for item in scans.values() if item.obstacle), "") or request.obstacle
    if request.phase is not Phase.WITNESS and facts.obstacle:
        return
    netlist, marked, held, cut = _read(request, scans)
    original = netlist
    opened: set[str] = set()
    if netlist.memories:
        netlist, opened = _without_memories(netlist, MEMORY_BITS[request.phase])
    positions = {cell.name: number for number, cell in enumerate(netlist.cells)}
    marks = [
        Mark(tuple(positions[name] for name in marked.get((question.file, question.line, question.column), ())), question.event)
        for question in request.questions
    ]
    signals = {base_name(wire) for wire in original.wires.values()}
    elaborated = {(place[0], module_at(scans, place)) for wire in original.wires.values() if (place := place_of(wire.src))}
    facts.absent = [number for number, mark in enumerate(marks) if not mark.cells]
    facts.doubtful = [
        number
        for number, (question, mark) in enumerate(zip(request.questions, marks, strict=True))
        if is_doubtful(scans, (question.file, question.line, question.column), signals, elaborated, is_absent=not mark.cells)
    ]
    if not marked.keys() <= set(request.covers):
        # A statement that is not where it was written may be one that seems to be left out.
        facts.doubtful = sorted({*facts.doubtful, *facts.absent})
    builder = Builder(netlist, request.phase)
    if request.phase is Phase.WITNESS:
        held, cut = set(), set()
    builder.build(marks, request.clocks, request.resets, held, cut, tied_low(original, scans))
    builder.model.open_names |= {name.lstrip("\\") for name in opened}
    facts.take(builder.model)
    Path("model.il").write_text(write(netlist))
    if request.phase is Phase.WITNESS:
        _word_level()
    else:
        _bit_level()
    facts.done = True


def _read(request: Request, scans: Mapping[str, Scan]) -> tuple[Netlist, dict[tuple[str, int, int], list[str]], set[str], set[str]]:
    """Elaborate; returns the netlist, the cover cells by place, and the wires to hold and to cut."""
    arguments = [*request.options, "--no-synthesis-define", "--no-proc", "--no-default-translate-off-format", "--top", request.top]
    design = libyosys.Design()
    _run(design, f"read_slang {' '.join(arguments)} {' '.join(request.sources)}")
    _run(design, "write_rtlil raw.il")
    text = Path("raw.il").read_text()
    if _UNDEFINED_ITEM.search(text):
        raise NetlistError("a case item has x or z bits")
    Path("plain.il").write_text(_PROMISES.sub("", text))
    design = libyosys.Design()
    _run(design, "read_rtlil plain.il", "proc -norom -noopt", "write_rtlil gates.il")
    netlist = parse(Path("gates.il").read_text())
    restore(netlist, scans, {name: reset_loads(Path(f"scan_{name}").read_text()) for name in request.sources})
    marked: dict[tuple[str, int, int], list[str]] = {}
    for cell in netlist.cells:
        if cell.type == "$check" and cell.parameters.get("FLAVOR") == '"cover"' and (place := place_of(cell.src)) is not None:
            marked.setdefault(place, []).append(cell.name)
    hazards = hazards_of(scans, {base_name(wire) for wire in netlist.wires.values()})
    held = wires_named(netlist, scans, hazards.held)
    # A port that several parties drive has the value of none of them alone.
    outside = {wire.name for wire in netlist.wires.values() if wire.direction == "inout"}
    cut = wires_named(netlist, scans, hazards.cut) | unsettled(netlist, scans) | outside
    return netlist, marked, held, cut


def _without_memories(netlist: Netlist, limit_bits: int) -> tuple[Netlist, set[str]]:
    opened = soften_memories(netlist, limit_bits=limit_bits)
    Path("memories.il").write_text(write(netlist))
    design = libyosys.Design()
    _run(design, "read_rtlil memories.il", "memory_collect", "memory_map", "write_rtlil registers.il")
    return parse(Path("registers.il").read_text()), opened


def _word_level() -> None:
    design = libyosys.Design()
    _run(design, "read_rtlil model.il", "opt_expr", "opt_clean", "bmuxmap", "demuxmap", "pmuxtree", "simplemap t:$bwmux t:$buf")
    _run(design, "opt", "check -assert", "opt_clean", "write_btor model.btor")


def _bit_level() -> None:
    design = libyosys.Design()
    _run(design, "read_rtlil model.il", "opt_expr", "opt_clean", "check -assert", "opt", "techmap", "opt", "aigmap", "opt_clean")
    _run(design, "write_aiger -symbols model.aig")


def _run(design: libyosys.Design, *passes: str) -> None:
    for line in passes:
        log = Path("pass.log")
        log.unlink(missing_ok=True)
        try:
            libyosys.run_pass(f"tee -q -o {log} {line}", design)
        except Exception as error:  # The binding has no exception of its own, and the text is in the log.
            raise ToolError(_reason(log, line)) from error


def _reason(log: Path, line: str) -> str:
    said = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [text for text in said if re.search(r"\bERROR:|: error:|found logic loop|Found .*loop", text)]
    message = errors[0] if errors else f"{line.split()[0]} failed"
    if any("loop" in text for text in said) and line.startswith("check"):
        message = "logic feeds back on itself without a register"
    return re.sub(r"^\S*:\d+(:\d+)?: ", "", message).replace("ERROR: ", "").replace("error: ", "").strip()


if __name__ == "__main__":
    main()
