"""The settings in force, by workspace folder: what the client says and what the projects' own files say. Says nothing to a person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from llm4cov_lsp.bars import CLIENT_S
from llm4cov_lsp.project import waiver_places
from llm4cov_lsp.settings import DEFAULTS, FILE_NAME, SECTION, Settings, read_project_file, read_settings

PROCESSORS_FOR_A_JOB = 4
"""A search uses all that there are, but a build or a measurement seldom more than this."""


class Scopes:
    """The folders of one connection and their settings."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._settings: dict[Path, Settings] = {}
        self._stamps: dict[Path, int | None] = {}
        """By folder: when its `llm4cov.toml` was changed, as it was read."""

    @property
    def folders(self) -> list[Path]:
        """The workspace folders, innermost first."""
        names = [folder.uri for folder in self._server.workspace.folders.values()]
        if not names and self._server.workspace.root_uri:
            names = [self._server.workspace.root_uri]
        paths = [Path(path) for name in names if (path := uris.to_fs_path(name)) is not None]
        return sorted(paths, key=lambda path: -len(path.parts))

    def folder_of(self, path: Path) -> Path | None:
        """Give the workspace folder of a file."""
        return next((folder for folder in self.folders if path.is_relative_to(folder)), None)

    @property
    def settings(self) -> dict[str, Settings]:
        """The settings in force, by workspace folder; the empty name stands for files outside of all."""
        return {"" if scope == Path() else str(scope): found for scope, found in self._settings.items()}

    def settings_for(self, path: Path) -> Settings:
        """Give the settings for a file."""
        folder = self.folder_of(path)
        return self._settings.get(folder, DEFAULTS) if folder is not None else self._settings.get(Path(), DEFAULTS)

    def is_waiver_file(self, path: Path) -> bool:
        """Say whether a file excludes points, there or not."""
        return path in waiver_places(self.folder_of(path) or path.parent, self.settings_for(path))

    async def ask(self) -> dict[Path | None, object] | None:
        """Ask the client for its settings by folder, None standing for files outside of all; None if it does not answer."""
        scopes: list[Path | None] = [*self.folders, None]
        values: list[object] = [None] * len(scopes)
        can = self._server.client_capabilities.workspace
        if can is not None and can.configuration:
            items = [
                types.ConfigurationItem(scope_uri=uris.from_fs_path(str(scope)) if scope else None, section=SECTION) for scope in scopes
            ]
            try:
                answer = await asyncio.wait_for(
                    self._server.workspace_configuration_async(types.ConfigurationParams(items)), timeout=CLIENT_S
                )
            except (TimeoutError, JsonRpcException):
                return None
            values = [*answer, *values][: len(scopes)] if isinstance(answer, list | tuple) else values
        return dict(zip(scopes, values, strict=True))

    def take(self, values: Mapping[Path | None, object], *, trusted: bool) -> tuple[int, list[str]]:
        """Take the client's settings by folder: (how many folders have others than before, what of them can't be used)."""
        changed, problems = 0, list[str]()
        for gone in [scope for scope in self._settings if (scope if scope != Path() else None) not in values]:
            del self._settings[gone]
            self._stamps.pop(gone, None)
        for scope, client in values.items():
            if scope is not None:
                self._stamps[scope] = _stamp(scope)
            project, found = read_project_file(scope) if scope is not None else (None, ())
            settings, more = read_settings(client, project, trusted=trusted)
            if self._settings.get(scope or Path()) != settings:
                self._settings[scope or Path()] = settings
                changed += 1
            problems += [*found, *more]
        return changed, problems

    @property
    def at_once(self) -> int:
        """How many jobs may run at once: what the most generous folder says, 0 there being one for every four processors."""
        most = max((int(one.number("jobs.atOnce")) for one in self._settings.values()), default=0)
        return most or max(1, (os.cpu_count() or 1) // PROCESSORS_FOR_A_JOB)

    def are_outdated(self) -> bool:
        """Whether a project's own file was changed since it was read."""
        return any(_stamp(scope) != before for scope, before in self._stamps.items())


def _stamp(folder: Path) -> int | None:
    try:
        return (folder / FILE_NAME).stat().st_mtime_ns
    except OSError:
        return None
