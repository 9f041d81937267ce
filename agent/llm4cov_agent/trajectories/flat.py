"""Transitions as flat rows, for data sets: every row holds all it needs, and every column always has the same type. Writes no file.

Single surrogates, which no data format takes, become U+FFFD here; the store itself keeps them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from llm4cov_agent.digest import Json
from llm4cov_agent.judge.coverage import Kind, overall, reachable
from llm4cov_agent.trajectories.codec import Contents, read_json
from llm4cov_agent.trajectories.reading import StoredContents, acceptances
from llm4cov_agent.trajectories.rows import tallies_of, testbench_digest
from llm4cov_agent.trajectories.trajectory import standing

FlatRow = dict[str, Json]


def trajectory_names(connection: sqlite3.Connection, design: str | None) -> list[str]:
    """Names of the trajectories of a design (a `Design.digest`), or of all, oldest first."""
    query = (
        "SELECT t.id FROM trajectories t JOIN designs d ON d.digest = t.design WHERE ? IS NULL OR d.design = ? ORDER BY t.began, t.rowid"
    )
    return [row[0] for row in connection.execute(query, [design, design]).fetchall()]


def flat_rows(connection: sqlite3.Connection, trajectory: str) -> list[FlatRow]:
    """One row per transition of a trajectory."""
    contents = StoredContents(connection)
    accepted = standing(acceptances(connection, trajectory))
    query = """SELECT t.position, t.digest, t.body, t.measured, t.stored, d.body, b.body, e.body, c.body, f.body FROM transitions t
        JOIN trajectories r ON r.id = t.trajectory JOIN designs d ON d.digest = r.design
        JOIN states b ON b.digest = t.state LEFT JOIN evaluations e ON e.digest = b.evaluation
        JOIN states c ON c.digest = t.after LEFT JOIN evaluations f ON f.digest = c.evaluation
        WHERE t.trajectory = ? ORDER BY t.position"""
    found = []
    for position, digest, body, measured, stored, design, before, before_seen, after, after_seen in connection.execute(
        query, [trajectory]
    ).fetchall():
        record, beside = read_json(body), read_json(measured)
        proposal, options = record["proposal"], record["proposal"]["options"]
        after_record = read_json(after)
        testbench = after_record["testbench"]
        row: FlatRow = {
            "trajectory": trajectory,
            "position": position,
            "digest": digest,
            "stored": stored,
            **_design(read_json(design), contents),
            "instruction": record["instruction"],
            "policy": record["policy"],
            "model": record["model"],
            "seed": record["seed"] if record["seed"].bit_length() <= 63 else None,
            "format": options["format"] if options is not None else None,
            "budget_tokens": options["budget_tokens"] if options is not None else None,
            **_state("before", record["state"], read_json(before), before_seen, contents),
            **_state("after", record["after"], after_record, after_seen, contents),
            "kept": record["kept"],
            "ended": beside["ended"],
            "reply": _text(contents, proposal["reply"]),
            "reply_problems": [entry[1] for entry in proposal["problems"]],
            "accepted": testbench is not None and testbench_digest(testbench, contents) in accepted,
            "prompt_tokens": beside["prompt_tokens"],
            "completion_tokens": beside["completion_tokens"],
            "policy_s": float(beside["policy_s"]),
            "judge_s": float(beside["judge_s"]),
        }
        found.append({key: _clean(value) for key, value in row.items()})
    return found


def _design(record: Mapping[str, Json], contents: Contents) -> FlatRow:
    files = [{"name": name, "role": role, "text": _text(contents, blob)} for name, role, blob in _triples(record["files"])]
    return {
        "design": record["design"],
        "top": record["top"],
        "files": list(files),
        "include_dirs": record["include_dirs"],
        "defines": [{"name": name, "value": value} for name, value in _pairs(record["defines"])],
        "parameters": [{"name": name, "value": value} for name, value in _pairs(record["overrides"])],
    }


def _state(prefix: str, digest: str, record: Mapping[str, Json], seen: str | None, contents: Contents) -> FlatRow:
    observation = read_json(seen) if seen is not None else {"status": None, "tallies": [], "cycles": None, "problems": [], "log": ""}
    tallies = tallies_of(observation)
    testbench = record["testbench"]
    text = testbench["text"] if isinstance(testbench, Mapping) else None
    cycles = observation["cycles"]
    return {
        f"{prefix}_state": digest,
        f"{prefix}_status": observation["status"],
        f"{prefix}_overall": overall(tallies),
        f"{prefix}_reachable": reachable(tallies),
        f"{prefix}_metrics": {
            kind.value: {"covered": tallies[kind].covered, "total": tallies[kind].total, "unreachable": tallies[kind].unreachable}
            if kind in tallies
            else {"covered": None, "total": None, "unreachable": None}
            for kind in Kind
        },
        f"{prefix}_cycles": cycles if cycles is None or cycles.bit_length() <= 63 else None,
        f"{prefix}_problems": [entry[1] for entry in observation["problems"]],
        f"{prefix}_log": observation["log"],
        f"{prefix}_testbench": _text(contents, text),
        f"{prefix}_stimulus": _text(contents, record["stimulus"]),
    }


def _text(contents: Contents, digest: Json) -> str | None:
    if not isinstance(digest, str):
        return None
    content = contents[digest]
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _clean(value: Json) -> Json:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {key: _clean(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(entry) for entry in value]
    return value


def _triples(value: Json) -> list[tuple[str, str, str]]:
    assert isinstance(value, list)
    return [(str(name), str(role), str(blob)) for name, role, blob in value]


def _pairs(value: Json) -> list[tuple[str, str | None]]:
    assert isinstance(value, list)
    return [(str(name), None if text is None else str(text)) for name, text in value]
