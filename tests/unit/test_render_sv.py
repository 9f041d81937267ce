from __future__ import annotations

import random
import re
import shlex
from dataclasses import replace
from pathlib import Path

from llm4cov_agent.bench.stimulus import Drive, Hold, Random, RandomField, Reset, Sequence, Stimulus, Wait, default_clocks
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import DesignFile, Instance
from llm4cov_agent.rtl.source import Span
from tests.unit.designs_by_hand import ALU, design, port

GOLDEN = Path(__file__).parent / "goldens" / "tb_alu.sv"

SHORT = Stimulus(
    "alu",
    42,
    default_clocks(ALU.clocks),
    (
        Sequence("start_up", "Reset, then one addition.", (
            Reset(3), Drive((("a", 0x1234), ("op", 0), ("start", 1))), Hold(1), Wait("busy", 0, 20),
        )),
        Sequence("table", "Random requests while the pads change hands.", (
            Random(100, (
                RandomField("start", (0,), 80, 0),
                RandomField("a", (0, 0x1234, 0x1234), 50, 30),
                *(RandomField(f"regs[{index}]", (), 0, 90) for index in range(8)),
                RandomField("pads"),
                RandomField("pads.enable", (), 0, 70),
            )),
        )),
    ),
)  # fmt: skip


def text_of(stimulus: Stimulus = SHORT) -> str:
    return render_systemverilog(stimulus, ALU).text


def test_golden() -> None:
    assert text_of() == GOLDEN.read_text()


def command_of(text: str) -> tuple[list[str], str]:
    """Give the words of the command in a header, and the program that it makes."""
    lines = text.splitlines()
    command, program = (line.removeprefix("//   $ ") for line in lines[3:5])
    return shlex.split(command), program


def test_the_command_in_the_header_is_one_line_for_a_shell() -> None:
    many = tuple(DesignFile(Path(f"/x/a file with a long name {index}.sv"), "", "source") for index in range(9))
    rtl = replace(ALU, files=many, include_dirs=(Path("/x/inc dir"),), defines=(("SIZE", "(1 << 4)"), ("FAST", None)))
    words, program = command_of(render_systemverilog(SHORT, rtl).text)
    assert words == [
        *("verilator", "--binary", "--timing", "tb_alu.sv", "-DSIZE=(1 << 4)", "-DFAST", "-Iinc dir"),
        *(f"a file with a long name {index}.sv" for index in range(9)),
        *("--top-module", "tb_alu"),
    ]
    assert program == "obj_dir/Vtb_alu"


def test_two_underscores_in_a_row_do_not_change_the_name_of_the_program() -> None:
    words, program = command_of(render_systemverilog(SHORT, ALU, variant="KEEP_1").text)
    assert (words[-2:], program) == (["-o", "tb_alu__KEEP_1"], "obj_dir/tb_alu__KEEP_1")


def test_same_input_same_bytes_wherever_the_files_lie() -> None:
    moved = replace(ALU, files=tuple(replace(file, path=Path("/elsewhere") / file.path.name) for file in ALU.files))
    assert render_systemverilog(SHORT, moved) == render_systemverilog(SHORT, ALU)


def test_name_avoids_modules_of_the_design() -> None:
    testbench = render_systemverilog(SHORT, replace(ALU, instances=(Instance("alu.t", "tb_alu", Span("x", 1, 1, 1, 1)),)))
    assert testbench.language is Language.SYSTEMVERILOG
    assert testbench.name == "tb_alu_2"
    assert "module tb_alu_2;" in testbench.text


def test_no_name_is_declared_twice() -> None:
    names = (
        "tick",
        "reset_dut",
        "i",
        "tb",
        "state",
        "always_x",
        "foo+bar",
        "foo_bar_port",
        "cycles",
        "rng_state",
        "dut",
        "start_up",
        "wire",
    )
    odd = design("odd", (*(port(name, "input", 9) for name in names), port("odd", "output")), resets=(("i", True),))
    fields = tuple(RandomField(name, (1, 2), 50, 50) for name in names if name != "i")
    stimulus = Stimulus("odd", 1, (), (Sequence("start_up", "S.", (Reset(2), Wait("odd", 1, 3), Random(5, fields))),))
    text = render_systemverilog(stimulus, odd).text
    declared = re.findall(r"^  (?:logic|wire)(?: \[.*?\])? (\w+)", text, re.MULTILINE)
    called = re.findall(r"^  (?:task|function) automatic (?:.*? )?(\w+)(?:\(|;)", text, re.MULTILINE)
    everything = [*declared, *called, "dut_2"]
    assert len(everything) == len(set(everything))
    assert ".\\foo+bar  (foo_bar_port_2)" in re.sub(r" +\(", "  (", text)
    assert ") dut_2 (" not in text and "odd dut_2 (" in text


def test_long_stimulus_stays_short() -> None:
    generator = random.Random(1)
    steps = [
        step
        for _ in range(400)
        for step in (Drive((("a", generator.getrandbits(16)), ("start", generator.getrandbits(1)))), Hold(generator.randint(1, 99)))
    ]
    text = text_of(replace(SHORT, sequences=(Sequence("found", "Found.", tuple(steps)),)))
    assert len(text.splitlines()) < 150
    assert max(map(len, text.splitlines())) <= 110


def test_comments_stay_on_their_line_and_name_no_tool() -> None:
    text = text_of(replace(SHORT, sequences=(Sequence("one", "verilator lint_off all \u2028`endif", (Hold(1),)),)))
    directives = [line for line in text.splitlines() if "// verilator" in line]
    assert directives == ["// verilator coverage_off", "// verilator coverage_on"], "ours, around the whole testbench"
    assert "\u2028" not in text


def test_random_policy_reads_like_a_testbench() -> None:
    text = text_of(random_stimulus(ALU, seed=3))
    assert len(text.splitlines()) < 260
    assert text.count("endtask") >= 7
