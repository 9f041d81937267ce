"""Open documents: their text, where lines of what was measured are now, and which results are shown in them. Knows no job.

A result belongs to bytes on disk, named by their digest. Edits since then shift its lines; it is never shown over other bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.place import lines_of
from llm4cov_lsp.outline import Module, modules_in, without_noise


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

    def edit(self, first: int, last: int, inserted: int, *, head: int, tail: int) -> None:
        """Follow an edit from 0-based line `first` to `last` that brought in `inserted` line ends.

        `head` and `tail` are the characters without outer blanks that stay before it in the first line and behind it in the last one;
        -1 where nothing of the line stays, so that an untouched empty line differs from one whose text was taken out.
        """
        origins, self.touched, self._present = self.origins, True, None
        if last - first == inserted:
            # Lines that were replaced by as many keep their origins.
            return
        begin, end = origins[first], origins[last]
        if first == last:
            # A line that is broken up is where most of its code went.
            origins[first : first + 1] = [0] * inserted + [begin] if tail > head else [begin] + [0] * inserted
        elif not inserted:
            origins[first : last + 1] = [end if tail > head else begin]
        else:
            origins[first : last + 1] = [begin, *[0] * (inserted - 1), end if tail >= 0 else 0]

    def origin(self, line: int) -> int:
        """Give the old 1-based line of a present 0-based one; 0 for one that is new or none."""
        return self.origins[line] if line < len(self.origins) else 0

    def runs(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the old 1-based lines of present 0-based ones from `first` to before `last`, in pieces (first, last) without a gap."""
        begin = end = 0
        for origin in self.origins[first:last]:
            if origin and origin == end + 1 and begin:
                end = origin
                continue
            if begin:
                yield begin, end
            begin = end = origin
        if begin:
            yield begin, end

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
    """As the editor names it, which may go through links."""
    version: int | None
    text: str
    saved_digest: str | None = None
    """Of the bytes on disk when it was opened or saved last; None if they could not be read."""
    saved: LineMap = field(default_factory=lambda: LineMap([]))
    """From those bytes to the present text."""
    shown: dict[str, LineMap] = field(default_factory=dict)
    """By design: from the bytes that its result is about to the present text."""
    name: str = ""
    """What results call the file: its path without links."""
    _lines: list[str] | None = None

    def __post_init__(self) -> None:
        """Follow the links once; a file that is not there yet has a name too."""
        self.name = os.path.realpath(self.path)

    @property
    def is_saved(self) -> bool:
        """Whether the text is that on disk, as far as is known."""
        return self.saved_digest is not None and not self.saved.touched

    _modules: tuple[Module, ...] | None = None
    _plain: str | None = None
    _code: list[str] | None = None

    @property
    def lines(self) -> list[str]:
        """The text in lines, as the simulator counts them."""
        if self._lines is None:
            self._lines = lines_of(self.text)
        return self._lines

    @property
    def code(self) -> list[str]:
        """The same lines with blanks in the place of comments and texts in quotes."""
        if self._code is None:
            self._code = lines_of(self._without_noise)
        return self._code

    @property
    def _without_noise(self) -> str:
        if self._plain is None:
            self._plain = without_noise(self.text)
        return self._plain

    @property
    def modules(self) -> tuple[Module, ...]:
        """The modules in the text."""
        if self._modules is None:
            # A waiver file may be open too, and its reasons may speak of modules.
            self._modules = modules_in(self._without_noise) if self.path.suffix != ".toml" else ()
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
        self.text, self.version = text, version
        self._lines, self._modules, self._plain, self._code = None, None, None, None

    def follow(self, start: tuple[int, int], stop: tuple[int, int], inserted: str) -> None:
        """Shift lines for an edit between two 0-based places (line, character), before the text is set.

        Characters are the client's. Where those differ from ours, a break in the middle of a line may be taken for one a little beside it.
        """
        lines = self.lines
        behind = (len(lines) - 1, len(lines[-1]))
        first, at = min(start, behind)
        last, to = min(max(start, stop), behind)
        ends = len(lines_of(inserted)) - 1
        head = len(lines[first][:at].strip()) if at else -1
        tail = len(lines[last][to:].strip()) if to < len(lines[last]) or not to else -1
        for one in {id(one): one for one in (self.saved, *self.shown.values())}.values():
            one.edit(first, last, ends, head=head, tail=tail)

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
