"""The tables of the store, version by version. Knows no value that is stored in them.

A file says its version in `PRAGMA user_version`. Each step runs in the same transaction as the change of the version, so
that a file is always whole in one version; steps add and never drop, so that rows and what a user added beside them stay.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from llm4cov_agent.trajectories.transaction import transaction

APPLICATION_ID = 0x4C344356
"""`L4CV`: tells a store from other SQLite files."""

_FIRST = ("blobs", "designs", "design_files", "evaluations", "states", "trajectories", "transitions", "acceptances")
APPEND_ONLY = (*_FIRST, "replaced")
"""Tables whose rows stay as they were written, parents before children."""

_NAMED_BY_DIGEST = ("blobs", "designs", "evaluations", "states")


def version_of(database: Database) -> int:
    """Version of a file; 0 for a new one."""
    return int(database.conn.execute("PRAGMA user_version").fetchone()[0])


def is_ours(database: Database) -> bool:
    """Whether the file is a store, or empty so that it can become one."""
    # All of one moment: another process may be making it.
    database.conn.execute("BEGIN")
    try:
        objects = database.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = database.conn.execute("PRAGMA application_id").fetchone()[0]
        return application == APPLICATION_ID or (application == 0 and version_of(database) == 0 and objects == 0)
    finally:
        database.rollback()


def migrate(database: Database, *, to: int | None = None) -> int:
    """Bring a file to version `to`, the newest by default, at once or not at all; gives the number of steps taken."""
    target = len(STEPS) if to is None else to
    if version_of(database) >= target:
        return 0
    with transaction(database) as connection:
        # Another process may have done it while we waited for the lock.
        steps = STEPS[version_of(database) : target]
        for step in steps:
            step(database)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(target, version_of(database))}")
    return len(steps)


def _tables(database: Database) -> None:
    """Version 1: the tables."""
    database.table("blobs").create({"digest": str, "content": bytes}, pk="digest", not_null={"content"}, strict=True)
    database.table("designs").create(
        {"digest": str, "design": str, "top": str, "body": str}, pk="digest", not_null={"design", "top", "body"}, strict=True
    )
    database.table("design_files").create(
        {"design": str, "position": int, "name": str, "role": str, "blob": str},
        pk=("design", "position"),
        not_null={"name", "role", "blob"},
        foreign_keys=[("design", "designs", "digest"), ("blob", "blobs", "digest")],
        strict=True,
    )
    database.table("evaluations").create(
        {
            **{"digest": str, "status": str, "overall": float, "reachable": float, "covered": int, "total": int},
            **{"unreachable": int, "cycles": int, "holes": str, "body": str},
        },
        pk="digest",
        not_null={"body"},
        foreign_keys=[("holes", "blobs", "digest")],
        strict=True,
    )
    database.table("states").create(
        {"digest": str, "design": str, "testbench": str, "testbench_text": str, "stimulus": str, "evaluation": str, "body": str},
        pk="digest",
        not_null={"design", "body"},
        foreign_keys=[
            ("design", "designs", "digest"),
            ("testbench_text", "blobs", "digest"),
            ("stimulus", "blobs", "digest"),
            ("evaluation", "evaluations", "digest"),
        ],
        strict=True,
    )
    database.table("trajectories").create(
        {"id": str, "design": str, "command": str, "began": str, "program": str},
        pk="id",
        not_null={"design", "command", "began", "program"},
        foreign_keys=[("design", "designs", "digest")],
        strict=True,
    )
    database.table("transitions").create(
        {
            **{"trajectory": str, "position": int, "digest": str, "state": str, "after": str, "policy": str, "model": str},
            **{"seed": int, "instruction": str, "format": str, "kept": int, "ended": str, "prompt_tokens": int},
            **{"completion_tokens": int, "policy_s": float, "judge_s": float, "loop_s": float, "testbench_text": str},
            **{"stimulus": str, "reply": str, "stored": str, "body": str, "measured": str},
        },
        pk=("trajectory", "position"),
        not_null={"digest", "state", "after", "policy", "instruction", "kept", "stored", "body", "measured"},
        foreign_keys=[
            ("trajectory", "trajectories", "id"),
            ("state", "states", "digest"),
            ("after", "states", "digest"),
            ("testbench_text", "blobs", "digest"),
            ("stimulus", "blobs", "digest"),
            ("reply", "blobs", "digest"),
        ],
        strict=True,
    )
    database.table("acceptances").create(
        {"id": int, "trajectory": str, "answer": str, "testbench": str, "reason": str, "at": str},
        pk="id",
        not_null={"trajectory", "answer", "testbench", "reason", "at"},
        foreign_keys=[("trajectory", "trajectories", "id")],
        strict=True,
    )


def _append_only(database: Database) -> None:
    """Version 2: no row is changed or removed but by the deletion of a design; indexes; a view of the texts."""
    database.table("erasures").create({"id": str, "stage": str}, pk="id", not_null={"stage"}, strict=True)
    for name in _FIRST:
        _keep_rows(database, name)
    for name in _NAMED_BY_DIGEST:
        # INSERT OR REPLACE removes the old row without a trigger; a digest that is there needs no second row.
        known = f"EXISTS (SELECT 1 FROM {name} WHERE digest = NEW.digest)"
        database.conn.execute(f"CREATE TRIGGER {name}_once BEFORE INSERT ON {name} WHEN {known} BEGIN SELECT RAISE(IGNORE); END")
    for name, key in (
        ("design_files", "design = NEW.design AND position = NEW.position"),
        ("trajectories", "id = NEW.id"),
        ("transitions", "trajectory = NEW.trajectory AND position = NEW.position"),
        ("acceptances", "id = NEW.id"),
    ):
        _keep_keys(database, name, key)
    # Each index costs every append a page: what only a deletion or a rare query asks for is found without one.
    for name, column in (("designs", "design"), ("trajectories", "design"), ("transitions", "digest"), ("acceptances", "trajectory")):
        database.conn.execute(f"CREATE INDEX idx_{name}_{column} ON {name} ({column})")
    database.create_view("texts", "SELECT digest, length(content) AS bytes, CAST(content AS TEXT) AS text FROM blobs")


def _replaced(database: Database) -> None:
    """Version 3: what was in a file before an accepted testbench went into it."""
    database.table("replaced").create(
        {"acceptance": int, "place": str, "before": str},
        pk="acceptance",
        not_null={"place"},
        foreign_keys=[("acceptance", "acceptances", "id"), ("before", "blobs", "digest")],
        strict=True,
    )
    _keep_rows(database, "replaced")
    _keep_keys(database, "replaced", "acceptance = NEW.acceptance")


def _keep_rows(database: Database, name: str) -> None:
    """Let no row of a table be changed, and none be removed but by the deletion of a design."""
    refusal = f"SELECT RAISE(ABORT, '{name} is append-only')"
    database.conn.execute(f"CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} BEGIN {refusal}; END")
    # The deletion announces itself in `erasures`, in its own transaction: no one else ever sees it there.
    allowed = "EXISTS (SELECT 1 FROM erasures WHERE stage = 'deleting')"
    database.conn.execute(f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} WHEN NOT {allowed} BEGIN {refusal}; END")


def _keep_keys(database: Database, name: str, key: str) -> None:
    """Let no row take the place of one that is there: INSERT OR REPLACE removes the old one without a trigger."""
    known, refusal = f"EXISTS (SELECT 1 FROM {name} WHERE {key})", f"SELECT RAISE(ABORT, '{name} is append-only')"
    database.conn.execute(f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} WHEN {known} BEGIN {refusal}; END")


STEPS: tuple[Callable[[Database], None], ...] = (_tables, _append_only, _replaced)
"""Step n makes version n + 1 of version n."""
