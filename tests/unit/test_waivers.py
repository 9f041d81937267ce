"""Waiver files: what survives a round trip, what a change of the RTL reopens, and what is said about bad files."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures import loader

from llm4cov_agent.closure.waivers import Waiver, read_waivers, waivers_text, write_waivers
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.holes import Exclusion
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

PROOF = "It can't happen from any state of the registers, whatever the inputs do."
ODD = [
    "(a==0 && b==1) => 0",
    "quote \" and 'single'",
    "back\\slash \\n \\u0041",
    "`MACRO{ü → 中 😀}",
    "tab\tnewline\nreturn\rend\x00\x7f\x1b",
    '""" # not a comment = ] [[waiver]]',
    "\u2028line\u0085separator\ufeff",
    "",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files: a child and a top that instantiates it."""
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "child.sv").write_text("module child(input logic a, output logic q);\n  assign q = !a;\nendmodule\n")
    (tmp_path / "rtl" / "top.sv").write_text(
        "module top #(parameter int P = 1) (input logic a, output logic q);\n  child c(.a(a), .q(q));\nendmodule\n"
    )
    return tmp_path


def read_design(folder: Path, *, parameters: tuple[tuple[str, str], ...] = ()) -> Design:
    sources = (folder / "rtl" / "child.sv", folder / "rtl" / "top.sv")
    design, problems = elaborate(FileSet(sources=sources, top="top", parameters=parameters))
    assert design is not None, problems
    return design


def point(folder: Path, file: str = "child.sv", *, comment: str = "q:0->1", line: int = 1) -> CoveragePoint:
    return CoveragePoint(Kind.TOGGLE, str(folder / "rtl" / file), line, 3, comment)


@pytest.mark.parametrize("text", ODD)
def test_odd_comments_and_reasons_survive(folder: Path, text: str) -> None:
    design, path = read_design(folder), folder / "cov" / "waivers.toml"
    path.parent.mkdir()
    entry = Waiver(point(folder, comment=text), f"because {text}", text and f"proof {text}")
    assert write_waivers(path, design, [entry]) == ()
    accepted, reopened, problems = read_waivers(path, design)
    assert (reopened, problems) == ((), ())
    assert [(one.point, one.reason, one.proof) for one in accepted] == [(entry.point, entry.reason, entry.proof)]
    assert tomllib.loads(path.read_text())["waiver"][0]["file"] == "../rtl/child.sv"
    before = path.read_bytes()
    assert write_waivers(path, design, accepted) == ()
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*")), "nothing is left beside it"


def test_half_a_surrogate_pair_does_not_break_the_file(folder: Path) -> None:
    design, path = read_design(folder), folder / "w.toml"
    write_waivers(path, design, [Exclusion(point(folder, comment="a\udc80b"), "odd")])
    accepted, _, problems = read_waivers(path, design)
    assert problems == ()
    assert accepted[0].point.comment == "a\ufffdb"


def test_order_is_that_of_the_source_whatever_comes_in(folder: Path) -> None:
    design = read_design(folder)
    entries = [Exclusion(point(folder, file, line=line), "no use") for file in ("top.sv", "child.sv") for line in (10, 9)]
    text = waivers_text(folder, design, entries)
    assert text == waivers_text(folder, design, reversed(entries))
    tables = tomllib.loads(text)["waiver"]
    assert [(one["file"], one["line"]) for one in tables] == [(f"rtl/{n}.sv", line) for n in ("child", "top") for line in (9, 10)]
    assert list(tables[0]) == ["kind", "file", "line", "column", "comment", "reason", "source_digest", "design_digest"]
    assert text.startswith("# Points that don't count in the code coverage of top")


def test_the_later_entry_for_a_point_is_written(folder: Path) -> None:
    design = read_design(folder)
    text = waivers_text(folder, design, [Exclusion(point(folder), "old"), Exclusion(point(folder), "new")])
    assert [one["reason"] for one in tomllib.loads(text)["waiver"]] == ["new"]


def reasons(path: Path, design: Design) -> list[tuple[str, str]]:
    """Proof or judgement, and why it was reopened."""
    accepted, reopened, problems = read_waivers(path, design)
    assert problems == ()
    assert len(accepted) + len(reopened) == 2
    return [("proof" if one.waiver.proof else "judgement", one.reason) for one in reopened]


def write_both(folder: Path) -> Path:
    path = folder / "w.toml"
    entries = [Exclusion(point(folder), "not used in this product"), Waiver(point(folder, comment="q:1->0"), "can't happen", PROOF)]
    assert write_waivers(path, read_design(folder), entries) == ()
    return path


def test_a_change_of_its_own_file_reopens_both(folder: Path) -> None:
    path = write_both(folder)
    source = folder / "rtl" / "child.sv"
    source.write_text(source.read_text() + "// more\n")
    why = "Its file has changed since it was made."
    assert reasons(path, read_design(folder)) == [("judgement", why), ("proof", why)]


def test_a_change_of_another_file_reopens_only_the_proof(folder: Path) -> None:
    path = write_both(folder)
    source = folder / "rtl" / "top.sv"
    source.write_text(source.read_text() + "// more\n")
    ((kind, why),) = reasons(path, read_design(folder))
    assert kind == "proof"
    assert why.startswith("Its proof was made for another design")


def test_a_parameter_reopens_only_the_proof(folder: Path) -> None:
    path = write_both(folder)
    assert [kind for kind, _ in reasons(path, read_design(folder, parameters=(("P", "2"),)))] == ["proof"]


def test_writing_what_was_reopened_renews_nothing_unless_asked(folder: Path) -> None:
    path = write_both(folder)
    source = folder / "rtl" / "child.sv"
    source.write_text(source.read_text() + "// more\n")
    design = read_design(folder)
    _, reopened, _ = read_waivers(path, design)
    write_waivers(path, design, [one.waiver for one in reopened])
    assert len(reasons(path, design)) == 2
    write_waivers(path, design, [replace(one.waiver, source_digest="", design_digest="") for one in reopened])
    assert reasons(path, design) == []


def test_the_folder_may_move_as_a_whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write_both(folder)
    moved = folder.rename(tmp_path_factory.mktemp("other") / "here")
    assert reasons(moved / "w.toml", read_design(moved)) == []


def test_a_file_that_is_no_part_of_the_design(folder: Path) -> None:
    design, path = read_design(folder), folder / "w.toml"
    write_waivers(path, design, [Exclusion(CoveragePoint(Kind.LINE, str(folder / "rtl" / "gone.sv"), 1, 1, "block"), "gone")])
    _, reopened, problems = read_waivers(path, design)
    assert [one.reason for one in reopened] == ["Its file is no part of the design."]
    assert problems == ()


GOOD = """[[waiver]]
kind = "toggle"
file = "rtl/child.sv"
line = 1
column = 3
comment = "q:0->1"
reason = "r"
"""


def problems_of(folder: Path, content: str | bytes) -> tuple[Problem, ...]:
    path = folder / "w.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    accepted, _, problems = read_waivers(path, read_design(folder))
    assert accepted == ()
    return problems


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a = \n", 1, "is no TOML: Invalid value"),
        (GOOD + '[[waiver]]\nkind = "tog', 9, "is no TOML"),
        (GOOD + "x = " + "9" * 5000, 8, "is no TOML"),
        ("x = " + "[" * 100_000, 1, "nested too deeply"),
        (b"# \xff\n", 1, "is not UTF-8 text"),
        (b"\n# \xc3", 2, "is not UTF-8 text"),
        ("\nversion = 2\n" + GOOD, 2, "has version 2"),
        ("waiver = 3\n", 1, "must be tables"),
        ("[waiver]\nkind = 1\n", 1, "must be tables"),
        (GOOD.replace("line = 1", "line = 0"), 4, "whole number"),
        (GOOD.replace("line = 1", "line = true"), 4, "whole number"),
        (GOOD.replace("line = 1", 'line = "1"'), 4, "whole number"),
        (GOOD.replace('"toggle"', '"bin"'), 2, "one of line, branch"),
        (GOOD.replace('"toggle"', "7"), 2, "text in quotes"),
        (GOOD.replace('"q:0->1"', "[1]"), 6, "text in quotes"),
        (GOOD.replace('"r"', '"  "'), 7, "is empty"),
        (GOOD.replace('"rtl/child.sv"', '""'), 3, "must be a path"),
        (GOOD.replace('"rtl/child.sv"', '"a\\u0000b"'), 3, "must be a path"),
        ("\n" + GOOD.replace('reason = "r"', ""), 2, "`reason` is missing"),
    ],
)
def test_bad_files_are_problems_with_a_line(folder: Path, content: str | bytes, line: int, message: str) -> None:
    (problem,) = problems_of(folder, content)
    assert message in problem.message
    assert (problem.line, problem.severity) == (line, Severity.ERROR)
    assert problem.file is not None
    assert problem.file.endswith("w.toml")


def test_one_bad_entry_leaves_the_others(folder: Path) -> None:
    path, design = write_both(folder), read_design(folder)
    path.write_text(path.read_text() + "\n" + GOOD.replace('"r"', '""') + GOOD.replace("line = 1", "line = 2") + "coment = 1\n")
    accepted, reopened, problems = read_waivers(path, design)
    assert len(accepted) == 2
    assert [one.reason for one in reopened] == ["It has no source_digest, so nothing says which text it was made for."]
    lines = path.read_text().split("\n")
    assert [(one.message.partition(":")[0], lines[(one.line or 0) - 1]) for one in problems] == [
        ("`coment` is unknown here", "coment = 1"),
        ("`reason` is empty", 'reason = ""'),
    ]
    assert lines[(reopened[0].waiver.line or 0) - 1] == "[[waiver]]"


def test_a_second_entry_for_a_point_is_warned_of(folder: Path) -> None:
    (problem,) = problems_of(folder, GOOD + GOOD)
    assert (problem.line, problem.severity) == (8, Severity.WARNING)


def test_files_that_are_none(folder: Path) -> None:
    design = read_design(folder)
    for path in (folder / "missing.toml", folder):
        accepted, reopened, (problem,) = read_waivers(path, design)
        assert (accepted, reopened) == ((), ())
        assert problem.message.startswith("can't be read")
    (problem,) = write_waivers(folder / "no" / "w.toml", design, [])
    assert problem.message.startswith("can't be written")
    assert read_waivers(folder / "no.toml", design)[0] == ()


def test_an_entry_without_reason_is_warned_of_when_it_is_written(folder: Path) -> None:
    (problem,) = write_waivers(folder / "w.toml", read_design(folder), [Exclusion(point(folder), "")])
    assert problem.severity is Severity.WARNING


def test_all_known_points_of_a_fixture(tmp_path: Path) -> None:
    fixture, design = loader.load("watchdog"), loader.design("watchdog")
    entries = [Waiver(one, "proved", PROOF) for one in fixture.unreachable]
    assert write_waivers(tmp_path / "w.toml", design, entries) == ()
    accepted, reopened, problems = read_waivers(tmp_path / "w.toml", design)
    assert {one.point for one in accepted} == set(fixture.unreachable)
    assert (reopened, problems) == ((), ())
