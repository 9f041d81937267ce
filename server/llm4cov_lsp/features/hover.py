"""What a hover tells: of a line, how often it was executed and what on it was never seen; of a name, which bits never rose or fell.

Where a module has several instances, each is told apart. Runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from llm4cov_agent.judge.coverage import Kind, percent_text
from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.diagnostics import words_of
from llm4cov_lsp.outline import Module
from llm4cov_lsp.records import AttemptRecord, InstanceLine, SignalRecord, WaivedRecord
from llm4cov_lsp.results import Held, PlacedHole, Results, counts_at, excluded_in, placed_holes

MOST_HOLES = 6
MOST_DECLARATIONS = 3
"""Declarations of one name that are told of."""
_NAME = re.compile(r"[A-Za-z_][\w$]*")
_STALE = " *(measured before the last change)*"


def hover_of(document: Document, results: Results, line: int, index: int | None = None) -> types.Hover | None:
    """Tell about a 0-based line, and about the name at the index of a character in it.

    None if nothing was measured there, so that other servers' hovers stand alone.
    """
    if line >= len(document.lines):
        return None
    module = next((one for one in document.modules if one.first_line <= line + 1 <= one.last_line), None)
    held = results.shown_for(document, module)
    if held is None:
        return None
    holes = placed_holes(document, results, line, line)
    excluded = [one for one, at in excluded_in(document, held) if at == line]
    signals = list(_signals(document, held, module, line, index))
    declared = {one.column for one in signals if document.shown[held.key].present(one.line) == line}
    if declared:
        # Who points at one name of several in a line does not ask about the others.
        holes = [one for one in holes if one.hole.kind != Kind.TOGGLE.value or one.hole.column in declared]
        excluded = [one for one in excluded if one.kind != Kind.TOGGLE.value]
    parts = [*_executed(document, results, held, line, with_points=not declared), *(_signal(one, document, held) for one in signals)]
    parts += [_hole(one) for one in holes[:MOST_HOLES]]
    if len(holes) > MOST_HOLES:
        parts.append(f"... and {len(holes) - MOST_HOLES} more on this line.")
    parts += [_excluded(one) for one in excluded[:MOST_HOLES]]
    if len(excluded) > MOST_HOLES:
        parts.append(f"... and {len(excluded) - MOST_HOLES} more excluded on this line.")
    is_top = module is not None and module.name == held.request.top and module.first_line == line + 1
    if (holes or is_top) and held.result.attempts:
        parts.append(_attempts(held))
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n\n---\n\n".join(parts))) if parts else None


def _executed(document: Document, results: Results, held: Held, line: int, *, with_points: bool) -> Iterator[str]:
    count = counts_at(document, results, line, line).get(line)
    lines = document.shown[held.key]
    apart = held.by_line(document.name).apart.get(lines.origin(line))
    if count is not None:
        times, stale = count
        text = f"Executed {_times(times)}." if times else "Never executed."
        if apart is not None and apart.groups[0].of == apart.of:
            own = apart.groups[0]
            every = f"{_times(own.count)} in each" if own.count else "in none"
            text = f"Executed {every} of {apart.of} instances." if own.count is not None else text
        yield text + _STALE * stale + (f"\n\n{_by_instance(apart)}" if apart is not None and apart.groups[0].of < apart.of else "")
    elif with_points and apart is not None and apart.groups[0].of < apart.of:
        yield _by_instance(apart) + _STALE * held.is_stale_in(document)


def _by_instance(apart: InstanceLine) -> str:
    rows = []
    for one in apart.groups:
        told = []
        if one.count is not None:
            told.append(f"executed {_times(one.count)}" if one.count else "never executed")
        if one.total:
            told.append(f"{one.covered} of {one.total} points hit")
        rows.append(f"- {_instances(one.names, one.of)}: {', '.join(told)}" + (f"; {'; '.join(one.missed)}" if one.missed else ""))
    left = apart.of - sum(one.of for one in apart.groups)
    if left:
        rows.append(f"- and {left} more instance{'s' * (left != 1)}, in which no smaller part was hit")
    return "\n".join(rows)


def _instances(names: tuple[str, ...], of: int) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f"{listed} and {of - len(names)} more" if of > len(names) else listed


def _signals(document: Document, held: Held, module: Module | None, line: int, index: int | None) -> Iterator[SignalRecord]:
    """Yield the declarations that a name may mean: the one in this line, else all of that name in the module."""
    name = _name_at(document, line, index) if index is not None else None
    if name is None or module is None:
        return
    lines = document.shown[held.key]
    placed = [
        (one, at)
        for one in held.by_line(document.name).signals.get(name, ())
        if (at := lines.present(one.line)) is not None and module.first_line <= at + 1 <= module.last_line
    ]
    here = [one for one, at in placed if at == line]
    yield from (here or [one for one, _ in placed])[:MOST_DECLARATIONS]


def _name_at(document: Document, line: int, index: int) -> str | None:
    """Give the name at a character, outside of comments and texts; what comes after a dot is a name of something else."""
    text = document.code[line]
    found = next((one for one in _NAME.finditer(text) if one.start() <= index <= one.end()), None)
    if found is None:
        return None
    before = text[: found.start()].rstrip()
    return None if before.endswith((".", "`", "$")) else found[0]


def _signal(one: SignalRecord, document: Document, held: Held) -> str:
    lines = document.shown[held.key]
    at = lines.present(one.line)
    parts = [f"**{one.name}** (line {at + 1 if at is not None else one.line}): {one.covered} of {one.total} toggle points hit"]
    parts[0] += f" in {one.of} instances together." if one.of > 1 else "."
    parts[0] += _STALE * held.is_stale_in(document)
    if one.missed:
        parts.append(f"Not seen: {'; '.join(one.missed)}.")
    if one.proved:
        parts.append(f"Proved unreachable: {'; '.join(one.proved)}.")
    if len(one.groups) > 1:
        rows = [
            f"- {_instances(each.names, each.of)}: {each.covered} of {one.total}" + (f"; {'; '.join(each.missed)}" if each.missed else "")
            for each in one.groups
        ]
        left = one.of - sum(each.of for each in one.groups)
        if left:
            rows.append(f"- and {left} more instance{'s' * (left != 1)}, which miss no more")
        parts.append("\n".join(rows))
    elif one.groups and one.missed:
        parts.append(f"The same in each of {one.of} instances.")
    return "\n\n".join(parts)


def _hole(placed: PlacedHole) -> str:
    hole = placed.hole
    parts = [hole.detail or hole.sentence, words_of(placed)]
    if hole.earlier:
        whose = {"this": "The search that made this testbench", "other": "An earlier search, for another testbench of this design,"}
        rows = "\n".join(f"- {text}" for text in hole.earlier)
        parts.append(f"{whose.get(placed.held.result.searched, 'An earlier search')} came this near in all of its runs:\n\n{rows}")
    if hole.hier:
        names = hole.hier.split(",")
        parts.append(f"In {_instances(tuple(names[:4]), len(names))}.")
    return "\n\n".join(parts)


def _excluded(one: WaivedRecord) -> str:
    ground = f"Proof: {one.proof}" if one.proof else "By judgement: nothing was proved."
    return f"**{one.words}**\n\nExcluded in `{Path(one.file).name}`: {one.reason}\n\n{ground}"


def _attempts(held: Held) -> str:
    rows = "\n".join(f"- {_attempt(one)}" for one in held.result.attempts)
    return f"Tried last for `{held.request.top}`" + (" *(before the last change)*" if held.outdated or held.edited else "") + f":\n\n{rows}"


def _attempt(one: AttemptRecord) -> str:
    who = "your edit" if one.policy == "human" else f"{one.policy}{f' ({one.model})' if one.model else ''}, round {one.number}"
    before = f"{percent_text(one.before)} % -> " if one.before is not None else ""
    after = f"{percent_text(one.after)} %" if one.after is not None else "nothing that could be measured"
    end = one.answer or ("kept" if one.kept else "dropped, as it was not better")
    began = f" ({one.began[:16].replace('T', ' ')} UTC)" if one.began else ""
    return f"{who}: {before}{after}, {end}{began}"


def _times(count: int) -> str:
    return f"{count:,} time{'s' * (count != 1)}"
