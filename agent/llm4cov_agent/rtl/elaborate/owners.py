"""Keeps what owns slang's objects until Python has let go of every view of them. Reads nothing.

A Python object for a node or a symbol points into its syntax tree or compilation, and does not always keep that alive. One that outlives
it, in a cycle that waits for the garbage collector, leaves its address marked as taken; the binding ends the process with an abort
("unexpected collision") as soon as it makes another object there. So trees and compilations are let go of only after a collection that
found all views of them gone.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

MAX_RETIRED = 60
"""Owners that wait for a collection. One of a small design takes about 80 kB, and a collection some thirty milliseconds."""

MAX_RETIRED_SOURCE = 2_000_000
"""Characters of source that they may have been made of, all together."""

_T = TypeVar("_T")

_ours: ContextVar[list[tuple[object, int]]] = ContextVar("owners")
_retired: list[tuple[object, int]] = []
_lock = threading.Lock()
"""Nothing may be retired between a collection and what is let go of after it."""


@contextmanager
def reading() -> Iterator[None]:
    """Mark a reading, as decorator or block, at whose end no view of slang's objects is in use any more. Readings may nest."""
    if _ours.get(None) is not None:
        yield
        return
    mine: list[tuple[object, int]] = []
    token = _ours.set(mine)
    try:
        yield
    finally:
        _ours.reset(token)
        with _lock:
            _retired.extend(mine)
            mine.clear()
    # Not after an exception, whose frames still hold views: a later reading does it.
    with _lock:
        if len(_retired) > MAX_RETIRED or sum(size for _, size in _retired) > MAX_RETIRED_SOURCE:
            before = _collections()
            gc.collect()
            # It does nothing while another thread collects; then there is a next time.
            if _collections() > before:
                _retired.clear()


def _collections() -> int:
    """How often everything was collected."""
    return int(gc.get_stats()[-1]["collections"])


def keep(owner: _T, size: int) -> _T:
    """Keep an owner of slang's objects, made of so many characters of source; a LookupError outside of a reading."""
    _ours.get().append((owner, size))
    return owner
