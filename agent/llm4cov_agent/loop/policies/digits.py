"""Cuts numbers into digits where a model's makers did: what a GGUF file says of that, transformers does not read. Loads no model."""

from __future__ import annotations

from typing import Any

from tokenizers import pre_tokenizers


def split_digits(tokenizer: Any) -> None:
    """Mend a tokenizer of transformers in place, so that it cuts text as llama.cpp does.

    A vocabulary without a single token of two digits was fitted to numbers that were cut into digits. Spaces before a number would
    otherwise be joined in another way than the model has seen, in prompts and in what it learns from.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel):
        return
    if any(sum(character.isdigit() for character in token) > 1 for token in tokenizer.get_vocab() if not token.startswith("<")):
        return
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), by_bytes])
