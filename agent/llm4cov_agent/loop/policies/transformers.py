"""A model through transformers in a child process, with a PEFT adapter if wanted. Imports neither: the child does.

The slow and general way, for models that were never converted to GGUF and for adapters as the trainer leaves them.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from llm4cov_agent.errors import Problem, display_path
from llm4cov_agent.loop.backend import Completion, CompletionEnding, OnText, Request
from llm4cov_agent.loop.policies import model_file
from llm4cov_agent.loop.policies.model_process import ModelProcess

_BASE_MEMORY_BYTES = 32 << 30
_UNPACKED = 16
"""A quantised weight takes half a byte and more on disk, and four bytes once it is unpacked; twice, while that is done."""
_GPU_MEMORY_BYTES = 1 << 50
"""A GPU's driver reserves address space by the terabyte."""


class Transformers:
    """A local model: a folder as published, or a GGUF file, which is unpacked to 32-bit numbers."""

    name = "transformers"
    enforces_grammar = False

    def __init__(
        self,
        *,
        model: Path,
        adapter: Path | None = None,
        context_tokens: int,
        threads: int | None = None,
        uses_gpu: bool = False,
        enable_thinking: bool | None = None,
    ) -> None:
        """Nothing is loaded yet. `adapter` is a PEFT folder; `threads` None takes one for each core."""
        self._model, self._adapter = model.absolute(), None if adapter is None else adapter.absolute()
        self._context_tokens = context_tokens
        self._label: str | None = None
        self._process = ModelProcess(
            module="llm4cov_agent.loop.policies.transformers_child",
            load={
                "model": str(self._model),
                "adapter": None if self._adapter is None else str(self._adapter),
                "context_tokens": context_tokens,
                "threads": threads or len(os.sched_getaffinity(0)),
                "uses_gpu": uses_gpu,
                "enable_thinking": enable_thinking,
                "shown": display_path(model),
            },
            memory_bytes=_GPU_MEMORY_BYTES if uses_gpu else _BASE_MEMORY_BYTES + _UNPACKED * model_file.size_bytes(model),
            uses_gpu=uses_gpu,
        )

    @property
    def model(self) -> str:
        """Names and digests of model and adapter."""
        if self._label is None:
            self._label = "+".join(model_file.label(path) for path in (self._model, self._adapter) if path is not None)
        return self._label

    @property
    def context_tokens(self) -> int:
        """As set."""
        return self._context_tokens

    def complete(self, request: Request, *, on_text: OnText | None = None, cancel: Event | None = None) -> Completion:
        """Ask once; the first request loads the model, which counts towards its seconds."""
        problem = model_file.unusable(self._model, may_be_folder=True)
        if problem is None and self._adapter is not None and not (self._adapter / "adapter_config.json").is_file():
            hint = "An adapter is the folder that PEFT saves; one in GGUF format is for llama."
            problem = Problem("this is no PEFT adapter: it has no adapter_config.json", file=display_path(self._adapter), hint=hint)
        if problem is not None:
            return Completion(text="", ending=CompletionEnding.FAILED, problems=(problem,))
        return self._process.complete(request, on_text=on_text, cancel=cancel)

    def close(self) -> None:
        """End the child process; a later request starts another."""
        self._process.close()
