"""What a person reads in a terminal: the table, the source with its holes, the instances, the problems.

Decides layout and colour only; numbers, holes and verdicts come in as values. On a terminal long lines fold behind
their gutter; anywhere else each line stays whole, so that a path can be searched and copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import Coverage, Kind, Tally, overall, percent_text, reachable
from llm4cov_agent.judge.fold import fold_toggles
from llm4cov_agent.judge.holes import Hole, VerdictKind, rank_holes
from llm4cov_agent.judge.lcov import line_counts
from llm4cov_agent.judge.wording import folded_words, missed_words

_UNBOUNDED_WIDTH = 100_000
"""Columns of an output that is no terminal: more than any line has."""
_SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_MISSED = "x"
_PARTIAL = "~"
_LEGEND = f"{_MISSED} never executed   {_PARTIAL} executed, with holes"


def write(console: Console, *parts: RenderableType) -> None:
    """Print parts of a report, whole lines where the console is no terminal."""
    for part in parts:
        if isinstance(part, Text):
            # The terminal wraps it by itself: unlike a line end of ours, that keeps a path in one piece when copied.
            console.print(part, soft_wrap=True, highlight=False)
        elif console.is_terminal:
            console.print(part, highlight=False, crop=False)
        else:
            segments = console.render(part, console.options.update(width=_UNBOUNDED_WIDTH))
            console.print(Text("".join(segment.text for segment in segments)), soft_wrap=True, highlight=False, end="")


def coverage_table(tallies: Mapping[Kind, Tally], *, dropped: Iterable[tuple[str, str]] = ()) -> RenderableType:
    """Show the tallies with their mean below; a column for the reachable share appears once something is proved."""
    proved = any(tally.unreachable for tally in tallies.values())
    mean, total = overall(tallies), sum(tallies.values(), Tally())
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, show_footer=True, header_style="bold", footer_style="bold")
    table.add_column("metric", footer="overall")
    footers: tuple[tuple[str, RenderableType], ...] = (
        ("covered", str(total.covered)),
        ("total", str(total.total)),
        ("%", Text(percent_text(mean), style=_percent_style(mean))),
        *([("reachable %", percent_text(reachable(tallies)))] if proved else []),
        ("unreachable", str(total.unreachable)),
        ("left", str(_left(total))),
    )
    for heading, footer in footers:
        table.add_column(heading, footer=footer, justify="right", no_wrap=True)
    for kind, tally in tallies.items():
        table.add_row(
            kind.value,
            str(tally.covered),
            str(tally.total),
            Text(percent_text(tally.percent), style=_percent_style(tally.percent)),
            *([percent_text(tally.reachable_percent)] if proved else []),
            str(tally.unreachable),
            str(_left(tally)),
        )
    notes = [Text("The overall % is the mean of the metrics.", style="dim")] if len(tallies) > 1 else []
    notes += [Text(f"{metric} was not measured: {reason}", style="yellow") for metric, reason in dropped]
    return Group(table, *notes)


def instance_table(coverage: Coverage) -> RenderableType:
    """Show a percentage per instance and metric. A name with `*` stands for instances that the run did not tell apart."""
    kinds = [kind for kind in Kind if any(point.kind is kind for point in coverage.hits)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("instance", overflow="fold")
    for heading in (*(kind.value for kind in kinds), "overall", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, tallies in coverage.by_instance().items():
        cells = [percent_text(tallies[kind].percent if kind in tallies else None) for kind in kinds]
        mean, left = overall(tallies), _left(sum(tallies.values(), Tally()))
        table.add_row(name, *cells, Text(percent_text(mean), style=_percent_style(mean)), str(left))
    return table


def problem_text(problem: Problem) -> Text:
    """Write a problem as `file:line:col: error: message`, its hint indented below."""
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
    text = Text(f"{place}: " if place else "", style="bold" if place else "")
    text = Text.assemble(text, (f"{problem.severity.value}:", _SEVERITY_STYLES[problem.severity]), " ", problem.message)
    if problem.code:
        text.append(f" [{problem.code}]", style="dim")
    for line in (problem.hint or "").splitlines():
        text.append(f"\n  {line}")
    return text


def annotated_source(
    coverage: Coverage,
    holes: Sequence[Hole],
    sources: Mapping[str, str],
    *,
    name_of: Callable[[str], str] = str,
    context_lines: int = 2,
    whole_file: bool = False,
    most_holes: int = 20,
) -> RenderableType:
    """Show the source around holes: a marker, the number, how often the line ran, the line, and its holes below.

    `sources` maps a path to its text; a file without text shows its holes alone. Each file shows the
    `most_holes` entries that say most (neighbouring bits that miss the same edges are one) and counts the others.
    """
    by_file: dict[str, list[Hole]] = {}
    for hole in holes:
        by_file.setdefault(hole.point.file, []).append(hole)
    if whole_file:
        for file in sources:
            by_file.setdefault(file, [])
    blocks: list[RenderableType] = []
    for file, members in sorted(by_file.items()):
        notes = _notes(members)
        shown = sorted(notes[:most_holes], key=lambda note: note.line)
        lines = _Lines(
            tuple(_annotated(coverage, file, sources.get(file, ""), shown, notes, None if whole_file else context_lines)),
            name_of(file),
            _summary(members),
            len(notes) - len(shown),
        )
        blocks += [Text(""), lines] if blocks else [lines]
    return Group(*blocks)


@dataclass(frozen=True, slots=True)
class _Note:
    """What is said below a source line."""

    line: int
    kind: Kind
    words: str
    proved: bool


@dataclass(frozen=True, slots=True)
class _Line:
    gutter: Text
    body: Text


@dataclass(frozen=True, slots=True)
class _Lines:
    """A file's annotated lines; folds bodies behind their gutters if the output is a terminal."""

    lines: tuple[_Line, ...]
    name: str
    summary: str
    left_out: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _segments(console, Text(self.name, style="bold"))
        yield from _segments(console, Text(f"  {self.summary}", style="dim"))
        yield from _segments(console, Text(f"  {_LEGEND}", style="dim"))
        for line in self.lines:
            room = options.max_width - line.gutter.cell_len
            folds = console.is_terminal and line.body.cell_len > room >= 20
            pieces = list(line.body.wrap(console, room, overflow="fold")) if folds else [line.body]
            for rank, piece in enumerate(pieces):
                piece.rstrip()
                gutter = line.gutter if rank == 0 else Text(" " * line.gutter.cell_len)
                yield from _segments(console, Text.assemble(gutter, piece))
        if self.left_out:
            yield from _segments(console, Text(f"  ... and {self.left_out} more", style="yellow"))


def _segments(console: Console, text: Text) -> Iterator[Segment]:
    yield from text.render(console)
    yield Segment.line()


def _notes(holes: Sequence[Hole]) -> list[_Note]:
    """Put holes into words, toggles folded, those first from which a person learns most."""
    notes: list[_Note] = []
    toggles: dict[tuple[str, bool], list[Hole]] = {}
    for hole in rank_holes(holes):
        proved = hole.verdict.kind is VerdictKind.UNREACHABLE
        if hole.point.kind is Kind.TOGGLE:
            toggles.setdefault((_verdict_words(hole), proved), []).append(hole)
        else:
            notes.append(_Note(hole.point.line, hole.point.kind, missed_words(hole.point) + _verdict_words(hole), proved))
    for (verdict, proved), members in toggles.items():
        for folded in fold_toggles(hole.point for hole in members):
            notes.append(_Note(folded.line, Kind.TOGGLE, folded_words(folded) + verdict, proved))
    return sorted(notes, key=lambda note: note.proved)


def _verdict_words(hole: Hole) -> str:
    if hole.verdict.kind is VerdictKind.UNKNOWN:
        return ""
    return f"  [{hole.verdict}: {hole.verdict.reason}]" if hole.verdict.reason else f"  [{hole.verdict}]"


def _summary(holes: Sequence[Hole]) -> str:
    counts = {kind: sum(1 for hole in holes if hole.point.kind is kind) for kind in Kind}
    parts = ", ".join(f"{count} {kind.value}" for kind, count in counts.items() if count)
    return f"{len(holes)} {'hole' if len(holes) == 1 else 'holes'}: {parts}" if holes else "no holes"


def _annotated(
    coverage: Coverage, file: str, text: str, notes: Sequence[_Note], all_notes: Sequence[_Note], context_lines: int | None
) -> Iterator[_Line]:
    rows = text.expandtabs(4).splitlines()
    counts = line_counts(coverage, file)
    holed = {note.line for note in all_notes}
    number_width = max(3, len(str(max([len(rows), *holed], default=0))))
    count_width = max(5, len(str(max(counts.values(), default=0))))
    by_line: dict[int, list[_Note]] = {}
    for note in notes:
        by_line.setdefault(note.line, []).append(note)
    blank = " " * (number_width + count_width + 4)
    previous = 0
    for number in _shown_lines(by_line, len(rows), context_lines):
        if previous and number > previous + 1:
            yield _Line(Text(f"  {'...':>{number_width}}", style="dim"), Text(""))
        previous = number
        count = counts.get(number)
        missed = count == 0
        marker = _MISSED if missed else _PARTIAL if number in holed else " "
        style = "red" if missed else "yellow" if number in holed else "dim"
        gutter = Text(f"{marker} {number:>{number_width}} {'' if count is None else count:>{count_width}} ", style=style)
        row = rows[number - 1] if number <= len(rows) else ""
        yield _Line(gutter, Text(f"| {row}" if row else "|", style="red" if missed else ""))
        indent = " " * (len(row) - len(row.lstrip()))
        for note in by_line.get(number, ()):
            yield _Line(Text(f"{blank}{indent}"), Text(f"^ {note.words}", style="dim" if note.proved else "bold red"))


def _shown_lines(noted: Iterable[int], length: int, context_lines: int | None) -> list[int]:
    if context_lines is None:
        return sorted({*range(1, length + 1), *noted})
    near = {line + offset for line in noted for offset in range(-context_lines, context_lines + 1)}
    return sorted({line for line in near if 1 <= line <= length} | set(noted))


def _percent_style(percent: float | None) -> str:
    if percent is None:
        return "dim"
    return "green" if percent >= 100 else "yellow" if percent >= 80 else "red"


def _left(tally: Tally) -> int:
    """Points that may still be covered."""
    return tally.total - tally.covered - tally.unreachable
