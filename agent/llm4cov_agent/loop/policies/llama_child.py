"""The child process with a GGUF model: the only module that imports llama_cpp. Run as a program by `model_process`."""

from __future__ import annotations

import codecs
import ctypes
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm4cov_agent.loop.policies.model_child import Answer, Ask, Emit, Refused, neutral_messages, room, serve_model

# Read when the library is loaded. Threads that spin while they wait made a model six times slower on a machine with other work to do.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

_TEMPLATE = "tokenizer.chat_template"
_CONTROL, _USER_DEFINED = 1 << 3, 1 << 4
"""llama.cpp's attributes of a token, which the binding does not name."""
_PIECE_BYTES = 1024


class LlamaModel:
    """A loaded model."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Load it. Raises Refused with llama.cpp's reason."""
        if has_matrix_unit():
            leave_weights_as_they_are()
        try:
            self._llama = llama_cpp.Llama(
                model_path=settings["model"],
                n_ctx=settings["context_tokens"],
                n_threads=settings["threads"],
                n_threads_batch=settings["threads"],
                n_gpu_layers=settings["gpu_layers"],
                lora_path=settings["adapter"],
                verbose=True,
            )
        except (ValueError, RuntimeError) as error:
            raise Refused(f"the model can't be loaded: {_reason() or error}") from None
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        self._thinking: bool | None = settings["enable_thinking"]
        template = self._llama.metadata.get(_TEMPLATE)
        if template is None:
            hint = "Use a model that was trained for chat; its name usually ends in -Instruct or -it."
            raise Refused(f"{settings['shown']} has no chat template", hint)
        self._formatter = Jinja2ChatFormatter(
            template=template, eos_token=self._text(self._llama.token_eos()), bos_token=self._text(self._llama.token_bos())
        )
        self._control = [self._text(token) for token in range(self._llama.n_vocab()) if self._is_control(token)]
        self._buffer = ctypes.create_string_buffer(_PIECE_BYTES)

    def answer(self, ask: Ask, emit: Emit) -> Answer:
        """Generate, piece by piece."""
        grammar = self._grammar(ask.grammar)
        prompt = self._prompt(ask)
        limit = room(len(prompt), self._llama.n_ctx(), ask.max_tokens)
        # What is left in memory of the last request would save time but change the last digits, and so at times the reply.
        self._llama.reset()
        self._llama.set_seed(ask.seed)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        count, is_complete = 0, False
        if limit > 0:
            for token in self._llama.generate(prompt, top_k=0, top_p=ask.top_p, min_p=0.0, temp=ask.temperature, grammar=grammar):
                if llama_cpp.llama_vocab_is_eog(self._vocabulary, token):
                    is_complete = True
                    break
                count += 1
                if text := decoder.decode(self._piece(token)):
                    emit(text)
                if count >= limit:
                    break
        if text := decoder.decode(b"", final=True):
            emit(text)
        return Answer(is_complete=is_complete, prompt_tokens=len(prompt), completion_tokens=count)

    def _prompt(self, ask: Ask) -> list[int]:
        """Render the messages by the model's own template, which may refuse them, and cut them into tokens."""
        options = {} if self._thinking is None else {"enable_thinking": self._thinking}
        try:
            rendered = self._formatter(messages=neutral_messages(ask.messages, self._control), **options)
        except (ValueError, TypeError) as error:
            raise Refused(f"the model's chat template refuses the messages: {error}") from None
        tokens: list[int] = self._llama.tokenize(rendered.prompt.encode(), add_bos=False, special=True)
        return tokens

    def _grammar(self, text: str | None) -> llama_cpp.LlamaGrammar | None:
        """Check a grammar, as one that does not parse would end the process later."""
        if text is None:
            return None
        sampler = llama_cpp.llama_sampler_init_grammar(self._vocabulary, text.encode(), b"root")
        if not sampler:
            raise Refused(f"the grammar does not parse: {_reason() or 'no reason given'}")
        llama_cpp.llama_sampler_free(sampler)
        return llama_cpp.LlamaGrammar.from_string(text)

    def _text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes | None = llama_cpp.llama_vocab_get_text(self._vocabulary, token)
        return (text or b"").decode("utf-8", "replace")

    def _is_control(self, token: int) -> bool:
        kind = llama_cpp.llama_vocab_get_attr(self._vocabulary, token)
        return bool(kind & _CONTROL or (kind & _USER_DEFINED and self._text(token).startswith("<")))

    def _piece(self, token: int) -> bytes:
        length = llama_cpp.llama_token_to_piece(self._vocabulary, token, self._buffer, _PIECE_BYTES, 0, False)
        return self._buffer.raw[: max(length, 0)]


def _reason() -> str:
    """Return the last line of the log that speaks of an error."""
    lines = Path("log").read_text("utf-8", "replace").splitlines()
    found = [line.strip() for line in lines if "error" in line.lower() or "failed" in line.lower()]
    return found[0][:300] if found else ""


def has_matrix_unit() -> bool:
    """Whether this processor has AMX, Intel's tiles."""
    try:
        return "amx_tile" in Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False


def leave_weights_as_they_are() -> None:
    """Load models without putting their weights into another order for the matrix unit: llama.cpp's code for that crashes on Q4_1.

    The binding has no option for it, so what it takes its defaults from is changed, in this process alone.
    """
    default = llama_cpp.llama_cpp.llama_model_default_params

    def plain() -> Any:
        parameters = default()
        parameters.use_extra_bufts = False
        return parameters

    llama_cpp.llama_cpp.llama_model_default_params = plain


if __name__ == "__main__":
    serve_model(LlamaModel)
