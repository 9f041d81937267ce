"""A language model with random weights and the tokenizer of SmolLM2, small enough to learn in a test. As GGUF, in 32-bit numbers."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy

from llm4cov_agent.loop.policies.model_file import default_model

HIDDEN, LAYERS, HEADS, KEY_HEADS, INNER = 64, 2, 4, 2, 128
_SHAPE = {
    "llama.block_count": LAYERS,
    "llama.embedding_length": HIDDEN,
    "llama.feed_forward_length": INNER,
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": KEY_HEADS,
    "llama.rope.dimension_count": HIDDEN // HEADS,
    "general.file_type": 0,
}


def write_tiny_model(path: Path, *, seed: int = 1) -> Path:
    """Write it, with the default model's template and words."""
    reader = gguf.GGUFReader(default_model())
    writer = gguf.GGUFWriter(path, "llama")
    vocabulary = 0
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value = _SHAPE.get(field.name, field.contents())
        kind = field.types[0]
        writer.add_key_value(field.name, value, kind, sub_type=field.types[-1] if kind is gguf.GGUFValueType.ARRAY else None)
        if field.name == "tokenizer.ggml.tokens":
            vocabulary = len(value)
    generator = numpy.random.default_rng(seed)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, (generator.standard_normal(shape) * shape[-1] ** -0.5).astype(numpy.float32))

    def ones(name: str) -> None:
        writer.add_tensor(name, numpy.ones(HIDDEN, numpy.float32))

    add("token_embd.weight", vocabulary, HIDDEN)
    ones("output_norm.weight")
    key = HIDDEN // HEADS * KEY_HEADS
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        ones(f"{at}.attn_norm.weight")
        ones(f"{at}.ffn_norm.weight")
        add(f"{at}.attn_q.weight", HIDDEN, HIDDEN)
        add(f"{at}.attn_k.weight", key, HIDDEN)
        add(f"{at}.attn_v.weight", key, HIDDEN)
        add(f"{at}.attn_output.weight", HIDDEN, HIDDEN)
        add(f"{at}.ffn_gate.weight", INNER, HIDDEN)
        add(f"{at}.ffn_up.weight", INNER, HIDDEN)
        add(f"{at}.ffn_down.weight", HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
