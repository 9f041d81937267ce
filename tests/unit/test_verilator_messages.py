"""What Verilator, the compiler and a model print, as problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.verilator.messages import is_internal_error, read_compiler_errors, read_messages, read_run_errors

BUILD = """\
%Warning-WIDTHTRUNC: /p/rtl/a.sv:12:7: Operator ASSIGNW expects 4 bits on the Assign RHS, but Assign RHS's VARREF 'b' generates 8 bits.
                                     : ... note: In instance 'tb.dut'
   12 |   assign a = b;
      |            ^
                      ... Use "/* verilator lint_off WIDTHTRUNC */" and lint_on around source to disable this message.
%Error: /b/testbench/tb.sv:3:9: Can't find definition of variable: 'x'
    3 |   q = x;
%Error: /b/testbench/tb.sv:3:9: Can't find definition of variable: 'x'
%Error-UNSUPPORTED: /p/rtl/a.sv:20: Unsupported: something
%Error: Exiting due to 2 error(s)
"""


def test_errors_and_warnings_of_a_build() -> None:
    problems = read_messages(BUILD, renamed={Path("/b/testbench/tb.sv"): "tb.sv"})
    assert [(one.file, one.line, one.column, one.severity, one.code) for one in problems] == [
        ("/p/rtl/a.sv", 12, 7, Severity.WARNING, "WIDTHTRUNC"),
        ("tb.sv", 3, 9, Severity.ERROR, None),
        ("/p/rtl/a.sv", 20, None, Severity.ERROR, "UNSUPPORTED"),
    ]
    assert problems[1].message == "Can't find definition of variable: 'x'"


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("%Error: /p/my designs/a.sv:3:9: bad", "/p/my designs/a.sv"),
        ("%Error: /p/b-1.2/a.b.sv:3:9: bad", "/p/b-1.2/a.b.sv"),
        ("%Error: /p/caf\xe9/a.v:3:9: bad", "/p/caf\xe9/a.v"),
    ],
)
def test_paths_of_all_sorts(line: str, file: str) -> None:
    assert read_messages(line, renamed={}) == (Problem("bad", file=file, line=3, column=9),)


def test_a_message_without_a_place() -> None:
    (problem,) = read_messages("%Error: Specified --top-module 'tb' was not found in design.", renamed={})
    assert (problem.file, problem.line) == (None, None)
    assert problem.message == "Specified --top-module 'tb' was not found in design."


def test_a_path_below_the_current_folder_is_written_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (problem,) = read_messages(f"%Error: {tmp_path}/rtl/a.sv:3:9: bad", renamed={})
    assert problem.file == "rtl/a.sv"


@pytest.mark.parametrize("text", ["", "\n\n", "- V e r i l a t i o n   R e p o r t", "%Error", "%Error: Exiting due to 1 error(s)"])
def test_what_is_no_message(text: str) -> None:
    assert read_messages(text, renamed={}) == ()


def test_internal_errors() -> None:
    assert is_internal_error("%Error: Internal Error: a.sv:3:4: ../V3Ast.h:100: AstNode is not of expected type")
    assert not is_internal_error(BUILD)


def test_a_compiler_error() -> None:
    (problem,) = read_compiler_errors(
        "In file included from unit0.cpp:2:\nVtop.cpp:12:3: error: 'x' was not declared\nVtop.cpp:13:3: error: y"
    )
    assert "'x' was not declared" in problem.message


def test_functions_in_c_that_are_not_there() -> None:
    text = "/usr/bin/ld: Vtop.o: in function `f':\nx.cpp: undefined reference to `model_step'\nx.cpp: undefined reference to `model_step'\n"
    (problem,) = read_compiler_errors(text)
    assert "model_step" in problem.message and problem.message.count("model_step") == 1
    assert problem.hint is not None and "DPI" in problem.hint


def test_a_compiler_that_says_nothing_known() -> None:
    (problem,) = read_compiler_errors("g++: fatal error: Killed signal terminated program cc1plus")
    assert "Killed" in problem.message


def test_what_a_testbench_reports_itself() -> None:
    text = (
        "hello\n[45] %Error: tb.sv:12: Assertion failed in tb.check: wrong sum\n[50] %Warning: tb.sv:13: odd\n"
        "[60] %Fatal: tb.sv:14: Assertion failed in tb: given up\n%Error: tb.sv:14: Verilog $stop\nAborting...\n"
    )
    problems = read_run_errors(text, renamed={Path("tb.sv"): "sim/tb.sv"})
    assert [(one.line, one.severity) for one in problems] == [
        (12, Severity.ERROR),
        (13, Severity.WARNING),
        (14, Severity.ERROR),
        (14, Severity.ERROR),
    ]
    assert {one.file for one in problems} == {"sim/tb.sv"}
    assert problems[0].message == "Assertion failed in tb.check: wrong sum (at time 45)"


def test_output_that_only_looks_like_a_message() -> None:
    assert read_run_errors("Error: not one of ours\n[x] Error: a.sv:1: no\n", renamed={}) == ()
