"""Code lenses over modules and inlay hints behind lines. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types
from pygls.workspace import PositionCodec

from llm4cov_agent.judge.coverage import percent_text
from llm4cov_lsp.documents import Document
from llm4cov_lsp.results import Results, counts_at, excluded_in, tallies_of


def lenses_of(document: Document, results: Results, *, trusted: bool, busy: dict[str, str]) -> Iterator[types.CodeLens]:
    """Yield what stands over each module. `busy` says of modules what is being done for them."""
    for module in document.modules:
        if not module.has_ports:
            continue
        line = module.first_line - 1
        place = types.Range(types.Position(line, 0), types.Position(line, 0))
        held, tallies, left = tallies_of(document, results, module)
        if held is not None and tallies:
            stale = held.is_stale_in(document)
            parts = [f"{kind.value} {percent_text(tally.percent)} %" for kind, tally in tallies.items()]
            parts.append(f"{left} hole{'s' * (left != 1)}")
            excluded = excluded_in(document, held, module)
            if excluded:
                proved = sum(bool(one.proof) for one, _ in excluded)
                parts.append(f"{len(excluded)} excluded ({proved} proved)")
            parts += ["stale"] * stale
            title = " · ".join(parts)
            yield types.CodeLens(place, types.Command(title, "llm4cov.measure", arguments=[document.uri, module.name]))
        if module.name in busy:
            yield types.CodeLens(
                place, types.Command(f"{busy[module.name]} · Cancel", "llm4cov.cancel", arguments=[document.uri, module.name])
            )
        elif trusted:
            yield types.CodeLens(place, types.Command("Generate", "llm4cov.generate", arguments=[document.uri, module.name]))


def hints_of(document: Document, results: Results, asked: types.Range, codec: PositionCodec) -> Iterator[types.InlayHint]:
    """Yield how often each line in a range was executed."""
    for line, (count, stale) in sorted(counts_at(document, results, asked.start.line, asked.end.line).items()):
        end = codec.client_num_units(document.lines[line])
        label = f"{count:,}x" + "?" * stale
        tip = "measured before the last change" if stale else f"executed {count:,} times"
        yield types.InlayHint(types.Position(line, end), label, padding_left=True, tooltip=tip)
