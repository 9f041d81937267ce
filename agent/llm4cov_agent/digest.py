"""Names contents: equal content gives an equal digest. Knows nothing of what it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Union

Json = Union[None, bool, int, float, str, Sequence["Json"], Mapping[str, "Json"]]


def digest_bytes(content: bytes) -> str:
    """Digest raw bytes. The prefix names the algorithm, so that a later change of it shows."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_text(content: str) -> str:
    """Digest text by its UTF-8 bytes."""
    return digest_bytes(content.encode("utf-8", "surrogatepass"))


def digest_json(value: Json) -> str:
    """Digest a JSON value by its canonical form: sorted keys, no white space."""
    return digest_text(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
