"""From a request to the agent's plan, as the command line makes one; refuses to send where the user did not consent. Knows no LSP."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.errors import BadConfiguration, Problem
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.loop.generate import Plan, PolicyName
from llm4cov_agent.loop.planning import ModelOptions
from llm4cov_agent.loop.policies.address import read_address
from llm4cov_agent.loop.policies.endpoint import GrammarMode
from llm4cov_agent.loop.policy import ReplyFormat
from llm4cov_lsp.wire import Request

_KEYS = {
    "policy": "generate.policy",
    "finish": "generate.finish",
    "model": "model.name",
    "endpoint": "model.endpoint",
    "format": "model.format",
    "max-tokens": "model.maxTokens",
    "prompt-tokens": "model.promptTokens",
    "context-tokens": "model.contextTokens",
}


def plan_of(request: Request) -> tuple[Plan | None, tuple[Problem, ...]]:
    """Make the plan; None with what does not fit together, or with the server that may not be sent to."""
    policy, asked = PolicyName(request.policy), request.model
    options = ModelOptions(
        finish=PolicyName(asked.finish) if asked.finish is not None else None,
        model=asked.model,
        adapter=Path(asked.adapter) if asked.adapter is not None else None,
        endpoint=asked.endpoint,
        key_variable=asked.key_variable,
        server_grammar=GrammarMode(asked.server_grammar),
        reply_format=ReplyFormat(asked.reply_format),
        max_tokens=asked.max_tokens,
        prompt_tokens=asked.prompt_tokens,
        context_tokens=asked.context_tokens,
        temperature=asked.temperature,
        gpu_layers=asked.gpu_layers,
        threads=asked.threads,
        thinks=asked.thinks,
    )
    problems = options.problems(policy, Language.SYSTEMVERILOG, spelled=_as_setting) or _consent(request)
    if problems:
        return None, problems
    plan = options.plan(
        policy,
        Language.SYSTEMVERILOG,
        seed=request.seed,
        # Of closure and random there is no such setting: the search ends by itself, and one random testbench is measured.
        rounds=asked.rounds if policy.is_model else None,
        budget_s=request.budget_s,
        limits=SimulationLimits(run_s=request.run_s),
    )
    return plan, ()


def _consent(request: Request) -> tuple[Problem, ...]:
    if not request.sends or not request.model.endpoint:
        return ()
    try:
        address = read_address(request.model.endpoint)
    except BadConfiguration as error:
        return (Problem(str(error)),)
    if address.is_loopback or address.origin == request.consented:
        return ()
    return (Problem(f"nothing was sent to {address.origin}: there is no consent to it"),)


def _as_setting(name: str, value: object = "") -> str:
    key = f"llm4cov.{_KEYS[name]}"
    return f'{key} = "{value}"' if isinstance(value, str) and value else f"{key} = {value}" if value != "" else key
