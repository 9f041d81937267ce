"""What a report gets to see: never a secret, and no source that was not asked for."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm4cov_agent.config import secret_values
from llm4cov_lsp import logfile
from llm4cov_lsp.about import past_told, settings_told
from llm4cov_lsp.bundle import write_bundle
from llm4cov_lsp.discreet import GONE, told, without_secrets
from llm4cov_lsp.jobs import Past
from llm4cov_lsp.lane import Priority
from llm4cov_lsp.logfile import LOGGER, log_ends, open_log
from llm4cov_lsp.settings import read_settings

SECRET = "sk-proj-0123456789abcdef"
RTL = "module hidden_core(input logic clk); assign q = 32'hDEADBEEF; endmodule\n"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    library = logging.getLogger("pygls")
    before = (list(LOGGER.handlers), list(library.handlers), LOGGER.level, LOGGER.propagate)
    path = open_log(tmp_path / "state")
    assert path is not None
    yield path
    for handler in [one for one in LOGGER.handlers if one not in before[0]]:
        LOGGER.removeHandler(handler)
        handler.close()
    for handler in [one for one in library.handlers if one not in before[1]]:
        library.removeHandler(handler)
    LOGGER.setLevel(before[2])
    LOGGER.propagate = before[3]


@pytest.mark.parametrize(
    "text",
    [
        f"key {SECRET} was refused",
        "Authorization: Bearer abcdefgh12345678",
        "http://user:abcdefgh12345678@host:8000/v1",
        "--api-key abcdefgh12345678",
        'api_key="abcdefgh12345678"',
        "OPENAI_API_KEY=abcdefgh12345678",
        "password: abcdefgh12345678",
        "hf_abcdefgh12345678",
        '{"token": "abcdefgh12345678"}',
    ],
)
def test_what_looks_like_a_secret_goes(text: str) -> None:
    cleaned = without_secrets(text, {})
    assert GONE in cleaned and "abcdefgh" not in cleaned and SECRET not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "what looks like a secret is replaced",
        "keyboard: qwerty",
        "http://127.0.0.1:8000/v1",
        "tokens per second: 74",
        "the key of a design",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert without_secrets(text, {}) == text


def test_what_the_environment_keeps_secret_goes_whatever_it_looks_like() -> None:
    environment = {"MY_TOKEN": "plain words", "API_KEY": "short", "SSH_KEY_FILE": "/home/me/key", "PATH": "/usr/bin"}
    assert secret_values(environment) == ("plain words",)
    assert without_secrets("it said plain words.", environment) == f"it said {GONE}."


def test_settings_go_by_their_names_too() -> None:
    assert told({"model": {"apiKey": "x", "keyVariable": "OPENAI_API_KEY", "name": "m", "headers": ["a", SECRET]}}) == {
        "model": {"apiKey": GONE, "keyVariable": "OPENAI_API_KEY", "name": "m", "headers": ["a", GONE]}
    }
    settings, _ = read_settings({"files": {"defines": ["A=1", f"K={SECRET}"]}}, None, trusted=True)
    assert SECRET not in json.dumps(settings_told({"/p": settings}))


def test_the_log_has_places_of_errors_and_not_their_words(log: Path) -> None:
    LOGGER.info("job %s", "measure m")
    LOGGER.warning("the key is %s", SECRET)
    for logger, words in ((LOGGER, "failed"), (logging.getLogger("pygls.protocol.json_rpc"), f"Failed to handle {RTL}")):
        try:
            raise ValueError(RTL)
        except ValueError:
            logger.exception(words)
    logging.getLogger("pygls.client").error("Unable to deserialize message\n%s", RTL)
    logging.getLogger("pygls.client").info("sent %s", RTL)
    text = log.read_text()
    assert "job measure m" in text and "test_bundle.py:" in text and text.count("    ValueError") == 2
    assert "pygls.client, " in text and "hidden_core" not in text and "DEADBEEF" not in text and SECRET not in text


def test_logs_are_bounded_and_few(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12_000):
        LOGGER.info("x" * 100)
    files = list(log.parent.glob("*"))
    assert len(files) == 2 and all(one.stat().st_size <= logfile.MOST_BYTES for one in files)
    assert all(len(text) <= logfile.MOST_TOLD for text in log_ends(tmp_path / "state").values())
    for number in range(30):
        (log.parent / f"server-20200101-0000{number:02}-1.log").touch()
    before = list(LOGGER.handlers)
    open_log(tmp_path / "state")
    for handler in [one for one in LOGGER.handlers if one not in before]:
        LOGGER.removeHandler(handler)
        handler.close()
    assert len(list(log.parent.glob("*"))) <= logfile.MOST_FILES


def test_a_job_that_failed_by_our_own_fault_keeps_the_name_of_the_error_alone() -> None:
    at = datetime.now(UTC)
    past = Past(
        kind="measure",
        top="m",
        priority=Priority.USER,
        asked_at=at,
        began_at=at,
        ended_at=at,
        how=f"failed: internal error: KeyError: {RTL}",
    )
    assert past_told(past)["how"] == "failed: internal error: KeyError"


def _read(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_bundle_has_what_a_report_needs_and_sources_only_when_asked(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "a secret of mine")
    source = tmp_path / "core.sv"
    source.write_text(RTL + "// a secret of mine\n")
    LOGGER.info("it said: a secret of mine")

    def write(name: str, sources: list[Path] | None) -> dict[str, str]:
        write_bundle(
            tmp_path / name,
            doctor={"ok": True, "checks": [{"place": f"{Path.home()}/bin"}]},
            settings={str(Path.home() / "p"): {"model.apiKey": "hush"}},
            jobs=[{"top": "core"}],
            state_dir=tmp_path / "state",
            sources=sources,
        )
        return _read(tmp_path / name)

    parts = write("a.zip", None)
    assert {"README.txt", "versions.json", "doctor.json", "settings.json", "jobs.json", f"log/{log.name}"} == set(parts)
    whole = "".join(parts.values())
    assert "hidden_core" not in whole and "a secret of mine" not in whole and "hush" not in whole
    assert "~/bin" in parts["doctor.json"] and "~/p" in parts["settings.json"]
    assert "not asked for" in parts["README.txt"]
    parts = write("b.zip", [source])
    assert "hidden_core" in parts["sources/1-core.sv"] and "a secret of mine" not in parts["sources/1-core.sv"]
    with pytest.raises(FileExistsError):
        write("a.zip", None)
    assert not list(tmp_path.glob(".bundle-*"))


def test_the_command_writes_one_and_replaces_none(tmp_path: Path) -> None:
    (tmp_path / "core.sv").write_text(RTL)
    (tmp_path / "llm4cov.toml").write_text('mode = "off"\n')
    command = [sys.executable, "-m", "llm4cov_lsp.cli", "debug-bundle", "out.zip"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "out.zip\n", done.stderr
    parts = _read(tmp_path / "out.zip")
    assert json.loads(parts["settings.json"])[str(tmp_path)]["mode"] == "off" and json.loads(parts["doctor.json"])["checks"]
    assert "hidden_core" not in "".join(parts.values())
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 2 and "exists already" in again.stderr
