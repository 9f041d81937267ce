"""A corpus on disk: one Verilog file per design and a list of them. Generates nothing.

FOLDER/corpus.json      how it was made, each design with its digests, and what was left out and why
FOLDER/designs/NAME.v
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cattrs import ClassValidationError
from cattrs.preconf.json import make_converter

from llm4cov_agent.digest import digest_bytes, digest_json
from llm4cov_agent.durable import flush, write_whole
from llm4cov_agent.errors import BadConfiguration, display_path
from llm4cov_training.corpus.split import Side

_CONVERTER = make_converter()
LIST = "corpus.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusDesign:
    """One design of a corpus."""

    name: str
    family: str
    """Its family; of a variant of a user's design, `variant`."""
    top: str
    digest: str
    """Of the file's bytes."""
    structure: str
    """Equal for designs that differ in identifiers and literals alone."""
    side: Side
    lines: int
    origin: str | None = None
    """Of a variant of a user's design: that one's `Design.digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A design that is not in the corpus."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The list of a corpus."""

    seed: int
    designs: tuple[CorpusDesign, ...]
    dropped: tuple[Dropped, ...]
    simulated: bool = False
    """Whether each was driven with random inputs; Icarus Verilog does it where it is installed."""

    @property
    def digest(self) -> str:
        """Digest of all designs, in order."""
        return digest_json([[one.name, one.digest, one.top, one.side.value] for one in self.designs])

    @property
    def reasons(self) -> Mapping[str, int]:
        """How often each reason to leave a design out was met, most frequent first."""
        counts: dict[str, int] = {}
        for one in self.dropped:
            reason = one.reason.split(" (")[0]
            counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda entry: -entry[1]))


def write_corpus(folder: Path, corpus: Corpus, texts: Iterable[tuple[str, str]]) -> None:
    """Write files first and the list last, so that a list never names a file that is not there. Raises OSError."""
    place = folder / "designs"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts:
        written.append(place / f"{name}.v")
        written[-1].write_text(text, encoding="utf-8")
    for path in written:
        flush(path)
    flush(place, below=False)
    write_whole(folder / LIST, json.dumps({"digest": corpus.digest, **_CONVERTER.unstructure(corpus)}, indent=1) + "\n")


def read_corpus(folder: Path) -> Corpus:
    """Read the list. Raises BadConfiguration if there is none that can be read."""
    path = folder / LIST
    try:
        record = json.loads(path.read_text("utf-8"))
        record.pop("digest", None)
        return _CONVERTER.structure(record, Corpus)
    except OSError as error:
        raise BadConfiguration(f"There is no corpus in {display_path(folder)}: {error.strerror}. `retrain corpus` makes one.") from None
    except (ValueError, KeyError, TypeError, AttributeError, ClassValidationError):
        raise BadConfiguration(f"{display_path(path)} is not the list of a corpus. `retrain corpus` makes one.") from None


def text_in(folder: Path, design: CorpusDesign) -> str:
    """Read a design's file. Raises BadConfiguration if it is gone or another one."""
    path = folder / "designs" / f"{design.name}.v"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadConfiguration(f"{display_path(path)} can't be read: {error.strerror}. `retrain corpus` makes it again.") from None
    if digest_bytes(content) != design.digest:
        raise BadConfiguration(f"{display_path(path)} is not the file that the corpus lists. `retrain corpus` makes it again.")
    return content.decode("utf-8")


def held_out_texts(folder: Path) -> tuple[tuple[str, str], ...]:
    """Name and text of each design that a corpus holds out. Raises as `read_corpus` and `text_in` do."""
    return tuple((one.name, text_in(folder, one)) for one in read_corpus(folder).designs if one.side is Side.HELD_OUT)
