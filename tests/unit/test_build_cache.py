"""Entries are made once, never half-seen, kept under a size, and survive whoever is killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path
from threading import Event, Thread

import pytest

from llm4cov_agent.judge.build_cache import BuildCache, Cancelled

PATIENCE_S = 60.0
FORK = multiprocessing.get_context("fork")
KIB = 1 << 10


def filler(kib: int = 1) -> Callable[[Path], bool]:
    def make(folder: Path) -> bool:
        (folder / "content").write_bytes(b"x" * kib * KIB)
        return True

    return make


def put(cache: BuildCache, key: str, *, kib: int = 1, age_s: float = 0) -> None:
    with cache.entry(key, filler(kib)) as folder:
        pass
    moment = time.time() - age_s
    os.utime(folder, (moment, moment))


def has(cache: BuildCache, key: str) -> bool:
    return (cache.root / key).is_dir()


def left_behind(cache: BuildCache) -> list[str]:
    return [path.name for path in cache.root.glob("llm4cov-*")]


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    return BuildCache(tmp_path / "deep" / "cache", max_bytes=1 << 30)


def test_an_entry_is_made_once(cache: BuildCache) -> None:
    made: list[Path] = []

    def make(folder: Path) -> bool:
        made.append(folder)
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("text")
        return True

    for _ in range(3):
        with cache.entry("sha256:key", make) as folder:
            assert (folder / "file").read_text() == "text"
    assert len(made) == 1
    assert not left_behind(cache)
    assert cache.find("sha256:key") == folder
    assert cache.find("sha256:other") is None


def test_a_failed_make_serves_its_block_and_is_tried_again(cache: BuildCache) -> None:
    tries: list[int] = []

    def make(folder: Path) -> bool:
        tries.append(1)
        (folder / "log").write_text("why")
        return len(tries) > 1

    with cache.entry("key", make) as folder:
        assert (folder / "log").read_text() == "why"
    assert not folder.exists() and not has(cache, "key") and not left_behind(cache)
    with cache.entry("key", make) as folder:
        pass
    assert len(tries) == 2 and has(cache, "key")


def test_an_exception_in_make_leaves_nothing(cache: BuildCache) -> None:
    def make(folder: Path) -> bool:
        (folder / "half").write_text("x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), cache.entry("key", make):
        pass
    assert not has(cache, "key") and not left_behind(cache)
    put(cache, "key")
    assert has(cache, "key")


def test_an_exception_in_the_block_keeps_the_entry(cache: BuildCache) -> None:
    with pytest.raises(ZeroDivisionError), cache.entry("key", filler()):
        raise ZeroDivisionError
    assert has(cache, "key")
    with cache.entry("key", lambda _: pytest.fail("made twice")):
        pass


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path, max_bytes=35 * KIB)
    put(cache, "old", kib=10, age_s=300)
    put(cache, "older", kib=10, age_s=400)
    put(cache, "young", kib=10, age_s=100)
    with cache.entry("older", filler()):
        pass  # Used, so "old" is the one unused for longest.
    put(cache, "new", kib=10)
    assert {key for key in ("old", "older", "young", "new") if has(cache, key)} == {"older", "young", "new"}
    assert cache.size_bytes() <= 35 * KIB


def test_an_entry_in_use_is_not_evicted(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path, max_bytes=15 * KIB)
    put(cache, "used", kib=10, age_s=300)
    with cache.entry("used", filler()) as folder:
        os.utime(folder, (0, 0))
        put(cache, "second", kib=10)
        assert (folder / "content").is_file()
        cache.clear()
        assert (folder / "content").is_file()
    put(cache, "third", kib=10)
    assert not has(cache, "used")


def test_one_entry_above_the_limit_still_serves(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path, max_bytes=KIB)
    with cache.entry("large", filler(50)) as folder:
        assert (folder / "content").is_file()
    put(cache, "next", kib=50)
    assert not has(cache, "large") and has(cache, "next")


def test_clearing_leaves_no_entry_and_no_lock(cache: BuildCache) -> None:
    put(cache, "a")
    put(cache, "b")
    cache.clear()
    assert list(cache.root.iterdir()) == []
    assert cache.size_bytes() == 0


def test_the_folder_itself_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    cache = BuildCache(tmp_path, max_bytes=1)
    put(cache, "a")
    put(cache, "b")
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def make_slowly(root: Path, ready: ProcessEvent, seconds: float) -> None:
    def make(folder: Path) -> bool:
        ready.set()
        time.sleep(seconds)
        (folder / str(os.getpid())).write_text("x")
        with (root.parent / "made").open("a") as made:
            made.write("once\n")
        return True

    with BuildCache(root, max_bytes=1 << 30).entry("key", make) as folder:
        assert len([path for path in folder.iterdir() if path.name.isdecimal()]) == 1


def test_processes_at_once_make_an_entry_once(tmp_path: Path) -> None:
    ready = FORK.Event()
    workers = [FORK.Process(target=make_slowly, args=(tmp_path / "cache", ready, 0.3)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert (tmp_path / "made").read_text() == "once\n"


def test_threads_at_once_make_an_entry_once(cache: BuildCache) -> None:
    made: list[int] = []

    def make(_folder: Path) -> bool:
        made.append(1)
        time.sleep(0.2)
        return True

    def use() -> None:
        with cache.entry("key", make):
            pass

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert made == [1]


def test_a_maker_that_is_killed_leaves_the_cache_usable_and_clean(tmp_path: Path) -> None:
    root, ready = tmp_path / "cache", FORK.Event()
    worker = FORK.Process(target=make_slowly, args=(root, ready, 300))
    worker.start()
    assert ready.wait(PATIENCE_S)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(PATIENCE_S)
    cache = BuildCache(root, max_bytes=1 << 30)
    assert left_behind(cache) and not has(cache, "key")
    put(cache, "key")
    assert has(cache, "key")
    assert not left_behind(cache)


def test_cancelling_while_another_makes_the_entry(tmp_path: Path) -> None:
    root, ready = tmp_path / "cache", FORK.Event()
    worker = FORK.Process(target=make_slowly, args=(root, ready, 300))
    worker.start()
    try:
        assert ready.wait(PATIENCE_S)
        cancel = Event()
        Thread(target=lambda: (time.sleep(0.2), cancel.set())).start()
        started = time.monotonic()
        with pytest.raises(Cancelled), BuildCache(root, max_bytes=1 << 30).entry("key", filler(), cancel=cancel):
            pass
        assert time.monotonic() - started < PATIENCE_S / 6
    finally:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        worker.join(PATIENCE_S)


def test_a_wrong_size_file_is_passed_over(cache: BuildCache) -> None:
    put(cache, "a")
    (cache.root / "a" / ".bytes").write_text("nonsense")
    put(cache, "b")
    assert cache.size_bytes() == KIB
