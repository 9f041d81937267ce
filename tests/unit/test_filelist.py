"""Filelists, as a simulator's user writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.rtl.filelist import read_filelist
from llm4cov_agent.rtl.fileset import FileSet


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.v", "b.sv", "sub/c.v", "sub/d.sv", "sub/deep/e.sv", "with space.v", "lib/cell.v", "odd[1].v"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("module m; endmodule\n")
    for name in ("inc", "inc2"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str, environment: dict[str, str] | None = None, base: Path | None = None) -> tuple[FileSet | None, tuple[Problem, ...]]:
    Path("list.f").write_bytes(text.encode())
    return read_filelist(Path("list.f"), base=base, environment=environment or {})


def names(files: FileSet | None) -> list[str]:
    assert files is not None
    return [str(path.relative_to(Path.cwd())) for path in files.sources]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.v\nb.sv\n", ["a.v", "b.sv"]),
        ("a.v b.sv", ["a.v", "b.sv"]),
        ("a.v\tb.sv   sub/c.v", ["a.v", "b.sv", "sub/c.v"]),
        ("a.v\r\nb.sv\r\n", ["a.v", "b.sv"]),
        ("\ufeffa.v\n", ["a.v"]),
        ("// all\na.v // first\n", ["a.v"]),
        ("# all\n  # indented\na.v\n", ["a.v"]),
        ("/* one\n two */ a.v /* three */ b.sv", ["a.v", "b.sv"]),
        ("sub//c.v", ["sub/c.v"]),
        ('"with space.v"', ["with space.v"]),
        ("'with space.v'", ["with space.v"]),
        ("with\\ space.v", ["with space.v"]),
        ('sub/"c.v"', ["sub/c.v"]),
        ("a.v \\\nb.sv", ["a.v", "b.sv"]),
        ("su\\\nb/c.v", ["sub/c.v"]),
        ("./sub/../a.v", ["a.v"]),
        ("$D/c.v ${D}/d.sv $(D)/deep/e.sv", ["sub/c.v", "sub/d.sv", "sub/deep/e.sv"]),
        ('"$D/c.v"', ["sub/c.v"]),
        ("sub/*.*v", ["sub/c.v", "sub/d.sv"]),
        ("sub/**/*.sv", ["sub/d.sv", "sub/deep/e.sv"]),
        ("odd[1].v", ["odd[1].v"]),
        ("b.sv a.v", ["b.sv", "a.v"]),
    ],
)
def test_sources(folder: Path, text: str, expected: list[str]) -> None:
    files, problems = read(text, {"D": "sub"})
    assert problems == ()
    assert names(files) == expected


def test_absolute_paths_and_patterns(folder: Path) -> None:
    files, problems = read(f"{folder}/a.v {folder}/sub/*.v")
    assert problems == ()
    assert names(files) == ["a.v", "sub/c.v"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+define+A", (("A", None),)),
        ("+define+A=1+B", (("A", "1"), ("B", None))),
        ("+define+W=8'hFF", (("W", "8'hFF"),)),
        ('+define+S=\\"x\\"', (("S", '"x"'),)),
        ("-DA -DB=2 -D C=3", (("A", None), ("B", "2"), ("C", "3"))),
        ("+define+E=", (("E", ""),)),
    ],
)
def test_defines(folder: Path, text: str, expected: tuple[tuple[str, str | None], ...]) -> None:
    files, problems = read(f"{text} a.v")
    assert problems == ()
    assert files is not None
    assert files.defines == expected


@pytest.mark.parametrize("text", ["+incdir+inc+inc2", "+incdir+inc +incdir+inc2", "-Iinc -I inc2", "-Iinc -incdir inc2"])
def test_include_folders(folder: Path, text: str) -> None:
    files, problems = read(f"{text} a.v")
    assert problems == ()
    assert files is not None
    assert files.include_dirs == (folder / "inc", folder / "inc2")


def test_libraries(folder: Path) -> None:
    files, problems = read("-y lib -v lib/cell.v +libext+.v+.sv a.v")
    assert problems == ()
    assert files is not None
    assert files.library_dirs == (folder / "lib",)
    assert files.library_files == (folder / "lib/cell.v",)
    assert files.library_exts == (".v", ".sv")


def test_parameters(folder: Path) -> None:
    files, problems = read("-GW=8 -G D=4'd3 -gN=1 a.v")
    assert problems == ()
    assert files is not None
    assert files.parameters == (("W", "8"), ("D", "4'd3"), ("N", "1"))


@pytest.mark.parametrize("option", ["--top-module", "-top-module", "--top", "-top"])
def test_top(folder: Path, option: str) -> None:
    files, problems = read(f"{option} chip a.v")
    assert problems == ()
    assert files is not None
    assert files.top == "chip"


def test_nested_list_by_small_f_is_relative_to_the_caller(folder: Path) -> None:
    Path("sub/inner.f").write_text("sub/c.v")
    files, problems = read("a.v -f sub/inner.f b.sv")
    assert problems == ()
    assert names(files) == ["a.v", "sub/c.v", "b.sv"]


def test_nested_list_by_capital_f_is_relative_to_itself(folder: Path) -> None:
    Path("sub/inner.f").write_text("c.v +incdir+deep -F deep/more.f")
    Path("sub/deep/more.f").write_text("e.sv ../d.sv")
    files, problems = read("-F sub/inner.f a.v")
    assert problems == ()
    assert names(files) == ["sub/c.v", "sub/deep/e.sv", "sub/d.sv", "a.v"]
    assert files is not None
    assert files.include_dirs == (folder / "sub/deep",)


def test_base_is_where_entries_are_taken_from(folder: Path) -> None:
    files, problems = read("c.v", base=folder / "sub")
    assert problems == ()
    assert names(files) == ["sub/c.v"]


def test_one_list_twice_is_no_cycle(folder: Path) -> None:
    Path("inner.f").write_text("a.v")
    files, problems = read("-f inner.f -f inner.f b.sv")
    assert names(files) == ["a.v", "b.sv"]
    assert [problem.severity for problem in problems] == [Severity.NOTE]


def test_list_that_names_itself(folder: Path) -> None:
    files, problems = read("a.v\n-f list.f")
    assert files is None
    assert problems[0].message == "the list includes itself: list.f:2 -> list.f"
    assert (problems[0].file, problems[0].line) == ("list.f", 2)


def test_lists_that_name_each_other(folder: Path) -> None:
    Path("one.f").write_text("\n\n-F sub/two.f")
    Path("sub/two.f").write_text("-F ../list.f")
    files, problems = read("-f one.f")
    assert files is None
    assert problems[0].message == "the list includes itself: list.f:1 -> one.f:3 -> sub/two.f:1 -> list.f"
    assert (problems[0].file, problems[0].line) == ("sub/two.f", 1)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a.v\nmissing.v", 2, "there is no file `missing.v`"),
        ("a.v\n\n  $NO/x.v", 3, "environment variable NO is not set"),
        ("-y ${NO}", 1, "environment variable NO is not set"),
        ("a.v\nsub", 2, "`sub` is a folder, not a file"),
        ("a.v \\\n none/*.v", 2, "no file fits `none/*.v`"),
        ("/* a\n */\n/* b", 3, "a comment has no end"),
        ('a.v\n"b.sv\n', 2, "a quoted name has no end"),
        ("a.v\n'b.sv", 2, "a quoted name has no end"),
        ("a.v -f", 1, "`-f` is the last word, its value is missing"),
        ("a.v\n-f none.f", 2, "there is no filelist `none.f`"),
        ("a.v -v none.v", 1, "there is no library file `none.v`"),
        ("a.v +define+", 1, "`+define+` names nothing"),
        ("a.v +define+1A=2", 1, "`1A` is no name for a macro"),
        ("a.v -GW", 1, "`W` sets no parameter"),
        ("a.v -f sub", 1, "filelist `sub` can't be read: Is a directory"),
    ],
)
def test_errors_name_their_line(folder: Path, text: str, line: int, message: str) -> None:
    files, problems = read(text)
    assert files is None
    assert [(problem.message, problem.file, problem.line) for problem in problems] == [(message, "list.f", line)]


def test_all_errors_are_reported_at_once(folder: Path) -> None:
    _, problems = read("x.v\ny.v\n$NO\n")
    assert [problem.line for problem in problems] == [1, 2, 3]
    assert problems[2].hint == "Set it before the run: export NO=..."


@pytest.mark.parametrize("text", ["", "\n\n", "// nothing\n", "+define+A"])
def test_list_without_sources(folder: Path, text: str) -> None:
    files, problems = read(text)
    assert files is None
    assert [problem.message for problem in problems] == ["names no source file"]


def test_missing_list(folder: Path) -> None:
    files, problems = read_filelist(Path("none.f"))
    assert files is None
    assert str(problems[0]).startswith("none.f: error: there is no such filelist")


def test_binary_list(folder: Path) -> None:
    files, problems = read("a.v\0")
    assert files is None
    assert "binary" in problems[0].message


@pytest.mark.parametrize(
    ("text", "severity", "message"),
    [
        ("a.v\n--surprise", Severity.WARNING, "unknown option `--surprise`"),
        ("a.v\n+surprise+x", Severity.WARNING, "unknown option `+surprise+x`"),
        ("a.v\n+incdir+none", Severity.WARNING, "include folder `none` does not exist"),
        ("a.v\n-y none", Severity.WARNING, "library folder `none` does not exist"),
        ("a.v\n+define+W=$clog2", Severity.WARNING, "$clog2 is no environment variable and stays as written"),
        ("a.v\n-sverilog", Severity.NOTE, "`-sverilog` does not matter here and is ignored"),
        ("a.v\n-full64", Severity.NOTE, "`-full64` does not matter here and is ignored"),
        ("a.v\n-timescale=1ns/1ps", Severity.NOTE, "`-timescale=1ns/1ps` does not matter here and is ignored"),
        ("a.v\n-timescale 1ns/1ps", Severity.NOTE, "`-timescale 1ns/1ps` does not matter here and is ignored"),
        ("a.v\n-Wno-WIDTH", Severity.NOTE, "`-Wno-WIDTH` does not matter here and is ignored"),
        ("a.v\n--Mdir obj", Severity.NOTE, "`--Mdir obj` does not matter here and is ignored"),
        ("a.v\n+acc", Severity.NOTE, "`+acc` does not matter here and is ignored"),
        ("a.v\na.v", Severity.NOTE, "`a.v` is listed twice and taken once"),
    ],
)
def test_what_leaves_a_value(folder: Path, text: str, severity: Severity, message: str) -> None:
    files, problems = read(text)
    assert names(files) == ["a.v"]
    assert [(problem.message, problem.severity, problem.line) for problem in problems] == [(message, severity, 2)]


def test_sources_of_another_language_are_left_out(folder: Path) -> None:
    Path("model.cpp").write_text("int x;")
    files, problems = read("a.v model.cpp")
    assert names(files) == ["a.v"]
    assert [problem.severity for problem in problems] == [Severity.WARNING]
