"""From the settings about models to what the worker is told of them. Opens no model, and no file."""

from __future__ import annotations

from pathlib import Path

from llm4cov_lsp.settings import Settings
from llm4cov_lsp.wire import ModelRequest

_LOCAL = ("llama", "transformers")
_MODELS = (*_LOCAL, "endpoint", "recorded")


def model_request(settings: Settings, base: Path) -> ModelRequest:
    """Give what the policies that are set use of the settings; what they don't use stays as it is by default.

    Paths are taken relative to `base`, and `~` is the user's home.
    """
    policy, finish = settings.text("generate.policy"), settings.text("generate.finish")
    asked = next((name for name in (policy, finish) if name in _MODELS), None)
    if asked is None:
        return ModelRequest(finish=_unless(finish, "none"))
    name, adapter = settings.text("model.name"), settings.text("model.adapter")
    is_file = asked != "endpoint" and bool(name)
    thinks = {"default": None, "yes": True, "no": False}[settings.text("model.think")]
    return ModelRequest(
        finish=_unless(finish, "none"),
        model=_placed(name, base) if is_file else name,
        adapter=_placed(adapter, base) if adapter and asked in _LOCAL else None,
        endpoint=settings.text("model.endpoint") if asked == "endpoint" else "",
        key_variable=settings.text("model.keyVariable"),
        allowed_hosts=settings.texts("model.allowedHosts"),
        server_grammar=settings.text("model.serverGrammar"),
        reply_format=settings.text("model.format"),
        rounds=int(settings.number("model.rounds")),
        max_tokens=int(settings.number("model.maxTokens")),
        prompt_tokens=int(settings.number("model.promptTokens")),
        context_tokens=int(settings.number("model.contextTokens")),
        temperature=settings.number("model.temperature"),
        gpu_layers=int(settings.number("model.gpuLayers")),
        threads=int(settings.number("model.threads")) or None,
        thinks=thinks,
    )


def budget_key(settings: Settings) -> str:
    """Name the setting that says how long generating may take: a model takes longer."""
    names = (settings.text("generate.policy"), settings.text("generate.finish"))
    return "model.budgetSeconds" if any(name in _MODELS for name in names) else "generate.budgetSeconds"


def _unless(text: str, nothing: str) -> str | None:
    return None if text == nothing else text


def _placed(name: str, base: Path) -> str:
    return str((base / Path(name).expanduser()).absolute())
