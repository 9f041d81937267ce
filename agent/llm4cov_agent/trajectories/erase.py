"""Forgets a design and everything that came of it, down to the bytes of the file. Knows which table refers to which, no value.

The rows go in one transaction. Their bytes are overwritten as they are freed, then the file is written anew and the log
emptied. If that last part is interrupted, the next one to open the store does it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlite_utils import Database

from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.trajectories.transaction import transaction

_OF_DESIGN = "SELECT digest FROM designs WHERE design = :design"
_OF_TRAJECTORY = f"SELECT id FROM trajectories WHERE design IN ({_OF_DESIGN})"
_NAMED = " UNION ALL ".join(
    f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
    for table, column in (
        *(("design_files", "blob"), ("evaluations", "holes"), ("states", "testbench_text"), ("states", "stimulus")),
        *(("transitions", "testbench_text"), ("transitions", "stimulus"), ("transitions", "reply"), ("replaced", "before")),
    )
)
_STEPS = (
    ("replaced", f"acceptance IN (SELECT id FROM acceptances WHERE trajectory IN ({_OF_TRAJECTORY}))"),
    ("acceptances", f"trajectory IN ({_OF_TRAJECTORY})"),
    ("transitions", f"trajectory IN ({_OF_TRAJECTORY})"),
    ("trajectories", f"design IN ({_OF_DESIGN})"),
    ("states", f"design IN ({_OF_DESIGN})"),
    ("design_files", f"design IN ({_OF_DESIGN})"),
    ("designs", "design = :design"),
    ("evaluations", "digest NOT IN (SELECT evaluation FROM states WHERE evaluation IS NOT NULL)"),
    ("blobs", f"digest NOT IN ({_NAMED})"),
)


@dataclass(frozen=True, slots=True)
class Erased:
    """What a deletion took away."""

    trajectories: int
    transitions: int
    problems: tuple[Problem, ...] = field(default=())
    """Warnings: why bytes may be left in the file until it is opened the next time."""


def erase(database: Database, designs: Collection[str]) -> Erased:
    """Delete all of some designs (`Design.digest`), writing the file anew once. A design that isn't there is not an error."""
    connection = database.conn
    removed: Counter[str] = Counter()
    # References are checked once at the end; row by row, without an index for each, it would take the square of the rows.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        with transaction(database):
            connection.execute("INSERT OR REPLACE INTO erasures (id, stage) VALUES ('design', 'deleting')")
            for table, condition in _STEPS:
                for values in [{"design": one} for one in designs] if ":design" in condition else [{}]:
                    removed[table] += connection.execute(f"DELETE FROM {table} WHERE {condition}", values).rowcount
            connection.execute("UPDATE erasures SET stage = 'compacting'")
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise AssertionError("a deletion leaves references to what it deletes")
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
    return Erased(removed["trajectories"], removed["transitions"], finish(database))


def finish(database: Database) -> tuple[Problem, ...]:
    """Write the file anew without what was deleted; nothing to do if no deletion waits for it. Gives the reason why it can't be done."""
    connection = database.conn
    if connection.execute("SELECT 1 FROM erasures").fetchone() is None:
        return ()
    try:
        # The new file is put together in memory, not in a folder for temporary files.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("VACUUM")
        if not _empty_log(connection):
            return (_left("another program is reading the store"),)
        database.execute("DELETE FROM erasures")
        _empty_log(connection)
    except sqlite3.OperationalError as error:
        return (_left(str(error)),)
    finally:
        connection.execute("PRAGMA temp_store = DEFAULT")
    return ()


def _empty_log(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]) == 0


def _left(reason: str) -> Problem:
    hint = "The rows are gone; the file is written anew the next time that it is opened for writing."
    return Problem(f"bytes of what was deleted may still be in the file: {reason}", hint=hint, severity=Severity.WARNING)
