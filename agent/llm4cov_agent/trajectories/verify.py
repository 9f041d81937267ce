"""Derives every digest and column of a store anew and follows every reference. Changes nothing, and makes no design again."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sqlite_utils import Database

from llm4cov_agent.digest import digest_bytes, digest_text
from llm4cov_agent.errors import Problem, StoreUnusable, display_path
from llm4cov_agent.trajectories.codec import read_json, write_json
from llm4cov_agent.trajectories.connection import guarded
from llm4cov_agent.trajectories.migrations import APPEND_ONLY
from llm4cov_agent.trajectories.reading import StoredContents
from llm4cov_agent.trajectories.rows import Row, design_digest, design_row, evaluation_row, file_rows, state_row, transition_row
from llm4cov_agent.trajectories.trajectory import Answer

_MOST_OF_SQLITE = 20
"""Reports of SQLite's own check: a damaged file has thousands."""
_BATCH = 500
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


def verify(database: Database, path: Path) -> tuple[Problem, ...]:
    """List what is wrong with a store; empty if all is as it was written."""
    found: list[Problem] = []
    try:
        with guarded(path):
            connection = database.conn
            connection.execute("BEGIN")
            try:
                found.extend(_check(connection, display_path(path)))
            finally:
                database.rollback()
    except StoreUnusable as error:
        message, _, hint = str(error).partition("\n")
        found.append(Problem(message.rstrip("."), hint=hint.strip() or None))
    return tuple(found)


def _check(connection: sqlite3.Connection, file: str) -> Iterator[Problem]:
    for (report,) in connection.execute(f"PRAGMA integrity_check({_MOST_OF_SQLITE})").fetchall():
        if report != "ok":
            yield Problem(f"SQLite finds the file damaged: {report}", file=file)
    triggers = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()}
    for table in APPEND_ONLY:
        if not {f"{table}_no_update", f"{table}_no_delete"} <= triggers:
            yield Problem(f"table {table} is no longer kept from changes: a trigger is missing", file=file)
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield Problem(f"a row of {table} refers to a row of {parent} that is not there", file=file)
    contents = StoredContents(connection)
    for digest, content in _all(connection, "SELECT digest, content FROM blobs"):
        if digest_bytes(content) != digest:
            yield _altered("the text", digest, file)
    for row in _rows(connection, "designs"):
        yield from _compared("the design", row, lambda row: design_row(str(row["digest"]), str(row["body"])), file)
        yield from _design(connection, row, file)
    for row in _rows(connection, "evaluations"):
        yield from _compared("the evaluation", row, lambda row: evaluation_row(str(row["digest"]), str(row["body"])), file)
    for row in _rows(connection, "states"):
        yield from _compared("the state", row, lambda row: state_row(str(row["digest"]), str(row["body"]), contents), file)
    yield from _transitions(connection, file)
    answers = [answer.value for answer in Answer]
    for row in _rows(connection, "acceptances"):
        known = connection.execute(
            "SELECT 1 FROM transitions t JOIN states s ON s.digest IN (t.state, t.after) WHERE t.trajectory = ? AND s.testbench = ?",
            [row["trajectory"], row["testbench"]],
        ).fetchone()
        if known is None or row["answer"] not in answers:
            yield Problem(f"acceptance {row['id']!r} is of no testbench of its trajectory", file=file)
    query = "SELECT r.acceptance, r.place, a.answer FROM replaced r JOIN acceptances a ON a.id = r.acceptance"
    for acceptance, place, answer in connection.execute(query).fetchall():
        if answer != Answer.ACCEPTED.value or _DIGEST.fullmatch(place) is None:
            yield Problem(f"what acceptance {acceptance!r} replaced is not as it was stored", file=file)


def _design(connection: sqlite3.Connection, row: Row, file: str) -> Iterator[Problem]:
    digest, body = str(row["digest"]), str(row["body"])
    try:
        derived, files = design_digest(body), file_rows(digest, body)
    except (ValueError, KeyError, TypeError, AttributeError):
        # The comparison of the row has told it already.
        return
    if derived != row["design"]:
        yield _altered("the files of design", str(row["design"]), file)
    cursor = connection.execute("SELECT design, position, name, role, blob FROM design_files WHERE design = ? ORDER BY position", [digest])
    if [tuple(one.values()) for one in files] != cursor.fetchall():
        yield _altered("the list of files of design", str(row["design"]), file)


def _transitions(connection: sqlite3.Connection, file: str) -> Iterator[Problem]:
    expected: dict[str, int] = {}
    for row in _rows(connection, "transitions", "trajectory, position"):
        trajectory, position = str(row["trajectory"]), int(str(row["position"]))
        if position != expected.get(trajectory, 0):
            yield Problem(f"trajectory {trajectory} has no transition {expected.get(trajectory, 0)}", file=file)
        expected[trajectory] = position + 1

        def derive(row: Row) -> Row:
            texts = {name: str(row[name]) for name in ("digest", "body", "measured", "stored")}
            return transition_row(str(row["trajectory"]), int(str(row["position"])), **texts)

        yield from _compared("the transition", row, derive, file)
    query = """SELECT t.trajectory, t.position FROM transitions t JOIN trajectories r ON r.id = t.trajectory
        JOIN states b ON b.digest = t.state JOIN states c ON c.digest = t.after WHERE b.design != r.design OR c.design != r.design"""
    for trajectory, position in connection.execute(query).fetchall():
        yield Problem(f"transition {position} of trajectory {trajectory} is of another design", file=file)


def _compared(what: str, row: Row, derive: Callable[[Row], Row], file: str) -> Iterator[Problem]:
    """Derive a row from its record, and the record's digest from its text."""
    digest, body = str(row["digest"]), str(row["body"])
    if digest_text(body) != digest:
        yield _altered(what, digest, file)
        return
    try:
        derived = derive(row)
        canonical = write_json(read_json(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        yield Problem(f"{what} {digest} can't be read", file=file)
        return
    if canonical != body:
        yield Problem(f"{what} {digest} is not written in the canonical form", file=file)
    for name in sorted(derived):
        if derived[name] != row[name]:
            yield Problem(f"{what} {digest}: column {name} is not what its record says", file=file)


def _altered(what: str, digest: str, file: str) -> Problem:
    return Problem(f"{what} {digest} is not what was stored: its digest differs", file=file)


def _rows(connection: sqlite3.Connection, table: str, order: str = "rowid") -> Iterator[Row]:
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {order}")
    names = [column[0] for column in cursor.description]
    for values in _batches(cursor):
        yield dict(zip(names, values, strict=True))


def _all(connection: sqlite3.Connection, query: str) -> Iterable[tuple[str, bytes]]:
    for digest, content in _batches(connection.execute(query)):
        yield str(digest), content if isinstance(content, bytes) else b""


def _batches(cursor: sqlite3.Cursor) -> Iterator[tuple[str | int | float | bytes | None, ...]]:
    while batch := cursor.fetchmany(_BATCH):
        yield from batch
