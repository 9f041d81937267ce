"""The adapters that learning has made, and which of them is live for which base model. Reads no weights, trains nothing.

A folder with one folder per adapter: PEFT's files for transformers, `adapter.gguf` for llama.cpp, and `manifest.json`. `live.json` beside
them lists, by the label of the base, what was promoted; the last is live. Every change is one move of a file or folder.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.durable import put_in_place, write_whole
from llm4cov_agent.errors import BadConfiguration, display_path

GGUF_NAME = "adapter.gguf"
_MANIFEST, _LIVE = "manifest.json", "live.json"
_ID = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One adapter that is kept."""

    id: str
    folder: Path
    base: str
    """Label of the model that it was trained on, as `model_file.label` gives it."""
    designs: frozenset[str]
    """Digests of the user's designs that it learned from."""
    manifest: Mapping[str, Json]
    """All that is known of how it was made."""

    @property
    def gguf(self) -> Path:
        """What llama.cpp loads."""
        return self.folder / GGUF_NAME


class Adapters:
    """The folder of adapters."""

    def __init__(self, folder: Path | None = None) -> None:
        """Nothing is read or made yet; `folder` None stands for the user's own."""
        self.folder = folder or read_config().adapters

    def all(self) -> tuple[Adapter, ...]:
        """All adapters, the oldest first; folders that hold no manifest are passed over: they were never finished."""
        found = []
        for path in sorted(self.folder.glob(f"*/{_MANIFEST}"), key=lambda one: (one.stat().st_mtime, one.parent.name)):
            manifest = _read(path)
            designs, base = manifest.get("designs"), manifest.get("base")
            if isinstance(base, str) and isinstance(designs, list):
                names = frozenset(str(name) for name in designs)
                found.append(Adapter(id=path.parent.name, folder=path.parent, base=base, designs=names, manifest=manifest))
        return tuple(found)

    def get(self, name: str) -> Adapter | None:
        """Find an adapter by its name."""
        return next((one for one in self.all() if one.id == name), None)

    def live(self, base: str) -> Adapter | None:
        """The adapter that is live for a base model; None where the base is used as it is."""
        promoted = self._promoted().get(base, ())
        return self.get(promoted[-1]) if promoted else None

    def add(self, name: str, made: Path, manifest: Mapping[str, Json]) -> Adapter:
        """Move a finished folder into the registry, whole or not at all; it is not live yet.

        Raises ValueError where the name can't be used or is taken, OSError where the disk can't take it.
        """
        if not _ID.fullmatch(name) or (self.folder / name).exists():
            raise ValueError(f"{name} is no name for a new adapter")
        self.folder.mkdir(parents=True, exist_ok=True)
        (made / _MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")
        put_in_place(made, self.folder / name)
        found = self.get(name)
        if found is None:
            raise ValueError(f"the manifest of {name} names no base and no designs")
        return found

    def promote(self, adapter: Adapter) -> None:
        """Make an adapter the live one of its base."""
        promoted = self._promoted()
        self._write({**promoted, adapter.base: (*promoted.get(adapter.base, ()), adapter.id)})

    def roll_back(self, base: str) -> tuple[str, str | None] | None:
        """Take the last promotion for a base back: (what was live, what is now); None if there is none."""
        promoted = self._promoted()
        names = promoted.get(base, ())
        if not names:
            return None
        self._write({**promoted, base: names[:-1]})
        return names[-1], names[-2] if len(names) > 1 else None

    def remove(self, adapter: Adapter) -> None:
        """Delete an adapter; what was live before it is live again where it was."""
        self._write({base: tuple(name for name in names if name != adapter.id) for base, names in self._promoted().items()})
        shutil.rmtree(adapter.folder)

    def learned_from(self, designs: AbstractSet[str]) -> tuple[Adapter, ...]:
        """Adapters that learned from any of these designs (`Design.digest`)."""
        return tuple(one for one in self.all() if one.designs & designs)

    def bases(self) -> tuple[str, ...]:
        """Base models that something was promoted for."""
        return tuple(base for base, names in self._promoted().items() if names)

    def _promoted(self) -> dict[str, tuple[str, ...]]:
        path = self.folder / _LIVE
        if not path.exists():
            return {}
        record = _read(path)
        return {base: tuple(str(name) for name in names) for base, names in record.items() if isinstance(names, list)}

    def _write(self, promoted: Mapping[str, tuple[str, ...]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / _LIVE, json.dumps({base: list(names) for base, names in promoted.items() if names}, indent=1) + "\n")


def _read(path: Path) -> dict[str, Json]:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise BadConfiguration(f"{display_path(path)} can't be read: {reason}. Remove it, or the folder that holds it.") from None
    if not isinstance(record, dict):
        raise BadConfiguration(f"{display_path(path)} holds no record. Remove it, or the folder that holds it.")
    return record
