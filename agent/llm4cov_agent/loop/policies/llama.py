"""A GGUF model through llama.cpp in a child process. Imports no model library: the child does."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from llm4cov_agent.errors import display_path
from llm4cov_agent.loop.backend import Completion, CompletionEnding, OnText, Request
from llm4cov_agent.loop.policies import model_file
from llm4cov_agent.loop.policies.model_process import ModelProcess

_BASE_MEMORY_BYTES = 16 << 30
"""Address space beside the model's file, which is mapped: context, buffers, libraries."""
_GPU_MEMORY_BYTES = 1 << 50
"""A GPU's driver reserves address space by the terabyte."""


class Llama:
    """A local model in GGUF format, with a LoRA adapter in GGUF format if wanted."""

    name = "llama"
    enforces_grammar = True

    def __init__(
        self,
        *,
        model: Path,
        adapter: Path | None = None,
        context_tokens: int,
        threads: int | None = None,
        gpu_layers: int = 0,
        enable_thinking: bool | None = None,
    ) -> None:
        """Nothing is loaded yet. `threads` None takes one for each core; `gpu_layers` -1 puts all layers on the GPU."""
        self._model, self._adapter = model.absolute(), None if adapter is None else adapter.absolute()
        self._context_tokens = context_tokens
        self._label: str | None = None
        files = [self._model] if self._adapter is None else [self._model, self._adapter]
        size = sum(model_file.size_bytes(path) for path in files)
        self._process = ModelProcess(
            module="llm4cov_agent.loop.policies.llama_child",
            load={
                "model": str(self._model),
                "adapter": None if self._adapter is None else str(self._adapter),
                "context_tokens": context_tokens,
                "threads": threads or len(os.sched_getaffinity(0)),
                "gpu_layers": gpu_layers,
                "enable_thinking": enable_thinking,
                "shown": display_path(model),
            },
            memory_bytes=_GPU_MEMORY_BYTES if gpu_layers else _BASE_MEMORY_BYTES + 3 * size,
            uses_gpu=gpu_layers != 0,
        )

    @property
    def model(self) -> str:
        """File names and digests of model and adapter."""
        if self._label is None:
            self._label = "+".join(model_file.label(path) for path in (self._model, self._adapter) if path is not None)
        return self._label

    @property
    def context_tokens(self) -> int:
        """As set."""
        return self._context_tokens

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask once; the first request loads the model, which counts towards its seconds."""
        for path in (self._model, self._adapter):
            if path is not None and (problem := model_file.unusable(path)) is not None:
                return Completion(text="", ending=CompletionEnding.FAILED, problems=(problem,))
        return self._process.complete(request, on_text=on_text, cancel=cancel)

    def close(self) -> None:
        """End the child process; a later request starts another."""
        self._process.close()
