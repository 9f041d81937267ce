"""Hands an edit to the editor and tells what became of it. Knows neither what is in the edit nor what follows from that."""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an edit."""

    applied: bool
    trouble: str | None = None
    """Why it was not applied, as a sentence; None if it was, or if the editor gives no reason, as when the user said no."""


async def hand_over(server: LanguageServer, edit: types.WorkspaceEdit, label: str) -> Outcome:
    """Ask the editor to apply an edit, under a label that it may show. An error that it answers is an outcome too."""
    try:
        answer = await server.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit=edit, label=label))
    except JsonRpcException as error:
        return Outcome(applied=False, trouble=f'The editor did not apply the edit "{label}": {_sentence(error.message)}')
    if answer.applied or not answer.failure_reason:
        return Outcome(applied=answer.applied)
    return Outcome(applied=False, trouble=f'The editor did not apply the edit "{label}": {_sentence(answer.failure_reason)}')


def _sentence(words: str) -> str:
    said = " ".join(words.split()) or "it gave no reason"
    return said if said.endswith((".", "!", "?")) else f"{said}."
