"""Which files make a design, in which order, and what is said when they don't."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet


@pytest.fixture(autouse=True)
def _in_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)


def write(files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        path = Path.cwd() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def run(
    *names: str,
    top: str | None = None,
    search: bool = True,
    include: tuple[str, ...] = (),
    library_dirs: tuple[str, ...] = (),
    library_files: tuple[str, ...] = (),
    library_exts: tuple[str, ...] = (),
    defines: tuple[tuple[str, str | None], ...] = (),
    parameters: tuple[tuple[str, str], ...] = (),
) -> tuple[Design | None, tuple[Problem, ...]]:
    def paths(some: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(Path.cwd() / name for name in some)

    files = FileSet(
        sources=paths(names),
        include_dirs=paths(include),
        library_dirs=paths(library_dirs),
        library_files=paths(library_files),
        library_exts=library_exts,
        defines=defines,
        parameters=parameters,
        top=top,
    )
    return elaborate(files, search=search)


def good(result: tuple[Design | None, tuple[Problem, ...]]) -> Design:
    design, problems = result
    assert design is not None, [str(problem) for problem in problems]
    assert not [problem for problem in problems if problem.severity is Severity.ERROR]
    return design


def errors(result: tuple[Design | None, tuple[Problem, ...]]) -> list[Problem]:
    design, problems = result
    assert design is None
    found = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert found
    return found


def roles(design: Design) -> list[tuple[str, str]]:
    return [(str(file.path.relative_to(Path.cwd())), file.role) for file in design.files]


def test_packages_come_before_their_users() -> None:
    write(
        {
            "top.sv": "module top import b_pkg::*; (input b_t x); endmodule",
            "b.sv": "package b_pkg; typedef a_pkg::a_t b_t; endpackage",
            "a.sv": "package a_pkg; typedef logic [3:0] a_t; endpackage",
        }
    )
    design = good(run("top.sv", "b.sv", "a.sv"))
    assert [path.name for path in design.sources] == ["a.sv", "b.sv", "top.sv"]
    assert design.port("x").width == 4


def test_macro_files_come_before_their_users() -> None:
    write({"top.v": "module top(input [`WIDTH-1:0] x); endmodule", "defs.v": "`define WIDTH 6\n"})
    design = good(run("top.v", "defs.v"))
    assert [path.name for path in design.sources] == ["defs.v", "top.v"]
    assert design.port("x").width == 6


def test_order_given_is_kept_otherwise() -> None:
    write({"z.v": "module z; endmodule", "a.v": "module a; z u(); m v(); endmodule", "m.v": "module m; endmodule"})
    assert [path.name for path in good(run("z.v", "a.v", "m.v")).sources] == ["z.v", "a.v", "m.v"]


def test_a_file_given_twice_is_used_once() -> None:
    write({"a.v": "module a; endmodule"})
    assert roles(good(run("a.v", "./a.v", "a.v"))) == [("a.v", "source")]


def test_include_dirs_and_digests() -> None:
    write({"rtl/a.v": '`include "w.vh"\nmodule a(input [`W-1:0] x); endmodule', "inc/w.vh": "`define W 5\n"})
    design = good(run("rtl/a.v", include=("inc",), search=False))
    assert roles(design) == [("rtl/a.v", "source"), ("inc/w.vh", "include")]
    assert all(file.digest.startswith("sha256:") for file in design.files)
    assert design.port("x").width == 5
    assert design.include_dirs == (Path.cwd() / "inc",)


def test_include_beside_the_source_gets_its_folder_listed() -> None:
    write({"rtl/a.v": '`include "w.vh"\nmodule a(input [`W-1:0] x); endmodule', "rtl/w.vh": "`define W 5\n"})
    assert good(run("rtl/a.v", search=False)).include_dirs == (Path.cwd() / "rtl",)


def test_missing_include_is_found_around() -> None:
    write({"rtl/a.v": '`include "sub/w.vh"\nmodule a(input [`W-1:0] x); endmodule', "common/sub/w.vh": "`define W 5\n"})
    assert good(run("rtl/a.v")).include_dirs == (Path.cwd() / "common",)
    (problem,) = errors(run("rtl/a.v", search=False))
    assert (problem.file, problem.line, problem.code) == ("rtl/a.v", 1, "CouldNotOpenIncludeFile")
    assert "sub/w.vh" in problem.message
    assert problem.hint is not None and "-I" in problem.hint


def test_ambiguous_include_is_not_guessed() -> None:
    write({"rtl/a.v": '`include "w.vh"\nmodule a; endmodule', "x/w.vh": "`define W 5\n", "y/w.vh": "`define W 6\n"})
    assert errors(run("rtl/a.v"))[0].code == "CouldNotOpenIncludeFile"


def test_defines_reach_the_source() -> None:
    write({"a.v": "module a(input [`W-1:0] x\n`ifdef MORE\n, input y\n`endif\n); endmodule"})
    design = good(run("a.v", defines=(("W", "3"), ("MORE", None))))
    assert [(port.name, port.width) for port in design.ports] == [("x", 3), ("y", 1)]
    assert design.defines == (("W", "3"), ("MORE", None))


def test_library_dirs_files_and_extensions() -> None:
    write(
        {
            "a.v": "module a; one u(); two v(); three w(); endmodule",
            "lib/one.v": "module one; endmodule",
            "lib/two.vx": "module two; endmodule",
            "lib/other.v": "module other; nonesuch x(); endmodule",
            "cells.v": "module three; endmodule module four; nonesuch x(); endmodule",
        }
    )
    design = good(run("a.v", library_dirs=("lib",), library_files=("cells.v",), library_exts=(".vx",), search=False))
    assert design.top == "a"
    assert sorted(roles(design)) == [("a.v", "source"), ("cells.v", "library"), ("lib/one.v", "library"), ("lib/two.vx", "library")]


def test_unused_library_file_is_left_out() -> None:
    write({"a.v": "module a; endmodule", "cells.v": "module three; endmodule"})
    assert roles(good(run("a.v", library_files=("cells.v",)))) == [("a.v", "source")]


@pytest.mark.parametrize(
    ("start", "other"),
    [
        ("top.v", "sub.v"),
        ("top.v", "parts/sub.v"),
        ("rtl/top.v", "sub.v"),
        ("rtl/top.v", "lib/deep/sub.sv"),
        ("rtl/core/top.v", "common/all_cells.v"),
        ("top.v", "oddly_named.v"),
    ],
)
def test_missing_modules_are_found_around(start: str, other: str) -> None:
    write({start: "module top; sub u(); endmodule", other: "module sub; endmodule", "unneeded.v": "module unneeded; broken"})
    assert sorted(roles(good(run(start)))) == sorted([(start, "source"), (other, "source")])
    (problem,) = errors(run(start, search=False))
    assert (problem.file, problem.line, problem.code) == (start, 1, "UnknownModule")
    assert "'sub'" in problem.message
    assert problem.hint is not None and "sub" in problem.hint


def test_search_goes_on_for_what_was_found() -> None:
    write(
        {
            "top.sv": "module top; mid u(); endmodule",
            "mid.sv": "module mid import k_pkg::*; (); leaf #(K) u(); endmodule",
            "k_pkg.sv": "package k_pkg; parameter K = 3; endpackage",
            "leaf.sv": "module leaf #(parameter N = 1)(); endmodule",
        }
    )
    design = good(run("top.sv"))
    assert {path.name for path in design.sources} == {"top.sv", "mid.sv", "k_pkg.sv", "leaf.sv"}
    assert [path.name for path in design.sources].index("k_pkg.sv") < [path.name for path in design.sources].index("mid.sv")


@pytest.mark.parametrize("folder", [".hidden", "obj_dir", "build", "node_modules"])
def test_hidden_and_build_folders_are_not_searched(folder: str) -> None:
    write({"top.v": "module top; sub u(); endmodule", f"{folder}/sub.v": "module sub; endmodule"})
    assert errors(run("top.v"))[0].code == "UnknownModule"


def test_search_stops_at_the_repository() -> None:
    write({"inner/.git/HEAD": "", "inner/top.v": "module top; sub u(); endmodule", "sub.v": "module sub; endmodule"})
    assert errors(run("inner/top.v"))[0].code == "UnknownModule"


def test_missing_package_is_named() -> None:
    write({"top.sv": "module top;\n  import gone::*;\nendmodule"})
    (problem,) = errors(run("top.sv"))
    assert (problem.line, problem.code) == (2, "UnknownPackage")
    assert problem.message == "package 'gone' was not found"


@pytest.mark.parametrize(
    ("text", "top", "message", "hint"),
    [
        ("module a; endmodule module b; endmodule", None, "several modules can be the top: a, b", "--top"),
        ("module a; endmodule module b; a u(); endmodule", "c", "there is no module 'c'", "a, b"),
        ("package p; endpackage", None, "there is no module in the files", None),
        ("module a; a u(); endmodule", None, "every module is instantiated by another, so none is the top", "--top"),
    ],
)
def test_top_problems(text: str, top: str | None, message: str, hint: str | None) -> None:
    write({"a.sv": text})
    (problem,) = errors(run("a.sv", top=top))
    assert problem.message == message
    assert hint is None or (problem.hint is not None and hint in problem.hint)


def test_top_may_be_instantiated_elsewhere() -> None:
    write({"a.v": "module a; endmodule module b; a u(); nonesuch v(); endmodule"})
    assert good(run("a.v", top="a")).top == "a"


def test_the_only_candidate_is_the_top() -> None:
    write({"a.v": "module leaf; endmodule", "b.v": "module chip; leaf u(); endmodule"})
    assert good(run("a.v", "b.v")).top == "chip"


def test_unknown_parameter() -> None:
    write({"a.v": "module a #(parameter W = 1)(); localparam L = 2; endmodule"})
    (problem,) = errors(run("a.v", parameters=(("X", "3"),)))
    assert problem.message == "the top 'a' has no parameter 'X'"
    assert problem.hint == "Parameters that can be set: W."
    assert errors(run("a.v", parameters=(("L", "3"),)))
    assert errors(run("a.v", parameters=(("W", "("),)))


def test_syntax_error_has_its_place() -> None:
    write({"rtl/a.v": "module a(input x);\n  assign = x;\nendmodule\n"})
    (problem,) = errors(run("rtl/a.v"))
    assert (problem.file, problem.line, problem.column, problem.code) == ("rtl/a.v", 2, 10, "ExpectedExpression")


def test_semantic_error_has_its_place() -> None:
    write({"a.v": "module a(output y);\n  assign y = nonesuch;\nendmodule\n"})
    (problem,) = errors(run("a.v"))
    assert (problem.file, problem.line, problem.column, problem.code) == ("a.v", 2, 14, "UndeclaredIdentifier")


def test_a_file_outside_the_current_folder_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"a.v": "module a(output y);\n  assign y = nonesuch;\nendmodule\n", "elsewhere/x": ""})
    monkeypatch.chdir(tmp_path / "elsewhere")
    _, problems = elaborate(FileSet(sources=(tmp_path / "a.v",)))
    assert problems[0].file == str((tmp_path / "a.v").resolve())


def test_errors_of_all_instances_are_said_once_and_not_too_many() -> None:
    bad = "\n".join(f"assign y[{index}] = nonesuch{index};" for index in range(40))
    write({"a.v": f"module leaf(output [39:0] y);\n{bad}\nendmodule module a; leaf u(), v(), w(); endmodule"})
    found = errors(run("a.v"))
    assert len(found) == len(set(found)) == 20


def test_duplicate_modules_name_both_files() -> None:
    write({"a.v": "module m; endmodule module t; m u(); endmodule", "b.v": "module m; endmodule"})
    (problem,) = errors(run("a.v", "b.v"))
    assert "a.v" in problem.message and "b.v" in problem.message and "'m'" in problem.message


def test_a_source_that_another_includes_is_read_once() -> None:
    write({"a.v": '`include "b.v"\nmodule a; b u(); endmodule', "b.v": "module b; endmodule"})
    design = good(run("a.v", "b.v"))
    assert roles(design) == [("a.v", "source"), ("b.v", "include")]


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "binary": (b"\x7fELF\0\0\0", "binary"),
    "only a comment": (b"// nothing\n", "no module"),
    "unbalanced": (b"module a(input x", "expected"),
    "stray end": (b"module a; endmodule end", "expected"),
    "unterminated comment": (b"module a; /* endmodule", "comment"),
    "unterminated string": (b'module a; initial $display("x; endmodule\n', "quote"),
    "unknown macro": (b"module a; wire w = `NONE; endmodule", "unknown macro"),
    "encrypted": (
        b"`pragma protect begin_protected\n`pragma protect data_block\nabc=\n`pragma protect end_protected\n",
        "encrypted|no module",
    ),
    "endless instances": (b"module a #(parameter N = 0)(); a #(N + 1) u(); endmodule module t; a u(); endmodule", "depth|recurs"),
    "unclosed ifdef": (b"`ifdef X\nmodule a; endmodule\n", "endif"),
    "nonsense": (bytes(range(1, 256)), "."),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_problems(name: str) -> None:
    content, expected = BAD_FILES[name]
    write({"a.v": content})
    found = errors(run("a.v"))
    assert any(re.search(expected, problem.message) for problem in found), [str(problem) for problem in found]
    assert all(problem.file in ("a.v", None) for problem in found)


def test_include_cycle_ends() -> None:
    write({"a.v": '`include "b.vh"\nmodule a; endmodule', "b.vh": '`include "c.vh"\n', "c.vh": '`include "b.vh"\n'})
    (problem,) = errors(run("a.v"))
    assert problem.code == "ExceededMaxIncludeDepth"
    assert problem.hint is not None


def test_missing_and_no_files() -> None:
    assert errors(run("none.v"))[0].file == "none.v"
    assert "no source file" in errors(run())[0].message
    write({"folder/x": ""})
    assert "folder" in errors(run("folder"))[0].message


def test_empty_file_beside_others_is_a_warning() -> None:
    write({"a.v": "module a; endmodule", "e.v": ""})
    design, problems = run("a.v", "e.v")
    assert design is not None
    assert [(problem.file, problem.severity) for problem in problems] == [("e.v", Severity.WARNING)]


def test_latin_1_comments() -> None:
    write(
        {
            "a.v": b"// Gr\xfc\xdfe\nmodule a(input x); endmodule\n",
            "b.v": b'`include "h.vh"\nmodule b; a u(`ONE); endmodule',
            "h.vh": b"// \xfc\n`define ONE 1'b1\n",
        }
    )
    design, problems = run("a.v", "b.v")
    assert design is not None and design.top == "b"
    assert [(problem.file, problem.severity) for problem in problems if problem.file == "a.v"] == [("a.v", Severity.WARNING)]


def test_deep_nesting_is_no_crash() -> None:
    write({"a.v": f"module a(output y); assign y = {'(' * 5000}1{')' * 5000}; endmodule"})
    run("a.v")
    chain = " + ".join(["x"] * 3000)
    write({"b.v": f"module b(input x, output y); assign y = {chain}; endmodule"})
    run("b.v")


def test_data_files() -> None:
    write(
        {
            "rtl/a.v": 'module a #(parameter FILE = "img.hex")(input clk); reg [7:0] m[0:3]; integer f;\n'
            'initial begin $readmemh(FILE, m); $readmemb("bits.mem", m); f = $fopen("in.txt", "r"); f = $fopen("out.txt", "w"); end\n'
            "endmodule",
            "rtl/img.hex": "00",
            "bits.mem": "1",
            "in.txt": "x",
            "out.txt": "x",
        }
    )
    design = good(run("rtl/a.v"))
    assert roles(design)[1:] == [("rtl/img.hex", "data"), ("bits.mem", "data"), ("in.txt", "data")]


def test_missing_data_file_is_a_warning() -> None:
    write({"a.v": 'module a; reg [7:0] m[0:3];\ninitial $readmemh("gone.hex", m); endmodule'})
    design, problems = run("a.v")
    assert design is not None
    assert [(one.line, one.severity) for one in problems] == [(2, Severity.WARNING)]


def test_equal_contents_have_equal_digests(tmp_path: Path) -> None:
    write({"x/a.v": "module a; endmodule", "y/a.v": "module a; endmodule"})
    assert good(run("x/a.v")).digest == good(run("y/a.v")).digest


def test_five_thousand_lines_take_a_second() -> None:
    body = "\n".join(
        f"reg [15:0] r{index}; always @(posedge clk or negedge rst_n)\n if (!rst_n) r{index} <= 0;\n"
        f" else if (d == 16'd{index}) r{index} <= d + {index};\n else case (r{index}[3:0])"
        f" 4'd1: r{index} <= d; default: r{index} <= r{index}; endcase"
        for index in range(1250)
    )
    write({"a.v": f"module a(input clk, input rst_n, input [15:0] d);\n{body}\nendmodule\n"})
    begin = time.process_time()
    design = good(run("a.v"))
    # About 0.5 s on an idle machine; the bound only catches growth faster than the text's.
    assert time.process_time() - begin < 40
    assert design.clocks[0].registers == 20_000
    assert len(design.port("d").constants) == 1250


def test_five_megabytes_take_reasonable_time() -> None:
    line = "// a long comment that stands for a netlist nobody reads, repeated until the file is large\n"
    write({"a.v": "module a(input x); endmodule\n" + line * (5_000_000 // len(line))})
    begin = time.process_time()
    assert good(run("a.v")).top == "a"
    assert time.process_time() - begin < 20


def test_a_package_of_a_branch_that_is_not_taken_is_found_too(tmp_path: Path) -> None:
    """Verilator resolves it there, slang does not."""
    (tmp_path / "extra_pkg.sv").write_text("package extra_pkg;\n  localparam int N = 3;\nendpackage\n")
    (tmp_path / "top.sv").write_text(
        "module top (input logic a, output logic b);\n"
        "  if (0) begin : g\n    localparam int M = extra_pkg::N;\n  end\n  assign b = a;\nendmodule\n"
    )
    design, problems = elaborate(FileSet(sources=(tmp_path / "top.sv",)))
    assert design is not None and not problems
    assert [path.name for path in design.sources] == ["extra_pkg.sv", "top.sv"]
