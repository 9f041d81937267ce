"""How processes end, and what they can't do, under every sandbox that works on this machine. All bombs are bounded."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from llm4cov_agent.judge import landlock, process
from llm4cov_agent.judge.process import Ending, Limits, Outcome, run, strongest
from llm4cov_agent.judge.sandbox import Sandbox, candidates, wrap
from llm4cov_agent.judge.scratch import scratch_folder, sweep_scratch_folders

PATIENCE_S = 60.0
"""For what should end by itself, on a loaded machine."""


def works(kind: Sandbox) -> bool:
    if kind not in candidates():
        return False
    with scratch_folder() as folder:
        return run(("true",), folder=folder, limits=Limits(wall_s=PATIENCE_S), sandbox=kind).ok


KINDS = [kind for kind in Sandbox if works(kind)]
every_sandbox = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
Shell = Callable[..., Outcome]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "scratch"
    folder.mkdir()

    def call(
        script: str, kind: Sandbox, *, cancel: Event | None = None, environment: dict[str, str] | None = None, **limits: float
    ) -> Outcome:
        bounds = {"wall_s": PATIENCE_S, "file_bytes": 1 << 20, "output_bytes": 100_000, "processes": 64} | limits
        return run(
            ("sh", "-c", script),
            folder=folder,
            limits=Limits(**bounds),
            sandbox=kind,
            cancel=cancel,
            environment=environment,  # type: ignore[arg-type]
        )

    return call


def marked(mark: str) -> list[int]:
    """Processes with `mark` among their arguments; a zombie has none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def zombies() -> list[str]:
    me = str(os.getpid())
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if parent == me and state == "Z":
                found.append(entry.name)
    return found


def is_gone(mark: str, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while marked(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@every_sandbox
def test_a_program_that_ends_well(kind: Sandbox, shell: Shell) -> None:
    outcome = shell("echo out; echo err >&2", kind)
    assert (outcome.ending, outcome.returncode, outcome.ok) == (Ending.EXITED, 0, True)
    assert sorted(outcome.output.split()) == ["err", "out"]


@every_sandbox
def test_a_program_that_fails(kind: Sandbox, shell: Shell) -> None:
    outcome = shell("exit 3", kind)
    assert (outcome.ending, outcome.returncode, outcome.ok) == (Ending.EXITED, 3, False)
    assert outcome.reason == "exited with status 3"


@every_sandbox
@pytest.mark.parametrize(("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (9, "SIGKILL"), (40, "signal 40")])
def test_a_signal(kind: Sandbox, shell: Shell, number: int, name: str) -> None:
    outcome = shell(f"kill -{number} $$", kind)
    assert (outcome.ending, outcome.returncode, outcome.ok) == (Ending.SIGNALLED, -number, False)
    assert outcome.reason == f"was ended by {name}"


@every_sandbox
def test_a_status_that_no_signal_has_stays(kind: Sandbox, shell: Shell) -> None:
    assert shell("exit 255", kind).returncode == 255


@every_sandbox
def test_the_wall_clock_limit(kind: Sandbox, shell: Shell) -> None:
    mark = f"{os.getpid()}.1"
    outcome = shell(f"echo begun; sleep 3{mark}", kind, wall_s=2)
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.output == "begun\n"
    assert 2 <= outcome.seconds < 2 + PATIENCE_S / 4
    assert is_gone(f"3{mark}")


@every_sandbox
def test_the_processor_time_limit(kind: Sandbox, shell: Shell) -> None:
    assert shell("ulimit -S -t 1; while :; do :; done", kind).ending is Ending.CPU_LIMIT


@pytest.mark.parametrize("wall_s", [1, 10])
def test_the_soft_limit_of_processor_time_lies_below_the_hard_one(shell: Shell, wall_s: float) -> None:
    """Were they equal, the kernel would kill at once, and the reason would be lost."""
    outcome = shell("ulimit -S -t; ulimit -H -t", Sandbox.NONE, wall_s=wall_s)
    soft, hard = (int(word) for word in outcome.output.split())
    assert wall_s < soft < hard


@every_sandbox
def test_a_flood_of_output(kind: Sandbox, shell: Shell) -> None:
    outcome = shell("yes", kind)
    assert outcome.ending is Ending.OUTPUT_LIMIT
    assert len(outcome.output) == 100_000
    assert outcome.reason == "printed more than its limit"


@every_sandbox
def test_a_flood_that_ends_just_over_the_limit_is_cut_too(kind: Sandbox, shell: Shell) -> None:
    assert len(shell("head -c 150000 /dev/zero | tr '\\0' x", kind).output) == 100_000


@every_sandbox
def test_one_file_that_is_too_large(kind: Sandbox, shell: Shell) -> None:
    assert shell("exec head -c 8000000 /dev/zero > file", kind).ending is Ending.FILE_LIMIT


@every_sandbox
def test_many_files_that_are_too_large_together(kind: Sandbox, shell: Shell) -> None:
    script = "for i in 1 2 3 4; do head -c 500000 /dev/zero > file$i; done; sleep 300"
    assert shell(script, kind).ending is Ending.FILE_LIMIT


@every_sandbox
def test_a_sparse_file_counts_what_it_takes(kind: Sandbox, shell: Shell) -> None:
    assert shell("truncate -s 900K a; truncate -s 900K b; sleep 1", kind).ok


@every_sandbox
def test_too_much_memory(kind: Sandbox, shell: Shell) -> None:
    outcome = shell(f"exec {sys.executable} -c 'bytearray(1 << 31)'", kind, memory_bytes=1 << 30)
    assert outcome.ending is Ending.MEMORY_LIMIT
    assert not outcome.ok


@every_sandbox
def test_too_many_processes(kind: Sandbox, shell: Shell) -> None:
    mark = f"30{os.getpid()}.2"
    outcome = shell(f"for i in $(seq 40); do sleep {mark} & done; wait", kind, processes=20)
    assert outcome.ending is Ending.PROCESS_LIMIT
    assert is_gone(mark)


@every_sandbox
def test_too_many_processes_at_some_depth(kind: Sandbox, shell: Shell) -> None:
    mark = f"30{os.getpid()}.3"
    nest = f"nest() {{ if [ $1 -gt 0 ]; then (nest $(($1 - 1))) & sleep {mark} & wait; fi; }}; nest 15"
    assert shell(nest, kind, processes=12).ending is Ending.PROCESS_LIMIT
    assert is_gone(mark)


@every_sandbox
@pytest.mark.parametrize(
    "way", ["setsid sleep {} & sleep {}", "(setsid sh -c 'sleep {} & ' &) ; sleep 1", "trap '' TERM INT HUP; sleep {}"]
)
def test_nothing_outlives_the_call(kind: Sandbox, shell: Shell, way: str) -> None:
    mark = f"30{os.getpid()}.4"
    started = time.monotonic()
    outcome = shell(way.replace("{}", mark), kind, wall_s=2)
    assert outcome.ending in (Ending.TIMED_OUT, Ending.EXITED)
    assert is_gone(mark), "a process escaped"
    assert time.monotonic() - started < PATIENCE_S
    assert not zombies()


@every_sandbox
def test_a_stray_that_keeps_the_pipe_open_does_not_hold_the_call(kind: Sandbox, shell: Shell) -> None:
    mark = f"30{os.getpid()}.5"
    outcome = shell(f"setsid sleep {mark} & echo done", kind)
    assert (outcome.ending, outcome.output) == (Ending.EXITED, "done\n")
    assert outcome.seconds < PATIENCE_S / 2
    assert is_gone(mark)


@every_sandbox
def test_cancelling_takes_a_second_at_most(kind: Sandbox, shell: Shell) -> None:
    mark = f"30{os.getpid()}.6"
    cancel, cancelled_at = Event(), []

    def stop() -> None:
        cancelled_at.append(time.monotonic())
        cancel.set()

    timer = threading.Timer(1.0, stop)
    timer.start()
    outcome = shell(f"sleep {mark}", kind, cancel=cancel)
    late_s = time.monotonic() - cancelled_at[0]
    assert outcome.ending is Ending.CANCELLED
    # A second of a machine that has time; the tests may share theirs with compilers.
    assert late_s < max(1.0, os.getloadavg()[0])
    assert is_gone(mark)


@every_sandbox
def test_a_call_that_is_cancelled_before_it_begins(kind: Sandbox, shell: Shell) -> None:
    cancel = Event()
    cancel.set()
    assert shell("sleep 300", kind, cancel=cancel).ending is Ending.CANCELLED


@every_sandbox
def test_no_secret_is_inherited(kind: Sandbox, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_API_KEY", "hidden-value")
    outcome = shell("env; cat /proc/self/environ", kind, environment={"GIVEN": "yes"})
    assert "hidden-value" not in outcome.output
    assert "GIVEN=yes" in outcome.output
    names = {line.partition("=")[0] for line in outcome.output.partition("\0")[0].splitlines() if "=" in line}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_", "LD_LIBRARY_PATH", "CPATH", "LIBRARY_PATH"} == {
        *("PATH", "HOME", "TMPDIR", "LC_ALL", "LLM4COV_RUN", "LLM4COV_OWNER", "GIVEN")
    }


@every_sandbox
def test_standard_input_is_empty(kind: Sandbox, shell: Shell) -> None:
    assert shell("cat; echo end", kind).output == "end\n"


@every_sandbox
def test_output_that_is_no_text(kind: Sandbox, shell: Shell) -> None:
    assert shell("printf 'a\\377b'", kind).output == "a\N{REPLACEMENT CHARACTER}b"


HOLDS_FILES = (Sandbox.BUBBLEWRAP, Sandbox.UNSHARE_LANDLOCK, Sandbox.LANDLOCK)


def need(kind: Sandbox) -> None:
    """Skip with the reason where a sandbox doesn't work."""
    if kind not in KINDS:
        pytest.skip(f"{kind.value} does not work here (Landlock has ABI {landlock.abi()}, {landlock.OLDEST_ABI} is needed)")


@pytest.mark.parametrize("kind", HOLDS_FILES, ids=lambda kind: kind.value)
def test_only_the_folder_can_be_written(kind: Sandbox, shell: Shell, tmp_path: Path) -> None:
    need(kind)
    target, kept = tmp_path / "outside", tmp_path / "kept"
    kept.write_text("as it was")
    (tmp_path / "old").mkdir()
    outcome = shell(
        f"echo x > inside && mkdir d && mv inside d/inside && rm d/inside && echo fine; echo x > /dev/null && echo null; cat {kept}; "
        f"echo x > {target} && echo wrote outside; touch /usr/x /tmp/x-{os.getpid()} && echo wrote elsewhere; truncate -s 0 {kept} && "
        f"echo wrote by truncating; rm -f {kept} && echo wrote by removing; rmdir {tmp_path}/old && echo wrote a folder; "
        f"ln -s /etc {target} && echo wrote a link; mkfifo {target} && echo wrote a pipe; mv {kept} here && echo wrote by moving",
        kind,
    )
    assert "fine" in outcome.output and "null" in outcome.output and "as it was" in outcome.output
    assert "wrote" not in outcome.output
    assert not target.exists()
    assert kept.read_text() == "as it was"


def test_landlock_refuses_cleanly_where_the_kernel_has_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    assert landlock.main(["/folder", "--", "true"]) == landlock.REFUSED_STATUS
    assert capsys.readouterr().err == "Landlock: the kernel has ABI 0, 3 is needed\n"
    assert not {Sandbox.LANDLOCK, Sandbox.UNSHARE_LANDLOCK} & set(candidates())


@pytest.mark.parametrize("arguments", [[], ["--"], ["/folder", "--"], ["/folder", "true"]], ids=str)
def test_landlock_refuses_a_call_without_folder_or_program(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert landlock.main(arguments) == landlock.REFUSED_STATUS
    assert "usage" in capsys.readouterr().err


def test_landlock_starts_nothing_if_the_folder_is_missing(tmp_path: Path) -> None:
    need(Sandbox.LANDLOCK)
    gone = wrap(Sandbox.LANDLOCK, ("sh", "-c", "echo started"), writable=tmp_path / "gone")
    done = subprocess.run(gone, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout) == (landlock.REFUSED_STATUS, "")
    assert "No such file" in done.stderr


def test_a_sandbox_says_what_it_does_not_hold() -> None:
    assert [bool(kind.gaps) for kind in Sandbox] == [False, True, True, True, True]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Sandbox.NONE], ids=lambda kind: kind.value)
def test_a_sandbox_has_no_network(kind: Sandbox, shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        call = f'import socket; socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 5)'
        assert shell(f"{sys.executable} -c '{call}'", Sandbox.NONE).ok
        outcome = shell(f"{sys.executable} -c '{call}'", kind)
    assert not outcome.ok
    assert "OSError" in outcome.output or "Error" in outcome.output


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Sandbox.NONE], ids=lambda kind: kind.value)
def test_a_sandbox_sees_no_process_to_harm(kind: Sandbox, shell: Shell) -> None:
    with subprocess.Popen(["sleep", "300"]) as victim:
        outcome = shell(f"kill -9 {victim.pid}; kill -9 {os.getpid()}; echo still here", kind)
        assert victim.poll() is None
        victim.kill()
    assert "still here" in outcome.output


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(("no-such-program",), folder=tmp_path, limits=Limits(wall_s=1))


def test_the_strongest_that_works_is_taken() -> None:
    assert strongest() is KINDS[0]


def test_wrapping_is_pure() -> None:
    assert wrap(Sandbox.NONE, ("a", "b"), writable=Path("/w")) == ("a", "b")
    for kind in (Sandbox.BUBBLEWRAP, Sandbox.UNSHARE_LANDLOCK, Sandbox.UNSHARE, Sandbox.LANDLOCK):
        assert wrap(kind, ("a", "b c"), writable=Path("/w"))[-2:] == ("a", "b c")
    bubblewrap = wrap(Sandbox.BUBBLEWRAP, ("a",), writable=Path("/w"))
    assert bubblewrap[bubblewrap.index("--bind") + 1] == "/w"
    assert {"--unshare-net", "--unshare-pid", "--die-with-parent"} <= set(bubblewrap)


def test_no_child_is_left_as_a_zombie(shell: Shell) -> None:
    for kind in KINDS:
        shell("true", kind)
        shell("sleep 300", kind, wall_s=0.2)
    assert not zombies()


def test_no_file_stays_open(shell: Shell) -> None:
    shell("true", Sandbox.NONE)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        shell("echo x", Sandbox.NONE)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_scratch_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_is_gone_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_that_someone_removed_is_no_trouble(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with scratch_folder(tmp_path) as folder:
        folder.rmdir()
    assert tmp_path.stat().st_mode & 0o777 == 0o755, "the folder above is not ours to change"


def close_everything(place: Path) -> bool:
    """Fill a scratch folder with closed folders and with links that lead out of it; say whether all went as it should."""
    outside = place / "outside"
    outside.mkdir(mode=0o755)
    (outside / "file").write_text("x")
    (outside / "file").chmod(0o644)
    with scratch_folder(place) as folder:
        inner = folder / "a" / "b" / "c"
        inner.mkdir(parents=True)
        (inner / "file").write_text("x")
        (inner / "link").symlink_to(outside)
        (folder / "a" / "link").symlink_to(outside / "file")
        for closed in (inner, inner.parent, inner.parent.parent, folder):
            closed.chmod(0)
    modes = [path.stat().st_mode & 0o777 for path in (place, outside, outside / "file")]
    return list(place.iterdir()) == [outside] and modes == [0o700, 0o755, 0o644]


def test_closed_folders_in_a_scratch_folder_go_and_what_is_linked_stays() -> None:
    """As a user whom modes hold back: root is none, so a process of its own gives the right up."""
    with tempfile.TemporaryDirectory() as name:
        if os.getuid() != 0:
            assert close_everything(Path(name))
            return
        os.chown(name, 65534, 65534)
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(OSError):
                os.setgid(65534)
                os.setuid(65534)
                status = 0 if close_everything(Path(name)) else 2
            os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def dead_process() -> int:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    return child.pid


def test_sweeping_removes_the_folders_of_dead_owners_only(tmp_path: Path) -> None:
    dead = dead_process()
    names = [f"llm4cov-{dead}-a", f"llm4cov-{os.getpid()}-b", "llm4cov-lsp-c", f"llm4cov-{dead}", f"other-{dead}-d", "llm4cov-1-e"]
    for name in names:
        (tmp_path / name).mkdir()
    (tmp_path / names[0] / "file").write_text("x")
    (tmp_path / f"llm4cov-{dead}-file").write_text("a file is none of ours")
    (tmp_path / f"llm4cov-{dead}-link").symlink_to(tmp_path / names[4])
    assert sweep_scratch_folders(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], f"llm4cov-{dead}-file", f"llm4cov-{dead}-link"])


def test_sweeping_takes_the_temporary_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"llm4cov-{dead_process()}-a").mkdir()
    assert sweep_scratch_folders() == 1


def test_a_killed_caller_takes_a_bubblewrap_along(tmp_path: Path) -> None:
    if Sandbox.BUBBLEWRAP not in KINDS:
        pytest.skip("bubblewrap does not work here")
    mark = f"30{os.getpid()}.7"
    program = (
        "from pathlib import Path; from llm4cov_agent.judge.process import run, Limits; "
        f"run(('sleep', '{mark}'), folder=Path({str(tmp_path)!r}), limits=Limits(wall_s=300))"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as caller:
        deadline = time.monotonic() + PATIENCE_S
        while not marked(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marked(mark)
        caller.send_signal(signal.SIGKILL)
    assert is_gone(mark)


def test_what_a_served_program_answered_before_it_ended_is_read(tmp_path: Path) -> None:
    # It never reads what it is told, so writing fails while its answer still lies in the pipe.
    program = "import os; os.close(0); os.write(1, b'last words'); os._exit(0)"
    with process.serve((sys.executable, "-c", program), folder=tmp_path, limits=Limits(wall_s=20)) as served:
        answer, outgoing = b"", memoryview(bytes(1 << 22))
        for _ in range(200):
            written, chunk = served.pump(outgoing, timeout_s=1.0)
            outgoing = outgoing[written:]
            if chunk is None:
                break
            answer += chunk
        assert chunk is None
        assert answer == b"last words"


@every_sandbox
def test_who_is_killed_takes_along_what_it_started_and_what_left_its_group(kind: Sandbox, tmp_path: Path) -> None:
    mark = f"3{os.getpid()}{KINDS.index(kind)}"
    script = f"setsid sleep {mark} & sleep {mark} & wait"
    program = (
        "from pathlib import Path\nfrom llm4cov_agent.judge.process import Limits, run\nfrom llm4cov_agent.judge.sandbox import Sandbox\n"
        f"run(('sh', '-c', {script!r}), folder=Path({str(tmp_path)!r}), limits=Limits(wall_s=60), sandbox=Sandbox({kind.value!r}))\n"
    )
    with subprocess.Popen((sys.executable, "-c", program)) as owner:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while len(marked(mark)) < 2:
                assert time.monotonic() < deadline and owner.poll() is None
                time.sleep(0.02)
        finally:
            owner.kill()
    deadline = time.monotonic() + PATIENCE_S
    while marked(mark):
        assert time.monotonic() < deadline, "something runs on"
        time.sleep(0.02)
