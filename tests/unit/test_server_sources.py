"""Which files a request means, and the command that may tell them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from llm4cov_lsp.filelist_command import Listings, filelist_of
from llm4cov_lsp.project import is_project_file, project_file_of, request_of
from llm4cov_lsp.settings import read_settings
from llm4cov_lsp.sources import files_of_request
from llm4cov_lsp.wire import PROJECT_CODE, Request, RequestKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("top.sv", "a.sv", "b.sv", "c.sv"):
        (tmp_path / name).write_text("module m; endmodule\n")
    (tmp_path / "verible.filelist").write_text("a.sv\ntop.sv\n")
    (tmp_path / "list.f").write_text("b.sv\n")
    (tmp_path / "list.sh").write_text("echo $PWD >&2; echo c.sv; echo +define+X=$1\n")
    return tmp_path


def _request(folder: Path, settings: dict[str, object], *, edition: int = 1) -> Request:
    found, problems = read_settings({"files": settings}, None, trusted=True)
    assert not problems
    return request_of(RequestKind.MEASURE, folder / "top.sv", "top", found, folder=folder, edition=edition)


@pytest.mark.parametrize(
    ("settings", "sources", "candidates"),
    [
        ({}, ["top.sv"], ["a.sv"]),
        ({"projectFiles": False}, ["top.sv"], []),
        ({"filelists": ["list.f"]}, ["b.sv", "top.sv"], []),
        ({"filelists": ["list.f"], "filelistCommand": ["sh", "list.sh"]}, ["c.sv", "top.sv"], []),
    ],
)
def test_the_first_that_tells_the_projects_files_is_taken(
    folder: Path, settings: dict[str, object], sources: list[str], candidates: list[str]
) -> None:
    files, problems, _ = files_of_request(_request(folder, settings), listings=Listings(), cancel=None)
    assert files is not None, problems
    assert [path.name for path in files.sources] == sources
    assert [path.name for path in files.library_files] == candidates
    assert files.top == "top"


def test_slangs_file_goes_before_veribles(folder: Path) -> None:
    assert project_file_of(folder) == folder / "verible.filelist"
    (folder / ".slang").mkdir()
    (folder / ".slang/server.json").write_text('{"flags": "b.sv"}')
    assert project_file_of(folder) == folder / ".slang/server.json"
    files, _, read = files_of_request(_request(folder, {}), listings=Listings(), cancel=None)
    assert files is not None and [path.name for path in files.library_files] == ["b.sv"]
    assert read == (folder / ".slang/server.json",)
    assert is_project_file(folder / ".slang/server.json") and not is_project_file(folder / "server.json")


def test_what_settings_add_comes_on_top_and_lists_are_told(folder: Path) -> None:
    request = _request(folder, {"filelists": ["list.f"], "defines": ["A", "B=2"], "includeDirs": ["inc"]})
    files, _, read = files_of_request(request, listings=Listings(), cancel=None)
    assert files is not None and files.defines == (("A", None), ("B", "2")) and files.include_dirs == (folder / "inc",)
    assert read == (folder / "list.f",)


def test_parameters_are_those_of_the_module_that_is_the_top(folder: Path) -> None:
    given = ["top.WIDTH=8", "b.WIDTH=16", 'top.NAME="x=y"', "top2.WIDTH=2"]
    files, _, _ = files_of_request(_request(folder, {"parameters": given}), listings=Listings(), cancel=None)
    assert files is not None and files.parameters == (("WIDTH", "8"), ("NAME", '"x=y"'))


def test_a_command_runs_once_for_an_edition_of_the_settings(folder: Path) -> None:
    listings = Listings()
    request = _request(folder, {"filelistCommand": ["sh", "list.sh", "1"]})
    first, _, _ = files_of_request(request, listings=listings, cancel=None)
    assert first is not None and first.defines == (("X", "1"),)
    (folder / "list.sh").write_text("exit 4\n")
    assert files_of_request(request, listings=listings, cancel=None)[0] == first
    files, problems, _ = files_of_request(replace(request, edition=2), listings=listings, cancel=None)
    assert files is None and problems[0].code == PROJECT_CODE
    (folder / "list.sh").write_text("echo a.sv\n")
    assert files_of_request(replace(request, edition=2), listings=listings, cancel=None)[0] is not None, "a failure is not kept"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no rule for it >&2; exit 2", ("exited with status 2", "no rule for it")),
        ("sleep 30", ("ran longer than its time limit", "")),
        ("yes", ("printed more than its limit", "")),
        ("exit 0", ("names no source file", "")),
        ("echo gone.sv", ("line 1 of what it printed: there is no file `gone.sv`", "")),
        ("touch made || { echo it is read-only; exit 1; }", ("exited with status 1", "it is read-only")),
    ],
)
def test_how_a_command_fails_is_said_with_what_it_printed(folder: Path, script: str, words: tuple[str, str]) -> None:
    files, problems = filelist_of(("sh", "-c", script), folder=folder, wall_s=2, cancel=None)
    assert files is None
    assert words[0] in problems[0].message and "the filelist command `sh -c" in problems[0].message
    assert words[1] in (problems[0].hint or "")
    assert problems[0].file is None and not (folder / "made").exists()


def test_a_command_that_is_not_there_and_one_that_is_cancelled(folder: Path) -> None:
    _, problems = filelist_of(("no-such-program",), folder=folder, wall_s=5, cancel=None)
    assert "status 127" in problems[0].message and "not found" in (problems[0].hint or "")
    cancel = Event()
    cancel.set()
    _, problems = filelist_of(("sleep", "5"), folder=folder, wall_s=5, cancel=cancel)
    assert "was cancelled" in problems[0].message


def test_a_command_inherits_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    _, problems = filelist_of(("sh", "-c", "env; exit 1"), folder=folder, wall_s=5, cancel=None)
    assert "sk-secret" not in str(problems) and "HOME=" in str(problems)
