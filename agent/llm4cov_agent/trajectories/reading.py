"""Reads values back from the tables. Writes nothing; a value is made from records alone, never from columns.

Functions take a connection inside a transaction, so that all they read is of one moment.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from llm4cov_agent.bench.provenance import unstamped
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Testbench
from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.errors import StoreUnusable
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.loop.state import DesignText, State
from llm4cov_agent.trajectories.codec import read_json, text_bytes, unpack_observation, unpack_state, unpack_stimulus, unpack_transition
from llm4cov_agent.trajectories.remake import remake
from llm4cov_agent.trajectories.rows import tallies_of
from llm4cov_agent.trajectories.trajectory import HUMAN, Acceptance, Answer, Round, Summary, Trajectory


@dataclass(frozen=True, slots=True)
class StoredDesign:
    """A design of the store in a few words."""

    digest: str
    """As `Design.digest`."""
    top: str
    files: tuple[str, ...]
    trajectories: int


class StoredContents(Mapping[str, bytes]):
    """The long texts of a store by digest, read when asked for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, digest: str) -> bytes:
        found = self._connection.execute("SELECT content FROM blobs WHERE digest = ?", [digest]).fetchone()
        if found is None:
            raise KeyError(digest)
        return bytes(found[0])

    def __iter__(self) -> Iterator[str]:
        return iter([row[0] for row in self._connection.execute("SELECT digest FROM blobs").fetchall()])

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM blobs").fetchone()[0])


class Reader:
    """Makes states again, each design once."""

    def __init__(self, database: Database) -> None:
        self._connection = database.conn
        self._contents = StoredContents(database.conn)
        self._designs: dict[str, DesignText] = {}
        self._folders = contextlib.ExitStack()

    def close(self) -> None:
        """Remove the folders of the designs."""
        self._designs.clear()
        self._folders.close()

    def forget(self) -> None:
        """Remove what was made of the store's designs so far."""
        self.close()

    def design(self, digest: str) -> DesignText:
        """Make a design again, given the digest of its record. Raises StoreUnusable if that can't be done."""
        if digest not in self._designs:
            body = self._body("designs", digest)
            record = read_json(body)
            folder = self._folders.enter_context(scratch_folder())
            made, problems = remake(record, self._contents, folder)
            if made is None:
                raise StoreUnusable(f"the design `{record['top']}` can't be made again from what is stored.\n  {problems[0]}")
            self._designs[digest] = made
        return self._designs[digest]

    def state(self, digest: str) -> State | None:
        """Read a state; None if there is none of that digest."""
        found = self._connection.execute("SELECT body FROM states WHERE digest = ?", [digest]).fetchone()
        if found is None:
            return None
        record = read_json(found[0])
        evaluation = record["evaluation"]
        observation = unpack_observation(self._body("evaluations", evaluation), self._contents) if evaluation is not None else None
        return unpack_state(found[0], self._contents, design=self.design(record["design"]), observation=observation)

    def trajectory(self, trajectory: str) -> Trajectory | None:
        """Read a trajectory; None if there is none of that name."""
        found = self._connection.execute(
            "SELECT d.design, d.top, t.command, t.began FROM trajectories t JOIN designs d ON d.digest = t.design WHERE t.id = ?",
            [trajectory],
        ).fetchone()
        if found is None:
            return None
        rows = self._connection.execute(
            "SELECT body, measured, state, after FROM transitions WHERE trajectory = ? ORDER BY position", [trajectory]
        ).fetchall()
        states: dict[str, State] = {}
        for digest in dict.fromkeys(digest for row in rows for digest in row[2:]):
            state = self.state(digest)
            if state is None:
                raise KeyError(digest)
            states[digest] = state
        return Trajectory(
            id=trajectory,
            design=found[0],
            top=found[1],
            command=found[2],
            began=found[3],
            transitions=tuple(
                unpack_transition(body, measured, self._contents, state=states[before], after=states[after])
                for body, measured, before, after in rows
            ),
            acceptances=acceptances(self._connection, trajectory),
        )

    def _body(self, table: str, digest: str) -> str:
        found = self._connection.execute(f"SELECT body FROM {table} WHERE digest = ?", [digest]).fetchone()
        if found is None:
            raise KeyError(digest)
        return str(found[0])


def acceptances(connection: sqlite3.Connection, trajectory: str) -> tuple[Acceptance, ...]:
    """Answers of the user in a trajectory, oldest first."""
    rows = connection.execute("SELECT answer, testbench, reason, at FROM acceptances WHERE trajectory = ? ORDER BY id", [trajectory])
    return tuple(Acceptance(Answer(answer), testbench, reason, at) for answer, testbench, reason, at in rows.fetchall())


def stimulus_of(connection: sqlite3.Connection, testbench: Testbench) -> Stimulus | None:
    """What a testbench was rendered from, if a state says so; the newest one does."""
    # By its text: a file of another name is the same testbench.
    query = "SELECT stimulus FROM states WHERE testbench_text = ? AND stimulus IS NOT NULL ORDER BY rowid DESC LIMIT 1"
    found = connection.execute(query, [digest_bytes(text_bytes(unstamped(testbench.text)))]).fetchone()
    return unpack_stimulus(found[0], StoredContents(connection)) if found is not None else None


def has_testbench(connection: sqlite3.Connection, trajectory: str, testbench: str) -> bool:
    """Whether a testbench is part of a trajectory."""
    query = "SELECT 1 FROM transitions t JOIN states s ON s.digest IN (t.state, t.after) WHERE t.trajectory = ? AND s.testbench = ?"
    return connection.execute(query, [trajectory, testbench]).fetchone() is not None


def has_edit(connection: sqlite3.Connection, trajectory: str, testbench: str) -> bool:
    """Whether a testbench was stored as the user's edit."""
    query = "SELECT 1 FROM transitions t JOIN states s ON s.digest = t.after WHERE t.trajectory = ? AND t.policy = ? AND s.testbench = ?"
    return connection.execute(query, [trajectory, HUMAN, testbench]).fetchone() is not None


def designs(connection: sqlite3.Connection) -> tuple[StoredDesign, ...]:
    """All designs; those that differ only in where their files lie are one."""
    query = """SELECT d.design, d.top, (SELECT count(*) FROM trajectories t JOIN designs o ON o.digest = t.design
        WHERE o.design = d.design), d.body FROM designs d GROUP BY d.design ORDER BY d.top, d.design"""
    return tuple(
        StoredDesign(digest, top, tuple(name for name, _, _ in read_json(body)["files"]), count)
        for digest, top, count, body in connection.execute(query).fetchall()
    )


def designs_with(connection: sqlite3.Connection, files: Collection[str]) -> frozenset[str]:
    """Designs (`Design.digest`) that have one of these files, named by the digests of their content."""
    query = "SELECT DISTINCT d.design FROM designs d JOIN design_files f ON f.design = d.digest WHERE f.blob = ?"
    return frozenset(row[0] for digest in files for row in connection.execute(query, [digest]))


def summaries(connection: sqlite3.Connection) -> tuple[Summary, ...]:
    """All trajectories, oldest first."""
    query = """SELECT t.id, d.design, d.top, t.command, t.began FROM trajectories t JOIN designs d ON d.digest = t.design
        ORDER BY t.began, t.rowid"""
    return tuple(_summary(connection, row) for row in connection.execute(query).fetchall())


def latest(connection: sqlite3.Connection, design: str, *, most: int) -> tuple[Summary, ...]:
    """The last trajectories of a design, given its digest, newest first."""
    query = """SELECT t.id, d.design, d.top, t.command, t.began FROM trajectories t JOIN designs d ON d.digest = t.design
        WHERE d.design = ? ORDER BY t.began DESC, t.rowid DESC LIMIT ?"""
    return tuple(_summary(connection, row) for row in connection.execute(query, [design, most]).fetchall())


def _summary(connection: sqlite3.Connection, row: tuple[str, str, str, str, str]) -> Summary:
    name, design, top, command, began = row
    return Summary(
        id=name,
        design=design,
        top=top,
        command=command,
        began=began,
        rounds=rounds(connection, name),
        acceptances=acceptances(connection, name),
    )


def rounds(connection: sqlite3.Connection, trajectory: str) -> tuple[Round, ...]:
    """The transitions of a trajectory in a few words."""
    query = """SELECT t.position, t.digest, t.policy, t.model, t.instruction, t.kept, t.ended, t.prompt_tokens, t.completion_tokens,
        t.policy_s, t.judge_s, b.testbench, e.body, f.body, c.testbench FROM transitions t JOIN states b ON b.digest = t.state
        LEFT JOIN evaluations e ON e.digest = b.evaluation JOIN states c ON c.digest = t.after
        LEFT JOIN evaluations f ON f.digest = c.evaluation WHERE t.trajectory = ? ORDER BY t.position"""
    return tuple(_round(row) for row in connection.execute(query, [trajectory]).fetchall())


def _round(row: tuple[object, ...]) -> Round:
    position, digest, policy, model, instruction, kept, ended, prompted, completed, policy_s, judge_s, _, before, after, testbench = row
    one, other = (read_json(str(body)) if body is not None else {"status": None, "tallies": []} for body in (before, after))
    return Round(
        number=int(str(position)),
        digest=str(digest),
        policy=str(policy),
        model=_text(model),
        instruction=str(instruction),
        kept=bool(kept),
        ended=_text(ended),
        status_before=one["status"],
        status=other["status"],
        before=tallies_of(one),
        after=tallies_of(other),
        prompt_tokens=int(str(prompted)) if prompted is not None else None,
        completion_tokens=int(str(completed)) if completed is not None else None,
        policy_s=float(str(policy_s)),
        judge_s=float(str(judge_s)),
        testbench=_text(testbench),
    )


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
