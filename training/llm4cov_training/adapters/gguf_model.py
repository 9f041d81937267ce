"""Writes whole Llama-like models as GGUF: new ones with random weights, and trained ones beside the file that they began as.

Weights are written in 32 bits, so that a stage that learns on from one begins with exactly what the stage before ended with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy
from safetensors.numpy import load_file

from llm4cov_agent.durable import put_in_place
from llm4cov_agent.errors import Problem, display_path
from llm4cov_training.adapters.gguf_lora import BaseShape, in_gguf_order

_GPT2 = "gpt2"
_NORMAL, _CONTROL = 1, 3
"""llama.cpp's kinds of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The size of a new model."""

    hidden: int = 192
    layers: int = 4
    heads: int = 6
    key_heads: int = 3
    inner: int = 512
    vocabulary: int = 2048
    context: int = 2048

    def __post_init__(self) -> None:
        """Refuse what no model can be made of. Raises ValueError."""
        if self.hidden % self.heads or self.heads % self.key_heads or (self.hidden // self.heads) % 2:
            raise ValueError("hidden should be an even multiple of heads, and heads a multiple of key_heads")

    @property
    def parameters(self) -> int:
        """Number of weights."""
        attention = 2 * self.hidden * self.hidden * (self.heads + self.key_heads) // self.heads
        return self.vocabulary * self.hidden + self.layers * (attention + 3 * self.hidden * self.inner + 2 * self.hidden) + self.hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """A byte-level vocabulary in the order of its ids, control tokens first; the last of `control` ends a turn."""

    control: Sequence[str]
    tokens: Sequence[str]
    merges: Sequence[str]
    chat_template: str


def chat_template_of(model: Path) -> str:
    """Read the template of a model's conversations. Raises ValueError where there is none."""
    field = gguf.GGUFReader(model).fields.get("tokenizer.chat_template")
    if field is None:
        raise ValueError(f"{display_path(model)} has no chat template")
    return str(field.contents())


def write_new_model(path: Path, shape: Shape, words: Vocabulary, *, seed: int) -> None:
    """Write a model that has learned nothing: equal arguments give equal weights. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_name(path.stem)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_rope_dimension_count(shape.hidden // shape.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(words.tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model(_GPT2)
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(list(words.tokens))
    writer.add_token_types([_CONTROL if token in words.control else _NORMAL for token in words.tokens])
    writer.add_token_merges(list(words.merges))
    end = words.tokens.index(words.control[-1])
    writer.add_bos_token_id(words.tokens.index(words.control[0]))
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(words.chat_template)
    generator = numpy.random.default_rng(seed)
    for name, size in _tensors(shape, len(words.tokens)).items():
        drawn = numpy.ones(size) if len(size) == 1 else generator.standard_normal(size) * 0.02
        writer.add_tensor(name, drawn.astype(numpy.float32))
    _finish(writer, partial, path)


def write_trained_model(weights: Path, began: Path, base: BaseShape, output: Path) -> tuple[Problem, ...]:
    """Write the folder of weights that training left as GGUF, with the words and settings of the file that it began as.

    Problems where GGUF has no place for a tensor. Raises OSError.
    """
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, base.num_hidden_layers)
    partial = output.with_name(output.name + ".partial")
    reader = gguf.GGUFReader(began)
    writer = gguf.GGUFWriter(partial, "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kind = field.types[0]
            value: Any = 0 if field.name == "general.file_type" else field.contents()
            writer.add_key_value(field.name, value, kind, sub_type=field.types[-1] if kind is gguf.GGUFValueType.ARRAY else None)
    tensors: dict[str, numpy.ndarray] = {}
    for file in sorted(weights.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            target = names.get_name(name.removesuffix(".weight"))
            if target is None:
                return (Problem(f"GGUF has no place for the tensor {name}", file=display_path(weights)),)
            values = tensor.astype(numpy.float32)
            tensors[f"{target}.weight"] = in_gguf_order(values, target, base) if values.ndim == 2 else values
    for name in sorted(tensors):
        writer.add_tensor(name, numpy.ascontiguousarray(tensors[name]))
    _finish(writer, partial, output)
    return ()


def _finish(writer: Any, partial: Path, path: Path) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    put_in_place(partial, path)


def _tensors(shape: Shape, words: int) -> Mapping[str, tuple[int, ...]]:
    """Names and sizes in the order in which they are drawn."""
    key = shape.hidden // shape.heads * shape.key_heads
    sizes: dict[str, tuple[int, ...]] = {"token_embd.weight": (words, shape.hidden), "output_norm.weight": (shape.hidden,)}
    for layer in range(shape.layers):
        at = f"blk.{layer}"
        sizes |= {
            f"{at}.attn_norm.weight": (shape.hidden,),
            f"{at}.ffn_norm.weight": (shape.hidden,),
            f"{at}.attn_q.weight": (shape.hidden, shape.hidden),
            f"{at}.attn_k.weight": (key, shape.hidden),
            f"{at}.attn_v.weight": (key, shape.hidden),
            f"{at}.attn_output.weight": (shape.hidden, shape.hidden),
            f"{at}.ffn_gate.weight": (shape.inner, shape.hidden),
            f"{at}.ffn_up.weight": (shape.inner, shape.hidden),
            f"{at}.ffn_down.weight": (shape.hidden, shape.inner),
        }
    return sizes
