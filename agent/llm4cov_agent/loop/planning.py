"""What a user says about policies and models, on a command line or in an editor's settings, and the plan that follows. Opens no model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.loop.generate import Plan, PolicyName
from llm4cov_agent.loop.policies.backends import DEFAULT_CONTEXT_TOKENS, BackendKind, BackendSettings
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE, GrammarMode
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat

BUDGET_S = 60.0
MODEL_BUDGET_S = 300.0
"""A small model takes half a minute for a reply on two cores."""

Spelled = Callable[..., str]
"""Spells an option, and a value of it, as the user would write it: `("policy", "llama")` as `--policy llama`, say."""


def as_option(name: str, value: object = "") -> str:
    """Spell an option as on the command line."""
    return f"--{name} {value}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The options as given."""

    finish: PolicyName | None = None
    model: str = ""
    adapter: Path | None = None
    endpoint: str = ""
    key_variable: str = DEFAULT_KEY_VARIABLE
    server_grammar: GrammarMode = GrammarMode.NONE
    reply_format: ReplyFormat = ReplyFormat.STIMULUS
    max_tokens: int = 1024
    prompt_tokens: int = 3000
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    temperature: float = 0.7
    gpu_layers: int = 0
    threads: int | None = None
    thinks: bool | None = None
    keeps_history: bool = False
    record: Path | None = None

    def takes_model(self, policy: PolicyName) -> bool:
        """Whether a language model takes part."""
        return policy.is_model or (self.finish is not None and self.finish.is_model)

    def problems(
        self, policy: PolicyName, language: Language, *, cycles: int | None = None, spelled: Spelled = as_option
    ) -> tuple[Problem, ...]:
        """Say what does not fit together; `cycles` is the option of that name."""
        found: list[Problem] = []
        names = [policy, *([self.finish] if self.finish is not None else [])]
        models = [name for name in names if name.is_model]
        if not models and self._asks_a_model():
            hint = f"Add {spelled('policy', 'llama')}, say, or leave the options for language models out."
            found.append(Problem(f"{spelled('policy', policy.value)} is no language model, and options for one were given", hint=hint))
        if len(models) > 1 and self.finish is not policy:
            hint = f"Use {spelled('finish', 'closure')}."
            found.append(Problem("two language models can't be asked for one testbench", hint=hint))
        if models and self.endpoint and PolicyName.ENDPOINT not in names:
            hint = f"Use {spelled('policy', 'endpoint')}, or leave it out."
            found.append(Problem(f"{spelled('endpoint')} is not for {spelled('policy', models[0].value)}", hint=hint))
        if len(models) == len(names) and cycles is not None:
            found.append(Problem("--cycles is for closure and random; a model decides itself how long its sequences are"))
        if models and self.reply_format is ReplyFormat.FULL and language is not Language.SYSTEMVERILOG:
            hint = f"Use {spelled('format', 'stimulus')}, which is rendered in either language, or --lang sv."
            found.append(Problem(f"with {spelled('format', 'full')} the model writes SystemVerilog", hint=hint))
        if self.finish is policy:
            hint = f"Leave {spelled('finish')} out."
            found.append(Problem(f"{spelled('finish', policy.value)} is the policy already", hint=hint))
        if self.finish is PolicyName.RANDOM:
            hint = f"Use {spelled('finish', 'closure')}."
            found.append(Problem(f"{spelled('finish', 'random')} would throw away what there is", hint=hint))
        if self.finish is not None and self.reply_format is ReplyFormat.FULL:
            hint = f"Use {spelled('format', 'stimulus')}, whose sequences are kept, or leave {spelled('finish')} out."
            found.append(Problem(f"{spelled('finish')} can't go on from SystemVerilog that a model wrote", hint=hint))
        if PolicyName.ENDPOINT in names and not self.endpoint:
            hint = f"Such as {spelled('endpoint', 'http://localhost:8000/v1')}."
            found.append(Problem(f"{spelled('policy', 'endpoint')} needs {spelled('endpoint')}", hint=hint))
        if PolicyName.ENDPOINT in names and not self.model:
            hint = "The name that the server knows, such as Qwen/Qwen3-4B."
            found.append(Problem(f"{spelled('policy', 'endpoint')} needs {spelled('model')}", hint=hint))
        if self.prompt_tokens + self.max_tokens > self.context_tokens and models:
            sizes = f"{spelled('prompt-tokens', self.prompt_tokens)} and {spelled('max-tokens', self.max_tokens)}"
            fits = spelled("context-tokens", self.context_tokens)
            found.append(Problem(f"{sizes} do not fit into {fits}", hint="Make one of them smaller."))
        return tuple(found)

    def _asks_a_model(self) -> bool:
        plain = ModelOptions(finish=self.finish, key_variable=self.key_variable)
        return self != plain

    def backend(self, policy: PolicyName) -> BackendSettings:
        """Settings of the backend of whichever policy is a model; of none, those of the default."""
        kind = next((name for name in (policy, self.finish) if name is not None and name.is_model), PolicyName.LLAMA)
        return BackendSettings(
            kind=BackendKind(kind.value),
            model=self.model,
            adapter=self.adapter,
            url=self.endpoint,
            key_variable=self.key_variable,
            grammar_mode=self.server_grammar,
            context_tokens=self.context_tokens,
            gpu_layers=self.gpu_layers,
            threads=self.threads,
            enable_thinking=self.thinks,
        )

    def settings(self) -> ModelSettings:
        """How the model is asked."""
        return ModelSettings(
            options=PromptOptions(format=self.reply_format, budget_tokens=self.prompt_tokens),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
        )

    def plan(
        self,
        policy: PolicyName,
        language: Language,
        *,
        seed: int,
        budget_s: float,
        limits: SimulationLimits,
        rounds: int | None = None,
        cycles: int | None = None,
        target_percent: float = 100.0,
        proves: bool = True,
    ) -> Plan:
        """Make the plan of options that fit together."""
        return Plan(
            policy=policy,
            finish=self.finish,
            seed=seed,
            rounds=rounds,
            budget_s=budget_s,
            cycles=cycles,
            language=language,
            target_percent=target_percent,
            proves=proves,
            limits=limits,
            backend=self.backend(policy),
            model=self.settings(),
            keeps_history=self.keeps_history,
        )
