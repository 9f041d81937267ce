"""How fast a model learns against what the machine can do: `python -m benchmarks.training [--model FILE] [--full] [--tokens N]`.

Takes one pack of random tokens through the model, forwards and backwards, as training does. Floating-point operations per token are
counted as usual (J. Kaplan et al., 2020; A. Chowdhery et al., 2022, "model FLOPs utilisation"): 2 for each weight forwards; backwards 2 for
what goes on to the layer before and, where all weights are trained, 2 more for their own gradients; so 6 a weight in full and 4 with an
adapter, beside attention's 2 * 2 * layers * width * tokens forwards and twice that backwards. The word table counts once, as last layer.
The limit is the maker's figure for GPUs that are known here, and the rate of a large matrix product in 32 bits on a processor.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import torch

from benchmarks import results
from llm4cov_agent.loop.policies.model_file import default_model, label
from llm4cov_training.adapters.gguf_model import Shape
from llm4cov_training.corpus.catalogue import generate
from llm4cov_training.experiment.fresh import write_fresh_base
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.tokens import Pack
from llm4cov_training.learn.train import load_base, seconds_for_pack, uses_bfloat16

BAR_PERCENT = 30.0
"""On a GPU of the H100's class."""
_PEAK_TERA = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0, "RTX 4090": 165.0}
"""bfloat16 without sparsity, in 10^12 operations per second, from the makers' data sheets; the first name that is met counts."""
_PRODUCT, _TRIES = 2048, 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="GGUF file or folder; the default model, or `fresh` for the base of the scale `small`")
    parser.add_argument("--full", action="store_true", help="train all weights, not an adapter")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens of the pack")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or default_model()
        if str(path) == "fresh":
            path = Path(folder) / "fresh.gguf"
            write_fresh_base(path, Shape(), [generate(1, number).text for number in range(100)], seed=1)
        model, _, _ = load_base(path, Precision.AUTO)
        name = label(path)
    config = model.config
    weights = sum(one.numel() for one in model.parameters())
    generator = Random(1)
    ids = tuple(generator.randrange(config.vocab_size) for _ in range(options.tokens))
    recipe = Recipe(full=options.full, sequence_tokens=options.tokens)
    load = os.getloadavg()[0]
    pack = Pack(ids, ids, tuple(range(options.tokens)))
    # The best of several, as other work on the machine comes and goes.
    seconds = min(seconds_for_pack(model, pack, recipe) for _ in range(_TRIES))
    ways = 3 if options.full else 2
    # Forwards once; backwards once for the layer before, and once more for the weights where they are trained. Attention has no weights.
    per_token = 2 * ways * weights + 4 * 3 * config.num_hidden_layers * config.hidden_size * options.tokens
    rate = options.tokens / seconds
    device, peak = _limit()
    used = 100 * rate * per_token / peak
    what = "all" if options.full else "an adapter"
    print(f"{name}, {weights / 1e6:.1f} million weights, {what} trained, {options.tokens} tokens: {rate:.0f}/s")
    print(f"{rate * per_token / 1e9:.1f} of {peak / 1e9:.1f} * 10^9 operations/s on {device}: {used:.0f} %; load before {load:.1f}")
    kind = f"training_{'full' if options.full else 'lora'}_{'fresh' if name.startswith('fresh') else 'default'}"
    results.write(
        kind,
        {
            "model": name,
            "weights": weights,
            "full": options.full,
            "tokens": options.tokens,
            "tokens_per_s": rate,
            "operations_per_token": per_token,
            "limit_per_s": peak,
            "used_percent": used,
            "device": device,
            "bfloat16": uses_bfloat16(Precision.AUTO),
            "load_before": load,
        },
    )
    return int(torch.cuda.is_available() and used < BAR_PERCENT)


def _limit() -> tuple[str, float]:
    """What the machine can do, in operations per second, and its name."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        for known, tera in _PEAK_TERA.items():
            if known in name:
                return name, tera * 1e12
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    one, other = (torch.rand(_PRODUCT, _PRODUCT, device=device) for _ in range(2))
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        (one @ other).sum().item()
        taken.append(time.perf_counter() - began)
    name = torch.cuda.get_device_name(0) if device.type == "cuda" else f"{torch.get_num_threads()} threads of a processor"
    return f"{name} (measured)", 2 * _PRODUCT**3 / min(taken)


if __name__ == "__main__":
    sys.exit(main())
