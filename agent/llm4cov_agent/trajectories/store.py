"""The store of trajectories: appends what happened, reads it back, forgets designs when asked. Judges and prints nothing.

Append-only: the database itself refuses changes and removals, except by `delete`. Every append is one transaction.
A store may be used by several threads, and its file by several processes at once.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import re
import secrets
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from sqlite_utils import Database

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Testbench
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.errors import Problem, StoreUnusable, display_path
from llm4cov_agent.loop.policy import Proposal
from llm4cov_agent.loop.state import DesignText, State, instruction_for, state_key
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.trajectories import erase, holding, reading
from llm4cov_agent.trajectories.codec import Packed, measured_json, pack_design, pack_observation, pack_state, pack_transition, text_bytes
from llm4cov_agent.trajectories.connection import BUSY_S, connect, guarded
from llm4cov_agent.trajectories.erase import Erased
from llm4cov_agent.trajectories.flat import FlatRow, flat_rows, trajectory_names
from llm4cov_agent.trajectories.holding import Holder
from llm4cov_agent.trajectories.reading import Reader, StoredDesign
from llm4cov_agent.trajectories.rows import Row, design_row, evaluation_row, file_rows, state_row, transition_row
from llm4cov_agent.trajectories.trajectory import HUMAN, Answer, Replaced, Summary, Trajectory, standing
from llm4cov_agent.trajectories.transaction import transaction
from llm4cov_agent.trajectories.verify import verify

_RECENT = 8
"""Packed designs and states that are kept: the state of a transition is mostly one of the transition before."""

_SECRETS = re.compile(r"(//)[^/@\s]+(?=@)|((?:key|token|secret|password)[= ]+)(?!-)\S+|(\b)sk-\S+", re.IGNORECASE)


def open_store(path: Path | None = None, *, writable: bool = True, busy_s: float = BUSY_S) -> Store:
    """Open a store, by default the user's own; makes or migrates it where needed.

    Without `writable` it has to exist, and may lie where nothing can be written. A writer waits `busy_s` at most for others.
    Raises StoreUnusable.
    """
    place = (path or read_config().store).absolute()
    database = connect(place, writable=writable, busy_s=busy_s)
    with guarded(place):
        if writable:
            erase.finish(database)
    return Store(place, database)


class NotAccepted(ValueError):
    """A testbench does not stand as accepted (any more)."""


@dataclass(frozen=True, slots=True)
class _PackedState:
    design: Packed
    evaluation: Packed | None
    state: Packed


_Kept = TypeVar("_Kept", Packed, _PackedState)


class Store:
    """An open store; a context manager that closes it."""

    def __init__(self, path: Path, database: Database) -> None:
        """For `open_store` alone."""
        self.path = path
        self._database = database
        self._lock = threading.RLock()
        self._reader = Reader(database)
        self._packed: OrderedDict[int, tuple[object, Packed | _PackedState]] = OrderedDict()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and remove the folders in which designs were made again; may be called more than once."""
        with self._lock:
            self._reader.close()
            self._database.close()

    @property
    def database(self) -> Database:
        """The open database, for queries."""
        return self._database

    def begin(self, design: DesignText, *, command: str) -> str:
        """Begin a trajectory and give its name; what looks like a key or a password in `command` is left out."""
        packed = self._pack_design(design)
        trajectory = secrets.token_hex(8)
        with self._writing() as connection:
            _insert_design(connection, packed)
            row: Row = {
                "id": trajectory,
                "design": packed.digest,
                "command": without_secrets(command),
                "began": _now(),
                "program": _program(),
            }
            _insert(connection, "trajectories", row)
        return trajectory

    def append(self, trajectory: str, transition: Transition) -> str:
        """Append a transition at once or not at all; gives its digest.

        Raises StoreUnusable if the file can't take it, or if the trajectory was deleted meanwhile.
        """
        packed = self._pack(transition)
        with self._writing() as connection:
            self._append(connection, trajectory, transition, *packed)
        return packed[2].digest

    def answer(self, trajectory: str, testbench: str, answer: Answer, *, reason: str = "", replaced: Replaced | None = None) -> None:
        """Store what the user said to a testbench, given its digest; StoreUnusable if the trajectory holds none of it (any more).

        With an acceptance goes what was in the file before, so that it can be brought back.
        """
        with self._writing() as connection:
            if not reading.has_testbench(connection, trajectory, testbench):
                raise StoreUnusable(f"the store {display_path(self.path)} has no trajectory {trajectory} with this testbench (any more).")
            number = _insert_answer(connection, trajectory, testbench, answer, reason)
            if replaced is not None:
                _insert_replaced(connection, number, replaced)

    def accept(self, trajectory: str, testbench: Testbench, *, reason: str = "") -> None:
        """Store that the user took a testbench of the trajectory."""
        self.answer(trajectory, testbench.digest, Answer.ACCEPTED, reason=reason)

    def reject(self, trajectory: str, testbench: Testbench, *, reason: str = "") -> None:
        """Store that the user refused a testbench of the trajectory."""
        self.answer(trajectory, testbench.digest, Answer.REJECTED, reason=reason)

    def undo(self, trajectory: str, testbench: Testbench, *, reason: str = "") -> None:
        """Store that the user took the acceptance of a testbench back."""
        self.answer(trajectory, testbench.digest, Answer.UNDONE, reason=reason)

    def holders(self, text: str) -> tuple[Holder, ...]:
        """List the trajectories that hold a testbench of this text, newest first."""
        with self._reading() as connection:
            return holding.holders(connection, text)

    def replaced_by(self, holder: Holder) -> Replaced | None:
        """Tell what was in the file before a testbench that stands as accepted went into it; None where that isn't known."""
        if holder.acceptance is None:
            return None
        with self._reading() as connection:
            return holding.replaced_by(connection, holder.acceptance)

    def accepted_for(self, design: str) -> Holder | None:
        """Find the testbench of a design (a `Design.digest`) that was accepted last and still stands; None if there is none."""
        with self._reading() as connection:
            return holding.accepted_for(connection, design)

    def is_of_design(self, design: str, text: str) -> bool:
        """Whether a transition of a design (a `Design.digest`) led to a testbench of this text."""
        with self._reading() as connection:
            return holding.is_of_design(connection, design, text)

    def state_of(self, holder: Holder, design: Design) -> State:
        """Read the state of a testbench around a design that is elaborated already and has the same digest, so that none is made again."""
        with self._reading() as connection:
            return holding.state_of(connection, holder, design)

    def human_edit(self, trajectory: str, accepted: State, edited: State, *, target_percent: float = 100.0) -> str | None:
        """Store what the user made of an accepted testbench as a transition of the policy `human`, if the judge ranks it higher.

        `edited` is the state that the judge found for the new text, which counts as accepted from then on. Gives the digest of the
        transition; None if it does not rank higher, or if the same text was stored before.
        """
        if edited.testbench is None or accepted.testbench is None:
            return None
        if state_key(edited, target_percent=target_percent) <= state_key(accepted, target_percent=target_percent):
            return None
        transition = Transition(
            number=0,
            policy=HUMAN,
            model=None,
            seed=0,
            instruction=instruction_for(accepted),
            state=accepted,
            proposal=Proposal(testbench=edited.testbench, stimulus=edited.stimulus),
            after=edited,
            kept=True,
            judge_s=0.0,
            loop_s=0.0,
        )
        packed = self._pack(transition)
        with self._writing() as connection:
            if accepted.testbench.digest not in standing(reading.acceptances(connection, trajectory)):
                raise NotAccepted("only a testbench that stands as accepted can be edited")
            if reading.has_edit(connection, trajectory, edited.testbench.digest):
                return None
            self._append(connection, trajectory, transition, *packed)
            _insert_answer(connection, trajectory, edited.testbench.digest, Answer.ACCEPTED, "")
        return packed[2].digest

    def trajectories(self) -> tuple[Summary, ...]:
        """All trajectories in a few words, oldest first; no design is made again for it."""
        with self._reading() as connection:
            return reading.summaries(connection)

    def latest(self, design: str, *, most: int) -> tuple[Summary, ...]:
        """The last trajectories of a design, given its `Design.digest`, newest first; no design is made again for it."""
        with self._reading() as connection:
            return reading.latest(connection, design, most=most)

    def trajectory(self, trajectory: str) -> Trajectory | None:
        """Read a trajectory with all of its values; None if there is none of that name."""
        with self._reading():
            return self._reader.trajectory(trajectory)

    def transitions(self, trajectory: str) -> tuple[Transition, ...]:
        """Read the transitions of a trajectory; empty if there is none of that name."""
        found = self.trajectory(trajectory)
        return found.transitions if found is not None else ()

    def state(self, digest: str) -> State | None:
        """Read a state; its design's files lie in a folder that stays until the store is closed."""
        with self._reading():
            return self._reader.state(digest)

    def stimulus_of(self, testbench: Testbench) -> Stimulus | None:
        """Give what a testbench was rendered from; None where it is not one that a policy rendered and this store keeps."""
        with self._reading() as connection:
            return reading.stimulus_of(connection, testbench)

    def designs(self) -> tuple[StoredDesign, ...]:
        """All designs, by name of the top."""
        with self._reading() as connection:
            return reading.designs(connection)

    def rows(self, *, design: str | None = None) -> Iterator[FlatRow]:
        """Give one flat row per transition, for data sets; `design` is a `Design.digest`."""
        with self._reading() as connection:
            names = trajectory_names(connection, design)
        for name in names:
            yield from self.trajectory_rows(name)

    def trajectory_rows(self, trajectory: str) -> list[FlatRow]:
        """The same for one trajectory, in the order of its transitions."""
        with self._reading() as connection:
            return flat_rows(connection, trajectory)

    def designs_with(self, files: Collection[str]) -> frozenset[str]:
        """Digests (`Design.digest`) of the designs that have a file with any of these digests of its content."""
        with self._reading() as connection:
            return reading.designs_with(connection, files)

    def delete(self, *designs: str) -> Erased:
        """Forget designs (`Design.digest`) and everything that came of them, so that no byte of them is left in the file."""
        with self._lock, guarded(self.path):
            self._packed.clear()
            self._reader.forget()
            return erase.erase(self._database, designs)

    def verify(self) -> tuple[Problem, ...]:
        """Derive every digest and column anew and follow every reference; empty if all is as it was stored."""
        with self._lock:
            return verify(self._database, self.path)

    def _pack(self, transition: Transition) -> tuple[_PackedState, _PackedState, Packed]:
        before, after = self._pack_state(transition.state), self._pack_state(transition.after)
        return before, after, pack_transition(transition, state=before.state, after=after.state)

    def _append(
        self,
        connection: sqlite3.Connection,
        trajectory: str,
        transition: Transition,
        before: _PackedState,
        after: _PackedState,
        packed: Packed,
    ) -> None:
        found = connection.execute("SELECT design FROM trajectories WHERE id = ?", [trajectory]).fetchone()
        if found is None:
            raise StoreUnusable(f"the store {display_path(self.path)} has no trajectory {trajectory} any more: its design was deleted.")
        if not found[0] == before.design.digest == after.design.digest:
            raise ValueError(f"the transition is not of the design of trajectory {trajectory}")
        for state in (before, after):
            _insert_state(connection, state)
        _insert_contents(connection, packed)
        # One step down the index, however long the trajectory is; the lock is held, so no other writer takes the same place.
        last = connection.execute("SELECT max(position) FROM transitions WHERE trajectory = ?", [trajectory]).fetchone()[0]
        position = 0 if last is None else last + 1
        row = transition_row(
            trajectory, position, digest=packed.digest, body=packed.body, measured=measured_json(transition), stored=_now()
        )
        _insert(connection, "transitions", row)

    def _pack_design(self, design: DesignText) -> Packed:
        known = self._recent(design)
        if isinstance(known, Packed):
            return known
        return self._remember(design, pack_design(design))

    def _pack_state(self, state: State) -> _PackedState:
        known = self._recent(state)
        if isinstance(known, _PackedState):
            return known
        design = self._pack_design(state.design)
        evaluation = pack_observation(state.observation) if state.observation is not None else None
        packed = pack_state(state, design=design.digest, evaluation=evaluation.digest if evaluation is not None else None)
        return self._remember(state, _PackedState(design, evaluation, packed))

    def _recent(self, value: object) -> Packed | _PackedState | None:
        with self._lock:
            known = self._packed.get(id(value))
            return known[1] if known is not None and known[0] is value else None

    def _remember(self, value: object, packed: _Kept) -> _Kept:
        with self._lock:
            self._packed[id(value)] = (value, packed)
            self._packed.move_to_end(id(value))
            while len(self._packed) > _RECENT:
                self._packed.popitem(last=False)
        return packed

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, guarded(self.path), transaction(self._database) as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of the store, whatever others write meanwhile."""
        with self._lock, guarded(self.path):
            connection = self._database.conn
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                self._database.rollback()


def without_secrets(text: str) -> str:
    """Leave out of a command line what looks like a key, a token, a password, or who is named in an address."""
    return _SECRETS.sub(lambda found: next(group for group in found.groups() if group is not None) + "...", text)


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def _insert_contents(connection: sqlite3.Connection, packed: Packed) -> None:
    connection.executemany("INSERT INTO blobs (digest, content) VALUES (?, ?)", packed.contents.items())


def _insert_design(connection: sqlite3.Connection, packed: Packed) -> None:
    if connection.execute("SELECT 1 FROM designs WHERE digest = ?", [packed.digest]).fetchone():
        return
    _insert_contents(connection, packed)
    _insert(connection, "designs", design_row(packed.digest, packed.body))
    for row in file_rows(packed.digest, packed.body):
        _insert(connection, "design_files", row)


def _insert_state(connection: sqlite3.Connection, packed: _PackedState) -> None:
    digest = packed.state.digest
    if connection.execute("SELECT 1 FROM states WHERE digest = ?", [digest]).fetchone():
        return
    _insert_design(connection, packed.design)
    if packed.evaluation is not None:
        _insert_contents(connection, packed.evaluation)
        _insert(connection, "evaluations", evaluation_row(packed.evaluation.digest, packed.evaluation.body))
    _insert_contents(connection, packed.state)
    _insert(connection, "states", state_row(digest, packed.state.body, packed.state.contents))


def _insert_answer(connection: sqlite3.Connection, trajectory: str, testbench: str, answer: Answer, reason: str) -> int:
    """Give the number of the answer."""
    said = reason.encode("utf-8", "replace").decode("utf-8")
    row: Row = {"trajectory": trajectory, "answer": answer.value, "testbench": testbench, "reason": said, "at": _now()}
    _insert(connection, "acceptances", row)
    return int(connection.execute("SELECT last_insert_rowid()").fetchone()[0])


def _insert_replaced(connection: sqlite3.Connection, acceptance: int, replaced: Replaced) -> None:
    before = None
    if replaced.text is not None:
        content = text_bytes(replaced.text)
        before = digest_bytes(content)
        connection.execute("INSERT INTO blobs (digest, content) VALUES (?, ?)", [before, content])
    _insert(connection, "replaced", {"acceptance": acceptance, "place": replaced.place, "before": before})


@functools.cache
def _program() -> str:
    return importlib.metadata.version("llm4cov-lsp")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
