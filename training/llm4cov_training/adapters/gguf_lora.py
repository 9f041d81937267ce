"""Writes a LoRA adapter of PEFT's as GGUF, which llama.cpp loads beside its base: the only writer of GGUF. Knows no training.

The format is llama.cpp's: two factors for each weight, named after the base's tensor, with the scale alpha / rank left to the loader.
Llama-like models keep the rows of queries and keys in another order in GGUF than in transformers (rotary halves interleaved),
so the rows of their second factor are put into that order as well.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy
from safetensors.numpy import load_file

from llm4cov_agent.durable import put_in_place
from llm4cov_agent.errors import Problem, display_path

_PEFT_NAME = re.compile(r"(?:base_model\.model\.)?(?P<weight>.+)\.lora_(?P<factor>[AB])\.weight")
_ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3}
_ROTATED = {"llama"}
"""Architectures whose queries and keys are in another order in GGUF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseShape:
    """What of a base model decides how its adapters are written; fields as in a transformers configuration."""

    model_type: str
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int


def write_gguf_lora(adapter: Path, base: BaseShape, output: Path) -> tuple[Problem, ...]:
    """Write the PEFT folder `adapter` to the file `output`, whole or not at all; problems where it can't be expressed.

    Raises OSError if a file can't be read or written.
    """
    shown = display_path(adapter)
    settings = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    architecture = _ARCHITECTURES.get(base.model_type)
    if architecture is None:
        known = ", ".join(sorted(_ARCHITECTURES))
        return (Problem(f"adapters of {base.model_type} models can't be written as GGUF; known are {known}", file=shown),)
    unusual = [name for name in ("use_dora", "use_rslora", "alora_invocation_tokens", "modules_to_save") if settings.get(name)]
    if settings.get("peft_type") != "LORA" or unusual:
        what = f"it uses {', '.join(unusual)}" if unusual else f"it is of the type {settings.get('peft_type')}"
        return (Problem(f"llama.cpp can't load this adapter: {what}", file=shown, hint="Train a plain LoRA."),)
    names = gguf.get_tensor_name_map(architecture, base.num_hidden_layers)
    tensors: dict[str, numpy.ndarray] = {}
    for name, tensor in load_file(adapter / "adapter_model.safetensors").items():
        found = _PEFT_NAME.fullmatch(name)
        target = names.get_name(found["weight"]) if found is not None else None
        if found is None or target is None:
            return (Problem(f"GGUF has no place for the tensor {name}", file=shown),)
        values = tensor.astype(numpy.float32)
        if found["factor"] == "B" and base.model_type in _ROTATED:
            values = in_gguf_order(values, target, base)
        tensors[f"{target}.weight.lora_{found['factor'].lower()}"] = values
    if not tensors:
        return (Problem("the adapter holds no tensors", file=shown),)
    partial = output.with_name(output.name + ".partial")
    writer = gguf.GGUFWriter(partial, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(settings["lora_alpha"]))
    for name in sorted(tensors):
        writer.add_tensor(name, numpy.ascontiguousarray(tensors[name]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    put_in_place(partial, output)
    return ()


def in_gguf_order(values: numpy.ndarray, target: str, base: BaseShape) -> numpy.ndarray:
    """Put the rows of a factor (out, rank) of queries or keys into GGUF's order."""
    heads = {"attn_q": base.num_attention_heads, "attn_k": base.num_key_value_heads}.get(target.rsplit(".", 1)[-1])
    if heads is None:
        return values
    half = values.shape[0] // heads // 2
    return values.reshape(heads, 2, half, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
