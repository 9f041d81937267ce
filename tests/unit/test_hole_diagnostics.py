"""Diagnostics of holes: links, related places, and what clients without related places get; what a hover and a lens say of exclusions."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pygls.workspace import PositionCodec

from llm4cov_agent.closure.hole_docs import documentation_url
from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.coverage import Kind
from llm4cov_lsp.documents import Document
from llm4cov_lsp.features.diagnostics import diagnostics_of
from llm4cov_lsp.features.hover import hover_of
from llm4cov_lsp.features.lens import lenses_of
from llm4cov_lsp.records import DeclarationRecord, FileDigest, FileResult, HoleRecord, LineTally, ProblemRecord, Result, WaivedRecord
from llm4cov_lsp.results import Results, design_key
from llm4cov_lsp.settings import DEFAULTS
from llm4cov_lsp.wire import Request, RequestKind

CODEC = PositionCodec(types.PositionEncodingKind.Utf16)
TEXT = "module m(input logic a, output logic q);\n  child u_c(.a, .q);\n  if_it: assign q = a;\nendmodule\n"


@pytest.fixture
def shown(tmp_path: Path) -> tuple[Document, Results]:
    path = tmp_path / "m.sv"
    path.write_text(TEXT)
    digest = digest_bytes(TEXT.encode())
    hole = HoleRecord(
        id="1",
        ids=("1", "2"),
        comments=("a:0->1", "a:1->0"),
        kind="toggle",
        line=1,
        column=22,
        sentence="a never toggled (line 1).",
        detail="**a never toggled**",
        verdict="unknown",
        hier="tb.dut,tb.dut.u_c",
        conditions=(("q", 3),),
    )
    proved = WaivedRecord(id="3", kind="toggle", line=1, words="q never toggled", reason="r", proof="p", file="/x/w.toml")
    judged = WaivedRecord(id="4", kind="line", line=3, words="block never executed", reason="later", proof="", file="/x/w.toml")
    file = FileResult(
        path=str(path),
        digest=digest,
        tallies=(LineTally(line=1, kind="toggle", covered=1, total=4), LineTally(line=3, kind="line", covered=0, total=1)),
        declarations=(DeclarationRecord(kind="instance", name="u_c (child)", line=2, last_line=2, hits=0),),
        holes=(hole,),
        waived=(proved, judged),
    )
    key = design_key(path, "m")
    results = Results()
    rests_on = (FileDigest(path=str(path), digest=digest),)
    results.take(
        key,
        Request(kind=RequestKind.MEASURE, file=str(path), top="m"),
        Result(top="m", status="ok", cycles=7, rests_on=rests_on, files=(file,)),
    )
    document = Document(path.as_uri(), path, 1, TEXT)
    document.take_saved()
    assert document.show(key, digest)
    return document, results


def test_a_hole_links_to_its_kind_and_points_to_conditions_and_instances(shown: tuple[Document, Results]) -> None:
    document, results = shown
    (one,) = diagnostics_of(document, results, DEFAULTS, CODEC)
    assert one.message == "a never toggled (line 1). [not hit in 7 cycles]"
    assert one.code_description is not None
    assert one.code_description.href == documentation_url(Kind.TOGGLE)
    assert one.data == {"hole": "1", "holes": ["1", "2"], "top": "m"}
    places = [(each.message, each.location.range.start.line) for each in one.related_information or ()]
    assert places == [("needs q", 2), ("in instance u_c (child)", 1)]
    (plain,) = diagnostics_of(document, results, DEFAULTS, CODEC, related=False)
    assert plain.related_information is None


def test_the_documentation_has_a_section_for_each_kind() -> None:
    text = (Path(__file__).parents[2] / "docs" / "holes.md").read_text()
    for kind in Kind:
        assert f"\n## {kind.value}\n" in text
        url = documentation_url(kind)
        assert url is not None
        assert url.endswith(f"/docs/holes.md#{kind.value}")


def test_excluded_points_are_counted_apart_and_told_in_hovers(shown: tuple[Document, Results]) -> None:
    document, results = shown
    first = next(lenses_of(document, results, trusted=True, busy={}))
    assert first.command is not None
    assert first.command.title == "line 0.0 % · toggle 25.0 % · 2 holes · 2 excluded (1 proved)"
    for line, ground in ((0, "Proof: p"), (2, "By judgement: nothing was proved.")):
        hover = hover_of(document, results, line)
        assert hover is not None and isinstance(hover.contents, types.MarkupContent)
        assert "Excluded in `w.toml`: " in hover.contents.value
        assert ground in hover.contents.value


def test_what_is_wrong_with_a_file_that_is_not_there_is_told_at_the_module_that_wants_it(shown: tuple[Document, Results]) -> None:
    document, results = shown
    problem = ProblemRecord(message="there is no such filelist", severity="error", file="/x/nope.f", line=3)
    request = Request(kind=RequestKind.MEASURE, file=str(document.path), top="m")
    results.take(design_key(document.path, "m"), request, Result(top="m", status="build_failed", problems=(problem,)))
    found = diagnostics_of(document, results, DEFAULTS, CODEC)
    (one,) = [each for each in found if each.severity == types.DiagnosticSeverity.Error]
    assert one.message == "/x/nope.f: there is no such filelist"
    assert one.range.start.line == document.modules[0].first_line - 1
