"""Code actions: a testbench for a module, a better one, what can be done about a hole. Runs nothing, and offers `source.fixAll` nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lsprotocol import types
from pygls.workspace import PositionCodec

from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.diagnostics import SOURCE, hole_range
from llm4cov_lsp.results import Results, design_key, placed_holes

GENERATE = "source.llm4cov.generate"
"""Its own kind: a client that saves with `source.fixAll` or `source.organizeImports` doesn't ask for it."""
IMPROVE, REPAIR = "source.llm4cov.improve", "source.llm4cov.repair"
KINDS: tuple[str, ...] = (types.CodeActionKind.QuickFix.value, GENERATE, IMPROVE, REPAIR)
MOST_HOLES = 5
_NOT_TRUSTED = "The workspace is not trusted: nothing is built or run."


def actions_of(
    document: Document,
    results: Results,
    params: types.CodeActionParams,
    codec: PositionCodec,
    *,
    trusted: bool,
    can_disable: bool,
) -> Iterator[types.CodeAction]:
    """Yield the actions for a range."""
    only = [getattr(kind, "value", kind) for kind in params.context.only or ()]
    first, last = params.range.start.line, params.range.end.line
    disabled = None if trusted else types.CodeActionDisabled(_NOT_TRUSTED)
    if disabled is None or can_disable:
        if _asked(GENERATE, only):
            yield from _generate(document, first, disabled)
        yield from (one for one in _go_on(document, results, first, disabled) if _asked(str(one.kind), only))
        if _asked(KINDS[0], only):
            yield from _about_holes(document, results, params, codec, (first, last), disabled)


def _generate(document: Document, line: int, disabled: types.CodeActionDisabled | None) -> Iterator[types.CodeAction]:
    for module in document.modules:
        if module.has_ports and module.first_line <= line + 1 <= module.last_line:
            title = f"Generate high-coverage testbench for {module.name}"
            arguments = [document.uri, module.name]
            yield types.CodeAction(
                title=title,
                kind=GENERATE,
                command=types.Command(title, "llm4cov.generate", arguments=arguments) if disabled is None else None,
                disabled=disabled,
                data={"command": "llm4cov.generate", "arguments": arguments},
            )


def _go_on(document: Document, results: Results, line: int, disabled: types.CodeActionDisabled | None) -> Iterator[types.CodeAction]:
    """Offer to better or to mend the testbench of the module at a line, or the one that the document is."""
    at_line = {design_key(document.path, module.name) for module in document.modules if module.first_line <= line + 1 <= module.last_line}
    for held in results:
        testbench = held.request.testbench
        if testbench is None or (held.key not in at_line and os.path.realpath(testbench) != document.name):
            continue
        fails = held.status not in ("ok", "elaborated")
        verb, kind, name = ("Repair", REPAIR, "llm4cov.repair") if fails else ("Improve", IMPROVE, "llm4cov.improve")
        title = f"{verb} {'this' if os.path.realpath(testbench) == document.name else 'the'} testbench of {held.request.top}"
        arguments = [Path(held.request.file).as_uri(), held.request.top]
        yield types.CodeAction(
            title=title,
            kind=kind,
            command=types.Command(title, name, arguments=list(arguments)) if disabled is None else None,
            disabled=disabled,
            data={"command": name, "arguments": arguments},
        )


def _about_holes(
    document: Document,
    results: Results,
    params: types.CodeActionParams,
    codec: PositionCodec,
    lines: tuple[int, int],
    disabled: types.CodeActionDisabled | None,
) -> Iterator[types.CodeAction]:
    for placed in placed_holes(document, results, *lines)[:MOST_HOLES]:
        arguments = [document.uri, placed.held.request.top, placed.hole.id]
        fixes = _diagnostics(params.context.diagnostics, placed.hole.id, hole_range(placed, document, codec))
        about = placed.hole.detail.split("\n", 1)[0].strip("*") or placed.hole.kind
        yield _command(f"Show why: {about}", "llm4cov.explain", arguments, fixes, None)
        if placed.hole.verdict in ("unknown", "bounded"):
            yield _command(f"Cover this point: {about}", "llm4cov.cover", arguments, fixes, disabled)
            yield _command(f"Prove this point: {about}", "llm4cov.prove", arguments, fixes, disabled)
        if placed.hole.verdict == "unreachable":
            yield _command(f"Exclude this point (proved unreachable): {about}", "llm4cov.exclude", arguments, fixes, None)
        else:
            yield _command(f"Exclude this point with a reason: {about}", "llm4cov.exclude", arguments, fixes, None)


def _command(
    title: str, command: str, arguments: list[str], fixes: list[types.Diagnostic], disabled: types.CodeActionDisabled | None
) -> types.CodeAction:
    return types.CodeAction(
        title=title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=fixes or None,
        command=types.Command(title, command, arguments=list(arguments)) if disabled is None else None,
        disabled=disabled,
        data={"command": command, "arguments": arguments},
    )


def _diagnostics(sent: Sequence[types.Diagnostic], hole: str, place: types.Range) -> list[types.Diagnostic]:
    """Find the client's diagnostic of a hole, by its data, or by its place for clients that keep none."""
    ours = [one for one in sent if one.source == SOURCE]
    by_data = [one for one in ours if isinstance(one.data, dict) and one.data.get("hole") == hole]
    return by_data or [one for one in ours if one.data is None and one.range == place]


def _asked(kind: str, only: Sequence[str]) -> bool:
    return not only or any(kind == one or kind.startswith(f"{one}.") for one in only)
