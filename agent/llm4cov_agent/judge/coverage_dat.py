"""Reads the coverage file that a model made by Verilator writes. Knows no other format and opens no file.

The file is a list of lines `C '<key>' <count>`. A key is a row of fields, each a byte 1, a name, a byte 2 and a value:
`f` file, `l` line, `n` column, `page` kind and module, `o` comment, `S` lines that the point stands for, `h` hierarchy.
In values, `%`, the double quote and everything that is not printable ASCII stand as `%` and hexadecimal digits; a byte
above 127 comes out as eight digits where C's `char` is signed (`%FFFFFFC3`), as two elsewhere.

State-machine points are the odd ones: their comment begins with the instance's whole path (`tb.dut.u_rx.state::IDLE`)
and their hierarchy says nothing. The path down to the design is cut off, so that one design has the same points under
each testbench; the hierarchy is set to the instance, so that `verbatim_comment` can give Verilator's words back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, InstancePoint, Kind

_HEADER = "# SystemC::Coverage-"
_KINDS = {
    "v_line": Kind.LINE.value,
    "v_branch": Kind.BRANCH.value,
    "v_expr": Kind.EXPR.value,
    "v_toggle": Kind.TOGGLE.value,
    "v_fsm_state": Kind.FSM.value,
    "v_fsm_arc": Kind.FSM.value,
}
"""By page, up to its slash. Pages of cover properties (`v_user`) and of hand-written C++ are no code coverage."""
_ESCAPES = re.compile(r"(?:%(?:FFFFFF)?[0-9A-F]{2})+")
_ONE_ESCAPE = re.compile(r"%(?:FFFFFF)?([0-9A-F]{2})")

_Key = tuple[str, str, int, int, str]
"""As a `CoveragePoint`, but the kind by its name: names hash many times as fast as members of an Enum do."""
_MACHINE = Kind.FSM.value
_BY_NAME = {kind.value: kind for kind in Kind}


def read_coverage(
    text: str, *, root: Path, keep: Collection[Path], name: str = "coverage.dat"
) -> tuple[Coverage | None, tuple[Problem, ...]]:
    """Read the points that lie in the files `keep`; relative names in the file are taken from `root`.

    Hits of all instances and parameterisations of a module are added. `instances` has them apart as far as the file
    does: Verilator writes one line for all instances of one parameterisation and joins their names with a `*`.
    None comes back if the text is no coverage file at all. If only some lines can't be read, one warning says so.
    """
    if not text.startswith(_HEADER):
        return None, (
            Problem(
                "is empty" if not text.strip() else "is not a coverage file of Verilator",
                file=name,
                line=1,
                hint="The simulation writes it when it ends by $finish; a run that is stopped before leaves none.",
            ),
        )
    hits: dict[_Key, int] = {}
    places: dict[tuple[_Key, str], int] = {}
    spans: dict[_Key, set[str]] = {}
    broken: list[int] = []
    for key, hier, count, span in _entries(text, root, keep, broken):
        hits[key] = hits.get(key, 0) + count
        places[key, hier] = places.get((key, hier), 0) + count
        if span:
            spans.setdefault(key, set()).add(span)
    return _coverage(hits, places, spans), _broken_problem(broken, name)


class CountsReader:
    """Reads coverage files of one program, whose lines differ in nothing but their counts.

    A line may be the sum of several counters: copies of a statement in a generate loop share one.
    """

    def __init__(self, *, root: Path, keep: Collection[Path]) -> None:
        self._root, self._keep = root, keep
        self._points: list[CoveragePoint] | None = None
        self._lines: list[int] = []
        self.spans: dict[CoveragePoint, tuple[int, ...]] = {}
        """The source lines that points stand for, once a file was read."""

    def read(self, text: str) -> list[tuple[CoveragePoint, int]]:
        """Give the points of kept files in the order of their lines, with the count of each line."""
        if self._points is not None:
            # Taking lines apart is most of the work, and they were taken apart before.
            lines = text.split("\n")
            counts = [int(lines[number - 1].rpartition("' ")[2]) for number in self._lines]
            return list(zip(self._points, counts, strict=True))
        numbers: list[int] = []
        entries = list(_entries(text, self._root, self._keep, [], numbers))
        prefix = _design_path((key, hier) for key, hier, _, _ in entries)
        self._points, self._lines = [_point(key, prefix) for key, _, _, _ in entries], numbers
        lines_in = _numbers_reader()
        self.spans = {point: lines_in(span) for point, (_, _, _, span) in zip(self._points, entries, strict=True) if span}
        return [(point, count) for point, (_, _, count, _) in zip(self._points, entries, strict=True)]


def _entries(
    text: str, root: Path, keep: Collection[Path], broken: list[int], numbers: list[int] | None = None
) -> Iterator[tuple[_Key, str, int, str]]:
    """Yield (key, instance, count, lines) of each line about a kept file, whose number goes to `numbers`.

    Numbers of lines that can't be read go to `broken`.
    """
    kept = {str(path.resolve()) for path in keep}

    @cache
    def resolve(written: str) -> str | None:
        path = str((root / _unescape(written)).resolve())
        return path if path in kept else None

    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line or line[0] == "#":
            continue
        # A last line without its line end was cut off: its count may lack digits.
        fields, count = _split(line) if number < len(lines) else (None, 0)
        if fields is None:
            broken.append(number)
            continue
        kind = _KINDS.get(fields["page"].partition("/")[0])
        path = resolve(fields["f"])
        if kind is None or path is None:
            continue
        key = (kind, path, int(fields["l"]), int(fields["n"]), _unescape(fields.get("o", "")))
        if numbers is not None:
            numbers.append(number)
        yield key, _machine_place(fields) if kind == _MACHINE else fields.get("h", ""), count, fields.get("S", "")


def verbatim_comment(point: CoveragePoint, hier: str) -> str:
    """Give the comment as Verilator wrote it, for a point met in the instance `hier`."""
    if point.kind is not Kind.FSM or not hier or "," in hier:
        return point.comment
    variable, separator, rest = point.comment.partition("::")
    return f"{hier}.{variable.rpartition('.')[2]}{separator}{rest}"


def _split(line: str) -> tuple[dict[str, str] | None, int]:
    """Take a line apart; None if it is not a whole point."""
    body, separator, count = line.rpartition("' ")
    if not separator or not body.startswith("C '\1"):
        return None, 0
    try:
        fields = dict([part.split("\2") for part in body[4:].split("\1")])
        whole = "f" in fields and "page" in fields and fields["l"].isdecimal() and fields["n"].isdecimal() and count.isdecimal()
    except (ValueError, KeyError):
        return None, 0
    return (fields, int(count)) if whole else (None, 0)


def _unescape(value: str) -> str:
    if "%" not in value:
        return value
    return _ESCAPES.sub(
        lambda run: bytes(int(byte, 16) for byte in _ONE_ESCAPE.findall(run.group())).decode("utf-8", "surrogateescape"), value
    )


def _machine_place(fields: dict[str, str]) -> str:
    variable = fields.get("Fv") or fields.get("o", "").partition("::")[0]
    return _unescape(variable).rpartition(".")[0]


def _design_path(places: Iterable[tuple[_Key, str]]) -> str:
    """Find the path that all instances with kept points have in common: the design's own, with a dot behind it."""
    paths = [hier.split(".") for hier in {hier for _, hier in places if hier}]
    if not paths:
        return ""
    common: list[str] = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1 or "*" in names[0]:
            break
        common.append(names[0])
    return "".join(f"{part}." for part in common)


def _coverage(hits: dict[_Key, int], places: dict[tuple[_Key, str], int], spans: dict[_Key, set[str]]) -> Coverage:
    prefix = _design_path(places)
    points = {key: _point(key, prefix) for key in hits}
    numbers = _numbers_reader()
    return Coverage(
        {points[key]: count for key, count in hits.items()},
        {InstancePoint(points[key], hier): count for (key, hier), count in places.items()},
        {points[key]: tuple(sorted({line for span in found for line in numbers(span)})) for key, found in spans.items()},
    )


def _point(key: _Key, prefix: str) -> CoveragePoint:
    comment = key[4].removeprefix(prefix) if key[0] == _MACHINE else key[4]
    return CoveragePoint(_BY_NAME[key[0]], key[1], key[2], key[3], comment)


def _numbers_reader() -> Callable[[str], tuple[int, ...]]:
    """Make a reader of line lists such as `13-15,17`; it keeps what it read, as one list serves many points."""

    @cache
    def numbers(span: str) -> tuple[int, ...]:
        found: list[int] = []
        for part in span.split(","):
            first, _, last = part.partition("-")
            if first.isdecimal() and (last or first).isdecimal():
                found.extend(range(int(first), int(last or first) + 1))
        return tuple(found)

    return numbers


def _broken_problem(broken: list[int], name: str) -> tuple[Problem, ...]:
    if not broken:
        return ()
    what = "1 line" if len(broken) == 1 else f"{len(broken)} lines"
    return (
        Problem(
            f"{what} can't be read, the first here; their points are missing from the numbers",
            file=name,
            line=broken[0],
            hint="The file was cut off, by a full disk or a killed run: simulate again.",
            severity=Severity.WARNING,
        ),
    )
