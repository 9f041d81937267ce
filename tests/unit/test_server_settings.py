"""The table of settings: what is read by it, what is refused by it, and the page that is written from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_lsp.settings import DEFAULTS, TABLE, read_project_file, read_settings
from llm4cov_lsp.settings_page import documentation

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_of_settings_is_the_table() -> None:
    assert DOCS.read_text() == documentation()


def test_every_default_is_a_value_that_its_setting_can_have() -> None:
    tree = {one.key: list(one.default) if isinstance(one.default, tuple) else one.default for one in TABLE}
    assert read_settings(tree, None, trusted=True) == (DEFAULTS, ())


def test_the_client_goes_before_the_project_and_both_before_the_default() -> None:
    project = {"mode": "off", "diagnostics": {"maxPerFile": 7}}
    settings, problems = read_settings({"mode": "generate"}, project, trusted=True)
    assert not problems
    assert (settings.text("mode"), settings.number("diagnostics.maxPerFile"), settings.flag("codeLens.enabled")) == ("generate", 7, True)


@pytest.mark.parametrize(
    ("tree", "key", "word"),
    [
        ({"mode": "sometimes"}, "mode", "one of off, measure, generate"),
        ({"diagnostics": {"maxPerFile": 0}}, "diagnostics.maxPerFile", "1 or more"),
        ({"diagnostics": {"maxPerFile": True}}, "diagnostics.maxPerFile", "an integer"),
        ({"diagnostics": {"maxPerFile": 2.5}}, "diagnostics.maxPerFile", "an integer"),
        ({"diagnostics.enabled": "yes"}, "diagnostics.enabled", "a boolean"),
        ({"files": {"defines": "A=1"}}, "files.defines", "a list of strings"),
        ({"files": {"defines": ["OK=1", "1X"]}}, "files.defines", "a list of strings, each `NAME` or `NAME=VALUE`, not"),
        ({"diagnostics": {"kinds": ["covergroup"]}}, "diagnostics.kinds", "a list of strings of line"),
        ({"generate": {"budgetSeconds": float("nan")}}, "generate.budgetSeconds", "a number"),
        ({"simulation": {"runSeconds": float("inf")}}, "simulation.runSeconds", "a number of 0.1 or more, 86400 at most"),
        ({"simulation": {"seed": 2**31}}, "simulation.seed", "2147483647 at most"),
        ({"model": {"threads": 10**400}}, "model.threads", "an integer"),
        ({"codeLens": {"enabled": [[True] * 99]}}, "codeLens.enabled", "…; using true."),
    ],
)
def test_a_bad_value_is_named_and_the_default_is_used(tree: object, key: str, word: str) -> None:
    settings, problems = read_settings(tree, None, trusted=True)
    assert settings == DEFAULTS
    assert len(problems) == 1 and f"llm4cov.{key} " in problems[0] and word in problems[0]


def test_a_bad_value_of_the_client_leaves_what_the_project_says() -> None:
    settings, problems = read_settings({"mode": 3}, {"mode": "off"}, trusted=True)
    assert settings.text("mode") == "off" and 'using "off"' in problems[0]


def test_an_unknown_key_is_named() -> None:
    assert "llm4cov.diagnostic.enabled" in read_settings({"diagnostic": {"enabled": True}}, None, trusted=True)[1][0]


def test_a_whole_number_may_come_with_a_fraction_of_nothing() -> None:
    assert read_settings({"diagnostics": {"maxPerFile": 5.0}}, None, trusted=True)[0].number("diagnostics.maxPerFile") == 5


def test_the_file_of_an_untrusted_workspace_decides_nothing_that_runs() -> None:
    project = {"mode": "generate", "files": {"filelists": ["/etc/x.f"]}, "diagnostics": {"maxPerFile": 3}}
    settings, problems = read_settings(None, project, trusted=False)
    assert settings.text("mode") == "measure" and settings.texts("files.filelists") == ()
    assert settings.number("diagnostics.maxPerFile") == 3
    assert len(problems) == 2 and all("not trusted" in one for one in problems)


def test_a_project_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    assert read_project_file(tmp_path) == (None, ())
    (tmp_path / "llm4cov.toml").write_text("mode = [")
    tree, problems = read_project_file(tmp_path)
    assert tree is None and "llm4cov.toml" in problems[0]


def test_a_project_file_may_begin_with_a_byte_order_mark_and_one_that_is_no_text_is_told_where(tmp_path: Path) -> None:
    (tmp_path / "llm4cov.toml").write_bytes(b"\xef\xbb\xbfmode = 'off'\r\n")
    assert read_project_file(tmp_path) == ({"mode": "off"}, ())
    (tmp_path / "llm4cov.toml").write_bytes(b"mode = 'off'\n# caf\xe9\n")
    tree, (problem,) = read_project_file(tmp_path)
    assert tree is None and "is not UTF-8 text (line 2)" in problem
