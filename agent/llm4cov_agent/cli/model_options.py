"""Options that say which model is asked, and how. Opens no model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.errors import Problem
from llm4cov_agent.loop.generate import PolicyName
from llm4cov_agent.loop.policies.backends import DEFAULT_CONTEXT_TOKENS, BackendKind, BackendSettings
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE, GrammarMode
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat

_PANEL = "Language models"

Finish = Annotated[
    PolicyName | None,
    typer.Option("--finish", help="Who goes on from there; what works already is kept.", show_default=False, rich_help_panel=_PANEL),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="GGUF file, folder of a model, name on the server, or file of recorded replies; SmolLM2-135M by default.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Adapter = Annotated[
    Path | None, typer.Option("--adapter", help="LoRA adapter: a GGUF file or a PEFT folder.", show_default=False, rich_help_panel=_PANEL)
]
Endpoint = Annotated[
    str, typer.Option("--endpoint", help="URL of an OpenAI-compatible server.", show_default=False, rich_help_panel=_PANEL)
]
KeyVariable = Annotated[str, typer.Option("--key-variable", help="Environment variable that holds its key.", rich_help_panel=_PANEL)]
ServerGrammar = Annotated[GrammarMode, typer.Option("--server-grammar", help="How the server takes a grammar.", rich_help_panel=_PANEL)]
Format = Annotated[
    ReplyFormat,
    typer.Option("--format", help="What the model writes: a whole testbench, or stimulus that we render.", rich_help_panel=_PANEL),
]
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=16, max=200_000, help="Tokens of a reply.", rich_help_panel=_PANEL)]
PromptTokens = Annotated[int, typer.Option("--prompt-tokens", min=500, max=200_000, help="Tokens of a prompt.", rich_help_panel=_PANEL)]
ContextTokens = Annotated[
    int, typer.Option("--context-tokens", min=1024, help="Tokens of prompt and reply together.", rich_help_panel=_PANEL)
]
Temperature = Annotated[float, typer.Option("--temperature", min=0, max=2, help="0 takes the likeliest word.", rich_help_panel=_PANEL)]
GpuLayers = Annotated[int, typer.Option("--gpu-layers", min=-1, help="Layers on the GPU; -1 for all.", rich_help_panel=_PANEL)]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, help="Threads of a local model; one for each core by default.", show_default=False, rich_help_panel=_PANEL
    ),
]
Thinking = Annotated[
    bool | None,
    typer.Option(
        "--think/--no-think",
        help="Whether the model reasons first, where its template knows that.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
History = Annotated[
    bool, typer.Option("--history", help="Show the model all earlier rounds; for comparison, it costs context.", rich_help_panel=_PANEL)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The options as given."""

    finish: PolicyName | None
    model: str
    adapter: Path | None
    endpoint: str
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

    def problems(self, policy: PolicyName, language: Language, *, cycles: int | None) -> tuple[Problem, ...]:
        """Say what does not fit together; `cycles` is the option of that name."""
        found: list[Problem] = []
        names = [policy, *([self.finish] if self.finish is not None else [])]
        models = [name for name in names if name.is_model]
        if not models and self._asks_a_model():
            hint = "Add --policy llama, say, or leave the options for language models out."
            found.append(Problem(f"--policy {policy.value} is no language model, and options for one were given", hint=hint))
        if len(models) > 1 and self.finish is not policy:
            found.append(Problem("two language models can't be asked in one command", hint="Use --finish closure."))
        if models and self.endpoint and PolicyName.ENDPOINT not in names:
            found.append(Problem(f"--endpoint is not for --policy {models[0].value}", hint="Use --policy endpoint, or leave it out."))
        if len(models) == len(names) and cycles is not None:
            found.append(Problem("--cycles is for closure and random; a model decides itself how long its sequences are"))
        if models and self.reply_format is ReplyFormat.FULL and language is not Language.SYSTEMVERILOG:
            hint = "Use --format stimulus, which is rendered in either language, or --lang sv."
            found.append(Problem("with --format full the model writes SystemVerilog", hint=hint))
        if self.finish is policy:
            found.append(Problem(f"--finish {policy.value} is the policy already", hint="Leave --finish out."))
        if self.finish is PolicyName.RANDOM:
            found.append(Problem("--finish random would throw away what there is", hint="Use --finish closure."))
        if self.finish is not None and self.reply_format is ReplyFormat.FULL:
            hint = "Use --format stimulus, whose sequences are kept, or leave --finish out."
            found.append(Problem("--finish can't go on from SystemVerilog that a model wrote", hint=hint))
        if PolicyName.ENDPOINT in names and not self.endpoint:
            found.append(Problem("--policy endpoint needs --endpoint", hint="Such as --endpoint http://localhost:8000/v1."))
        if PolicyName.ENDPOINT in names and not self.model:
            found.append(Problem("--policy endpoint needs --model", hint="The name that the server knows, such as Qwen/Qwen3-4B."))
        if self.prompt_tokens + self.max_tokens > self.context_tokens and any(name.is_model for name in names):
            sizes = f"--prompt-tokens {self.prompt_tokens} and --max-tokens {self.max_tokens}"
            found.append(Problem(f"{sizes} do not fit into --context-tokens {self.context_tokens}", hint="Make one of them smaller."))
        return tuple(found)

    def _asks_a_model(self) -> bool:
        plain = ModelOptions(finish=self.finish, model="", adapter=None, endpoint="", key_variable=self.key_variable)
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
