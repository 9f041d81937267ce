"""Questions about a store that is not there yet are answered in plain words, and make none."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_lsp.stored import answer
from llm4cov_lsp.wire import Question, QuestionKind


def test_where_nothing_is_stored_there_is_nothing_to_show_or_delete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "store.db"))
    assert answer(Question(kind=QuestionKind.LIST)) == {"trajectories": []}
    assert answer(Question(kind=QuestionKind.FIND, text="module tb; endmodule")) == {"trajectory": None}
    assert answer(Question(kind=QuestionKind.SHOW, name="ab")) == {"error": "There is no trajectory ab: nothing is stored yet."}
    assert answer(Question(kind=QuestionKind.DELETE, name="m")) == {"error": "There is no design m: nothing is stored yet."}
    assert not (tmp_path / "store.db").exists()
