"""Open documents: their text, where lines of what was measured are now, and which results are shown in them. Knows no job.

A result belongs to bytes on disk, named by their digest. Edits since then shift its lines; it is never shown over other bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.place import lines_of
from llm4cov_lsp.outline import Module, modules_of


@dataclass(slots=True)
class LineMap:
    """Which line of an older text each line of a text was."""

    origins: list[int]
    """For each present line the 1-based old one; 0 for a new line."""
    touched: bool = False
    """Whether anything was edited since."""
    _present: dict[int, int] | None = None

    @classmethod
    def between(cls, old: Sequence[str], new: Sequence[str]) -> LineMap:
        """Compare two texts from both ends; what lies between the first and the last difference is new."""
        if old == new:
            return cls(list(range(1, len(new) + 1)))
        shorter = min(len(old), len(new))
        head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
        tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
        kept = range(len(old) - tail + 1, len(old) + 1)
        return cls([*range(1, head + 1), *[0] * (len(new) - head - tail), *kept], touched=True)

    def copy(self) -> LineMap:
        """Copy it."""
        return LineMap(list(self.origins), self.touched)

    def edit(self, first: int, last: int, inserted: int) -> None:
        """Follow an edit from 0-based line `first` to `last` that brought in `inserted` line ends; the first line keeps its origin."""
        if last - first != inserted:
            # Lines that were replaced by as many keep their origins.
            self.origins[first + 1 : last + 1] = [0] * inserted
        self.touched, self._present = True, None

    def push_down(self, first: int, inserted: int) -> None:
        """Follow whole lines that were put in before 0-based line `first`."""
        self.origins[first:first] = [0] * inserted
        self.touched, self._present = True, None

    def present(self, line: int) -> int | None:
        """Give the present 0-based line of an old 1-based one; None if it is gone."""
        if self._present is None:
            self._present = {origin: at for at, origin in enumerate(self.origins) if origin}
        return self._present.get(line)


@dataclass(slots=True)
class Document:
    """An open document."""

    uri: str
    path: Path
    version: int | None
    text: str
    saved_digest: str | None = None
    """Of the bytes on disk when it was opened or saved last; None if they could not be read."""
    saved: LineMap = field(default_factory=lambda: LineMap([]))
    """From those bytes to the present text."""
    shown: dict[str, LineMap] = field(default_factory=dict)
    """By design: from the bytes that its result is about to the present text."""
    _lines: list[str] | None = None

    @property
    def is_saved(self) -> bool:
        """Whether the text is that on disk, as far as is known."""
        return self.saved_digest is not None and not self.saved.touched

    _modules: tuple[Module, ...] | None = None

    @property
    def lines(self) -> list[str]:
        """The text in lines, as the simulator counts them."""
        if self._lines is None:
            self._lines = lines_of(self.text)
        return self._lines

    @property
    def modules(self) -> tuple[Module, ...]:
        """The modules in the text."""
        if self._modules is None:
            # A waiver file may be open too, and its reasons may speak of modules.
            self._modules = modules_of(self.text) if self.path.suffix != ".toml" else ()
        return self._modules

    @property
    def has_bom(self) -> bool:
        """Whether the client counts a byte order mark in the first line."""
        return self.text.startswith("\ufeff")

    def take_saved(self) -> None:
        """Look at the bytes on disk: what is shown stays where it is, what comes is about them."""
        try:
            # A device or a pipe would be waited for.
            content = self.path.read_bytes() if self.path.is_file() else None
        except OSError:
            content = None
        if content is None:
            self.saved_digest, self.saved = None, LineMap([0] * len(self.lines), touched=True)
            return
        self.saved_digest = digest_bytes(content)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        self.saved = LineMap.between(lines_of(text), self.lines)

    def set_text(self, text: str, version: int | None) -> None:
        """Take the text after an edit."""
        self.text, self.version, self._lines, self._modules = text, version, None, None

    def follow(self, first: int, first_character: int, last: int, inserted: str) -> None:
        """Shift lines for an edit from one 0-based line to another, before the text is set."""
        ends = len(lines_of(inserted)) - 1
        maps = {id(one): one for one in (self.saved, *self.shown.values())}
        for one in maps.values():
            if first == last and ends and first_character == 0 and inserted[-1:] in "\r\n":
                one.push_down(first, ends)
            else:
                one.edit(first, last, ends)

    def replace_all(self, text: str) -> None:
        """Shift lines for a new text as a whole, before the text is set."""
        step = LineMap.between(self.lines, lines_of(text))
        maps = {id(one): one for one in (self.saved, *self.shown.values())}
        for one in maps.values():
            old = one.origins
            one.origins = [old[origin - 1] if 0 < origin <= len(old) else 0 for origin in step.origins]
            one.touched, one._present = True, None

    def show(self, design: str, digest: str) -> bool:
        """Show a result about bytes with this digest; False if the file on disk is another by now."""
        if digest != self.saved_digest:
            self.take_saved()
        if digest != self.saved_digest:
            return False
        self.shown[design] = self.saved.copy()
        return True
