"""Which designs are for learning and which are held out: by the design's structure, never by row. Reads no store.

A design keeps its side whatever its identifiers, literals, comments and file names are. What is like a held-out design is held out too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.digest import digest_text
from llm4cov_agent.loop.state import DesignText
from llm4cov_training.corpus.similarity import most_like, structure_of, words_of

HELD_OUT_PERCENT = 3.0
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "designs"
"""The project's own designs, where this is a checkout of it; they are held out always."""
_SUFFIXES = (".v", ".sv", ".vh", ".svh")


class Side(Enum):
    """What a design is for."""

    TRAIN = "train"
    HELD_OUT = "held_out"
    NEAR = "near"
    """Neither: too like a held-out design to be learned from."""


def side_of(structure: str, *, held_out_percent: float = HELD_OUT_PERCENT) -> Side:
    """Decide by a digest of the structure: the same on every machine, for ever."""
    rank = int(digest_text(f"split {structure}").rpartition(":")[2][:12], 16) / 16**12
    return Side.HELD_OUT if rank * 100 < held_out_percent else Side.TRAIN


def text_of_design(design: DesignText) -> str:
    """The text of the files that are compiled, in the design's order."""
    return "\n".join(source.text for source in design.sources if source.role in ("source", "library", "include"))


@dataclass(frozen=True, slots=True)
class Known:
    """A held-out design as texts are compared with it."""

    name: str
    structure: str
    words: tuple[str, ...]


class HeldOut:
    """The held-out designs. Everything that becomes training data goes past `reason`."""

    def __init__(self, texts: Iterable[tuple[str, str]], *, held_out_percent: float = HELD_OUT_PERCENT) -> None:
        """`texts` are pairs of a name and the whole text of a design."""
        self._known = tuple(Known(name, structure_of(text), words_of(text)) for name, text in texts)
        self._structures = {one.structure: one.name for one in self._known}
        self._percent = held_out_percent

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the designs that are named as held out; the split by hash holds out more."""
        return tuple(one.name for one in self._known)

    def reason_of_structure(self, structure: str) -> str | None:
        """Why a design of this structure may not be learned from, where its text is not known; None if nothing speaks against it."""
        if structure in self._structures:
            return f"it is the held-out design {self._structures[structure]}"
        if side_of(structure, held_out_percent=self._percent) is Side.HELD_OUT:
            return "the split holds it out"
        return None

    def reason(self, text: str) -> str | None:
        """Why a design may not be learned from; None if it may."""
        known = self.reason_of_structure(structure_of(text))
        if known is not None:
            return known
        like = most_like(words_of(text), ((one.name, one.words) for one in self._known))
        return f"it is like the held-out design {like.name} (ROUGE-L {like.f1:.2f})" if like is not None else None


def fixture_texts() -> tuple[tuple[str, str], ...]:
    """Name and text of each of the project's own designs; none where this is no checkout of it."""
    return texts_below(FIXTURES) if FIXTURES.is_dir() else ()


def texts_below(folder: Path) -> tuple[tuple[str, str], ...]:
    """Read designs below a folder: each folder with sources, or each file that lies in `folder` itself, is one."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file():
            parts = path.relative_to(folder).parts
            found.setdefault(parts[0] if len(parts) > 1 else path.stem, []).append(path.read_text("utf-8", "replace"))
    return tuple((name, "\n".join(texts)) for name, texts in found.items())
