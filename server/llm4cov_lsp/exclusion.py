"""The command that excludes a point: an entry in the waiver file, handed over as an edit. Writes no file, and decides no verdict.

The entry is made for the bytes that were measured, so it is refused once they have changed. It goes into the text that the
editor has: what the editor told of it if the waiver file is open there, what lies on the disk else.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from llm4cov_agent.closure.waiver_entry import Change, added_to, new_file
from llm4cov_agent.closure.waivers import Waiver
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_lsp.applying import hand_over
from llm4cov_lsp.features.edits import can_create, changing, creating
from llm4cov_lsp.project import waiver_places
from llm4cov_lsp.results import PlacedHole, is_current
from llm4cov_lsp.session import Session

PROVED = "Proved unreachable."
_END = 2**31 - 1
"""A line behind all lines: clients put what is inserted there at the end."""


async def exclude(server: LanguageServer, session: Session, placed: PlacedHole, path: Path, reason: str | None) -> dict[str, Json]:
    """Offer the entries for a hole of a file. An answer with `error` says why not."""
    held, hole = placed.held, placed.hole
    if placed.stale or not is_current(held.rests_on):
        return {"error": "The file has changed since it was measured; save it, and try again when it was measured."}
    base = session.scopes.folder_of(path) or path.parent
    places = waiver_places(base, session.scopes.settings_for(path))
    if not places:
        return {"error": "The setting llm4cov.waivers.files names no file."}
    target = places[0]
    proof = hole.reason if hole.verdict == "unreachable" else ""
    entries = _entries(placed, path, reason if reason is not None else PROVED if proof else "", proof)
    about = f"{hole.sentence} {'Proved unreachable.' if proof else 'By judgement: nothing was proved.'}"
    answer: dict[str, Json] = {"file": str(target), "proved": bool(proof), "points": len(entries)}
    capabilities = server.client_capabilities
    uri = uris.from_fs_path(str(target)) or target.as_uri()
    document = session.document_at(target)
    uri = document.uri if document is not None else uri
    row: int | None
    if document is None and not target.exists():
        text = new_file(held.request.top, entries, target.resolve().parent)
        if not can_create(capabilities):
            return answer | {"applied": False, "text": text, "error": f"This editor creates no files; make {target.name} first."}
        edit = creating(target, text, capabilities, about=about)
        row = next(number for number, line in enumerate(text.split("\n")) if line.startswith("reason = "))
    else:
        try:
            text = document.text if document is not None else target.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            return {"error": f"{target.name} can't be read: {error}"}
        # TOML and LSP agree about line feeds; a carriage return before one belongs to the line's end.
        changes, problems = added_to(text.replace("\r\n", "\n"), entries, target)
        if problems:
            return {"error": f"{target.name} {problems[0].message}" + (f" (line {problems[0].line})" if problems[0].line else "")}
        if document is None and any(change.first != change.last for change in changes):
            return {"error": f"{target.name} has an older entry for this point: open the file and try again, or delete it."}
        label = f"Exclude {len(entries)} point{'s' * (len(entries) != 1)} in {target.name}"
        spans = [(_span(change, text, session, known=document is not None), _with_ends(change.text, text)) for change in changes]
        edit = changing(uri, document.version if document is not None else None, spans, capabilities, label=label, about=about)
        row = changes[-1].first + changes[-1].reason_line
    outcome = await hand_over(server, edit, f"Exclude points: {target.name}")
    if outcome.trouble is not None:
        return answer | {"applied": False, "error": outcome.trouble}
    if outcome.applied and not proof and not (reason or "").strip():
        session.say(f"{target.name}: write the reason; the entry does nothing until it has one.")
        await _show(server, uri, row)
    return answer | {"applied": outcome.applied}


def _entries(placed: PlacedHole, path: Path, reason: str, proof: str) -> list[Waiver]:
    hole, held = placed.hole, placed.held
    name = os.path.realpath(path)
    digest = held.files[name].digest
    return [
        Waiver(
            CoveragePoint(Kind(hole.kind), name, hole.line, hole.column, comment),
            reason,
            proof=proof,
            source_digest=digest,
            design_digest=held.result.design_digest,
        )
        for comment in hole.comments
    ]


def _span(change: Change, text: str, session: Session, *, known: bool) -> types.Range:
    if not known:
        # The editor may have the file open without telling: what it has there by now stays as it is, and this goes to its end.
        end = types.Position(_END, 0)
        return types.Range(end, end)
    lines = text.replace("\r\n", "\n").split("\n")
    if change.first == change.last:
        place = types.Position(change.first, session.codec.client_num_units(lines[change.first]))
        return types.Range(place, place)
    if change.last < len(lines):
        return types.Range(types.Position(change.first, 0), types.Position(change.last, 0))
    return types.Range(types.Position(change.first, 0), types.Position(change.last - 1, session.codec.client_num_units(lines[-1])))


def _with_ends(inserted: str, text: str) -> str:
    return inserted.replace("\n", "\r\n") if "\r\n" in text else inserted


async def _show(server: LanguageServer, uri: str, row: int) -> None:
    """Put the cursor where the reason goes, in editors that can; the entry is there in any case, and a message says what it lacks."""
    can = server.client_capabilities.window
    if can is not None and can.show_document is not None and can.show_document.support:
        place = types.Position(row, len('reason = "'))
        with contextlib.suppress(JsonRpcException):
            await server.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True, selection=types.Range(place, place)))
