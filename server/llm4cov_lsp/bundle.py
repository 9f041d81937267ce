"""A zip file with what a person needs to find out what went wrong, for a report. No source and no testbench, unless asked for.

Everything in it goes through `discreet`, and the home folder is written `~`.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from llm4cov_agent.digest import Json
from llm4cov_lsp.about import versions
from llm4cov_lsp.discreet import told, without_secrets
from llm4cov_lsp.logfile import log_ends

MOST_SOURCE_BYTES = 1 << 20
_ABOUT = """\
Made by llm4cov-lsp for a report. Read it before you send it.

versions.json   this program and what it is made of
doctor.json     which tools were found, and where
settings.json   the settings in force, by workspace folder
jobs.json       what the server did: names of modules, times, how it ended
log/            the ends of the newest logs of the server
{sources}

What looks like a secret is replaced by "(removed)", and your home folder by "~". Names of files, folders and modules are in it.
"""
_WITHOUT = "sources/        not asked for: there is no text of a source or a testbench in this file"
_WITH = "sources/        the sources and testbenches that were asked for"


def write_bundle(
    path: Path,
    *,
    doctor: Json,
    settings: Mapping[str, Json],
    jobs: Json,
    state_dir: Path,
    sources: Iterable[Path] | None = None,
) -> None:
    """Write the file in one piece. `sources` None leaves them out. Raises OSError; a file that is there is not replaced."""
    parts: dict[str, str] = {
        "README.txt": _ABOUT.format(sources=_WITHOUT if sources is None else _WITH),
        "versions.json": _json(versions()),
        "doctor.json": _json(doctor),
        "settings.json": _json({_short(folder): one for folder, one in settings.items()}),
        "jobs.json": _json(jobs),
    }
    parts |= {f"log/{name}": without_secrets(text) for name, text in log_ends(state_dir).items()}
    for number, source in enumerate(dict.fromkeys(sources or ()), 1):
        with contextlib.suppress(OSError):
            text = source.read_bytes()[:MOST_SOURCE_BYTES].decode("utf-8", "replace")
            parts[f"sources/{number}-{source.name}"] = without_secrets(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".bundle-")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, text in parts.items():
                archive.writestr(part, _short(text))
        # A link fails where a file is already; a renaming would replace it.
        os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _json(value: Json) -> str:
    return json.dumps(told(value), indent=2) + "\n"


def _short(text: str) -> str:
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
