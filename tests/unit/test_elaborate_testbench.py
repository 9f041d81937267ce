"""A user's testbench: its top and the files it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.errors import Severity
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate, read_testbench
from llm4cov_agent.rtl.elaborate import testbench_top as find_top
from llm4cov_agent.rtl.fileset import FileSet


@pytest.fixture
def design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Design:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dut.sv").write_text("`timescale 1ns/1ps\nmodule dut(input clk, output q); sub u(clk, q); endmodule\n")
    (tmp_path / "sub.sv").write_text("module sub(input a, output b); assign b = a; endmodule\n")
    found, problems = elaborate(FileSet(sources=(tmp_path / "dut.sv", tmp_path / "sub.sv")))
    assert found is not None, problems
    return found


TOPS = {
    "plain": "module tb; reg clk = 0; wire q; dut u(clk, q); initial begin #5 clk = 1; $finish; end endmodule",
    "with a helper": "module gen(output logic c); initial c = 0; endmodule module tb; logic c, q; gen g(c); dut u(c, q); endmodule",
    "two deep": "module wrap; logic c, q; dut u(c, q); endmodule module tb; wrap w(); endmodule",
    "with a class": "class item; rand bit [3:0] x; endclass module tb; item i; logic c, q; dut u(c, q); initial i = new; endmodule",
    "unused module": "module spare; endmodule module tb; logic c, q; dut u(c, q); endmodule",
    "a part of the design": "module tb; logic c, q; sub u(c, q); endmodule",
    "program": "program p; initial $display; endprogram module tb; logic c, q; p i(); dut u(c, q); endmodule",
}


@pytest.mark.parametrize("name", TOPS)
def test_top(name: str, design: Design, tmp_path: Path) -> None:
    file = tmp_path / "tb.sv"
    file.write_text(TOPS[name])
    top, problems = find_top(file, design)
    assert top == "tb", [str(problem) for problem in problems]
    assert not [problem for problem in problems if problem.severity is Severity.ERROR]


BAD = {
    "no design in it": ("module tb; initial $finish; endmodule", "instantiates nothing of the design", None),
    "no module": ("package p; endpackage", "no top module", None),
    "two tops": (
        "module a; dut u(); endmodule module b; dut u(); endmodule",
        "several modules can be the top of the testbench: a, b",
        None,
    ),
    "syntax": ("module tb;\n  dut u(;\nendmodule", "expected", 2),
    "unknown module": ("module tb;\n dut u();\n nonesuch x(); endmodule", "nonesuch", 3),
    "missing include": ('`include "none.svh"\nmodule tb; dut u(); endmodule', "none.svh", 1),
    "empty": ("", "is empty", None),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_testbench(name: str, design: Design, tmp_path: Path) -> None:
    text, message, line = BAD[name]
    (tmp_path / "tb.sv").write_text(text)
    top, problems = find_top(tmp_path / "tb.sv", design)
    assert top is None
    found = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert any(message in problem.message for problem in found), [str(problem) for problem in problems]
    assert all(problem.file == "tb.sv" for problem in found)
    if line is not None:
        assert found[0].line == line


def test_missing_testbench(design: Design, tmp_path: Path) -> None:
    top, problems = find_top(tmp_path / "gone.sv", design)
    assert top is None
    assert problems[0].file == "gone.sv"


def test_files_of_a_testbench(design: Design, tmp_path: Path) -> None:
    (tmp_path / "tb").mkdir()
    (tmp_path / "tb" / "tasks.svh").write_text("task t; endtask\n")
    (tmp_path / "tb" / "stimulus.hex").write_text("1")
    (tmp_path / "tb" / "tb.sv").write_text(
        '`timescale 1ns/1ns\nmodule tb; `include "tasks.svh"\n reg [7:0] m[0:1]; initial $readmemh("stimulus.hex", m);\n'
        " logic c, q; dut u(c, q); endmodule\n"
    )
    source, problems = read_testbench(tmp_path / "tb" / "tb.sv", design)
    assert source is not None, problems
    assert [(file.path.name, file.role) for file in source.files] == [
        ("tb.sv", "source"),
        ("tasks.svh", "include"),
        ("stimulus.hex", "data"),
    ]
    assert source.include_dirs == (tmp_path / "tb",)
    assert source.timescale == "1ns/1ns"
