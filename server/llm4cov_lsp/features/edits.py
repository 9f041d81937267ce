"""Edits that a person reviews: new files, never over one that is there, and additions to a file. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from lsprotocol import types
from pygls import uris

MOST_NAMES = 100
_ANNOTATION = "llm4cov.edit"


def free_path(wanted: Path, taken: Collection[Path]) -> Path | None:
    """Give the path, or the first of `name_2`, `name_3`, ... that neither exists nor is open; None if all do."""
    for number in range(1, MOST_NAMES):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}")
        if path not in taken and not path.exists() and not path.is_symlink():
            return path
    return None


def creating(path: Path, text: str, capabilities: types.ClientCapabilities, *, about: str) -> types.WorkspaceEdit:
    """Make the edit that creates a file; with an annotation that asks for confirmation where the client can show one."""
    uri = uris.from_fs_path(str(path)) or path.as_uri()
    workspace = capabilities.workspace
    can = workspace.workspace_edit if workspace is not None else None
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=None)
    options = types.CreateFileOptions(overwrite=False, ignore_if_exists=False)
    if can is not None and can.change_annotation_support is not None:
        return types.WorkspaceEdit(
            document_changes=[
                types.CreateFile(uri=uri, options=options, annotation_id=_ANNOTATION),
                types.TextDocumentEdit(document, [types.AnnotatedTextEdit(annotation_id=_ANNOTATION, range=start, new_text=text)]),
            ],
            change_annotations={
                _ANNOTATION: types.ChangeAnnotation(label=f"Create {path.name}", needs_confirmation=True, description=about)
            },
        )
    return types.WorkspaceEdit(
        document_changes=[
            types.CreateFile(uri=uri, options=options),
            types.TextDocumentEdit(document, [types.TextEdit(range=start, new_text=text)]),
        ]
    )


def changing(
    uri: str,
    version: int | None,
    changes: Sequence[tuple[types.Range, str]],
    capabilities: types.ClientCapabilities,
    *,
    label: str,
    about: str,
) -> types.WorkspaceEdit:
    """Make the edit that puts texts in place of ranges of a file that is there; `version` is that of the text which the ranges are of."""
    workspace = capabilities.workspace
    can = workspace.workspace_edit if workspace is not None else None
    if can is None or not can.document_changes:
        return types.WorkspaceEdit(changes={uri: [types.TextEdit(place, text) for place, text in changes]})
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    if can.change_annotation_support is None:
        return types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(document, [types.TextEdit(place, text) for place, text in changes])]
        )
    edits = [types.AnnotatedTextEdit(annotation_id=_ANNOTATION, range=place, new_text=text) for place, text in changes]
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, edits)],
        change_annotations={_ANNOTATION: types.ChangeAnnotation(label=label, needs_confirmation=True, description=about)},
    )


def can_confirm(capabilities: types.ClientCapabilities) -> bool:
    """Say whether the client asks before it makes an edit that wants to be confirmed."""
    can = capabilities.workspace.workspace_edit if capabilities.workspace is not None else None
    return can is not None and can.change_annotation_support is not None


def can_create(capabilities: types.ClientCapabilities) -> bool:
    """Say whether the client applies edits that create files."""
    workspace = capabilities.workspace
    if workspace is None or not workspace.apply_edit or workspace.workspace_edit is None:
        return False
    return types.ResourceOperationKind.Create in (workspace.workspace_edit.resource_operations or ())
