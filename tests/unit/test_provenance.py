"""How a testbench was made stands in its header, moves no line, and is no part of what is judged, stored and looked up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llm4cov_agent.bench.cocotb import render_cocotb
from llm4cov_agent.bench.provenance import Provenance, stamped, unstamped
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.cli.testbench import read_job, read_present
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from tests.unit.designs_by_hand import ALU
from tests.unit.test_render_sv import SHORT

MADE = Provenance(version="1.2", policies=("llama with small.gguf", "closure"), seed=7, coverage="97.2 % (line 92.0)")
WORDS = "Made by llm4cov-lsp 1.2, llama with small.gguf and closure, seed 7; covered 97.2 % (line 92.0) when it was made."
LONG = replace(ALU, top="a_" * 90 + "z")


def _texts() -> list[str]:
    return [render_systemverilog(SHORT, ALU).text, render_cocotb(SHORT, ALU).text, render_systemverilog(SHORT, LONG).text]


@pytest.mark.parametrize("text", _texts())
def test_it_takes_the_place_of_an_empty_comment_line(text: str) -> None:
    with_it = stamped(text, MADE)
    before, after = text.split("\n"), with_it.split("\n")
    assert len(before) == len(after)
    [(was, now)] = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert now == f"{was} {WORDS}" and was in ("//", "#")
    assert unstamped(with_it) == text and unstamped(text) == text
    other = replace(MADE, version="2.0", coverage="")
    assert stamped(with_it, other) == stamped(text, other) != with_it
    assert "covered" not in stamped(text, other)


def test_names_from_outside_stay_in_their_comment() -> None:
    text = render_systemverilog(SHORT, ALU).text
    odd = stamped(text, replace(MADE, policies=("llama with a\n`endif\u2028model \\",)))
    assert len(odd.split("\n")) == len(text.split("\n")) and "\u2028" not in odd and unstamped(odd) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "module tb;\n//\nendmodule\n",
        "// Testbench of mine.\nmodule tb;\n//\nendmodule\n",
        f"// My own.\n//\n// {WORDS}\nmodule tb;\nendmodule\n",
        f"module tb;\n// {WORDS}\nendmodule\n",
    ],
)
def test_a_text_of_another_hand_stays_as_it_is(text: str) -> None:
    assert stamped(text, MADE) == text and unstamped(text) == text


def test_what_is_read_to_be_judged_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "none.db"))
    rtl, path = tmp_path / "alu.sv", tmp_path / "tb_alu.sv"
    rtl.write_text("module alu; endmodule\n")
    text = "// Testbench of alu.\n//\nmodule tb_alu;\n  alu dut ();\nendmodule\n"
    path.write_text(stamped(text, MADE))
    assert WORDS in path.read_text()
    design, _ = elaborate(FileSet(sources=(rtl,), top="alu"))
    assert design is not None
    job, problems = read_job(path, design, seed=1, limits=SimulationLimits())
    assert job is not None and job.testbench.text == text, problems
    present, _ = read_present(path, design, store=None, seed=1, limits=SimulationLimits())
    assert present is not None and present.job.testbench.digest == job.testbench.digest
    path.write_text(stamped("// Testbench of alu.\n//\nthis does not parse (", MADE))
    present, _ = read_present(path, design, store=None, seed=1, limits=SimulationLimits())
    assert present is not None and WORDS not in present.job.testbench.text
