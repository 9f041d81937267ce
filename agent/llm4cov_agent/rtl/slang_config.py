"""Reads slang-server's configuration of a folder, `.slang/server.json`: its `flags`, which are slang's command line, and `build`.

Of the flags those are taken that say where files are and which macros are set; its files are candidates for modules that are missing,
as they are one editor's idea of the whole project. Runs no slang and knows nothing of what is in a source.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.errors import Problem, Severity, display_path
from llm4cov_agent.rtl.filelist import read_filelist
from llm4cov_agent.rtl.fileset import FileSet

PLACES = (Path(".slang/server.json"), Path(".slang/local/server.json"))
"""Relative to the workspace folder; what the second says goes before what the first says."""

_NAMES = {
    "-I": "include",
    "--include-directory": "include",
    "--include-dir": "include",
    "--isystem": "include",
    "-D": "define",
    "--define-macro": "define",
    "-y": "libdir",
    "--libdir": "libdir",
    "-v": "libfile",
    "--libfile": "libfile",
    "-Y": "libext",
    "--libext": "libext",
    "-f": "list",
    "-F": "own list",
}
_WITH_VALUE = frozenset(
    {
        *("--top", "-G", "-U", "--undefine-macro", "--std", "--timescale", "-j", "--threads", "--libmap", "-L", "--defaultLibName", "-C"),
        *("--error-limit", "--max-include-depth", "--max-hierarchy-depth", "--max-generate-steps", "--max-constexpr-steps"),
        *("--max-constexpr-depth", "--max-instance-array", "--max-parse-depth", "--max-lexer-errors", "--compat", "-T", "--exclude-ext"),
        *("--suppress-warnings", "--suppress-macro-warnings", "--translate-off-format", "--diag-json", "--ast-json"),
    }
)
"""Options of slang that mean nothing here and whose next word is their value."""
_MACRO = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def read_slang_config(folder: Path) -> tuple[FileSet | None, tuple[Problem, ...]]:
    """Read the configuration of a workspace folder; None if there is none, or none that can be read.

    Paths in it are relative to the workspace folder. The problems are warnings; one of them names the flags that were left out.
    """
    options: dict[str, str] = {}
    problems: list[Problem] = []
    read: list[Path] = []
    for place in PLACES:
        path = folder / place
        found, trouble = _options(path)
        problems += trouble
        if found is not None:
            options |= found
            read.append(path)
    if not read:
        return None, tuple(problems)
    flags = _Flags(folder, display_path(read[-1]), FileSet(lists=tuple(read)), problems)
    try:
        words = shlex.split(options.get("flags", ""))
    except ValueError as error:
        flags.warn(f"`flags` can't be split into words: {error}")
        words = []
    flags.take(iter(words))
    if build := options.get("build"):
        flags.read_list(build, base=folder)
    if flags.left_out:
        flags.warn(f"flags that mean nothing here were left out: {' '.join(dict.fromkeys(flags.left_out))}")
    return flags.found.as_candidates(), tuple(problems)


def _options(path: Path) -> tuple[dict[str, str] | None, tuple[Problem, ...]]:
    """Read the options of one file that are strings."""
    name = display_path(path)
    try:
        tree = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None, ()
    except OSError as error:
        return None, (Problem(f"can't be read: {error.strerror}", file=name, severity=Severity.WARNING),)
    except (ValueError, RecursionError) as error:
        return None, (Problem(f"is no JSON: {error}", file=name, severity=Severity.WARNING),)
    if not isinstance(tree, Mapping):
        return None, (Problem("should hold one JSON object", file=name, severity=Severity.WARNING),)
    problems = tuple(
        Problem(f"`{key}` should be a string, not {tree[key]!r}; it is not used", file=name, severity=Severity.WARNING)
        for key in ("flags", "build")
        if not isinstance(tree.get(key, ""), str)
    )
    return {key: tree[key] for key in ("flags", "build") if isinstance(tree.get(key), str)}, problems


@dataclass(slots=True)
class _Flags:
    """Gives slang's words their meaning."""

    folder: Path
    name: str
    found: FileSet
    problems: list[Problem]
    left_out: list[str] = field(default_factory=list)

    def warn(self, message: str) -> None:
        self.problems.append(Problem(message, file=self.name, severity=Severity.WARNING))

    def take(self, words: Iterator[str]) -> None:
        """Go through the words in order."""
        for word in words:
            if word.startswith("+"):
                kind, _, values = word[1:].partition("+")
                if kind in ("incdir", "define", "libext"):
                    for value in filter(None, values.split("+")):
                        self._value({"incdir": "include"}.get(kind, kind), value)
                else:
                    self.left_out.append(word)
                continue
            if not word.startswith("-"):
                self._add("source", word)
                continue
            option, equals, value = word.partition("=")
            if option in _NAMES and word[:2] not in ("-D",):
                value = value if equals else next(words, "")
                self._values(_NAMES[option], value)
            elif word[:2] in _NAMES and not word.startswith("--"):
                self._values(_NAMES[word[:2]], word[2:] or next(words, ""))
            elif option in _WITH_VALUE and not equals:
                self.left_out.append(f"{word} {next(words, '')}".rstrip())
            else:
                self.left_out.append(word)

    def _values(self, kind: str, text: str) -> None:
        # The value of a macro may have commas; slang takes it whole.
        for value in [text] if kind == "define" else text.split(","):
            if value:
                self._value(kind, value)

    def _value(self, kind: str, value: str) -> None:
        if kind == "define":
            macro, equals, text = value.partition("=")
            if _MACRO.fullmatch(macro):
                self.found = self.found.merged(FileSet(defines=((macro, text if equals else None),)))
            else:
                self.warn(f"`{macro}` is no name for a macro")
        elif kind == "libext":
            self.found = self.found.merged(FileSet(library_exts=(value if value.startswith(".") else f".{value}",)))
        elif kind in ("list", "own list"):
            for path in self._paths(value) or [self.folder / value]:
                self.read_list(str(path), base=path.parent if kind == "own list" else self.folder)
        else:
            self._add(kind, value)

    def _add(self, kind: str, pattern: str) -> None:
        paths = [path for path in self._paths(pattern) if (path.is_dir() if kind in ("include", "libdir") else _is_source(path))]
        if not paths:
            self.warn(f"`{pattern}` in `flags` fits nothing; it was looked for from {display_path(self.folder)}")
        more = {
            "include": FileSet(include_dirs=tuple(paths)),
            "libdir": FileSet(library_dirs=tuple(paths)),
            "libfile": FileSet(library_files=tuple(paths)),
            "source": FileSet(sources=tuple(paths)),
        }
        self.found = self.found.merged(more[kind])

    def read_list(self, name: str, *, base: Path) -> None:
        """Read a filelist; one that has errors is left out with what is wrong with it."""
        files, found = read_filelist(self.folder / name, base=base)
        for problem in found:
            if problem.severity is Severity.ERROR:
                place = f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: "
                self.warn(f"the filelist `{name}` is left out: {place}{problem.message}")
        if files is not None:
            self.found = self.found.merged(files)

    def _paths(self, pattern: str) -> list[Path]:
        """Fill in a pattern: `...` stands for any folders."""
        if "..." in pattern:
            pattern = pattern.replace("...", "**")
        elif not glob.has_magic(pattern):
            return [path] if (path := Path(os.path.normpath(self.folder / pattern))).exists() else []
        # Not Path.glob: it refuses absolute patterns.
        matches = sorted(glob.glob(pattern, root_dir=self.folder, recursive=True))  # noqa: PTH207
        return [Path(os.path.normpath(self.folder / match)) for match in matches]


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix in {".v", ".sv", ".vh", ".svh"}
