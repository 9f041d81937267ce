"""Renders a stimulus in whichever language is asked for. Knows neither language."""

from __future__ import annotations

from llm4cov_agent.bench.cocotb import render_cocotb
from llm4cov_agent.bench.stimulus import Stimulus, problems_of
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.rtl.design import Design


def render(stimulus: Stimulus, design: Design, language: Language, *, variant: str = "") -> Testbench:
    """Render a stimulus in a language; a stimulus that does not fit the design is a bug of its policy.

    `variant`, an identifier, makes the testbench's name differ from that of others of the same design.
    """
    problems = problems_of(stimulus, design)
    if problems:
        raise AssertionError(f"the policy made an unfit stimulus: {problems[0]}")
    if language is Language.SYSTEMVERILOG:
        return render_systemverilog(stimulus, design, variant=variant)
    return render_cocotb(stimulus, design, variant=variant)
