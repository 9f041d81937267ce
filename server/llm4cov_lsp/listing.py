"""Which modules a file has, open or not, and where their testbenches lie. Elaborates nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pygls import uris

from llm4cov_lsp.documents import Document
from llm4cov_lsp.outline import modules_of
from llm4cov_lsp.project import testbenches_of
from llm4cov_lsp.protocol import FileModules, ModuleMessage
from llm4cov_lsp.scopes import Scopes


def modules_in(uri: str, documents: Mapping[str, Document], scopes: Scopes) -> FileModules:
    """List the modules of a file that can be measured."""
    name = uris.to_fs_path(uri)
    if name is None or not uri.startswith("file:"):
        return FileModules(uri=uri, modules=())
    path, document = Path(name), documents.get(uri)
    settings = scopes.settings_for(path)
    try:
        found = document.modules if document is not None else modules_of(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = ()
    return FileModules(
        uri=uri,
        modules=tuple(
            ModuleMessage(
                name=one.name,
                first_line=one.first_line,
                last_line=one.last_line,
                testbenches=tuple(bench.as_uri() for bench in testbenches_of(path, one.name, settings)),
            )
            for one in found
            if one.has_ports
        ),
    )


def declares(file: Path, top: str) -> bool:
    """Say whether a file on disk has a module."""
    try:
        return any(one.name == top for one in modules_of(file.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False
