"""What other tools' project files say, and what of it is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm4cov_agent.errors import Severity
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.filelist import read_filelist, read_filelist_text
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.rtl.slang_config import read_slang_config
from llm4cov_agent.rtl.verible_filelist import read_verible_filelist


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.v", "b c.sv", "sub/c.v", "sub/deep/e.sv", "tb.sv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"module m_{Path(name).stem.replace(' ', '_')}; endmodule\n")
    (tmp_path / "inc").mkdir()
    (tmp_path / "notes.txt").write_text("no Verilog")
    return tmp_path


def _below(paths: tuple[Path, ...], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def test_a_verible_filelist_names_candidates_folders_and_macros(folder: Path) -> None:
    path = folder / "verible.filelist"
    path.write_text(
        "# all\n// of it\n\n  a.v  \nb c.sv\nsub/../sub/c.v\na.v\nnotes.txt\n+incdir+inc\n+define+WIDTH=8\n+define+FAST\n"
        "+define+1X\n--rules=all\ngone.sv\n"
    )
    files, problems = read_verible_filelist(path)
    assert files.sources == () and _below(files.library_files, folder) == ["a.v", "b c.sv", "sub/c.v"]
    assert _below(files.include_dirs, folder) == [".", "inc"]
    assert files.defines == (("WIDTH", "8"), ("FAST", None))
    assert files.lists == (path,)
    assert {one.severity for one in problems} == {Severity.WARNING}
    words = " ".join(one.message for one in problems)
    assert "`+define+1X`" in words and "`--rules=all`" in words and "`gone.sv`" in words


def test_a_verible_filelist_that_is_gone_is_said(folder: Path) -> None:
    files, problems = read_verible_filelist(folder / "verible.filelist")
    assert files == FileSet() and "can't be read" in problems[0].message


def _slang(folder: Path, flags: str, **more: object) -> None:
    (folder / ".slang").mkdir(exist_ok=True)
    (folder / ".slang/server.json").write_text(json.dumps({"flags": flags, **more}))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("-I inc", FileSet(include_dirs=(Path("inc"),))),
        ("-Iinc", FileSet(include_dirs=(Path("inc"),))),
        ("--include-directory=inc", FileSet(include_dirs=(Path("inc"),))),
        ("-I inc,sub", FileSet(include_dirs=(Path("inc"), Path("sub")))),
        ("+incdir+inc+sub", FileSet(include_dirs=(Path("inc"), Path("sub")))),
        ("--isystem 'inc'", FileSet(include_dirs=(Path("inc"),))),
        ("-D A=1 -DB -DC=x,y", FileSet(defines=(("A", "1"), ("B", None), ("C", "x,y")))),
        ("+define+A=1+B", FileSet(defines=(("A", "1"), ("B", None)))),
        ("--define-macro A", FileSet(defines=(("A", None),))),
        ("-y sub --libext v", FileSet(library_dirs=(Path("sub"),), library_exts=(".v",))),
        ("-Y .v,.sv", FileSet(library_exts=(".v", ".sv"))),
        ("-v sub/c.v", FileSet(library_files=(Path("sub/c.v"),))),
        ("'b c.sv' a.v", FileSet(library_files=(Path("b c.sv"), Path("a.v")))),
        ("sub/.../*.sv", FileSet(library_files=(Path("sub/deep/e.sv"),))),
        ("-f lists/all.f", FileSet(library_files=(Path("a.v"),))),
        ("-F lists/own.f", FileSet(library_files=(Path("a.v"),))),
    ],
)
def test_flags_of_slang_that_mean_something_are_taken(folder: Path, flags: str, expected: FileSet) -> None:
    (folder / "lists").mkdir()
    (folder / "lists/all.f").write_text("a.v\n")
    (folder / "lists/own.f").write_text("../a.v\n")
    _slang(folder, flags)
    files, problems = read_slang_config(folder)
    assert not problems and files is not None
    absolute = {
        name: tuple(folder / path for path in getattr(expected, name)) for name in ("include_dirs", "library_dirs", "library_files")
    }
    assert files == FileSet(**absolute, defines=expected.defines, library_exts=expected.library_exts)
    assert folder / ".slang/server.json" in files.lists
    if "-f" in flags:
        assert folder / "lists/all.f" in files.lists


def test_flags_of_slang_that_mean_nothing_are_named_once(folder: Path) -> None:
    _slang(folder, "--single-unit -Wno-width --std 1800-2023 --top=m_a -G W=3 +notimingchecks -I inc --timescale 1ns/1ps")
    files, problems = read_slang_config(folder)
    assert files is not None and _below(files.include_dirs, folder) == ["inc"] and files.top is None and files.parameters == ()
    assert len(problems) == 1
    left = "--single-unit -Wno-width --std 1800-2023 --top=m_a -G W=3 +notimingchecks --timescale 1ns/1ps"
    assert problems[0].message.endswith(left)


def test_the_local_configuration_goes_before_the_shared_one(folder: Path) -> None:
    _slang(folder, "-D A=1", build="all.f")
    (folder / "all.f").write_text("a.v\n")
    (folder / ".slang/local").mkdir()
    (folder / ".slang/local/server.json").write_text('{"flags": "-D A=2"}')
    files, problems = read_slang_config(folder)
    assert not problems and files is not None
    assert files.defines == (("A", "2"),) and _below(files.library_files, folder) == ["a.v"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "one JSON object"),
        ('{"flags": 3}', "`flags` should be a string"),
        ('{"flags": "-I \'inc"}', "can't be split"),
        ('{"flags": "-I gone"}', "fits nothing"),
        ('{"flags": "-D 1x=3"}', "no name for a macro"),
        ('{"flags": "-f gone.f"}', "is left out"),
        ('{"build": "gone.f"}', "is left out"),
    ],
)
def test_what_is_wrong_with_slangs_configuration_is_said_and_keeps_nothing_from_running(folder: Path, text: str, words: str) -> None:
    (folder / ".slang").mkdir()
    (folder / ".slang/server.json").write_text(text)
    _, problems = read_slang_config(folder)
    assert any(words in one.message for one in problems)
    assert all(one.severity is Severity.WARNING for one in problems)


def test_without_a_configuration_there_is_none(folder: Path) -> None:
    assert read_slang_config(folder) == (None, ())


def test_candidates_are_used_where_a_module_is_missing_and_broken_ones_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl/top.sv").write_text("module top(input logic a, output logic b); leaf u(.a, .b); endmodule\n")
    (tmp_path / "far/cells.sv").write_text("module leaf(input logic a, output logic b); assign b = `V; endmodule\n")
    (tmp_path / "far/broken.sv").write_text("module broken; this is not Verilog\n")
    (tmp_path / "far/empty.sv").write_text("")
    (tmp_path / "verible.filelist").write_text("far/empty.sv\nfar/broken.sv\nfar/cells.sv\n+define+V=a\n")
    files, problems = read_verible_filelist(tmp_path / "verible.filelist")
    assert not problems
    design, found = elaborate(files.merged(FileSet(sources=(tmp_path / "rtl/top.sv",), top="top")))
    assert design is not None, found
    assert [file.path.name for file in design.files] == ["top.sv", "cells.sv"]


def test_a_filelist_says_which_lists_it_was_read_from(folder: Path) -> None:
    (folder / "inner.f").write_text("sub/c.v\n")
    (folder / "outer.f").write_text("a.v\n-f inner.f\n")
    files, _ = read_filelist(folder / "outer.f", base=folder)
    assert files is not None and _below(files.lists, folder) == ["outer.f", "inner.f"]


def test_a_filelist_may_be_text_alone(folder: Path) -> None:
    files, problems = read_filelist_text("a.v\n+incdir+inc\n", name="`make list`", base=folder)
    assert not problems and files is not None and _below(files.sources, folder) == ["a.v"] and files.lists == ()
    files, problems = read_filelist_text("gone.v\n", name="`make list`", base=folder)
    assert files is None and problems[0].file == "`make list`" and problems[0].line == 1
