"""The child process with a model of transformers: the only module of the agent that imports it, and torch. Run as a program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm4cov_agent.loop.policies.digits import split_digits
from llm4cov_agent.loop.policies.model_child import Answer, Ask, Emit, Refused, neutral_messages, room, serve_model

# Read when the libraries are loaded. Nothing is ever fetched: the sandbox has no network, and without these each load would wait for it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers


class _Emitting(transformers.TextStreamer):  # type: ignore[misc]
    """Hands pieces of text on as they are decoded."""

    def __init__(self, tokenizer: Any, emit: Emit) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._emit = emit

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Hand a piece on; the library calls this."""
        if text:
            self._emit(text)


class TransformersModel:
    """A loaded model."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Load it. Raises Refused with the library's reason."""
        torch.set_num_threads(settings["threads"])
        path = Path(settings["model"])
        self._device = "cuda" if settings["uses_gpu"] and torch.cuda.is_available() else "cpu"
        folder, more = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, **more)
            if more:
                split_digits(self._tokenizer)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, dtype="auto" if self._device == "cuda" else torch.float32, **more
            )
            if settings["adapter"] is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, settings["adapter"])
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            reason = " ".join(str(error).split())[:300]
            raise Refused(f"the model can't be loaded: {reason}") from None
        self._model = model.to(self._device).eval()
        if self._tokenizer.chat_template is None:
            hint = "Use a model that was trained for chat; its name usually ends in -Instruct or -it."
            raise Refused(f"{settings['shown']} has no chat template", hint)
        trained: int = getattr(model.config, "max_position_embeddings", settings["context_tokens"])
        self._context_tokens = min(settings["context_tokens"], trained)
        self._options = {} if settings["enable_thinking"] is None else {"enable_thinking": settings["enable_thinking"]}
        self._control = [token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special]
        given = model.generation_config.eos_token_id
        self._ends = set(given if isinstance(given, list) else [given]) | {self._tokenizer.eos_token_id}

    def answer(self, ask: Ask, emit: Emit) -> Answer:
        """Generate; the grammar is left to who reads the reply."""
        try:
            text = self._tokenizer.apply_chat_template(
                neutral_messages(ask.messages, self._control), add_generation_prompt=True, tokenize=False, **self._options
            )
        except Exception as error:  # noqa: BLE001 - a template is a program of the model's, which may refuse in its own way
            raise Refused(f"the model's chat template refuses the messages: {' '.join(str(error).split())[:300]}") from None
        prompt = self._tokenizer(text, add_special_tokens=False, return_tensors="pt").to(self._device)
        length: int = prompt["input_ids"].shape[1]
        limit = room(length, self._context_tokens, ask.max_tokens)
        if limit < 1:
            return Answer(is_complete=False, prompt_tokens=length, completion_tokens=0)
        transformers.set_seed(ask.seed % (1 << 32))
        drawing: dict[str, float | bool | None] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if ask.temperature > 0:
            drawing = {"do_sample": True, "temperature": ask.temperature, "top_p": ask.top_p, "top_k": 0}
        with torch.inference_mode():
            produced = self._model.generate(
                **prompt,
                max_new_tokens=limit,
                eos_token_id=sorted(end for end in self._ends if end is not None),
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                streamer=_Emitting(self._tokenizer, emit),
                **drawing,
            )[0][length:]
        is_complete = len(produced) > 0 and int(produced[-1]) in self._ends
        return Answer(is_complete=is_complete, prompt_tokens=length, completion_tokens=len(produced) - is_complete)


if __name__ == "__main__":
    serve_model(TransformersModel)
