"""Deletes what learning made of a design that its user deletes: variants, what was tried on them, and runs that were not finished.

Called by the entry point `llm4cov_lsp.copies`. Files that were written elsewhere, with `--out`, are not known here.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from llm4cov_agent.errors import Llm4covError, Problem, Severity, display_path
from llm4cov_agent.trajectories.forgetting import Copies
from llm4cov_agent.trajectories.store import open_store


def forget_copies(store: Path, design: str) -> Copies:
    """Delete them, for a `Design.digest`; problems say what could not be deleted, and what to do."""
    folder = store.parent / "learning"
    if not folder.exists():
        return Copies()
    made = _Forgetting(folder)
    files: dict[str, str] = {}
    with made.trying(folder / "corpus"):
        files = _variants(folder / "corpus", design)
    with made.trying(folder / "trajectories.db"):
        made.find(set(files.values()))
    with made.trying(folder / "runs"):
        made.runs({design, *made.designs})
    with made.trying(folder / "trajectories.db"):
        made.rolled_out()
    with made.trying(folder / "corpus"):
        made.unlist(files)
    return Copies(words=tuple(made.words), designs=frozenset(made.designs), problems=tuple(made.problems))


@dataclass(slots=True)
class _Forgetting:
    folder: Path
    words: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    designs: frozenset[str] = frozenset()
    """Of the variants that something was tried on."""

    @contextmanager
    def trying(self, place: Path) -> Iterator[None]:
        """Go on with the rest where a part can't be read or deleted, and say so."""
        try:
            yield
        except (Llm4covError, OSError, ImportError) as error:
            what = f"what learning made of it may be left in {display_path(place)}: {error}"
            self.problems.append(Problem(what, hint="Delete it by hand if you want that gone too.", severity=Severity.WARNING))

    def find(self, files: Collection[str]) -> None:
        place = self.folder / "trajectories.db"
        if files and place.exists():
            with open_store(place, writable=False) as opened:
                self.designs = opened.designs_with(files)

    def runs(self, designs: Collection[str]) -> None:
        """Delete unfinished runs that learn from any of these designs."""
        from llm4cov_training.learn.runs import is_held, unfinished

        found = 0
        for one in unfinished(self.folder / "runs"):
            if not any(row.design in designs for row in one.examples):
                continue
            if is_held(one.folder):
                what = "a run of learning that is under way learns from it, and its adapter will have"
                self.problems.append(Problem(what, hint="Stop it, or remove the adapter that it makes.", severity=Severity.WARNING))
                continue
            shutil.rmtree(one.folder)
            found += 1
        if found:
            self.words.append(f"{found} unfinished run{'s' if found > 1 else ''} of learning")

    def rolled_out(self) -> None:
        """Delete what was tried on variants."""
        if self.designs:
            with open_store(self.folder / "trajectories.db") as opened:
                self.problems += opened.delete(*self.designs).problems
            self.words.append(f"what was tried on {len(self.designs)} variants")

    def unlist(self, files: Collection[str]) -> None:
        """Take variants out of the corpus, the list first: it never names a file that is not there."""
        if not files:
            return
        from llm4cov_training.corpus.designs import read_corpus, write_corpus

        corpus = self.folder / "corpus"
        listed = read_corpus(corpus)
        write_corpus(corpus, replace(listed, designs=tuple(one for one in listed.designs if one.name not in files)), ())
        for name in files:
            (corpus / "designs" / f"{name}.v").unlink(missing_ok=True)
        self.words.append(f"{len(files)} variants in {display_path(corpus)}")


def _variants(corpus: Path, design: str) -> dict[str, str]:
    """Name and digest of the file of each variant of a design."""
    if not (corpus / "corpus.json").exists():
        return {}
    from llm4cov_training.corpus.designs import read_corpus

    return {one.name: one.digest for one in read_corpus(corpus).designs if one.origin == design}
