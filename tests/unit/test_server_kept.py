"""Results on disk: what comes back, what is passed over, and what is thrown away."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llm4cov_lsp import kept
from llm4cov_lsp.kept import KeptResults
from llm4cov_lsp.records import FileDigest, FileResult, HoleRecord, LineTally, Result
from llm4cov_lsp.wire import Request, RequestKind


def _request(top: str) -> Request:
    return Request(kind=RequestKind.MEASURE, file=f"/p/{top}.sv", top=top, testbench=f"/p/tb_{top}.sv", defines=("A", "B=1"))


def _result(top: str, *, holes: int = 1) -> Result:
    found = tuple(
        HoleRecord(
            id=f"h{at}",
            ids=(f"h{at}",),
            comments=("block",),
            kind="line",
            line=at + 1,
            column=1,
            sentence="s",
            detail="d",
            verdict="unknown",
        )
        for at in range(holes)
    )
    own = FileResult(
        path=f"/p/{top}.sv", digest="sha256:1", counts=((1, 5),), tallies=(LineTally(line=1, kind="line", covered=0, total=1),), holes=found
    )
    rests_on = (FileDigest(path=f"/p/{top}.sv", digest="sha256:1"), FileDigest(path="/p/shared.sv", digest="sha256:2"))
    return Result(top=top, status="ok", overall=50.0, cycles=7, rests_on=rests_on, files=(own,))


@pytest.fixture
def troubles() -> list[str]:
    return []


@pytest.fixture
def results(tmp_path: Path, troubles: list[str]) -> KeptResults:
    return KeptResults(tmp_path / "results", troubles.append)


def _tops(results: KeptResults, path: str) -> list[str]:
    return sorted(one.result.top for one in results.about(Path(path)))


def test_a_result_comes_back_by_every_file_that_it_rests_on(results: KeptResults, troubles: list[str], tmp_path: Path) -> None:
    for top in ("a", "b"):
        assert results.keep(f"/p/{top}.sv::{top}", _request(top), _result(top)) is None
    again = KeptResults(tmp_path / "results", troubles.append)
    (only,) = again.about(Path("/p/a.sv"))
    assert (only.key, only.request, only.result) == ("/p/a.sv::a", _request("a"), _result("a"))
    assert _tops(again, "/p/shared.sv") == ["a", "b"] and _tops(again, "/p/other.sv") == []
    assert not troubles


def test_a_newer_result_takes_the_place_of_the_one_before(results: KeptResults) -> None:
    results.keep("k", _request("a"), _result("a"))
    newer = Result(top="a", status="ok", rests_on=(FileDigest(path="/p/a.sv", digest="sha256:9"),))
    results.keep("k", _request("a"), newer)
    (only,) = results.about(Path("/p/a.sv"))
    assert only.result == newer
    assert _tops(results, "/p/shared.sv") == [], "it does not rest on that any more"


def test_results_of_another_program_are_not_given(results: KeptResults, monkeypatch: pytest.MonkeyPatch) -> None:
    results.keep("k", _request("a"), _result("a"))
    assert _tops(results, "/p/a.sv") == ["a"]
    monkeypatch.setattr(kept, "program", lambda: "another")
    assert _tops(results, "/p/a.sv") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 99, "key": "k"}',
        b"[" * 100_000,
        b'{"format": 1, "request": 3}',
    ],
)
def test_a_damaged_file_is_passed_over_and_told(results: KeptResults, troubles: list[str], tmp_path: Path, content: bytes) -> None:
    results.keep("k", _request("a"), _result("a"))
    (file,) = (tmp_path / "results/designs").glob("*.json")
    file.write_bytes(content)
    assert _tops(results, "/p/a.sv") == []
    assert len(troubles) == 1 and str(file) in troubles[0]
    results.keep("k", _request("a"), _result("a"))
    assert _tops(results, "/p/a.sv") == ["a"]


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, troubles: list[str]) -> None:
    results = KeptResults(tmp_path / "results", troubles.append, most_designs=3)
    for at, top in enumerate("abc"):
        results.keep(top, _request(top), _result(top))
        (newest,) = [one for one in (tmp_path / "results/designs").glob("*.json") if json.loads(one.read_bytes())["key"] == top]
        os.utime(newest, (at, at))
    assert _tops(results, "/p/a.sv") == ["a"], "reading it makes it the newest"
    results.keep("d", _request("d"), _result("d"))
    assert _tops(results, "/p/shared.sv") == ["a", "c", "d"]
    assert not list((tmp_path / "results/files").glob(f"{kept._name('/p/b.sv')}*")), "its marks go too"


def test_the_folder_is_held_under_its_size_and_what_is_too_large_is_not_kept(tmp_path: Path, troubles: list[str]) -> None:
    results = KeptResults(tmp_path / "results", troubles.append, most_bytes=20_000)
    for top in "abcdefgh":
        results.keep(top, _request(top), _result(top, holes=40))
    assert sum(one.stat().st_size for one in (tmp_path / "results/designs").glob("*")) <= 20_000
    assert _tops(results, "/p/h.sv") == ["h"]
    assert "is not kept" in (results.keep("z", _request("z"), _result("z", holes=60_000)) or "")


def test_several_servers_may_write_at_once(tmp_path: Path, troubles: list[str]) -> None:
    def write(number: int) -> None:
        results = KeptResults(tmp_path / "results", troubles.append, most_designs=4)
        for top in ("a", "b", "c", f"own{number}"):
            results.keep(top, _request(top), _result(top, holes=20))
            list(results.about(Path("/p/shared.sv")))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(12)))
    assert not troubles
    assert not list((tmp_path / "results/designs").glob(".new-*"))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, troubles: list[str]) -> None:
    (tmp_path / "results").write_text("a file")
    results = KeptResults(tmp_path / "results", troubles.append)
    assert "is not kept" in (results.keep("k", _request("a"), _result("a")) or "")
    assert _tops(results, "/p/a.sv") == []
