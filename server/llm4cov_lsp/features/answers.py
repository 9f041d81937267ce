"""Code actions for what the user can say to a testbench: accept, reject, undo. Says nothing by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from lsprotocol import types
from pygls import uris

from llm4cov_lsp.documents import Document
from llm4cov_lsp.results import design_key

ANSWER = "source.llm4cov.answer"
"""Its own kind: no client asks for it on saving."""


def answers_of(
    document: Document, params: types.CodeActionParams, proposed: Collection[str], taken: Mapping[str, tuple[Path, bool]]
) -> Iterator[types.CodeAction]:
    """Yield the actions for a range: on a module that has a proposal or an accepted testbench, and anywhere in that testbench.

    `taken` gives by design the testbench's file, and whether it was accepted.
    """
    only = [getattr(kind, "value", kind) for kind in params.context.only or ()]
    if only and not any(kind == ANSWER or ANSWER.startswith(f"{kind}.") for kind in only):
        return
    first, last = params.range.start.line + 1, params.range.end.line + 1
    near = [design_key(document.path, one.name) for one in document.modules if one.first_line <= last and first <= one.last_line]
    for key in dict.fromkeys([*near, *(key for key, (path, _) in taken.items() if path == document.path)]):
        file, _, top = key.rpartition("::")
        arguments = [uris.from_fs_path(file) or Path(file).as_uri(), top]
        _, accepted = taken.get(key, (None, True))
        if key in proposed or not accepted:
            yield _action(f"Accept this testbench for {top}", "llm4cov.accept", arguments)
            yield _action(f"Reject this testbench for {top}", "llm4cov.reject", [*arguments, ""])
        if key in taken:
            yield _action(f"Undo accepting the testbench for {top}", "llm4cov.undo", arguments)


def _action(title: str, command: str, arguments: list[str]) -> types.CodeAction:
    return types.CodeAction(
        title=title,
        kind=ANSWER,
        command=types.Command(title, command, arguments=list(arguments)),
        data={"command": command, "arguments": arguments},
    )
