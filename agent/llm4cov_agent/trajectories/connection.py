"""Opens the file of a store and says in plain words why it can't be used. Knows no table.

Writers wait for each other; readers never wait. A process that is killed loses the transaction that it was in and nothing
else (write-ahead log, `synchronous=NORMAL`: after a power cut the last transactions may be missing, the file is whole).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from llm4cov_agent.errors import StoreDamaged, StoreUnusable, display_path
from llm4cov_agent.trajectories.migrations import STEPS, is_ours, migrate, version_of

_LOG_PAGES = 4000
"""Pages of the log (16 MB) after which they are copied into the file; each time costs a wait for the disk."""
_ATTEMPTS, _PAUSE_S = 200, 0.02

BUSY_S = 30.0
"""How long a writer waits for others."""

_KEPT = "What was stored before is kept."

_REASONS = {
    sqlite3.SQLITE_NOTADB: "is no store of trajectories: it is not an SQLite file.\n  Name another file with --store.",
    sqlite3.SQLITE_CORRUPT: "is damaged.\n  Copy it before anything else; `sqlite3 FILE .recover` saves what can be read. "
    "Once it is moved away, a new one is begun.",
    sqlite3.SQLITE_FULL: f"can't grow: the disk is full.\n  Make room and go on. {_KEPT}",
    sqlite3.SQLITE_READONLY: f"can't be written.\n  Name a file in a folder that can be written with --store. {_KEPT}",
    sqlite3.SQLITE_CANTOPEN: "can't be opened.\n  Check the path and its permissions, or name another file with --store.",
    sqlite3.SQLITE_PERM: "can't be opened: no permission.\n  Name another file with --store.",
    sqlite3.SQLITE_BUSY: f"is in use by another program for too long.\n  Try again when that is done. {_KEPT}",
    sqlite3.SQLITE_LOCKED: f"is in use by another program for too long.\n  Try again when that is done. {_KEPT}",
    sqlite3.SQLITE_IOERR: f"can't be read or written: the disk reports an error, or is full.\n  Make room, and check the disk. {_KEPT}",
}


def connect(path: Path, *, writable: bool, busy_s: float = BUSY_S) -> Database:
    """Open a store, and make or migrate it where it may be written.

    Without `writable` the file has to exist; it is opened for reading alone only if it can't be written. Raises StoreUnusable.
    """
    with guarded(path):
        if path.is_dir():
            raise StoreUnusable(f"the store {display_path(path)} is a folder.\n  Name a file with --store.")
        if writable:
            _make(path)
        elif not path.exists():
            raise StoreUnusable(f"there is no store {display_path(path)}.\n  `generate` makes it, or name another one with --store.")
        may_write = writable or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        database = _open(path, "mode=rw", busy_s) if may_write else _open_for_reading(path, busy_s)
        with contextlib.ExitStack() as opened:
            opened.callback(database.close)
            _prepare(database, path, may_write=may_write)
            opened.pop_all()
        return database


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say while the block runs into StoreUnusable with the reason for a person."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        # These are about our own statements, not about the file.
        raise
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        reason = _REASONS.get(code, f"can't be used: {error}.\n  `trajectories verify` tells more.")
        kind = StoreDamaged if code == sqlite3.SQLITE_CORRUPT else StoreUnusable
        raise kind(f"the store {display_path(path)} {reason}") from error
    except OSError as error:
        raise StoreUnusable(
            f"the store {display_path(path)} can't be used: {error.strerror or error}.\n  Name another with --store."
        ) from error


def _make(path: Path) -> None:
    """Make the file, for its owner alone: it holds the user's RTL."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _open(path: Path, how: str, busy_s: float) -> Database:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=busy_s, check_same_thread=False)
    return Database(connection, execute_plugins=False)


def _open_for_reading(path: Path, busy_s: float) -> Database:
    """Open a file that can't be written; beside a log that is still to be copied into it, SQLite needs its own files there."""
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return _open(path, "mode=ro" if has_log else "mode=ro&immutable=1", busy_s)


def _prepare(database: Database, path: Path, *, may_write: bool) -> None:
    connection = database.conn
    if not is_ours(database):
        raise StoreUnusable(f"the SQLite file {display_path(path)} is no store of trajectories.\n  Name another file with --store.")
    newest, version = len(STEPS), version_of(database)
    if version > newest:
        raise StoreUnusable(
            f"the store {display_path(path)} is of version {version}, made by a newer version of this program, which knows {newest}.\n"
            "  Update llm4cov-lsp, or name another file with --store. The store was not changed."
        )
    if not may_write:
        if version < newest:
            raise StoreUnusable(
                f"the store {display_path(path)} is of version {version} and has to be brought to version {newest}, but can't be written.\n"
                "  Copy it to a folder that can be written and name the copy with --store."
            )
        return
    _use_log(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten at once, not when its place is needed.
    connection.execute("PRAGMA secure_delete = ON")
    migrate(database)


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log. Two processes that do so at once don't wait for each other by themselves."""
    for attempt in range(_ATTEMPTS):
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt + 1 == _ATTEMPTS:
                raise
        time.sleep(_PAUSE_S)
