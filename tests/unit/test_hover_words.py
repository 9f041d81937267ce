"""What a hover says of instances, of a declared name and its uses, of an earlier search and of what was tried; the cap of diagnostics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.workspace import PositionCodec

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, InstancePoint, Kind
from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.diagnostics import diagnostics_of
from llm4cov_lsp.features.hover import hover_of
from llm4cov_lsp.per_instance import by_file, lines_apart, root_of, signals_of
from llm4cov_lsp.positions import index_in
from llm4cov_lsp.records import AttemptRecord, FileDigest, FileResult, HoleRecord, Result
from llm4cov_lsp.results import Results, design_key
from llm4cov_lsp.settings import read_settings
from llm4cov_lsp.wire import Request, RequestKind

TEXT = """module leaf(input logic clk, input logic en, output logic [1:0] q);
  always_ff @(posedge clk)
    if (en) q <= q + 1; // q stays
endmodule
module top(input logic clk, input logic [1:0] en);
  leaf u_a(.clk, .en(en[0]), .q());
  leaf u_b(.clk, .en(en[1]), .q());
endmodule
"""
FILE = "/x/top.sv"
CODEC = PositionCodec(types.PositionEncodingKind.Utf16)


def _points() -> dict[tuple[str, str], int]:
    """Hits by comment and instance, for the leaf."""
    found: dict[tuple[str, str], int] = {}
    for hier, rises, falls in (("tb.dut.u_a", (3, 1), (2, 0)), ("tb.dut.u_b", (0, 0), (0, 0))):
        for bit in (0, 1):
            found[f"q[{bit}]:0->1", hier], found[f"q[{bit}]:1->0", hier] = rises[bit], falls[bit]
        found["if", hier], found["else", hier] = rises[0], 5
    return found


def _coverage(file: str = FILE) -> Coverage:
    hits: dict[CoveragePoint, int] = {}
    instances: dict[InstancePoint, int] = {}
    for (comment, hier), count in _points().items():
        toggle = ":" in comment
        column = 65 if toggle else 5 if comment == "if" else 6
        point = CoveragePoint(Kind.TOGGLE if toggle else Kind.BRANCH, file, 1 if toggle else 3, column, comment)
        hits[point] = hits.get(point, 0) + count
        instances[InstancePoint(point, hier)] = count
    return Coverage(hits, instances)


def _file(path: Path | None = None) -> FileResult:
    name, coverage = str(path or FILE), _coverage(str(path or FILE))
    instances = by_file(coverage)[name]
    names = {hier: hier.removeprefix("tb.dut.") for hier in instances}
    return FileResult(
        path=name,
        digest=digest_bytes(TEXT.encode()),
        counts=((3, 13),),
        apart=tuple(lines_apart(coverage, instances, names)),
        signals=tuple(signals_of(coverage.hits.items(), instances, names, ())),
    )


def _shown(tmp_path: Path, **more: object) -> tuple[Document, Results]:
    path = tmp_path / "top.sv"
    path.write_text(TEXT)
    result = Result(top="top", status="ok", cycles=7, design_digest="d", rests_on=(FileDigest(path=str(path), digest=_file().digest),))
    files = (replace(_file(path), holes=more.pop("holes", ())),)  # type: ignore[arg-type]
    results, document = Results(), Document(path.as_uri(), path, 1, TEXT)
    request = Request(kind=RequestKind.MEASURE, file=str(path), top="top")
    held = results.take(design_key(path, "top"), request, replace(result, files=files, **more))  # type: ignore[arg-type]
    document.take_saved()
    assert document.show(held.key, _file().digest)
    return document, results


def _text(document: Document, results: Results, line: int, index: int | None = None) -> str | None:
    hover = hover_of(document, results, line, index)
    assert hover is None or isinstance(hover.contents, types.MarkupContent)
    return hover.contents.value if hover is not None else None


def test_instances_are_told_apart_the_one_that_saw_least_first(tmp_path: Path) -> None:
    text = _text(*_shown(tmp_path), 2)
    assert text is not None
    assert text.splitlines() == [
        "Executed 13 times.",
        "",
        "- `u_b`: executed 5 times, 1 of 2 points hit; branch 'if' never taken",
        "- `u_a`: executed 5 times, 2 of 2 points hit",
    ]


def test_instances_with_the_same_numbers_are_one_and_many_are_counted() -> None:
    point = CoveragePoint(Kind.LINE, FILE, 3, 5, "block")
    names = {f"tb.dut.u[{number}]": f"u[{number}]" for number in range(40)}
    same = {hier: {point: 4} for hier in names}
    coverage = Coverage({point: 160}, {InstancePoint(point, hier): 4 for hier in names}, {point: (3, 4)})
    first, second = lines_apart(coverage, same, names)
    assert (first.line, second.line) == (3, 4)
    assert first.of == 40 and [(one.names, one.of, one.count) for one in first.groups] == [(("u[0]", "u[10]", "u[11]", "u[12]"), 40, 4)]
    different = {hier: {point: number} for number, hier in enumerate(names)}
    line, _ = lines_apart(coverage, different, names)
    assert [one.count for one in line.groups] == [0, 1, 2, 3, 4, 5] and line.of == 40
    assert not list(lines_apart(coverage, {"tb.dut": {point: 4}}, {}))


def test_a_name_tells_its_bits_at_its_declaration_and_where_it_is_used(tmp_path: Path) -> None:
    document, results = _shown(tmp_path)
    expected = [
        "**q** (line 1): 3 of 4 toggle points hit in 2 instances together.",
        "",
        "Not seen: q[1] never 1->0.",
        "",
        "- `u_b`: 0 of 4; q[1:0] never toggled",
        "- `u_a`: 3 of 4; q[1] never 1->0",
    ]
    declared = _text(document, results, 0, TEXT.index(" q)") + 1)
    assert declared is not None and declared.splitlines() == expected
    line = document.lines[2]
    used = _text(document, results, 2, line.index("q <="))
    assert used is not None and used.splitlines()[-6:] == expected
    # In a comment, behind a dot and in another module it is not that name.
    comment = _text(document, results, 2, line.index("q stays"))
    assert comment is not None and "**q**" not in comment
    assert _text(document, results, 5, document.lines[5].index("q()")) is None
    other = _text(document, results, 0, TEXT.index("clk"))
    assert other is not None and "**" not in other


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("q:0->1", "q"),
        ("mem[3][1]:1->0", "mem"),
        ("g[0].qc[3]:0->1", "qc"),
        ("g[0].h[1].qc:0->1", "qc"),
        ("packet.length[2]:0->1", "packet"),
    ],
)
def test_a_toggle_belongs_to_the_declared_name(comment: str, name: str) -> None:
    (one,) = signals_of([(CoveragePoint(Kind.TOGGLE, FILE, 1, 1, comment), 0)], {}, {}, ())
    assert (one.name, one.covered, one.total, one.of) == (name, 0, 1, 0)


def test_what_is_proved_is_told_apart_from_what_was_not_seen() -> None:
    rise, fall = (CoveragePoint(Kind.TOGGLE, FILE, 1, 1, f"q:{edge}") for edge in ("0->1", "1->0"))
    (one,) = signals_of([(rise, 0), (fall, 0)], {}, {}, {fall})
    assert one.missed == ("q never 0->1",) and one.proved == ("q never 1->0",)


def test_the_root_is_the_top_below_the_testbench() -> None:
    assert root_of(["tb.dut", "tb.dut.u_a"]) == "tb.dut"
    assert root_of(["tb.dut.u_a", "tb.dut.u_b"]) == "tb.dut"
    assert root_of([]) == ""


def test_an_earlier_search_is_named_as_what_it_is(tmp_path: Path) -> None:
    hole = HoleRecord(
        id="1",
        ids=("1",),
        comments=("if",),
        kind="branch",
        line=3,
        column=5,
        sentence="S.",
        detail="**S**",
        verdict="unknown",
        earlier=("`q == 3`: nearest: 2 of 3",),
    )
    for searched, words in (
        ("this", "The search that made this testbench came this near"),
        ("other", "An earlier search, for another testbench of this design, came this near"),
    ):
        text = _text(*_shown(tmp_path, holes=(hole,), searched=searched), 2)
        assert text is not None and words in text and "- `q == 3`: nearest: 2 of 3" in text
        (message,) = (
            one.message for one in diagnostics_of(*_shown(tmp_path, holes=(hole,)), read_settings(None, None, trusted=True)[0], CODEC)
        )
        assert "nearest" not in message


def test_what_was_tried_is_told_at_the_top_and_stays_as_long_as_the_design_does(tmp_path: Path) -> None:
    attempts = (
        AttemptRecord(
            policy="human", model=None, number=1, before=80.0, after=90.0, kept=True, answer="accepted", began="2026-01-02T03:04:05"
        ),
        AttemptRecord(policy="llama", model="m", number=2, before=70.04, after=None, kept=False),
    )
    document, results = _shown(tmp_path, attempts=attempts)
    top = TEXT[: TEXT.index("module top")].count("\n")
    text = _text(document, results, top)
    assert text is not None
    assert text.splitlines()[-2:] == [
        "- your edit: 80.0 % -> 90.0 %, accepted (2026-01-02 03:04 UTC)",
        "- llama (m), round 2: 70.0 % -> nothing that could be measured, dropped, as it was not better",
    ]
    key = design_key(document.path, "top")
    held = results.get(key)
    assert held is not None
    again = results.take(key, held.request, replace(held.result, attempts=()))
    assert again.result.attempts == attempts
    assert results.take(key, held.request, replace(held.result, attempts=(), design_digest="e")).result.attempts == ()


def test_the_cap_of_a_file_keeps_what_tells_most_in_all_of_its_modules(tmp_path: Path) -> None:
    holes = tuple(
        HoleRecord(id=kind, ids=(kind,), comments=("c",), kind=kind, line=line, column=1, sentence=f"{kind}.", detail="", verdict=verdict)
        for kind, line, verdict in (("branch", 6, "unknown"), ("toggle", 1, "unknown"), ("expr", 3, "unknown"), ("fsm", 2, "unreachable"))
    )
    settings, _ = read_settings({"diagnostics": {"maxPerFile": 2}}, None, trusted=True)
    found = diagnostics_of(*_shown(tmp_path, holes=holes), settings, CODEC)
    assert [one.code for one in found[:2]] == ["branch", "expr"]
    assert found[2].message == "... and 2 more holes in this file. The setting llm4cov.diagnostics.maxPerFile (2) shows more."
    assert len(found) == 3


def test_a_clients_character_is_an_index_in_the_line() -> None:
    assert index_in("a😀b", 3, CODEC) == 2
    assert index_in("a😀b", 99, CODEC) == 3
    assert index_in("ab", 1, CODEC, bom=True) == 0
