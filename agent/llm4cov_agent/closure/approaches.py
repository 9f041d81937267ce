"""How near the last search for a design came to what its code compares with, kept from run to run. Searches nothing itself.

It is kept under the digest of the design, with the testbench that came of the search: of another testbench it says nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.closure.nearest import NearestApproach
from llm4cov_agent.digest import digest_bytes, digest_json
from llm4cov_agent.durable import write_whole
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.rtl.design import Design

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Approaches:
    """What a search came near to."""

    nearest: Mapping[str, NearestApproach]
    testbench: str
    """Digest of the text of the testbench that came of it."""

    def is_of(self, text: str) -> bool:
        """Say whether a testbench is the one that came of this search."""
        return digest_bytes(text.encode()) == self.testbench


def keep_approaches(design: Design, nearest: Mapping[str, NearestApproach], testbench: str, cache: BuildCache) -> None:
    """Keep what a search came near to, with the text of its testbench, in the place of the search before."""
    rows = [[one.signal, one.wanted, one.distance, one.seen] for one in nearest.values()]
    place = _path(design, cache)
    # A full disk takes a remark away, not the result.
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps([digest_bytes(testbench.encode()), rows]))


def kept_approaches(design: Design, cache: BuildCache) -> Approaches | None:
    """Read what the last search for this very design came near to; None if there is nothing that can be read."""
    try:
        testbench, rows = json.loads(_path(design, cache).read_text())
        found = [NearestApproach(str(signal), int(wanted), int(distance), seen) for signal, wanted, distance, seen in rows]
    except (OSError, ValueError, TypeError):
        return None
    return Approaches({f"{one.signal} == {one.wanted}": one for one in found}, str(testbench))


def _path(design: Design, cache: BuildCache) -> Path:
    key = digest_json([_VERSION, design.digest])
    return cache.root.parent / "approaches" / f"{key.replace(':', '-')}.json"
