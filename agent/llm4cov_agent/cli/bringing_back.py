"""Brings back what was in a file before an accepted testbench went into it. Asks no store, and does not look what the file holds now."""

from __future__ import annotations

import codecs
import os
import shutil
import tempfile
from enum import Enum
from pathlib import Path

from llm4cov_agent.trajectories.trajectory import Replaced, place_of


class Brought(Enum):
    """What became of a file."""

    RESTORED = "restored"
    DELETED = "deleted"
    KEPT = "kept"
    """What was there before is not known, or it was another file."""


def bring_back(path: Path, replaced: Replaced | None) -> Brought:
    """Put the earlier text into the file at once or not at all, or delete the file that was made. Raises OSError."""
    if replaced is None or replaced.place != place_of(path):
        return Brought.KEPT
    # A link stays one.
    place = Path(os.path.realpath(path))
    if replaced.text is None:
        place.unlink()
        return Brought.DELETED
    # Editors keep a byte order mark to themselves, so it is in no text that they tell.
    mark = codecs.BOM_UTF8 if place.read_bytes().startswith(codecs.BOM_UTF8) else b""
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(mark + replaced.text.encode("utf-8", "surrogateescape"))
        shutil.copymode(place, temporary)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
    return Brought.RESTORED
