"""The closure policy: search and proof instead of a model. Knows no prompt; what the state's testbench does already is kept."""

from __future__ import annotations

import time
from dataclasses import replace

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.close import ClosePlan, close
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policy import Ask, Proposal
from llm4cov_agent.loop.state import State


class ClosurePolicy:
    """Proposes the testbench that closure comes to, with the state's own sequences in front."""

    name = "closure"
    model = None

    def __init__(self, verilator: Verilator, plan: ClosePlan, language: Language) -> None:
        self._verilator, self._plan, self._language = verilator, plan, language

    def propose(self, state: State, ask: Ask) -> Proposal:
        """Close the design; a stop while it searches gives what was found by then."""
        began = time.monotonic()
        design = state.design.design
        plan = replace(self._plan, seed=ask.seed, budget_s=min(self._plan.budget_s, ask.budget_s), given=state.stimulus)
        closed = close(design, self._verilator, plan, progress=ask.progress, on_standing=ask.on_standing, cancel=ask.cancel)
        testbench = None
        problems: tuple[Problem, ...] = closed.problems
        if closed.stimulus is not None:
            testbench = render(closed.stimulus, design, self._language)
        return Proposal(testbench=testbench, stimulus=closed.stimulus, problems=problems, seconds=time.monotonic() - began, closed=closed)
