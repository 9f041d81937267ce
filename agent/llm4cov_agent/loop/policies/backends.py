"""Makes the backend that a user's settings name, and says what has to be installed for it. Asks no model anything."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.errors import BadConfiguration, ToolMissing, display_path, has_errors
from llm4cov_agent.loop.backend import Backend
from llm4cov_agent.loop.policies.adapters import Adapter, Adapters
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE, Endpoint, GrammarMode
from llm4cov_agent.loop.policies.llama import Llama
from llm4cov_agent.loop.policies.model_file import LLAMA_HINT, default_model, label
from llm4cov_agent.loop.policies.recorded import Recorded, read_records
from llm4cov_agent.loop.policies.transformers import Transformers

DEFAULT_CONTEXT_TOKENS = 8192
TRANSFORMERS_HINT = "pip install 'llm4cov-lsp[transformers]'"


class BackendKind(Enum):
    """What kinds there are, by the word that the user says."""

    LLAMA = "llama"
    TRANSFORMERS = "transformers"
    ENDPOINT = "endpoint"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """Which model, and how it is run."""

    kind: BackendKind
    model: str = ""
    """`llama`: a GGUF file; `transformers`: a folder or a GGUF file; `endpoint`: the name that the server knows; `recorded`: a file of
    recorded completions. Empty takes SmolLM2-135M for the first two."""
    adapter: Path | None = None
    """`llama`: a LoRA adapter in GGUF format; `transformers`: a PEFT folder."""
    uses_learned: bool = True
    """Whether the adapter that was learned and is live for this model is used where `adapter` names none."""
    url: str = ""
    """`endpoint`: where it answers, such as `http://localhost:8000/v1`."""
    key_variable: str = DEFAULT_KEY_VARIABLE
    """`endpoint`: the environment variable with the key; empty for none. The key itself is no setting."""
    grammar_mode: GrammarMode = GrammarMode.NONE
    """`endpoint`: how the server takes a grammar."""
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    """Tokens of prompt and reply together."""
    threads: int | None = None
    """None for one for each core."""
    gpu_layers: int = 0
    """`llama`: layers on the GPU, -1 for all; `transformers`: any but 0 uses the GPU."""
    enable_thinking: bool | None = None
    """Told to chat templates that know the option, as those of Qwen3 do; None says nothing."""


def open_backend(settings: BackendSettings) -> Backend:
    """Make the backend; whoever asked for it calls `close` in the end, as `contextlib.closing` does.

    Raises ToolMissing with the command that installs what is missing, and BadConfiguration for settings that do not fit together.
    """
    _check(settings)
    match settings.kind:
        case BackendKind.LLAMA:
            _need("llama-cpp-python", "llama_cpp", LLAMA_HINT)
            path = _path(settings)
            learned = _learned(settings, path)
            return Llama(
                model=path,
                adapter=settings.adapter if learned is None else learned.gguf,
                context_tokens=settings.context_tokens,
                threads=settings.threads,
                gpu_layers=settings.gpu_layers,
                enable_thinking=settings.enable_thinking,
            )
        case BackendKind.TRANSFORMERS:
            _need("torch", "torch", TRANSFORMERS_HINT)
            _need("transformers", "transformers", TRANSFORMERS_HINT)
            path = _path(settings)
            if not path.is_dir():
                _need("gguf", "gguf", TRANSFORMERS_HINT)
            learned = _learned(settings, path)
            adapter = settings.adapter if learned is None else learned.folder
            if adapter is not None:
                _need("peft", "peft", TRANSFORMERS_HINT)
            return Transformers(
                model=path,
                adapter=adapter,
                context_tokens=settings.context_tokens,
                threads=settings.threads,
                uses_gpu=settings.gpu_layers != 0,
                enable_thinking=settings.enable_thinking,
            )
        case BackendKind.ENDPOINT:
            return Endpoint(
                url=settings.url,
                model=settings.model,
                context_tokens=settings.context_tokens,
                grammar_mode=settings.grammar_mode,
                key_variable=settings.key_variable,
                enable_thinking=settings.enable_thinking,
            )
        case BackendKind.RECORDED:
            records, problems = read_records(Path(settings.model))
            if has_errors(problems):
                raise BadConfiguration("\n".join(str(problem) for problem in problems))
            return Recorded(records, context_tokens=settings.context_tokens)


def _check(settings: BackendSettings) -> None:
    if settings.context_tokens < 1:
        raise BadConfiguration(f"The context should have at least one token, not {settings.context_tokens}.")
    if settings.threads is not None and settings.threads < 1:
        raise BadConfiguration(f"A model needs at least one thread, not {settings.threads}.")
    if settings.kind is BackendKind.ENDPOINT and not settings.url:
        raise BadConfiguration("An endpoint needs its address, such as http://localhost:8000/v1.")
    if settings.kind is BackendKind.RECORDED and not settings.model:
        raise BadConfiguration("A replay needs the file of recorded completions.")
    if settings.adapter is not None and settings.kind not in (BackendKind.LLAMA, BackendKind.TRANSFORMERS):
        raise BadConfiguration(f"{settings.kind.value} takes no adapter: the server or the recording decides what answers.")


def _learned(settings: BackendSettings, model: Path) -> Adapter | None:
    """Look for it each time anew, so that one that is promoted is used without a restart."""
    if settings.adapter is not None or not settings.uses_learned:
        return None
    return Adapters().live(label(model))


def _path(settings: BackendSettings) -> Path:
    if not settings.model:
        return default_model()
    path = Path(settings.model).expanduser()
    if not path.exists():
        raise BadConfiguration(f"There is no model at {display_path(path)}.")
    return path


def _need(name: str, module: str, hint: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ToolMissing(name, hint)
