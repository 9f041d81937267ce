"""Reads filelists as simulators do (`-f`, `-F`): sources, include folders, macros, libraries, parameters, the top.

Opens the lists and looks which files exist; knows nothing of what is in a source. A source that is listed twice counts
once. Entries are taken from the folder of whoever named the list with `-f`, or from the list's own with `-F`.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llm4cov_agent.errors import Problem, Severity, display_path, has_errors
from llm4cov_agent.rtl.fileset import FileSet

_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{(\w+)\}|\((\w+)\))")
_MACRO = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_NOT_VERILOG = {".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".o", ".a", ".so", ".vhd", ".vhdl", ".vlt", ".tcl", ".sdc", ".xdc"}

_IGNORED = re.compile(
    r"""
    -sv(erilog)? | -full64 | -64(bit)? | -debug\S* | -kdb | -lca | -q(uiet)? | -c | -R | -u | -s | -notice | -mfcu | -sfcu | -gui | -clean
    | -timescale=\S+ | -override_timescale=\S+ | -sysv | -sysv_ext\S* | -vlog01compat | -nc | -nolog | -messages | -linedebug
    | \+v2k | \+acc\S* | \+access\+\S+ | \+nospecify | \+notimingchecks? | \+no_notifier | \+delay_mode_\w+ | \+librescan | \+libverbose
    | \+lint=\S+ | \+warn=\S+ | \+nowarn\S* | \+rad | \+vcs\+\S+ | \+cover\S* | \+ntb_\S+ | \+vpi | \+plusarg_save
    | \+(systemverilog|verilog\d+|\d+-\d+)ext\+\S* | \+maxdelays | \+mindelays | \+typdelays
    | --?W\S+ | -O[0-3s] | --?(no-)?(timing|assert|trace|decoration|relative-includes) | --?trace-\S+ | --?coverage\S*
    | --?(binary|cc|sc|exe|build|main|lint-only|hierarchical|autoflush|vpi|public\S*|no-\S+|fno-\S+)
    | -svinputport=\S+ | -assert | -nowarn\S* | -f?PIC | -suppress=\S+
    """,
    re.VERBOSE,
)
"""Options that decide nothing about the design."""
_IGNORED_WITH_VALUE = re.compile(
    r"-timescale | -override_timescale | -o | -l | -work | -L | -lib | -suppress | -ntb_opts | -P | -cm | -cm_dir | -cm_name"
    r"| --?(Mdir|prefix|threads|build-jobs|verilate-jobs|language|default-language|x-assign|x-initial|unroll-count|output-split|timescale)"
    r"| -j | -CFLAGS | -LDFLAGS | -MAKEFLAGS | -voptargs | -xmlibdirname",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a list, with its variables filled in."""

    text: str
    line: int
    unset: tuple[str, ...] = ()
    """Variables that the environment lacks; they stand in `text` as written."""


def read_filelist(
    path: Path, *, base: Path | None = None, environment: Mapping[str, str] | None = None
) -> tuple[FileSet | None, tuple[Problem, ...]]:
    """Read a filelist with all lists that it names.

    `base` is the folder that relative entries are taken from: the caller's folder for `-f` (the current one if None),
    the list's own for `-F`. `environment` stands in for the process's variables. None comes back if there is an error;
    warnings (an unknown option, a folder that does not exist) and notes (an option that does not matter) leave a value.
    """
    reader = _Reader(os.environ if environment is None else environment)
    reader.read(_absolute(path, Path.cwd()), _absolute(base or Path(), Path.cwd()), display_path(path), (), None)
    if not reader.found.sources and not has_errors(reader.problems):
        reader.problems.append(Problem("names no source file", file=display_path(path), hint="Add the Verilog files, one on each line."))
    return (None if has_errors(reader.problems) else reader.found), tuple(reader.problems)


def read_filelist_text(
    text: str, *, name: str, base: Path, environment: Mapping[str, str] | None = None
) -> tuple[FileSet | None, tuple[Problem, ...]]:
    """Read a filelist that is no file, such as what a command printed; problems call it `name`, entries are taken from `base`."""
    reader = _Reader(os.environ if environment is None else environment)
    reader.take(text, base / "-", base, name, ())
    if not reader.found.sources and not has_errors(reader.problems):
        reader.problems.append(Problem(f"{name} names no source file"))
    return (None if has_errors(reader.problems) else reader.found), tuple(reader.problems)


def _absolute(path: Path | str, base: Path) -> Path:
    # Links stay: an include beside a linked source is looked for beside the link.
    return Path(os.path.normpath(base / path))


def _tokens(text: str, name: str, environment: Mapping[str, str], problems: list[Problem]) -> Iterator[_Token]:
    """Split a list into words: comments, quotes, continued lines and variables are dealt with here."""
    at, line, end = 0, 1, len(text)
    while at < end:
        char = text[at]
        if char == "\n" or char.isspace():
            line += char == "\n"
            at += 1
        elif text.startswith("\\\n", at):
            line, at = line + 1, at + 2
        elif text.startswith("//", at) or (char == "#" and not text[text.rfind("\n", 0, at) + 1 : at].strip()):
            at = end if (stop := text.find("\n", at)) < 0 else stop
        elif text.startswith("/*", at):
            stop = text.find("*/", at + 2)
            if stop < 0:
                problems.append(Problem("a comment has no end", file=name, line=line, hint="Close it with `*/`."))
                return
            line, at = line + text.count("\n", at, stop), stop + 2
        else:
            stop, word, unset = _word(text, at, environment)
            if word is None:
                problems.append(Problem("a quoted name has no end", file=name, line=line, hint="Close the quote."))
                return
            yield _Token(word, line, unset)
            line, at = line + text.count("\n", at, stop), stop


def _word(text: str, at: int, environment: Mapping[str, str]) -> tuple[int, str | None, tuple[str, ...]]:
    """Read the word at `at`: (where it ends, its text or None if a quote stays open, variables not set).

    A single quote groups only at the start of a word: elsewhere it belongs to a literal such as `4'hF`.
    """
    parts: list[str] = []
    unset: list[str] = []
    quote, end = "", len(text)
    if text[at] == "'":
        stop = text.find("'", at + 1)
        return (stop + 1, text[at + 1 : stop], ()) if stop >= 0 else (end, None, ())
    while at < end:
        char = text[at]
        if char == '"':
            quote = "" if quote else char
            at += 1
        elif char == "\\" and text[at + 1 : at + 2] in ("\n", '"', " "):
            parts.append(text[at + 1].strip("\n"))
            at += 2
        elif char.isspace() and not quote:
            break
        elif char == "\n":
            return end, None, ()
        elif variable := _VARIABLE.match(text, at):
            name = variable[1] or variable[2] or variable[3]
            if name not in environment:
                unset.append(name)
            parts.append(environment.get(name, variable[0]))
            at = variable.end()
        else:
            parts.append(char)
            at += 1
    return at, None if quote else "".join(parts), tuple(unset)


@dataclass(slots=True)
class _Reader:
    """Collects what a list and the lists in it name."""

    environment: Mapping[str, str]
    found: FileSet = field(default_factory=FileSet)
    problems: list[Problem] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)
    """The sources again, to find one quickly."""

    def read(self, path: Path, base: Path, name: str, chain: tuple[tuple[Path, str], ...], named_at: tuple[str, int] | None) -> None:
        """Read one list. `chain` has the lists being read, outermost first, each with the place that leads on from it."""
        blamed = {"file": named_at[0], "line": named_at[1]} if named_at else {"file": name, "line": None}
        if path in (earlier for earlier, _ in chain):
            way = " -> ".join((*(place for _, place in chain), name))
            self._error(f"the list includes itself: {way}", **blamed, hint="Remove one of these `-f` or `-F` lines.")
            return
        try:
            text = path.read_bytes().decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
        except FileNotFoundError:
            what = f"there is no filelist `{name}`" if named_at else "there is no such filelist"
            self._error(what, **blamed, hint=f"It was looked for as {path}.")
            return
        except OSError as error:
            self._error(f"filelist `{name}` can't be read: {error.strerror}", **blamed)
            return
        if "\0" in text:
            self._error(f"`{name}` is a binary file, not a filelist", **blamed)
            return
        self.add(FileSet(lists=(path,)))
        self.take(text, path, base, name, chain)

    def take(self, text: str, path: Path, base: Path, name: str, chain: tuple[tuple[Path, str], ...]) -> None:
        """Take a list's text."""
        _Arguments(self, path, base, name, chain).take(list(_tokens(text, name, self.environment, self.problems)))

    def add(self, more: FileSet) -> None:
        self.found = self.found.merged(more)

    def _error(self, message: str, *, file: str | None, line: int | None, hint: str | None = None) -> None:
        self.problems.append(Problem(message, file=file, line=line, hint=hint))


@dataclass(slots=True)
class _Arguments:
    """Gives the words of one list their meaning."""

    reader: _Reader
    path: Path
    base: Path
    name: str
    chain: tuple[tuple[Path, str], ...]
    line: int = 0

    def take(self, tokens: list[_Token]) -> None:
        """Go through the words in order."""
        rest = iter(tokens)
        for token in rest:
            self.line = token.line
            if self._unset(token):
                continue
            text = token.text
            if not text:
                continue
            if text[0] == "+":
                self._plus(text)
            elif text[0] == "-":
                self._option(text, rest)
            else:
                self._sources(text)

    def _problem(self, message: str, *, hint: str | None = None, severity: Severity = Severity.ERROR) -> None:
        self.reader.problems.append(Problem(message, file=self.name, line=self.line, hint=hint, severity=severity))

    def _unset(self, token: _Token) -> bool:
        """Report variables that are not set; says whether the word is lost. In a value, `$clog2` and its kin are functions."""
        is_value = re.match(r"\+define\+|-D|-G|-pvalue\+", token.text) is not None
        for variable in token.unset:
            if is_value:
                message, severity = f"${variable} is no environment variable and stays as written", Severity.WARNING
            else:
                message, severity = f"environment variable {variable} is not set", Severity.ERROR
            self._problem(message, hint=f"Set it before the run: export {variable}=...", severity=severity)
        return bool(token.unset) and not is_value

    def _plus(self, text: str) -> None:
        word, *values = text[1:].split("+")
        values = [value for value in values if value]
        if word == "incdir":
            for value in values:
                self._include_dir(value)
        elif word == "define":
            for value in values:
                self._define(value)
        elif word == "libext":
            self.reader.add(FileSet(library_exts=tuple(values)))
        else:
            self._other(text)
            return
        if not values:
            self._problem(f"`{text}` names nothing", hint=f"Write it as +{word}+VALUE.")

    def _option(self, text: str, rest: Iterator[_Token]) -> None:
        if text in ("-f", "-F", "-file"):
            if value := self._value(text, rest):
                self._list(value, text)
        elif text in ("--top-module", "-top-module", "--top", "-top"):
            if value := self._value(text, rest):
                self.reader.add(FileSet(top=value))
        elif text == "-y":
            if value := self._value(text, rest):
                self._library_dir(value)
        elif text == "-v":
            if value := self._value(text, rest):
                self._library_file(value)
        elif text in ("-incdir", "--include"):
            if value := self._value(text, rest):
                self._include_dir(value)
        elif _IGNORED_WITH_VALUE.fullmatch(text):
            if value := self._value(text, rest):
                self._note(f"{text} {value}")
        elif text.startswith("-I"):
            if value := text[2:] or self._value(text, rest):
                self._include_dir(value)
        elif text.startswith("-D"):
            if value := text[2:] or self._value(text, rest):
                self._define(value)
        elif re.match(r"-[Gg](?!ui$)", text):
            if value := text[2:] or self._value(text, rest):
                self._parameter(value)
        elif text.startswith("-pvalue+"):
            self._parameter(text.removeprefix("-pvalue+"))
        else:
            self._other(text)

    def _value(self, option: str, rest: Iterator[_Token]) -> str | None:
        token = next(rest, None)
        if token is None:
            self._problem(f"`{option}` is the last word, its value is missing")
            return None
        return None if self._unset(token) else token.text

    def _other(self, text: str) -> None:
        if _IGNORED.fullmatch(text):
            self._note(text)
        else:
            hint = "It is left out; if the design depends on it, say so with one of +define+, +incdir+, -y, -v, -G."
            self._problem(f"unknown option `{text}`", hint=hint, severity=Severity.WARNING)

    def _note(self, text: str) -> None:
        self._problem(f"`{text}` does not matter here and is ignored", severity=Severity.NOTE)

    def _list(self, value: str, option: str) -> None:
        path = _absolute(value, self.base)
        base = path.parent if option == "-F" else self.base
        chain = (*self.chain, (self.path, f"{self.name}:{self.line}"))
        self.reader.read(path, base, display_path(path), chain, (self.name, self.line))

    def _sources(self, text: str) -> None:
        path = _absolute(text, self.base)
        if path.is_file():
            self._source(path)
        elif path.is_dir():
            self._problem(f"`{text}` is a folder, not a file", hint=f"Name the files, such as {text.rstrip('/')}/*.sv.")
        elif glob.has_magic(text):
            # Not Path.glob: it refuses absolute patterns.
            matches = sorted(glob.glob(text, root_dir=self.base, recursive=True))  # noqa: PTH207
            for match in matches:
                if (file := _absolute(match, self.base)).is_file():
                    self._source(file)
            if not matches:
                self._problem(f"no file fits `{text}`", hint=f"It was looked for from {display_path(self.base)}.")
        else:
            self._problem(f"there is no file `{text}`", hint=f"It was looked for as {display_path(path)}.")

    def _source(self, path: Path) -> None:
        if path.suffix.lower() in _NOT_VERILOG:
            self._problem(f"`{display_path(path)}` is no Verilog source and is left out", severity=Severity.WARNING)
        elif path in self.reader.seen:
            self._problem(f"`{display_path(path)}` is listed twice and taken once", severity=Severity.NOTE)
        else:
            self.reader.seen.add(path)
            self.reader.add(FileSet(sources=(path,)))

    def _include_dir(self, value: str) -> None:
        self.reader.add(FileSet(include_dirs=(self._folder(value, "include"),)))

    def _library_dir(self, value: str) -> None:
        self.reader.add(FileSet(library_dirs=(self._folder(value, "library"),)))

    def _folder(self, value: str, what: str) -> Path:
        path = _absolute(value, self.base)
        if not path.is_dir():
            self._problem(f"{what} folder `{value}` does not exist", hint=f"It was looked for as {path}.", severity=Severity.WARNING)
        return path

    def _library_file(self, value: str) -> None:
        path = _absolute(value, self.base)
        if path.is_file():
            self.reader.add(FileSet(library_files=(path,)))
        else:
            self._problem(f"there is no library file `{value}`", hint=f"It was looked for as {display_path(path)}.")

    def _define(self, text: str) -> None:
        name, separator, value = text.partition("=")
        if _MACRO.fullmatch(name):
            self.reader.add(FileSet(defines=((name, value if separator else None),)))
        else:
            self._problem(f"`{name}` is no name for a macro", hint="Write NAME or NAME=VALUE.")

    def _parameter(self, text: str) -> None:
        name, separator, value = text.partition("=")
        if _MACRO.fullmatch(name) and separator and value:
            self.reader.add(FileSet(parameters=((name, value),)))
        else:
            self._problem(f"`{text}` sets no parameter", hint="Write NAME=VALUE.")
