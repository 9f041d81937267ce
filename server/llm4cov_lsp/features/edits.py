"""Edits that a person reviews: new files, never over one that is there, and additions to a file. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from lsprotocol import types
from pygls import uris

from llm4cov_agent.judge.place import lines_of

MOST_NAMES = 100
_ANNOTATION = "llm4cov.edit"


def free_path(wanted: Path, taken: Collection[Path]) -> Path | None:
    """Give the path, or the first of `name_2`, `name_3`, ... that neither exists nor is open; None if all do."""
    for number in range(1, MOST_NAMES):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}")
        if path not in taken and not path.exists() and not path.is_symlink():
            return path
    return None


def creating(path: Path, text: str, capabilities: types.ClientCapabilities, *, about: str, asks: bool = True) -> types.WorkspaceEdit:
    """Make the edit that creates a file, annotated where the client knows that; with `asks` it lets the user confirm it."""
    uri = _uri(path)
    # Up to behind the one empty line, which the protocol lets a client take as the end: Neovim else leaves an empty line behind the text.
    everything = types.Range(types.Position(0, 0), types.Position(1, 0))
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=None)
    options = types.CreateFileOptions(overwrite=False, ignore_if_exists=False)
    annotation = _ANNOTATION if can_confirm(capabilities) else None
    filling = types.TextDocumentEdit(document, [_text_edit(everything, text, annotation)])
    creates = _can(capabilities, types.ResourceOperationKind.Create)
    return _annotated(
        [types.CreateFile(uri=uri, options=options, annotation_id=annotation), filling] if creates else [filling],
        annotation,
        types.ChangeAnnotation(label=f"Create {path.name}", needs_confirmation=asks, description=about),
    )


def changing(
    uri: str,
    version: int | None,
    changes: Sequence[tuple[types.Range, str]],
    capabilities: types.ClientCapabilities,
    *,
    label: str,
    about: str,
    asks: bool = True,
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
        change_annotations={_ANNOTATION: types.ChangeAnnotation(label=label, needs_confirmation=asks, description=about)},
    )


def replacing(
    path: Path, old: str, new: str, version: int | None, capabilities: types.ClientCapabilities, *, about: str, asks: bool = True
) -> types.WorkspaceEdit:
    """Make the edit that puts another text in the place of a file's whole text."""
    lines = lines_of(old)
    # A character behind the end of a line is its end, for every way of counting characters.
    whole = types.Range(types.Position(0, 0), types.Position(len(lines) - 1, len(lines[-1].encode("utf-8", "replace"))))
    return changing(_uri(path), version, [(whole, new)], capabilities, label=f"Change {path.name}", about=about, asks=asks)


def removing(path: Path, capabilities: types.ClientCapabilities) -> types.WorkspaceEdit:
    """Make the edit that deletes a file."""
    annotation = _ANNOTATION if can_confirm(capabilities) else None
    options = types.DeleteFileOptions(recursive=False, ignore_if_not_exists=True)
    return _annotated(
        [types.DeleteFile(uri=_uri(path), options=options, annotation_id=annotation)],
        annotation,
        types.ChangeAnnotation(label=f"Delete {path.name}", needs_confirmation=False),
    )


def can_confirm(capabilities: types.ClientCapabilities) -> bool:
    """Say whether the client asks before it makes an edit that wants to be confirmed."""
    can = capabilities.workspace.workspace_edit if capabilities.workspace is not None else None
    return can is not None and can.change_annotation_support is not None


def can_delete(capabilities: types.ClientCapabilities) -> bool:
    """Say whether the client applies edits that delete files."""
    return _can(capabilities, types.ResourceOperationKind.Delete)


def can_create(capabilities: types.ClientCapabilities) -> bool:
    """Say whether the client applies edits that create files, or at least puts text where no file is yet.

    Emacs' eglot creates no files by edits; by its source it opens a buffer for the text. A client that does neither answers with an error.
    """
    can = capabilities.workspace
    puts = can is not None and bool(can.apply_edit) and can.workspace_edit is not None and bool(can.workspace_edit.document_changes)
    return puts or _can(capabilities, types.ResourceOperationKind.Create)


def _can(capabilities: types.ClientCapabilities, kind: types.ResourceOperationKind) -> bool:
    workspace = capabilities.workspace
    if workspace is None or not workspace.apply_edit or workspace.workspace_edit is None:
        return False
    return kind in (workspace.workspace_edit.resource_operations or ())


def _uri(path: Path) -> str:
    return uris.from_fs_path(str(path)) or path.as_uri()


def _text_edit(place: types.Range, text: str, annotation: str | None) -> types.TextEdit | types.AnnotatedTextEdit:
    if annotation is None:
        return types.TextEdit(place, text)
    return types.AnnotatedTextEdit(annotation_id=annotation, range=place, new_text=text)


def _annotated(
    changes: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile],
    annotation: str | None,
    words: types.ChangeAnnotation,
) -> types.WorkspaceEdit:
    return types.WorkspaceEdit(document_changes=changes, change_annotations={annotation: words} if annotation is not None else None)
