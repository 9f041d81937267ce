"""The store: what goes in comes out, nothing is changed, and a deleted design leaves no byte."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from llm4cov_agent.errors import StoreUnusable
from llm4cov_agent.loop.state import DesignText, State
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.trajectories.migrations import APPEND_ONLY
from llm4cov_agent.trajectories.store import Store, open_store, without_secrets
from llm4cov_agent.trajectories.trajectory import Answer, Replaced, place_of
from tests.unit.stored_values import COUNTER, bench, design_in, refused, rollout, seen, transition
from tests.unit.test_store_codec import transitions


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> DesignText:
    return design_in(tmp_path_factory.mktemp("counter"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> DesignText:
    code = COUNTER.replace("count + 1", "count + 2 /* a mark of the second */")
    return design_in(tmp_path_factory.mktemp("other"), code)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def fill(store: Store, design: DesignText, *, mark: str = "") -> tuple[str, list[Transition]]:
    name = store.begin(design, command="generate")
    found = rollout(design, 3, mark=mark)
    for one in found:
        store.append(name, one)
    return name, found


def plain(one: Transition, design: DesignText) -> Transition:
    """The same with the design in another place."""
    return replace(one, state=replace(one.state, design=design), after=replace(one.after, design=design))


def test_transitions_come_back_without_the_original_files(tmp_path: Path) -> None:
    design = design_in(tmp_path / "rtl_files")
    with open_store(tmp_path / "store.db") as store:
        name, found = fill(store, design)
        found.append(refused(found[-1]))
        digest = store.append(name, found[-1])
    for path in sorted((tmp_path / "rtl_files").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    with open_store(tmp_path / "store.db", writable=False) as store:
        trajectory = store.trajectory(name)
        assert trajectory is not None
        made = trajectory.transitions[0].state.design
        assert made.design.digest == design.design.digest == trajectory.design and made.sources == design.sources
        assert [plain(one, design) for one in trajectory.transitions] == found
        # One design is made once, and the states that two transitions share are one value.
        assert trajectory.transitions[1].state is trajectory.transitions[0].after
        assert store.trajectories()[0].rounds[-1].digest == digest
        folder = made.design.files[0].path.parent
        assert folder.is_dir()
        assert store.verify() == ()
    assert not folder.exists()


def test_stored_transitions_give_the_same_digests_again(store: Store, counter: DesignText) -> None:
    name, _ = fill(store, counter)
    again = store.begin(counter, command="replay")
    for one in store.transitions(name):
        store.append(again, replace(one, judge_s=7.0, loop_s=7.0, proposal=replace(one.proposal, seconds=3.0)))
    first, second = ([one.digest for one in summary.rounds] for summary in store.trajectories())
    assert first == second
    assert store.database.table("states").count == 4 and store.database.table("transitions").count == 6
    assert store.verify() == ()


@given(transitions)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_transition_can_be_stored_and_verified(store: Store, one: Transition) -> None:
    name = store.begin(one.state.design, command="generate")
    digest = store.append(name, one)
    assert store.database.execute("SELECT digest FROM transitions WHERE trajectory = ?", [name]).fetchone() == (digest,)
    assert [row["digest"] for row in store.trajectory_rows(name)] == [digest]
    assert store.verify() == ()


def test_equal_content_is_stored_once(store: Store, counter: DesignText) -> None:
    fill(store, counter)
    before = {name: store.database.table(name).count for name in APPEND_ONLY}
    fill(store, counter)
    after = {name: store.database.table(name).count for name in APPEND_ONLY}
    assert {name for name in APPEND_ONLY if after[name] != before[name]} == {"trajectories", "transitions"}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("attack", ["UPDATE {0} SET rowid = rowid + 1000", "DELETE FROM {0}", "REPLACE INTO {0} SELECT * FROM {0}"])
def test_rows_can_not_be_changed(store: Store, counter: DesignText, table: str, attack: str) -> None:
    name, found = fill(store, counter)
    assert found[-1].after.testbench is not None
    store.answer(name, found[-1].after.testbench.digest, Answer.ACCEPTED, replaced=Replaced(place_of(store.path), "before"))
    plain_connection = sqlite3.connect(store.path)
    rows = plain_connection.execute(f"SELECT * FROM {table}").fetchall()
    assert rows
    try:
        plain_connection.execute(attack.format(table))
        plain_connection.commit()
    except sqlite3.IntegrityError as error:
        assert "append-only" in str(error)
    else:
        # A digest that is there already is left as it is, without a word.
        assert attack.startswith("REPLACE")
    plain_connection.rollback()
    assert plain_connection.execute(f"SELECT * FROM {table}").fetchall() == rows
    plain_connection.close()


def test_a_transition_of_another_design_is_refused(store: Store, counter: DesignText, other: DesignText) -> None:
    name = store.begin(counter, command="generate")
    with pytest.raises(ValueError, match="not of the design"):
        store.append(name, transition(other))
    assert store.database.table("states").count == 0


def test_answers_of_the_user(store: Store, counter: DesignText) -> None:
    name, found = fill(store, counter)
    benches = [one.after.testbench for one in found]
    assert benches[0] is not None and benches[2] is not None
    store.reject(name, benches[0], reason="too long")
    store.accept(name, benches[2])
    store.undo(name, benches[2], reason="broke the build")
    store.accept(name, benches[2])
    trajectory = store.trajectory(name)
    assert trajectory is not None
    assert [one.answer for one in trajectory.acceptances] == [Answer.REJECTED, Answer.ACCEPTED, Answer.UNDONE, Answer.ACCEPTED]
    assert trajectory.acceptances[0].reason == "too long" and trajectory.acceptances[0].at.startswith("20")
    assert trajectory.accepted == {benches[2].digest}
    with pytest.raises(StoreUnusable, match="with this testbench"):
        store.accept(name, bench("unknown"))
    assert [row["accepted"] for row in store.rows()] == [False, False, True]


def test_the_last_accepted_testbench_of_a_design_is_found_with_its_state(store: Store, counter: DesignText, other: DesignText) -> None:
    first, found = fill(store, counter)
    second, _ = fill(store, counter, mark="second")
    unlike, _ = fill(store, other)
    benches = [one.after.testbench for one in found]
    assert benches[0] is not None and benches[1] is not None
    assert store.accepted_for(counter.design.digest) is None and store.holders("unknown") == ()
    assert [(one.trajectory, one.round, one.accepted) for one in store.holders(benches[1].text)] == [(unlike, 1, False), (first, 1, False)]
    store.accept(first, benches[1])
    store.accept(first, benches[0])
    store.accept(unlike, benches[1])
    assert [(one.trajectory, one.accepted) for one in store.holders(benches[1].text)] == [(unlike, True), (first, True)]
    holder = store.accepted_for(counter.design.digest)
    assert holder is not None and (holder.trajectory, holder.testbench, holder.top) == (first, benches[0].digest, "counter")
    assert store.state_of(holder, counter.design) == found[0].after
    with pytest.raises(ValueError, match="of design"):
        store.state_of(holder, other.design)
    store.undo(first, benches[0])
    holder = store.accepted_for(counter.design.digest)
    assert holder is not None and holder.testbench == benches[1].digest
    store.reject(first, benches[1])
    assert store.accepted_for(counter.design.digest) is None
    assert store.is_of_design(counter.design.digest, benches[0].text) and not store.is_of_design(counter.design.digest, "unknown")
    assert [one.trajectory for one in store.holders("module tb; // 0 second\nendmodule\n")] == [second]


def test_what_an_accepted_testbench_replaced_is_kept_with_its_acceptance(store: Store, counter: DesignText) -> None:
    name, found = fill(store, counter)
    testbench, place = found[0].after.testbench, place_of(store.path.with_name("tb.sv"))
    assert testbench is not None and str(store.path.parent) not in place

    def replaced() -> Replaced | None:
        [holder] = store.holders(testbench.text)
        return store.replaced_by(holder)

    assert replaced() is None
    for text in ("by hand\r\n\udcff", None):
        store.answer(name, testbench.digest, Answer.ACCEPTED, replaced=Replaced(place, text))
        assert replaced() == Replaced(place, text)
    # The last acceptance counts, and only while it stands.
    store.accept(name, testbench)
    assert replaced() is None and store.holders(testbench.text)[0].accepted
    store.undo(name, testbench)
    assert replaced() is None and store.verify() == ()


def test_an_edit_that_covers_more_is_a_transition_of_the_policy_human(store: Store, counter: DesignText) -> None:
    name, found = fill(store, counter)
    accepted = found[-1].after
    assert accepted.testbench is not None

    def edited(covered: int, text: str) -> State:
        return State(counter, bench(text), None, seen(covered))

    with pytest.raises(ValueError, match="accepted"):
        store.human_edit(name, accepted, edited(9, "mine"))
    store.accept(name, accepted.testbench)
    assert store.human_edit(name, accepted, edited(5, "no better")) is None
    assert store.human_edit(name, accepted, edited(9, "mine")) is not None
    assert store.human_edit(name, accepted, edited(9, "mine")) is None
    assert store.human_edit(name, accepted, edited(10, "more")) is not None
    # From an edit on, the edited text is what stands as accepted.
    assert store.human_edit(name, edited(10, "more"), edited(10, "no better either")) is None
    trajectory = store.trajectory(name)
    assert trajectory is not None
    mine = [one for one in trajectory.transitions if one.policy == "human"]
    assert [one.after.testbench.text for one in mine if one.after.testbench] == ["mine", "more"]
    assert [(one.model, one.kept, one.instruction.value) for one in mine] == [(None, True, "raise_coverage")] * 2
    assert bench("more").digest in trajectory.accepted
    assert store.verify() == ()


def test_a_deleted_design_leaves_no_byte(store: Store, counter: DesignText, other: DesignText) -> None:
    mark = "a mark of the second"
    kept, _ = fill(store, counter, mark="first")
    for _ in range(20):
        fill(store, other, mark=mark)
    accepted, last = bench(f"module tb; // 2 {mark}\nendmodule\n"), store.trajectories()[-1].id
    store.accept(last, accepted, reason=mark)
    store.answer(last, accepted.digest, Answer.ACCEPTED, replaced=Replaced(place_of(store.path), "what I had before"))
    assert mark.encode() in b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    erased = store.delete(other.design.digest)
    assert (erased.trajectories, erased.transitions, erased.problems) == (20, 60, ())
    for path in store.path.parent.iterdir():
        content = path.read_bytes()
        for text in (mark, "count + 2", other.design.digest, other.sources[0].digest, "what I had before"):
            assert text.encode() not in content, (path.name, text)
    # What both designs name stays for the one that is left.
    assert [one.id for one in store.trajectories()] == [kept] and len(store.transitions(kept)) == 3
    assert store.verify() == ()
    assert store.delete(other.design.digest).transitions == 0
    fill(store, other)
    assert store.verify() == ()


def test_a_deletion_that_was_cut_off_is_finished_by_the_next_to_open(store: Store, counter: DesignText, other: DesignText) -> None:
    fill(store, counter)
    fill(store, other)
    reader = sqlite3.connect(store.path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM blobs").fetchone()
    store.database.execute("PRAGMA busy_timeout = 50")
    erased = store.delete(other.design.digest)
    assert erased.transitions == 3 and "may still be in the file" in erased.problems[0].message
    reader.close()
    with open_store(store.path) as again:
        assert b"count + 2" not in again.path.read_bytes()
        assert again.database.table("erasures").count == 0


def test_appending_to_a_design_that_was_deleted_says_so(store: Store, counter: DesignText) -> None:
    name, found = fill(store, counter)
    with open_store(store.path) as second:
        second.delete(counter.design.digest)
    with pytest.raises(StoreUnusable, match="deleted"):
        store.append(name, found[0])
    fill(store, counter)
    assert store.verify() == ()


def _write(path: Path, design: DesignText, count: int, mark: str) -> None:
    with open_store(path) as store:
        name = store.begin(design, command=mark)
        for one in rollout(design, count, mark=mark):
            store.append(name, one)


def test_several_threads_write_at_once(store: Store, counter: DesignText) -> None:
    def work(mark: str) -> None:
        name = store.begin(counter, command=mark)
        for one in rollout(counter, 15, mark=mark):
            store.append(name, one)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(one.rounds) for one in store.trajectories()] == [15] * 6
    assert store.verify() == ()


def test_several_processes_write_at_once_to_a_store_that_none_has_made(tmp_path: Path, counter: DesignText) -> None:
    path = tmp_path / "new" / "store.db"
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_write, args=(path, counter, 20, str(number))) for number in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    with open_store(path) as store:
        assert [len(one.rounds) for one in store.trajectories()] == [20] * 4
        assert store.verify() == ()


_CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.unit.stored_values import rollout, transition
from tests.unit.designs_by_hand import design
from dataclasses import replace
from llm4cov_agent.loop.state import DesignText
DESIGN = DesignText(replace(design("x", ()), files=()), ())
from llm4cov_agent.trajectories.store import open_store
with open_store(Path({path!r})) as store:
    name = store.begin(DESIGN, command="killed")
    number = 0
    while True:
        store.append(name, transition(DESIGN, number=number, mark="x" * 20000))
        print(number, flush=True)
        number += 1
"""


@pytest.mark.parametrize("attempt", range(2))
def test_a_kill_in_mid_write_loses_only_what_was_being_written(tmp_path: Path, attempt: int) -> None:
    path = tmp_path / "store.db"
    code = _CHILD.format(tests=str(Path(__file__).parents[2]), path=str(path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(20)]
    assert said[-1] == "19\n"
    time.sleep(0.003 * attempt)
    os.kill(child.pid, signal.SIGKILL)
    told = [*said, *child.stdout.readlines()]
    child.wait()
    with open_store(path) as store:
        assert store.verify() == ()
        stored = len(store.trajectories()[0].rounds)
    # All that was told is there, and at most the one transition more that was stored and not yet told.
    assert len(told) <= stored <= len(told) + 1


def test_a_kill_inside_a_transaction_leaves_nothing_of_it(tmp_path: Path, counter: DesignText) -> None:
    path = tmp_path / "store.db"
    _write(path, counter, 3, "before")

    def die() -> None:
        with open_store(path) as store:
            name = store.begin(counter, command="dies")
            with store._writing() as connection:
                packed = store._pack(transition(counter, number=9))
                store._append(connection, name, transition(counter, number=9), *packed)
                os.kill(os.getpid(), signal.SIGKILL)

    child = multiprocessing.get_context("fork").Process(target=die)
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    with open_store(path) as store:
        assert [len(one.rounds) for one in store.trajectories()] == [3, 0]
        assert store.verify() == ()


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        ("generate a.v --policy llama", "generate a.v --policy llama"),
        ("generate --api-key sk-1234567890", "generate --api-key ..."),
        ("generate --api-key=abcdef x.v", "generate --api-key=... x.v"),
        ("generate --endpoint https://me:secretpw@host/v1", "generate --endpoint https://...@host/v1"),
        ("generate sk-abcdefgh x.v", "generate ... x.v"),
        ("generate --max-tokens 100", "generate --max-tokens 100"),
    ],
)
def test_no_secret_of_a_command_line_is_stored(given_text: str, stored: str) -> None:
    assert without_secrets(given_text) == stored


def test_nothing_of_the_environment_is_stored(tmp_path: Path, counter: DesignText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-others-0123456789")
    _write(tmp_path / "store.db", counter, 2, "generate")
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"not-for-others" not in everything and str(Path.home()).encode() not in everything


def test_only_the_owner_reads_the_file(store: Store, counter: DesignText) -> None:
    fill(store, counter)
    assert {path.stat().st_mode & 0o777 for path in store.path.parent.iterdir()} == {0o600}
