"""Files that are there whole or not at all, and what a full disk looks like to a person."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llm4cov_agent.durable import disk_problem, put_in_place, write_whole
from llm4cov_agent.loop.state import State
from llm4cov_agent.trajectories.store import open_store
from tests.unit.test_curation import made, put, saw, script, step

ROOT = Path(__file__).parents[2]
PROGRAM = shutil.which("llm4cov-lsp", path=str(Path(sys.executable).parent)) or ""


def test_a_file_is_replaced_once_its_bytes_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    flushed, moved = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        done.append(f"flush {Path(f'/proc/self/fd/{handle}').readlink().name.split('.')[0]}")
        flushed(handle)

    def replace(path: Path, target: Path) -> Path:
        done.append(f"move {path.name.split('.')[0]}")
        return moved(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_whole(tmp_path / "live", "one")
    assert done == ["flush live", "move live", f"flush {tmp_path.name}"] and [one.name for one in tmp_path.iterdir()] == ["live"]
    done.clear()
    (tmp_path / "made" / "below").mkdir(parents=True)
    (tmp_path / "made" / "below" / "weights").write_bytes(b"1")
    put_in_place(tmp_path / "made", tmp_path / "kept")
    assert sorted(done[:3]) == ["flush below", "flush made", "flush weights"] and done[3:] == ["move made", f"flush {tmp_path.name}"]
    assert (tmp_path / "kept" / "below" / "weights").read_bytes() == b"1"


def test_what_was_there_stays_where_the_disk_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "live").write_text("before")

    def fsync(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "live"))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "live", "after")
    assert [one.name for one in tmp_path.iterdir()] == ["live"] and (tmp_path / "live").read_text() == "before"


def test_folders_that_can_not_be_flushed_stop_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = os.fsync

    def fsync(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        flushed(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "live", "after")
    assert (tmp_path / "live").read_text() == "after"


def test_other_errors_are_not_said_to_be_the_disks(tmp_path: Path) -> None:
    assert disk_problem(OSError(errno.ECHILD, "No child processes")) is None
    # Of a process or a socket, not of a file.
    assert disk_problem(PermissionError(errno.EPERM, "Operation not permitted")) is None
    problem = disk_problem(OSError(errno.EROFS, "Read-only file system", str(tmp_path / "a")))
    assert (
        problem is not None and "Read-only file system" in str(problem) and problem.file == str(tmp_path / "a") and problem.hint is not None
    )


def test_a_disk_without_any_room_is_told_too(tmp_path: Path) -> None:
    ended = subprocess.run(["bash", "-c", f"ulimit -f 0; exec {PROGRAM} trajectories list"], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr, ended
    assert "no folder for temporary files can be written" in ended.stderr and "TMPDIR" in ended.stderr


@pytest.mark.parametrize("command", ["corpus", "curate", "experiment"])
def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing_half_made(tmp_path: Path, command: str) -> None:
    with open_store(tmp_path / "t.db") as store:
        put(store, step(State(made(tmp_path, "adder")), script(3), saw(50)))
    (tmp_path / "scale.toml").write_text('name = "full"\n[corpus]\ndesigns = 90\n')
    arguments = {
        "corpus": [PROGRAM, "retrain", "corpus", "--count", "90", "--out", "made"],
        "curate": [PROGRAM, "retrain", "curate", "--store", "t.db", "--out", "made/examples.jsonl"],
        "experiment": [sys.executable, "-m", "llm4cov_training.experiment", "scale.toml", "--out", "made"],
    }[command]
    # No file may grow above so many kilobytes: designs fit, and lists of them do not.
    limit = 1 if command == "curate" else 16
    ended = subprocess.run(
        [shutil.which("bash") or "", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *arguments],
        cwd=tmp_path,
        # Without a simulator, whose files would be too large as well.
        env=os.environ | {"LLM4COV_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr, ended
    # SQLite, which reads with a file of its own beside the store, has its own words for it.
    assert ("the disk reports an error" if command == "curate" else "File too large") in ended.stderr and "Make room" in ended.stderr, ended
    assert not list((tmp_path / "made").rglob("corpus.json")) and not list((tmp_path / "made").rglob("examples.jsonl"))
