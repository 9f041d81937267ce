"""Scripts in the stimulus language under the real simulator: what is read compiles and completes, whatever a decoder drew."""

from __future__ import annotations

import random

import pytest
from fixtures import loader

from llm4cov_agent.bench.script import parse_script
from llm4cov_agent.bench.script_grammar import script_grammar
from llm4cov_agent.bench.script_text import script_of
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.judge.evaluator import Evaluation, evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits, Simulator
from llm4cov_agent.rtl.design import Design
from tests.unit import gbnf

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)
"""A loaded machine is no reason to fail."""
HALF_ADDER = """
sequence corners  # All four sums, drawn in between.
  drive a=1 b=1
  wait carry == 1 limit 5
  drive a=0
  hold 1
  drive a=1 b=0; hold 1
  drive a=0 b=0; hold 1
  random 20 a:25% b~50%
end
"""
ALU = """
sequence codes  # Every code, the illegal ones too.
  reset 3
  drive valid_in=1 a=0x7fffffff b=1 op=OP_SADD
  hold 1
  drive op=15
  wait illegal == 1 limit 10
  random 60 all
  random 60 seed 9 op={OP_CMP,OP_SUB}:80% a={0,0x80000000}~50% a b valid_in:90%
end
"""
FIFO_ASYNC = """
sequence fill  # Writes fast, reads slowly.
  reset 4
  repeat 3
    reset 2 wrst_n
    pace rclk 32
    drive w_en=1 r_en=0
    wait full == 1 limit 200
    drive w_en=0 r_en=1
    hold 20 on rclk
    random 30 w_en r_en:75% w_data={1,0xff}
  end
end
sequence fill  # The name comes twice.
  random 40 all
  wait empty != 0 limit 100
end
"""


def judged(simulator: Simulator, design: Design, stimulus: Stimulus) -> Evaluation:
    evaluation = evaluate(simulator, Job(design=design, testbench=render_systemverilog(stimulus, design), limits=LIMITS))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    return evaluation


@pytest.mark.parametrize(("name", "text", "least"), [("half_adder", HALF_ADDER, 90), ("alu", ALU, 70), ("fifo_async", FIFO_ASYNC, 70)])
def test_a_script_runs(name: str, text: str, least: float, simulator: Simulator) -> None:
    design = loader.design(name)
    stimulus, problems = parse_script(text, design, seed=1)
    assert stimulus is not None and not problems, [str(problem) for problem in problems]
    evaluation = judged(simulator, design, stimulus)
    assert evaluation.overall is not None and evaluation.overall >= least
    if name == "half_adder":
        assert {hole.point for hole in evaluation.holes} == set(loader.load(name).unreachable), "all that can be hit is"
    again, _ = parse_script(script_of(stimulus, design), design, seed=1)
    assert again is not None and render_systemverilog(again, design) == render_systemverilog(stimulus, design)


@pytest.mark.parametrize("name", ["half_adder", "fifo_async", "matrix_mac"])
def test_what_a_decoder_draws_at_random_runs(name: str, simulator: Simulator) -> None:
    design = loader.design(name)
    text = gbnf.draw(gbnf.read(script_grammar(design)), random.Random(name))
    stimulus, problems = parse_script(text, design, seed=1)
    assert stimulus is not None, [str(problem) for problem in problems]
    judged(simulator, design, stimulus)
