"""Settings from the environment: the only module that reads it for them. Knows what they are called, not who uses them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from llm4cov_agent.errors import BadConfiguration

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET = 8
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Where things are kept, and how much may be."""

    cache_dir: Path
    cache_bytes: int
    state_dir: Path
    """Logs, and when what happens from time to time happened last."""
    store: Path
    """File of the store of trajectories."""
    adapters: Path
    """Folder of what was learned, beside the store."""


def read_config() -> Config:
    """Read the settings.

    Raises BadConfiguration naming the variable that can't be used.
    """
    folder = os.environ.get("LLM4COV_CACHE_DIR")
    named = os.environ.get("LLM4COV_STORE")
    state = os.environ.get("LLM4COV_STATE_DIR")
    store = Path(named).absolute() if named else platformdirs.user_data_path("llm4cov-lsp") / "trajectories.db"
    return Config(
        cache_dir=Path(folder).absolute() if folder else platformdirs.user_cache_path("llm4cov-lsp"),
        cache_bytes=_bytes("LLM4COV_CACHE_SIZE", 2 << 30),
        state_dir=Path(state).absolute() if state else platformdirs.user_state_path("llm4cov-lsp"),
        store=store,
        adapters=store.parent / "adapters",
    )


def consents_file() -> Path:
    """Give the file of the servers that the user lets an editor send designs to."""
    path = os.environ.get("LLM4COV_CONSENTS")
    return Path(path).absolute() if path else platformdirs.user_config_path("llm4cov-lsp") / "consents.json"


def secret(name: str) -> str:
    """Read a secret from the variable that a setting names; empty where it is not set. Ask anew each time rather than keep it."""
    return os.environ.get(name, "").strip()


def secret_values(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Give what variables hold whose name says that it is secret, longest first; short ones are no secrets."""
    found = {
        value
        for name, value in (os.environ if environment is None else environment).items()
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET and not value.startswith(("/", "."))
    }
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def _bytes(name: str, default: int) -> int:
    text = os.environ.get(name, "").strip().upper().removesuffix("B")
    if not text:
        return default
    number, unit = (text[:-1], text[-1]) if text[-1] in _UNITS else (text, "")
    if not number.isdecimal():
        raise BadConfiguration(f"{name} should be a size such as 500M or 2G, not {os.environ[name]!r}.")
    return int(number) * _UNITS[unit]
