"""What a command line or a filelist names: sources and the options to read them with. Opens no file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSet:
    """Sources and preprocessor options in the order given. All paths are absolute."""

    sources: tuple[Path, ...] = ()
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[tuple[str, str | None], ...] = ()
    """(macro, value); None for a macro without a value."""
    library_dirs: tuple[Path, ...] = ()
    """`-y`: folders where a missing module `m` is looked for as `m` + an extension."""
    library_files: tuple[Path, ...] = ()
    """`-v`: files whose modules are used only where they are missing."""
    library_exts: tuple[str, ...] = ()
    """`+libext+`; the reader adds `.v` and `.sv`."""
    parameters: tuple[tuple[str, str], ...] = ()
    """`-G`: (parameter of the top, value as a Verilog literal)."""
    top: str | None = None
    lists: tuple[Path, ...] = field(default=(), compare=False)
    """The lists and configuration files that all this was read from; they say where it is from, not what it is."""

    def merged(self, other: FileSet) -> FileSet:
        """Put `other` behind this one; a top that `other` names wins."""
        return FileSet(
            sources=self.sources + other.sources,
            include_dirs=self.include_dirs + other.include_dirs,
            defines=self.defines + other.defines,
            library_dirs=self.library_dirs + other.library_dirs,
            library_files=self.library_files + other.library_files,
            library_exts=self.library_exts + other.library_exts,
            parameters=self.parameters + other.parameters,
            top=other.top or self.top,
            lists=tuple(dict.fromkeys(self.lists + other.lists)),
        )

    def as_candidates(self) -> FileSet:
        """Give the same files for use where a module is missing only: lists that editors read name all files of a project, not one design.

        Parameters and the top go, as they are about one design too.
        """
        return replace(self, sources=(), library_files=self.library_files + self.sources, parameters=(), top=None)
