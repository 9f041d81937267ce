"""What happens around a job: edits at any rate, cancels in any phase, kills, full disks, neighbours. Nothing is lost or left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PROGRAM, WEAK_TESTBENCH, Project
from tests.e2e.raw import Raw, alive, descendants, raw, sentinels, tools_below

pytestmark = pytest.mark.acceptance
PATIENCE_S = 600.0
"""Nothing waits so long but on a machine that others use up: what the worker does has a low claim on it."""
PROMPT_S = 20.0
"""A second where there is a processor to be had (tests/e2e/test_cancel.py measures that)."""
STALE = "[stale"


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    """An environment with a cache of its own, so that there is something to build."""
    return dict(os.environ) | {"LLM4COV_CACHE_DIR": str(tmp_path / "cache"), "LLM4COV_STORE": str(tmp_path / "store.db")}


def _keep_builds(environment: Mapping[str, str]) -> None:
    """Let what other tests built serve here, but neither their proofs nor their results."""
    cache, kept = Path(environment["LLM4COV_CACHE_DIR"]), Path(os.environ["LLM4COV_CACHE_DIR"]) / "builds"
    cache.mkdir()
    kept.mkdir(parents=True, exist_ok=True)
    (cache / "builds").symlink_to(kept)


def _without_bubblewrap(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment whose PATH has all that there is but bubblewrap and unshare: what is left is Landlock, or nothing."""
    programs = folder / "programs"
    programs.mkdir()
    for place in reversed(environment["PATH"].split(":")):
        with suppress(OSError):
            for program in Path(place).iterdir():
                link = programs / program.name
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    for name in ("bwrap", "unshare"):
        (programs / name).unlink(missing_ok=True)
    return dict(environment) | {"PATH": str(programs)}


def _generate(server: Raw, uri: str, seconds: float = 30) -> int:
    server.settings = {"mode": "off", "generate": {"budgetSeconds": seconds}}
    server.notify("workspace/didChangeConfiguration", {"settings": None})
    return server.begin("workspace/executeCommand", {"command": "llm4cov.generate", "arguments": [uri, "traffic_light"]})


def _bars(server: Raw) -> list[dict[str, Any]]:
    return [one["params"] for one in server.notes if one.get("method") == "$/progress"]


def _phase(server: Raw, words: str, since: int = 0) -> str | None:
    """Give the token of the bar that says so."""
    return next((one["token"] for one in _bars(server)[since:] if words in str(one["value"].get("message"))), None)


def _is_idle(server: Raw) -> bool:
    info = server.command("llm4cov.info")
    return not info["running"] and not info["waiting"]


def _worker(server: Raw) -> int:
    [worker] = server.command("llm4cov.info")["workers"]
    return int(worker)


def _no_one_left(pids: set[int], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while left := alive(pids):
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        time.sleep(0.02)


def _edit(server: Raw, uri: str, version: int, place: tuple[int, int, int, int], text: str) -> None:
    first, start, last, end = place
    span = {"start": {"line": first, "character": start}, "end": {"line": last, "character": end}}
    changes = [{"range": span, "text": text}]
    server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes})


def _settle(server: Raw, uri: str, version: int) -> list[dict[str, Any]]:
    """Wait for the diagnostics of a version."""
    server.until(lambda: server.diagnostics(uri) and server.diagnostics(uri)[-1].get("version") == version, PATIENCE_S)
    return list(server.diagnostics(uri)[-1]["diagnostics"])


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_an_edit_every_ten_milliseconds_during_a_job_loses_nothing(project: Project, seconds: float) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    with raw(project.folder) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        server.until(lambda: any(one["diagnostics"] for one in server.diagnostics(uri)), PATIENCE_S)
        jobs = [_generate(server, uri, seconds + 5)]
        server.until(lambda: _bars(server), PATIENCE_S)
        memory = _memory(server.child.pid)
        version, lines, draw = 1, 0, random.Random(1)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            version += 1
            if lines and draw.random() < 0.4:
                _edit(server, uri, version, (0, 0, 1, 0), "")
                lines -= 1
            else:
                _edit(server, uri, version, (0, 0, 0, 0), f"// {version} é😀\n")
                lines += 1
            if version % 50 == 0:
                at = {"textDocument": {"uri": uri}, "position": {"line": lines + 5, "character": 0}}
                assert "error" not in server.ask("textDocument/hover", at)
            if jobs[-1] in server.replies:
                # All was hit or proved before the time was over. Other settings, so that what was proposed is not just offered again.
                jobs.append(_generate(server, uri, seconds + 5 + len(jobs)))
            time.sleep(0.01)
        # What was generated is about the file on disk, not about what was typed meanwhile: it is stale from its first moment.
        assert all("applied" in server.wait(job, PATIENCE_S)["result"] for job in jobs)
        after = _settle(server, uri, version)
        versions = [one["version"] for one in server.diagnostics(uri)]
        assert versions == sorted(versions)
        assert after and all(STALE in one["message"] for one in after if one.get("data"))
        # Back at the text on disk, each stands where it was measured.
        _edit(server, uri, version + 1, (0, 0, lines, 0), "")
        measured = _settle(server, uri, version + 1)
        assert [one["range"]["start"]["line"] - lines for one in after] == [one["range"]["start"]["line"] for one in measured]
        assert {one["message"] for one in after} == {one["message"] for one in measured}
        assert _memory(server.child.pid) < memory + (30 << 20)
        assert "Traceback" not in server.errors.decode()
        below = descendants(server.child.pid)
        assert server.leave() < PROMPT_S
        _no_one_left(below)


def _cancel(server: Raw, job: int, words: str, since: int) -> None:
    """Cancel a job by its bar once that says the words; nothing that ran below the worker is left."""
    token = server.until(lambda: _phase(server, words, since) or _is_over(server, job, words), PATIENCE_S)
    below = tools_below(_worker(server))
    began = time.monotonic()
    server.notify("window/workDoneProgress/cancel", {"token": token})
    assert server.wait(job, PATIENCE_S)["result"] == {"cancelled": True}, words
    assert time.monotonic() - began < PROMPT_S, words
    server.until(lambda: _is_idle(server), PATIENCE_S)
    _no_one_left(below - sentinels(below))


def _is_over(server: Raw, job: int, words: str) -> None:
    assert job not in server.replies, f"it was over before {words!r}: {server.replies[job]}"


@pytest.mark.parametrize("phase", ["reading the design", "translating the design", "compiling the model"])
def test_a_job_can_be_cancelled_while_it_builds_and_leaves_no_process(project: Project, fresh: dict[str, str], phase: str) -> None:
    with raw(project.folder, fresh) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        since = len(_bars(server))
        _cancel(server, _generate(server, uri), phase, since)
        assert not [text for text in server.messages() if "nternal" in text]


def test_a_job_can_be_cancelled_while_it_runs_and_leaves_no_process(project: Project, fresh: dict[str, str]) -> None:
    _keep_builds(fresh)
    with raw(project.folder, fresh) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        for phase in ("searching", "proving"):
            since = len(_bars(server))
            _cancel(server, _generate(server, uri, PATIENCE_S), phase, since)
        endless = WEAK_TESTBENCH.replace("#200 $finish;", "forever #200 night = ~night;")
        assert endless != WEAK_TESTBENCH
        project.testbench.write_text(endless)
        since = len(_bars(server))
        job = server.begin("workspace/executeCommand", {"command": "llm4cov.measure", "arguments": [uri, "traffic_light"]})
        server.until(lambda: _phase(server, "running the testbench", since) or _is_over(server, job, "running"), PATIENCE_S)
        # The words come before the process does.
        server.until(lambda: tools_below(_worker(server)), PATIENCE_S)
        _cancel(server, job, "running the testbench", since)
        project.testbench.write_text(WEAK_TESTBENCH)
        assert server.command("llm4cov.measure", uri, "traffic_light", timeout_s=PATIENCE_S)["status"] == "ok"
        assert not [text for text in server.messages() if "nternal" in text]


@pytest.mark.parametrize("has_bubblewrap", [True, False])
def test_kills_leave_no_process(project: Project, fresh: dict[str, str], tmp_path: Path, has_bubblewrap: bool) -> None:
    environment = fresh if has_bubblewrap else _without_bubblewrap(tmp_path, fresh)
    with raw(project.folder, environment) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        for whom in ("worker", "server"):
            since = len(_bars(server))
            job = _generate(server, uri)
            server.until(lambda since=since: _phase(server, "compiling the model", since) or _phase(server, "searching", since), PATIENCE_S)
            worker = _worker(server)
            server.until(lambda worker=worker: len(descendants(worker)) > 1, PATIENCE_S)
            below = descendants(worker) | {worker}
            if whom == "server":
                server.child.kill()
            else:
                os.kill(worker, signal.SIGKILL)
                assert "killed by signal 9" in server.wait(job)["result"]["error"]
                assert any("worker process was killed" in text for text in server.messages())
                assert worker not in server.command("llm4cov.info")["workers"]
            _no_one_left(below)


def test_shutdown_during_a_job_is_quick_and_leaves_no_process(project: Project, fresh: dict[str, str]) -> None:
    with raw(project.folder, fresh) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        _generate(server, uri)
        server.until(lambda: _phase(server, "translating") or _phase(server, "compiling"), PATIENCE_S)
        below = descendants(server.child.pid)
        assert server.leave() < PROMPT_S
        _no_one_left(below)
        assert "Traceback" not in server.errors.decode()


def test_a_file_that_goes_or_is_renamed_during_its_job_is_no_harm(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    with raw(project.folder) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        job = server.begin("workspace/executeCommand", {"command": "llm4cov.measure", "arguments": [uri, "traffic_light"]})
        text = project.file.read_text()
        renamed = project.folder / "renamed.sv"
        project.file.rename(renamed)
        server.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": 3}, {"uri": renamed.as_uri(), "type": 1}]})
        server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        other = server.open(renamed, text)
        server.wait(job, PATIENCE_S)
        server.until(lambda: any(one["diagnostics"] for one in server.diagnostics(other)), PATIENCE_S)
        assert not server.diagnostics(uri) or not server.diagnostics(uri)[-1]["diagnostics"]
        renamed.unlink()
        server.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": other, "type": 3}]})
        answer = server.command("llm4cov.measure", other, "traffic_light", timeout_s=PATIENCE_S)
        assert "error" in answer or answer["status"] == "build_failed"
        server.until(lambda: _is_idle(server), PATIENCE_S)
        assert "Traceback" not in server.errors.decode()


def test_saving_back_what_was_measured_leaves_its_result_in_place(project: Project) -> None:
    """A job about what the file was in between must not take the place of what is known about what it is."""
    project.testbench.write_text(WEAK_TESTBENCH)
    with raw(project.folder) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        server.until(lambda: any(one["diagnostics"] for one in server.diagnostics(uri)), PATIENCE_S)
        before, text = server.diagnostics(uri)[-1]["diagnostics"], project.file.read_text()
        for version, content in ((2, f"// new\n{text}"), (3, text)):
            project.file.write_text(content)
            whole = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": content}]}
            server.notify("textDocument/didChange", whole)
            server.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        server.command("llm4cov.info")
        server.until(lambda: _is_idle(server), PATIENCE_S)
        found = _settle(server, uri, 3)
        assert [one["range"] for one in found] == [one["range"] for one in before]


def test_a_version_out_of_order_is_taken_as_it_comes(project: Project) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    with raw(project.folder) as server:
        server.start(project.folder)
        uri = server.open(project.file, version=7)
        server.until(lambda: any(one["diagnostics"] for one in server.diagnostics(uri)), PATIENCE_S)
        first = server.diagnostics(uri)[-1]["diagnostics"][0]["range"]["start"]["line"]
        for number, version in enumerate((9, 8, 8, 3, -5), start=1):
            _edit(server, uri, version, (0, 0, 0, 0), "// one more\n")

            def is_there(version: int = version, number: int = number) -> bool:
                last = server.diagnostics(uri)[-1]
                return last["version"] == version and last["diagnostics"][0]["range"]["start"]["line"] == first + number

            server.until(is_there)


def test_two_clients_share_a_cache_and_a_store(project: Project, fresh: dict[str, str]) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    with raw(project.folder, fresh) as one, raw(project.folder, fresh) as other:
        jobs = []
        for server in (one, other):
            server.start(project.folder)
            jobs.append(_generate(server, server.open(project.file), 6))
        answers = [server.wait(job, PATIENCE_S)["result"] for server, job in zip((one, other), jobs, strict=True)]
        assert all(answer["applied"] and answer["overall"] > 80 for answer in answers), answers
        uri = project.uri
        found = [server.command("llm4cov.measure", uri, "traffic_light", timeout_s=PATIENCE_S)["overall"] for server in (one, other)]
        assert found[0] == found[1]
        for server in (one, other):
            assert not [text for text in server.messages() if "nternal" in text or "locked" in text]
            assert "Traceback" not in server.errors.decode()
    done = subprocess.run((PROGRAM, "trajectories", "verify"), env=fresh, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_full_disk_is_said_and_the_server_goes_on(project: Project, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("a file system of its own needs unshare")
    disk = tmp_path / "disk"
    disk.mkdir()
    project.testbench.write_text(WEAK_TESTBENCH)
    environment = dict(os.environ) | {"LLM4COV_CACHE_DIR": f"{disk}/cache", "LLM4COV_STORE": f"{disk}/store.db", "TMPDIR": str(disk)}
    mounted = f'mount -t tmpfs -o size=300k tmpfs {disk} && exec "$@"'
    with raw(project.folder, environment, before=("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")) as server:
        server.start(project.folder)
        uri = server.open(project.file)
        answer = server.command("llm4cov.measure", uri, "traffic_light", timeout_s=PATIENCE_S)
        said = " ".join([str(answer), *server.messages(), *server.messages("window/logMessage"), str(server.diagnostics(uri))])
        assert "No space left" in said or "disk" in said, said
        assert "nternal error" not in said and "Traceback" not in server.errors.decode()
        assert server.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})["result"]
        assert server.leave() < PROMPT_S


def _memory(pid: int) -> int:
    """Bytes of resident memory."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) << 10
