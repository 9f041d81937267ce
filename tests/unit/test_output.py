"""A user's file is never lost, and never half-written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llm4cov_agent.cli.output import problems_of_output, write_output


def test_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "tb.sv"
    assert problems_of_output(path, force=False) == ()
    assert write_output(path, "text \u20ac\n") is None
    assert path.read_bytes() == b"text \xe2\x82\xac\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["tb.sv"]


def test_the_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    write_output(tmp_path / "tb.sv", "x")
    (tmp_path / "other").write_text("x")
    assert (tmp_path / "tb.sv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_every_version_that_was_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "tb.sv"
    path.write_bytes(b"mine \xff\n")
    assert write_output(path, "one\n") == tmp_path / "tb.sv.bak"
    assert write_output(path, "two\n") == tmp_path / "tb.sv.bak2"
    assert write_output(path, "three\n") == tmp_path / "tb.sv.bak3"
    kept = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    assert kept == {"tb.sv": b"three\n", "tb.sv.bak": b"mine \xff\n", "tb.sv.bak2": b"one\n", "tb.sv.bak3": b"two\n"}


def test_an_equal_file_needs_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "tb.sv"
    path.write_text("same\n")
    assert write_output(path, "same\n") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["tb.sv"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tb.sv"
    path.write_text("mine\n")
    with pytest.raises(UnicodeEncodeError):
        write_output(path, "\ud800")
    assert path.read_text() == "mine\n"
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "tb.sv"
    path.write_text("mine\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone" / "x")
    (exists,) = problems_of_output(path, force=False)
    assert exists.file == str(path) and "--force" in (exists.hint or "")
    assert problems_of_output(path, force=True) == ()
    assert "folder" in problems_of_output(tmp_path, force=True)[0].message
    assert "mkdir -p" in (problems_of_output(tmp_path / "a" / "b.sv", force=True)[0].hint or "")
    for device in (tmp_path / "pipe", Path("/dev/null")):
        assert "ordinary file" in problems_of_output(device, force=True)[0].message
