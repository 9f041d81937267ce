"""What an accepted testbench took the place of comes back byte by byte, and no other file is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.cli.bringing_back import Brought, bring_back
from llm4cov_agent.trajectories.trajectory import Replaced, place_of


@pytest.mark.parametrize(
    ("text", "now", "after"),
    [
        ("mine\r\n", b"generated\n", b"mine\r\n"),
        ("caf\udce9\n", b"generated\n", b"caf\xe9\n"),
        ("mine\n", b"\xef\xbb\xbfgenerated\n", b"\xef\xbb\xbfmine\n"),
    ],
)
def test_a_text_comes_back_as_it_was(tmp_path: Path, text: str, now: bytes, after: bytes) -> None:
    path = tmp_path / "tb.sv"
    path.write_bytes(now)
    path.chmod(0o640)
    assert bring_back(path, Replaced(place_of(path), text)) is Brought.RESTORED
    assert path.read_bytes() == after and path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_made_goes_and_a_link_to_it_stays(tmp_path: Path) -> None:
    path, link = tmp_path / "tb.sv", tmp_path / "link.sv"
    path.write_text("generated\n")
    link.symlink_to(path)
    assert bring_back(link, Replaced(place_of(path), None)) is Brought.DELETED
    assert not path.exists() and link.is_symlink()


@pytest.mark.parametrize("known", [True, False])
def test_another_file_of_the_same_text_stays(tmp_path: Path, known: bool) -> None:
    path = tmp_path / "copy.sv"
    path.write_text("generated\n")
    replaced = Replaced(place_of(tmp_path / "tb.sv"), None) if known else None
    assert bring_back(path, replaced) is Brought.KEPT and path.read_text() == "generated\n"
