"""What Verilator, the C++ compiler and a running model print, as problems. Knows the forms of their messages only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from llm4cov_agent.errors import Problem, Severity, display_path

_MESSAGE = re.compile(
    r"^%(?P<kind>Error|Warning)(?:-(?P<code>[A-Z0-9_]+))?: (?:(?P<file>[^:]+\.\w+):(?P<line>\d+):(?:(?P<column>\d+):)? )?(?P<text>.*)$"
)
_COMPILER = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)$")
_LINKER = re.compile(r"undefined reference to `(?P<name>[^']+)'")
_RUNTIME = re.compile(r"^\[(?P<time>\S+)\] %(?P<kind>Error|Fatal|Warning): (?P<file>[^:]+\.\w+):(?P<line>\d+): (?P<text>.*)$")
_SUMMARY = re.compile(r"Exiting due to|Verilator aborted\.|Command Failed|This may be because|See the manual at")


def read_messages(text: str, *, renamed: Mapping[Path, str]) -> tuple[Problem, ...]:
    """Read errors and warnings of Verilator; `renamed` maps files of ours back to how the user knows them."""
    problems: list[Problem] = []
    for line in text.splitlines():
        matched = _MESSAGE.match(line)
        if matched is None or _SUMMARY.search(matched["text"]):
            continue
        problems.append(
            Problem(
                matched["text"].strip(),
                file=_name(matched["file"], renamed),
                line=int(matched["line"]) if matched["line"] else None,
                column=int(matched["column"]) if matched["column"] else None,
                severity=Severity.ERROR if matched["kind"] == "Error" else Severity.WARNING,
                code=matched["code"],
            )
        )
    return tuple(dict.fromkeys(problems))


def is_internal_error(text: str) -> bool:
    """Say whether Verilator itself broke, rather than refusing its input."""
    return "Internal Error" in text or "Verilator internal fault" in text or "Segmentation fault" in text


def read_compiler_errors(text: str) -> tuple[Problem, ...]:
    """Read the first errors of the C++ compiler or linker, which mean foreign functions that have no source here."""
    missing = sorted(set(_LINKER.findall(text)))
    if missing:
        return (
            Problem(
                f"functions in C are called but not given: {', '.join(missing[:5])}",
                hint="DPI imports can't be built here; replace them by a model in SystemVerilog.",
            ),
        )
    found = [matched["text"] for line in text.splitlines() if (matched := _COMPILER.match(line))]
    return (Problem(f"the C++ compiler refused the translated model: {found[0] if found else text.strip()[-300:]}"),)


def read_run_errors(text: str, *, renamed: Mapping[Path, str]) -> tuple[Problem, ...]:
    """Read `$error`, `$fatal` and failed assertions from what a model printed."""
    problems: list[Problem] = []
    for line in text.splitlines():
        matched = _RUNTIME.match(line)
        if matched is not None:
            problems.append(
                Problem(
                    f"{matched['text'].strip()} (at time {matched['time']})",
                    file=_name(matched["file"], renamed),
                    line=int(matched["line"]),
                    severity=Severity.WARNING if matched["kind"] == "Warning" else Severity.ERROR,
                )
            )
        elif (plain := _MESSAGE.match(line)) is not None and plain["kind"] == "Error" and not _SUMMARY.search(plain["text"]):
            problems.append(
                Problem(plain["text"].strip(), file=_name(plain["file"], renamed), line=int(plain["line"]) if plain["line"] else None)
            )
    return tuple(dict.fromkeys(problems))


def _name(file: str | None, renamed: Mapping[Path, str]) -> str | None:
    if file is None:
        return None
    path = Path(file)
    return renamed.get(path) or display_path(path)
