"""A base model from nothing: words fitted to prompts of training designs, and random weights. Sees no held-out design."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from llm4cov_agent.loop.policies.model_file import default_model
from llm4cov_training.adapters.gguf_model import Shape, Vocabulary, chat_template_of, write_new_model

_CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""Those that the default model's template writes."""


def write_fresh_base(path: Path, shape: Shape, texts: Iterable[str], *, seed: int) -> None:
    """Fit words to some texts and write a model that has learned nothing else. Raises OSError."""
    tokenizer = Tokenizer(models.BPE())
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), by_bytes])
    trainer = trainers.BpeTrainer(
        vocab_size=shape.vocabulary,
        special_tokens=list(_CONTROL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])]
    words = Vocabulary(control=_CONTROL, tokens=tokens, merges=_merges(tokenizer), chat_template=chat_template_of(default_model()))
    write_new_model(path, shape, words, seed=seed)


def _merges(tokenizer: Tokenizer) -> list[str]:
    found = json.loads(tokenizer.to_str())["model"]["merges"]
    return [one if isinstance(one, str) else " ".join(one) for one in found]
