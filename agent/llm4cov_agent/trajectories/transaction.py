"""One transaction of the store: all of it or nothing, whatever ends the block. Knows no table."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database


@contextlib.contextmanager
def transaction(database: Database) -> Iterator[sqlite3.Connection]:
    """Commit what the block did, or take it back if the block is left by an exception, an interruption included.

    The lock is taken before anything is read: a transaction that began by reading can't always wait for it.
    """
    connection = database.conn
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        # After a commit there is nothing to take back.
        database.rollback()
