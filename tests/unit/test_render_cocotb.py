from __future__ import annotations

import ast
import builtins
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench import prng
from llm4cov_agent.bench.cocotb import render_cocotb
from llm4cov_agent.bench.cocotb_parts import GENERATOR, TO_SIGNED
from llm4cov_agent.bench.stimulus import Hold, Random, RandomField, Reset, Sequence, Stimulus
from llm4cov_agent.bench.testbench import Language
from tests.unit.designs_by_hand import ALU, design, port
from tests.unit.test_render_sv import SHORT

GOLDEN = Path(__file__).parent / "goldens" / "tb_alu.py"


def test_golden() -> None:
    testbench = render_cocotb(SHORT, ALU)
    assert testbench.language is Language.COCOTB
    assert testbench.file_name == GOLDEN.name
    assert testbench.text == GOLDEN.read_text()


def test_names_are_python_names_and_hide_nothing() -> None:
    names = ("import", "print", "tick", "_x", "foo+bar", "rng", "clk")
    odd = design("odd", (*(port(name, "input") for name in names), port("q", "output")), resets=(("rng", True),))
    sequences = tuple(Sequence(name, 'A "quoted" comment.', (Hold(1),)) for name in ("tick", "lambda", "print", "dut", "cocotb"))
    stimulus = Stimulus("odd", 1, (), (*sequences, Sequence("draw", "D.", (Reset(1), Random(3, tuple(RandomField(n) for n in names))))))
    text = render_cocotb(stimulus, odd).text
    functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    assert len(functions) == len(set(functions))
    assert not set(functions) & set(dir(builtins))
    for spelled in ('dut["import"].value', "dut.print.value", 'dut["_x"].value', 'dut["foo+bar"].value'):
        assert spelled in text


def test_a_sequence_without_steps_is_still_a_function() -> None:
    text = render_cocotb(replace(SHORT, sequences=(Sequence("none", "None.", ()),)), ALU).text
    compile(text, "tb", "exec")


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 140),
    choices=st.lists(st.integers(0, 1), max_size=5),
    choice_percent=st.integers(1, 100),
    stay_percent=st.integers(0, 100),
)
def test_the_written_generator_is_that_of_the_project(
    seed: int, width: int, choices: list[int], choice_percent: int, stay_percent: int
) -> None:
    written: dict[str, object] = {}
    exec(GENERATOR + TO_SIGNED, written)
    rng = written["Xorshift32"](prng.seed_state(seed))  # type: ignore[operator]
    state, current = prng.seed_state(seed), 0
    drawn = 0
    for _ in range(20):
        state, current = prng.draw_field(
            state,
            width=width,
            current=current,
            choices=choices,
            choice_percent=choice_percent if choices else 0,
            stay_percent=stay_percent,
        )
        if not (stay_percent and rng.chance(stay_percent)):
            drawn = rng.draw(width, choice_percent, choices) if choices else rng.bits(width)
        assert drawn == current
    assert written["to_signed"](0xFF, 8) == -1  # type: ignore[operator]
