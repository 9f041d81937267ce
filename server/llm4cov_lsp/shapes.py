"""Finds the branches and declarations in a file's coverage and names them as a person would. Runs nothing.

What counts as one branch follows the points: both sides of an `if` or `?:`, each item of a `case`, each arc of a state machine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.rtl.design import Design
from llm4cov_lsp.outline import modules_of
from llm4cov_lsp.per_instance import root_of
from llm4cov_lsp.records import BranchRecord, DeclarationRecord

MOST_LABEL = 60
_SIDES = {"cond_then": "? first value", "cond_else": "? second value"}
_ARC = re.compile(r"(?P<machine>.*)::(?P<source>.*?)->(?P<target>.*?)(?:\[(?P<tag>\w+)\])?")
_STATE = re.compile(r"(?P<machine>.*)::(?P<state>.*)")
_BLOCK = re.compile(r"\b(always_ff|always_comb|always_latch|always|initial|final|function|task)\b[^;]*?(?=\bbegin\b|;|$)")


def branches_of(
    points: Iterable[tuple[CoveragePoint, int]], lines: Sequence[str], unreachable: Collection[CoveragePoint]
) -> Iterator[BranchRecord]:
    """Yield the branches among a file's points with their hits, in source order."""
    for point, hits in sorted(points, key=lambda entry: (entry[0].line, entry[0].column, entry[0].comment)):
        named = _named(point, lines)
        if named is not None:
            kind, label = named
            proved = not hits and point in unreachable
            yield BranchRecord(line=point.line, column=point.column, kind=kind, label=label, hits=hits, unreachable=proved)


def _named(point: CoveragePoint, lines: Sequence[str]) -> tuple[str, str] | None:
    match point.kind:
        case Kind.BRANCH:
            return "branch", _SIDES.get(point.comment, point.comment)
        case Kind.LINE if point.comment == "case":
            return "case", _case_label(point, lines)
        case Kind.LINE if point.comment in ("if", "else", "elsif"):
            return "branch", "if" if point.comment == "elsif" else point.comment
        case Kind.FSM:
            return "fsm", _machine_label(point.comment)
    return None


def _case_label(point: CoveragePoint, lines: Sequence[str]) -> str:
    """Give the item as the source has it: what stands before the colon that the point lies on or after."""
    line = lines[point.line - 1] if point.line <= len(lines) else ""
    before = line.strip()
    depth = 0
    for at, one in enumerate(before):
        depth += (one in "([{") - (one in ")]}")
        # `::` names something in a package.
        if one == ":" and depth <= 0 and before[at + 1 : at + 2] != ":" and before[at - 1 : at] != ":":
            before = before[:at].strip()
            break
    else:
        return "case item"
    if len(before) > MOST_LABEL:
        before = f"{before[:MOST_LABEL]}…"
    return "default" if before == "default" else f"case {before}"


def _machine_label(comment: str) -> str:
    arc = _ARC.fullmatch(comment)
    if arc:
        source = "reset" if arc["tag"] == "reset" else arc["source"]
        return f"{arc['machine']} {source} -> {arc['target']}"
    state = _STATE.fullmatch(comment)
    return f"{state['machine']} in {state['state']}" if state else comment


def declarations_of(design: Design, coverage: Coverage, file: str, text: str) -> Iterator[DeclarationRecord]:
    """Yield the modules and blocks of a file, and the instances made in it, each with the hits of what was executed most in it."""
    lines = text.splitlines()
    executed = {point: hits for point, hits in coverage.hits.items() if point.file == file and point.kind in (Kind.LINE, Kind.BRANCH)}
    for module in modules_of(text):
        within = [hits for point, hits in executed.items() if module.first_line <= point.line <= module.last_line]
        if within:
            yield DeclarationRecord(kind="module", name=module.name, line=module.first_line, last_line=module.last_line, hits=max(within))
    for point, hits in executed.items():
        if point.comment == "block" and point.line <= len(lines):
            found = _BLOCK.search(lines[point.line - 1])
            if found is not None:
                name = " ".join(found[0].split())[:MOST_LABEL]
                last = max((point.line, *coverage.lines.get(point, ())))
                yield DeclarationRecord(kind="block", name=name, line=point.line, last_line=last, hits=hits)
    yield from _instances(design, coverage, file)


def _instances(design: Design, coverage: Coverage, file: str) -> Iterator[DeclarationRecord]:
    executed = _executed_by_instance(coverage)
    for one in design.instances:
        path = str(Path(one.span.file).absolute())
        name = one.path.partition(".")[2]
        # The top has no place where it is made; an instance whose hits the simulator did not tell apart is left out.
        if name and path == file and name in executed:
            yield DeclarationRecord(
                kind="instance", name=f"{name} ({one.module})", line=one.span.line, last_line=one.span.end_line, hits=executed[name]
            )


def _executed_by_instance(coverage: Coverage) -> Mapping[str, int]:
    """Most hits of a line or branch in each instance, by its path below the top."""
    found: dict[str, int] = {}
    for entry, hits in coverage.instances.items():
        if entry.point.kind in (Kind.LINE, Kind.BRANCH) and "*" not in entry.hier:
            found[entry.hier] = max(found.get(entry.hier, 0), hits)
    root = root_of(found)
    return {hier.removeprefix(f"{root}."): hits for hier, hits in found.items() if hier != root}
