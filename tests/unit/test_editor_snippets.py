"""What docs/editors.md tells people to paste can be read by what it is for."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "editors.md"
READERS = {"json": json.loads, "toml": tomllib.loads}
SNIPPETS = [(kind, text) for kind, text in re.findall(r"```(\w+)\n(.*?)```", DOCS.read_text(), re.DOTALL) if kind in READERS]


def test_there_are_snippets_of_each_kind() -> None:
    assert {kind for kind, _ in SNIPPETS} == set(READERS)


@pytest.mark.parametrize(("kind", "text"), SNIPPETS)
def test_a_snippet_can_be_read_and_starts_the_server(kind: str, text: str) -> None:
    tree = READERS[kind](text)
    words = json.dumps(tree)
    if "command" in words:
        assert "llm4cov-lsp" in words and "--stdio" in words
