"""Options that say which model is asked, and how. Opens no model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.loop.generate import PolicyName
from llm4cov_agent.loop.policies.endpoint import GrammarMode
from llm4cov_agent.loop.policy import ReplyFormat

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
Record = Annotated[
    Path | None,
    typer.Option(
        "--record", help="Write what the model says to this file; --policy recorded replays it.", show_default=False, rich_help_panel=_PANEL
    ),
]
