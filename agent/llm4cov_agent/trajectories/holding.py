"""Which trajectories hold a testbench, and which testbench of a design stands as accepted. Writes nothing, and makes no design again.

Functions take a connection inside a transaction, so that all they read is of one moment.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from llm4cov_agent.bench.provenance import unstamped
from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.loop.state import DesignText, Observation, SourceText, State
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.trajectories.codec import bytes_text, read_json, text_bytes, unpack_observation, unpack_state
from llm4cov_agent.trajectories.reading import StoredContents
from llm4cov_agent.trajectories.trajectory import Answer, Replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A trajectory with a testbench that it holds."""

    trajectory: str
    design: str
    """As `Design.digest`."""
    top: str
    testbench: str
    """As `Testbench.digest`."""
    state: str
    """Digest of the state with the testbench."""
    round: int
    """The last one that led to it."""
    policy: str
    """Who wrote it in that round."""
    acceptance: int | None
    """Number of the answer by which it stands as accepted there, later ones being higher; None if it doesn't."""

    @property
    def accepted(self) -> bool:
        """Whether it stands as accepted."""
        return self.acceptance is not None


def holders(connection: sqlite3.Connection, text: str) -> tuple[Holder, ...]:
    """List the trajectories that hold a testbench of this text, newest first."""
    blob = digest_bytes(text_bytes(unstamped(text)))
    # Mostly the text is not there at all, and that is known at once; the rest reads all states.
    if connection.execute("SELECT 1 FROM blobs WHERE digest = ?", [blob]).fetchone() is None:
        return ()
    query = """SELECT t.trajectory, d.design, d.top, s.testbench, s.digest, max(t.position), t.policy FROM states s
        JOIN transitions t ON t.after = s.digest JOIN trajectories r ON r.id = t.trajectory JOIN designs d ON d.digest = r.design
        WHERE s.testbench_text = ? GROUP BY t.trajectory ORDER BY r.began DESC, r.rowid DESC"""
    rows = connection.execute(query, [blob]).fetchall()
    return tuple(_holder(row, acceptance=_acceptance(connection, row[0], row[3])) for row in rows)


def accepted_for(connection: sqlite3.Connection, design: str) -> Holder | None:
    """Find the testbench of a design that was accepted last and still stands."""
    names = """SELECT r.id FROM designs d JOIN trajectories r ON r.design = d.digest WHERE d.design = ?"""
    # An answer to a testbench counts in its own trajectory: the last of each decides, and the newest of those that stand is taken.
    query = f"""SELECT a.trajectory, a.testbench, a.id FROM acceptances a WHERE a.id IN (
        SELECT max(id) FROM acceptances WHERE trajectory IN ({names}) GROUP BY trajectory, testbench)
        AND a.answer = 'accepted' ORDER BY a.id DESC LIMIT 1"""
    found = connection.execute(query, [design]).fetchone()
    if found is None:
        return None
    row = connection.execute(
        """SELECT t.trajectory, d.design, d.top, s.testbench, s.digest, t.position, t.policy FROM transitions t
        JOIN states s ON s.digest IN (t.after, t.state) JOIN trajectories r ON r.id = t.trajectory JOIN designs d ON d.digest = r.design
        WHERE t.trajectory = ? AND s.testbench = ? ORDER BY s.digest = t.after DESC, t.position DESC LIMIT 1""",
        found[:2],
    ).fetchone()
    return _holder(row, acceptance=found[2]) if row is not None else None


def replaced_by(connection: sqlite3.Connection, acceptance: int) -> Replaced | None:
    """Tell what was in the file before an accepted testbench went into it; None where that isn't known."""
    found = connection.execute("SELECT place, before FROM replaced WHERE acceptance = ?", [acceptance]).fetchone()
    if found is None:
        return None
    return Replaced(found[0], bytes_text(StoredContents(connection)[found[1]]) if found[1] is not None else None)


def is_of_design(connection: sqlite3.Connection, design: str, text: str) -> bool:
    """Whether a transition of a design led to a testbench of this text."""
    blob = digest_bytes(text_bytes(unstamped(text)))
    if connection.execute("SELECT 1 FROM blobs WHERE digest = ?", [blob]).fetchone() is None:
        return False
    query = """SELECT 1 FROM designs d JOIN trajectories r ON r.design = d.digest JOIN transitions t ON t.trajectory = r.id
        JOIN states s ON s.digest = t.after WHERE d.design = ? AND s.testbench_text = ? LIMIT 1"""
    return connection.execute(query, [design, blob]).fetchone() is not None


def state_of(connection: sqlite3.Connection, holder: Holder, design: Design) -> State:
    """Read the state of a testbench, with the stored names of the design's files around the values of `design`.

    Raises ValueError if that is another design: equal digests have the same files in the same order.
    """
    if design.digest != holder.design:
        raise ValueError(f"the state is of design {holder.design}")
    contents = StoredContents(connection)
    body = _body(connection, "states", holder.state)
    record = read_json(body)
    stored = read_json(_body(connection, "designs", record["design"]))
    sources = tuple(SourceText(name, role, contents[blob]) for name, role, blob in stored["files"])
    evaluation = record["evaluation"]
    observation: Observation | None = None
    if evaluation is not None:
        observation = unpack_observation(_body(connection, "evaluations", evaluation), contents)
    named = DesignText(design, sources, tuple(stored["include_dirs"]))
    return unpack_state(body, contents, design=named, observation=observation)


def _body(connection: sqlite3.Connection, table: str, digest: str) -> str:
    return str(connection.execute(f"SELECT body FROM {table} WHERE digest = ?", [digest]).fetchone()[0])


def _acceptance(connection: sqlite3.Connection, trajectory: str, testbench: str) -> int | None:
    query = "SELECT id, answer FROM acceptances WHERE trajectory = ? AND testbench = ? ORDER BY id DESC LIMIT 1"
    found = connection.execute(query, [trajectory, testbench]).fetchone()
    return int(found[0]) if found is not None and found[1] == Answer.ACCEPTED.value else None


def _holder(row: tuple[object, ...], *, acceptance: int | None) -> Holder:
    trajectory, design, top, testbench, state = (str(value) for value in row[:5])
    position, policy = int(str(row[5])), str(row[6])
    return Holder(
        trajectory=trajectory,
        design=design,
        top=top,
        testbench=testbench,
        state=state,
        round=position,
        policy=policy,
        acceptance=acceptance,
    )
