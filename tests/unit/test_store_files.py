"""Files that are no store, are damaged, too new, too old, or can't be written: what is said, and that nothing is lost."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from llm4cov_agent.errors import StoreDamaged, StoreUnusable
from llm4cov_agent.loop.state import DesignText
from llm4cov_agent.trajectories import migrations
from llm4cov_agent.trajectories.codec import pack_design, text_bytes
from llm4cov_agent.trajectories.store import Store, open_store
from llm4cov_agent.trajectories.trajectory import Answer, Replaced, place_of
from tests.unit.stored_values import design_in, rollout

NEWEST = len(migrations.STEPS)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> DesignText:
    return design_in(tmp_path_factory.mktemp("counter"))


@pytest.fixture
def path(tmp_path: Path, counter: DesignText) -> Iterator[Path]:
    with open_store(tmp_path / "store.db") as store:
        fill(store, counter)
    yield tmp_path / "store.db"


def fill(store: Store, design: DesignText, count: int = 3, mark: str = "") -> str:
    name = store.begin(design, command="generate")
    for one in rollout(design, count, mark=mark):
        store.append(name, one)
    return name


def refusal(path: Path, *, writable: bool = True) -> str:
    with pytest.raises(StoreUnusable) as caught:
        open_store(path, writable=writable)
    assert str(path.name) in str(caught.value) and "\n  " in str(caught.value)
    return str(caught.value)


def test_a_new_file_is_of_the_newest_version(path: Path) -> None:
    database = Database(path)
    assert migrations.version_of(database) == NEWEST and migrations.migrate(database) == 0
    assert database.journal_mode == "wal"


def test_an_older_file_keeps_its_rows(tmp_path: Path, counter: DesignText) -> None:
    path = tmp_path / "old.db"
    old = Database(path)
    assert migrations.migrate(old, to=1) == 1 and migrations.version_of(old) == 1
    packed = pack_design(counter)
    with old.atomic():
        for digest, content in packed.contents.items():
            old.table("blobs").insert({"digest": digest, "content": content})
        old.table("designs").insert({"digest": packed.digest, "design": counter.design.digest, "top": "counter", "body": packed.body})
        for position, source in enumerate(counter.sources):
            row = {"design": packed.digest, "position": position, "name": source.name, "role": source.role, "blob": source.digest}
            old.table("design_files").insert(row)
        # What a user keeps beside the store's own tables stays, too.
        old.table("my_notes").insert({"note": "mine"})
    old.close()
    with open_store(path) as store:
        assert migrations.version_of(store.database) == NEWEST
        assert [one.top for one in store.designs()] == ["counter"]
        assert store.database.table("my_notes").count == 1
        assert store.verify() == ()
        fill(store, counter)
        assert store.database.table("designs").count == 1 and store.verify() == ()
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.database.execute("DELETE FROM designs")


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    old = Database(path)
    migrations.migrate(old, to=1)
    before = old.schema

    def breaks(database: Database) -> None:
        database.table("extra").create({"a": int})
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, breaks))
    with pytest.raises(RuntimeError, match="power cut"):
        migrations.migrate(old)
    assert migrations.version_of(old) == 1 and old.schema == before


def test_an_empty_file_becomes_a_store(tmp_path: Path, counter: DesignText) -> None:
    (tmp_path / "empty.db").touch()
    with open_store(tmp_path / "empty.db") as store:
        fill(store, counter)
        assert store.verify() == ()


@pytest.mark.parametrize("writable", [True, False])
def test_a_newer_store_is_refused_and_left_alone(path: Path, writable: bool) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection.close()
    before = path.read_bytes()
    text = refusal(path, writable=writable)
    assert f"version {NEWEST + 1}" in text and "Update" in text
    assert path.read_bytes() == before


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize("content", [b"this is a text and no database " * 50, b"SQLite format 3\0" + b"\xff" * 4000, b"\0" * 5000])
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes, writable: bool) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)
    assert re.search("not an SQLite file|damaged|can't be", refusal(path, writable=writable))
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.commit()
    connection.close()
    before = (tmp_path / "other.db").read_bytes()
    assert "is no store" in refusal(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)
    assert "there is no store" in refusal(tmp_path / "none.db", writable=False)
    assert not (tmp_path / "none.db").exists()


def test_a_place_that_can_not_be_made() -> None:
    assert "can't be" in refusal(Path("/proc/nowhere/store.db"))


def test_a_damaged_page_is_told_and_never_a_traceback(path: Path, counter: DesignText) -> None:
    with open_store(path) as store:
        fill(store, counter, 40)
    content = bytearray(path.read_bytes())
    # Past the middle lie texts and rows, no longer the list of the tables.
    for page in range(len(content) // 8192, len(content) // 4096, 3):
        content[page * 4096 : page * 4096 + 300] = b"\xa5" * 300
    path.write_bytes(content)
    with open_store(path, writable=False) as store:
        problems = store.verify()
        assert problems and "damaged" in problems[0].message
        with pytest.raises(StoreUnusable, match="damaged"):
            for summary in store.trajectories():
                store.trajectory_rows(summary.id)
    assert path.read_bytes() == bytes(content)


def test_a_damaged_list_of_tables_is_told_when_the_file_is_opened(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:3000] = b"\xa5" * 2900
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match="damaged"):
        open_store(path, writable=False)
    assert path.read_bytes() == bytes(content)


def test_a_full_disk_keeps_what_was_stored(path: Path, counter: DesignText) -> None:
    with open_store(path) as store:
        pages = store.database.execute("PRAGMA page_count").fetchone()[0]
        store.database.execute(f"PRAGMA max_page_count = {pages + 20}").fetchone()
        with pytest.raises(StoreUnusable, match="the disk is full"):
            fill(store, counter, 500, mark="x" * 5000)
        stored = [len(one.rounds) for one in store.trajectories()]
        assert stored[0] == 3 and 0 < stored[1] < 500
        assert store.verify() == ()
        # Once there is room, it goes on in the same place.
        store.database.execute("PRAGMA max_page_count = 1000000").fetchone()
        name = store.trajectories()[1].id
        store.append(name, rollout(counter, 1, mark="later")[0])
        assert len(store.transitions(name)) == stored[1] + 1 and store.verify() == ()


def test_a_store_that_someone_else_holds_is_told(path: Path, counter: DesignText) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with open_store(path) as store:
        store.database.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(StoreUnusable, match="in use by another"):
            fill(store, counter)
        assert len(store.trajectories()) == 1
        other.execute("ROLLBACK")
        fill(store, counter)
        assert len(store.trajectories()) == 2


def _look(path: Path, answers: multiprocessing.Queue[object]) -> None:
    if os.geteuid() == 0:
        # Modes don't bind root, so somebody else looks.
        os.setgid(65534)
        os.setuid(65534)
    with open_store(path, writable=False) as store:
        answers.put((len(store.trajectories()), store.verify()))
    try:
        with open_store(path):
            answers.put("opened")
    except StoreUnusable as error:
        answers.put(str(error))


def test_a_folder_that_can_not_be_written_can_be_read(path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(path, folder / "store.db")
        (folder / "store.db").chmod(0o444)
        folder.chmod(0o555)
        context = multiprocessing.get_context("fork")
        answers: multiprocessing.Queue[object] = context.Queue()
        child = context.Process(target=_look, args=(folder / "store.db", answers))
        child.start()
        try:
            assert answers.get(timeout=30) == (1, ())
            assert re.search("can't be (written|opened)", str(answers.get(timeout=30)))
        finally:
            child.join(30)
            folder.chmod(0o755)
        assert child.exitcode == 0 and [one.name for one in folder.iterdir()] == ["store.db"]


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("blobs", "content = x'00' WHERE rowid = 2", "the text sha256:"),
        ("blobs", "digest = 'sha256:0' WHERE rowid = 2", "is not there"),
        ("evaluations", "overall = 100.0", "column overall"),
        ("evaluations", "body = replace(body, '10', '11')", "the evaluation sha256:"),
        ("states", "body = body || ' '", "the state sha256:"),
        ("states", "testbench = 'sha256:0' WHERE testbench IS NOT NULL", "column testbench"),
        ("transitions", "kept = 0", "column kept"),
        ("transitions", "position = 7 WHERE position = 2", "has no transition 2"),
        ("transitions", "measured = '{}'", "can't be read"),
        ("designs", "design = 'sha256:0'", "column design"),
        ("design_files", "role = 'data'", "the list of files"),
        ("acceptances", "testbench = 'sha256:0'", "is of no testbench"),
        ("replaced", "place = '/home/me/tb.sv'", "what acceptance 1 replaced"),
        ("replaced", "before = 'sha256:0'", "is not there"),
    ],
)
def test_verify_finds_every_change(path: Path, counter: DesignText, table: str, change: str, said: str) -> None:
    with open_store(path) as store:
        testbench = rollout(counter, 1)[0].after.testbench
        assert testbench is not None
        replaced = Replaced(place_of(path), "before")
        store.answer(store.trajectories()[0].id, testbench.digest, Answer.ACCEPTED, replaced=replaced)
        assert store.verify() == ()
    connection = sqlite3.connect(path)
    trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [f"{table}_no_update"]).fetchone()[0]
    connection.execute(f"DROP TRIGGER {table}_no_update")
    connection.execute(f"UPDATE {table} SET {change}")
    connection.execute(trigger)
    connection.commit()
    connection.close()
    with open_store(path, writable=False) as store:
        messages = [problem.message for problem in store.verify()]
    assert any(said in message for message in messages), messages


def test_verify_finds_a_missing_trigger(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER states_no_delete")
    connection.close()
    with open_store(path) as store:
        assert ["states" in problem.message and "trigger" in problem.message for problem in store.verify()] == [True]


def test_the_documented_queries_answer(path: Path, counter: DesignText) -> None:
    text = (Path(__file__).parents[2] / "docs" / "trajectories.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(queries) == 5
    with open_store(path) as store:
        testbench = rollout(counter, 3)[-1].after.testbench
        assert testbench is not None
        name = store.trajectories()[0].id
        store.accept(name, testbench)
        answers = [list(store.database.query(query)) for query in queries]
    listed, models, repairs, metrics, accepted = answers
    assert [(row["id"], row["top"], row["rounds"], row["best"]) for row in listed] == [(name, "counter", 3, 37.5)]
    assert [(row["policy"], row["ok_percent"]) for row in models] == [("llama", 100.0)]
    assert {row["instruction"]: row["rounds"] for row in repairs} == {"generate": 1, "raise_coverage": 2}
    assert [row["metric"] for row in metrics] == ["line", "toggle"] * 3 and metrics[0]["total"] == 10
    assert [text_bytes(row["text"]) for row in accepted] == [text_bytes(testbench.text)]
