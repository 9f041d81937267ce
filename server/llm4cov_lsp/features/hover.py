"""What a hover on a line tells: how often it was executed, and what on it was never seen. Runs nothing."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.diagnostics import words_of
from llm4cov_lsp.results import Results, counts_at, excluded_in, placed_holes
from llm4cov_lsp.wire import WaivedRecord

MOST_HOLES = 6


def hover_of(document: Document, results: Results, line: int) -> types.Hover | None:
    """Tell about a 0-based line; None if nothing was measured on it, so that other servers' hovers stand alone."""
    holes = [one for one in placed_holes(document, results) if one.line == line]
    count = counts_at(document, results).get(line)
    excluded = _excluded(document, results, line)
    if not holes and count is None and not excluded:
        return None
    parts: list[str] = []
    if count is not None:
        times, stale = count
        parts.append(f"Executed {times:,} time{'s' * (times != 1)}." if times else "Never executed.")
        if stale:
            parts[-1] += " *(measured before the last change)*"
    for placed in holes[:MOST_HOLES]:
        text = placed.hole.detail or placed.hole.sentence
        instances = f"\n\nIn {', '.join(f'`{name}`' for name in placed.hole.hier.split(',')[:4])}." if placed.hole.hier else ""
        parts.append(f"{text}\n\n{words_of(placed)}{instances}")
    if len(holes) > MOST_HOLES:
        parts.append(f"... and {len(holes) - MOST_HOLES} more on this line.")
    for one in excluded[:MOST_HOLES]:
        ground = f"Proof: {one.proof}" if one.proof else "By judgement: nothing was proved."
        parts.append(f"**{one.words}**\n\nExcluded in `{Path(one.file).name}`: {one.reason}\n\n{ground}")
    if len(excluded) > MOST_HOLES:
        parts.append(f"... and {len(excluded) - MOST_HOLES} more excluded on this line.")
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n\n---\n\n".join(parts)))


def _excluded(document: Document, results: Results, line: int) -> list[WaivedRecord]:
    module = next((one for one in document.modules if one.first_line <= line + 1 <= one.last_line), None)
    held = results.shown_for(document, module)
    return [one for one, at in excluded_in(document, held) if at == line] if held is not None else []
