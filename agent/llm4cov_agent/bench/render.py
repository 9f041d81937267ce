"""Renders a stimulus in whichever language is asked for. Knows neither language."""

from __future__ import annotations

from collections.abc import Callable

from llm4cov_agent.bench.cocotb import render_cocotb
from llm4cov_agent.bench.stimulus import Stimulus, problems_of
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.rtl.design import Design


def render(stimulus: Stimulus, design: Design, language: Language) -> Testbench:
    """Render a stimulus in a language; a stimulus that does not fit the design is a bug of its policy."""
    problems = problems_of(stimulus, design)
    if problems:
        raise AssertionError(f"the policy made an unfit stimulus: {problems[0]}")
    renderer: Callable[[Stimulus, Design], Testbench] = render_systemverilog if language is Language.SYSTEMVERILOG else render_cocotb
    return renderer(stimulus, design)
