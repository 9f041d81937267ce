"""What is told about a line is what is told about it among all: two designs in one file, edits, and modules beside each other."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm4cov_agent.judge.coverage import Kind, Tally
from llm4cov_lsp.by_line import ByLine
from llm4cov_lsp.documents import Document
from llm4cov_lsp.records import FileDigest, FileResult, HoleRecord, LineTally, Result
from llm4cov_lsp.results import Results, counts_at, placed_holes, tallies_of
from llm4cov_lsp.wire import Request, RequestKind

TEXT = "// first\n" + "".join(f"module m{n} (input a);\n  x;\n  y;\nendmodule\n// between\n" for n in range(4))


def _hole(name: str, line: int) -> HoleRecord:
    told = {"ids": (name,), "comments": (), "kind": "toggle", "column": 1, "sentence": name, "detail": "", "verdict": "unknown"}
    return HoleRecord(id=name, line=line, **told)  # type: ignore[arg-type]


@pytest.fixture
def shown(tmp_path: Path) -> tuple[Document, Results]:
    """A file of four modules, of which `m1` has a design of its own; another design holds all of it."""
    file = tmp_path / "m.sv"
    file.write_text(TEXT)
    document, results = Document(file.as_uri(), file, 1, TEXT), Results()
    document.take_saved()
    digest = document.saved_digest
    assert digest is not None
    draw = random.Random(3)
    for top in ("m1", "m3"):
        lines = [draw.randrange(1, 22) for _ in range(60)]
        part = FileResult(
            path=str(file),
            digest=digest,
            counts=tuple((line, len(top) + line) for line in sorted(set(lines))),
            tallies=tuple(LineTally(line=line, kind="toggle", covered=1, total=2) for line in lines),
            holes=tuple(_hole(f"{top}-{number}", line) for number, line in enumerate(lines)),
        )
        result = Result(top=top, status="ok", rests_on=(FileDigest(path=str(file), digest=digest),), files=(part,))
        key = f"{file}::{top}"
        results.take(key, Request(kind=RequestKind.MEASURE, file=str(file), top=top), result)
        assert document.show(key, digest)
    return document, results


def test_each_module_is_told_of_by_its_own_design_and_the_rest_by_the_newest(shown: tuple[Document, Results]) -> None:
    document, results = shown
    whose = {one.line: one.held.request.top for one in placed_holes(document, results)}
    own = document.modules[1]
    assert {line for line, top in whose.items() if top == "m1"} <= set(range(own.first_line - 1, own.last_line))
    assert {"m1", "m3"} == set(whose.values())
    held, sums, left = tallies_of(document, results, own)
    total = sum(one.held.request.top == "m1" for one in placed_holes(document, results))
    assert held is not None and held.request.top == "m1"
    assert list(sums.values()) == [Tally(total, 2 * total)] and left == total > 0


def test_in_a_module_what_tells_most_comes_first(shown: tuple[Document, Results]) -> None:
    document, results = shown
    lines = document.modules[2]
    found = placed_holes(document, results, lines.first_line - 1, lines.last_line - 1)
    ranks = [int(one.hole.id.partition("-")[2]) for one in found]
    assert len(ranks) > 4 and ranks == sorted(ranks)


@pytest.mark.parametrize("edits", [0, 1, 40])
def test_a_line_is_told_alike_alone_and_among_all(shown: tuple[Document, Results], edits: int) -> None:
    document, results = shown
    draw = random.Random(edits)
    for _ in range(edits):
        lines = document.lines
        first = draw.randrange(len(lines))
        last = min(len(lines) - 1, first + draw.randrange(3))
        inserted = draw.choice(["", "\n", "a\nb\n", "endmodule\n"])
        document.follow((first, 0), (last, 0), inserted)
        document.set_text("\n".join([*lines[:first], inserted + lines[last], *lines[last + 1 :]]), 2)
    everything, counts = placed_holes(document, results), counts_at(document, results)
    assert everything and counts
    assert all(one.stale == bool(edits) for one in everything)
    for line in range(len(document.lines) + 3):
        alone = placed_holes(document, results, line, line)
        assert alone == [one for one in everything if one.line == line]
        assert counts_at(document, results, line, line) == {at: one for at, one in counts.items() if at == line}


def test_lines_that_a_text_does_not_have_have_nothing(shown: tuple[Document, Results]) -> None:
    document, results = shown
    assert placed_holes(document, results, 2**31 - 1, 2**31 - 1) == []
    assert placed_holes(document, results, 9, 3) == []
    assert counts_at(document, results, 5000, 2**31 - 1) == {}


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["line", "toggle"]), st.integers(0, 3), st.integers(0, 3)), max_size=12),
    st.data(),
)
def test_points_of_lines_add_up_however_they_are_asked_for(rows: list[tuple[int, str, int, int]], data: st.DataObject) -> None:
    first, last = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    tallies = tuple(LineTally(line=line, kind=kind, covered=covered, total=covered + left) for line, kind, covered, left in rows)
    sums = ByLine(FileResult(path="/a.sv", digest="", tallies=tallies)).tallies(first, last)
    for kind in Kind:
        within = [one for one in tallies if one.kind == kind.value and first <= one.line <= last]
        assert (kind in sums) == bool(within)
        assert sums.get(kind, Tally()) == sum((Tally(one.covered, one.total) for one in within), Tally())
