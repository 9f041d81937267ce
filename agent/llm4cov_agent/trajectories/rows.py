"""Records -> the columns that queries use. Columns repeat what records say and are never read back; `verify` compares them."""

from __future__ import annotations

from typing import Any

from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.judge.coverage import Kind, Tally, overall, reachable
from llm4cov_agent.trajectories.codec import Contents, bytes_text, read_json

Cell = str | int | float | bytes | None
Row = dict[str, Cell]


def design_row(digest: str, body: str) -> Row:
    """Columns of `designs`."""
    record = read_json(body)
    return {"digest": digest, "design": record["design"], "top": _text(record["top"]), "body": body}


def file_rows(digest: str, body: str) -> list[Row]:
    """Rows of `design_files`, in the design's order."""
    return [
        {"design": digest, "position": position, "name": _text(name), "role": role, "blob": blob}
        for position, (name, role, blob) in enumerate(read_json(body)["files"])
    ]


def design_digest(body: str) -> str:
    """Derive `Design.digest` from the record of a design."""
    record = read_json(body)
    files: list[Json] = [[role, name.rsplit("/", 1)[-1], blob] for name, role, blob in record["files"]]
    return digest_json({"top": record["top"], "files": files, "defines": record["defines"], "overrides": record["overrides"]})


def evaluation_row(digest: str, body: str) -> Row:
    """Columns of `evaluations`; the percentages are the means over the metrics."""
    record = read_json(body)
    tallies = tallies_of(record)
    total = sum(tallies.values(), Tally())
    return {
        "digest": digest,
        "status": record["status"],
        "overall": overall(tallies),
        "reachable": reachable(tallies),
        "covered": _number(total.covered),
        "total": _number(total.total),
        "unreachable": _number(total.unreachable),
        "cycles": _number(record["cycles"]),
        "holes": record["holes"],
        "body": body,
    }


def tallies_of(record: Any) -> dict[Kind, Tally]:
    """Read the tallies of an observation's record."""
    return {Kind(kind): Tally(covered, total, unreachable) for kind, covered, total, unreachable in record["tallies"]}


def state_row(digest: str, body: str, contents: Contents) -> Row:
    """Columns of `states`; the texts that the record names have to be there."""
    record = read_json(body)
    testbench = record["testbench"]
    return {
        "digest": digest,
        "design": record["design"],
        "testbench": testbench_digest(testbench, contents) if testbench is not None else None,
        "testbench_text": testbench["text"] if testbench is not None else None,
        "stimulus": record["stimulus"],
        "evaluation": record["evaluation"],
        "body": body,
    }


def testbench_digest(record: Any, contents: Contents) -> str:
    """Derive `Testbench.digest` from its record."""
    return Testbench(Language(record["language"]), record["name"], bytes_text(contents[record["text"]])).digest


def transition_row(trajectory: str, position: int, *, digest: str, body: str, measured: str, stored: str) -> Row:
    """Columns of `transitions`."""
    record, beside = read_json(body), read_json(measured)
    proposal = record["proposal"]
    return {
        "trajectory": trajectory,
        "position": position,
        "digest": digest,
        "state": record["state"],
        "after": record["after"],
        "policy": _text(record["policy"]),
        "model": _text(record["model"]),
        "seed": _number(record["seed"]),
        "instruction": record["instruction"],
        "format": proposal["options"]["format"] if proposal["options"] is not None else None,
        "kept": int(record["kept"]),
        "ended": beside["ended"],
        "prompt_tokens": _number(beside["prompt_tokens"]),
        "completion_tokens": _number(beside["completion_tokens"]),
        "policy_s": float(beside["policy_s"]),
        "judge_s": float(beside["judge_s"]),
        "loop_s": float(beside["loop_s"]),
        "testbench_text": proposal["testbench"]["text"] if proposal["testbench"] is not None else None,
        "stimulus": proposal["stimulus"],
        "reply": proposal["reply"],
        "stored": stored,
        "body": body,
        "measured": measured,
    }


def _text(text: str | None) -> str | None:
    """Make a text fit a column: single surrogates have no place in UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8") if text is not None else None


def _number(number: int | None) -> int | None:
    """Make a whole number fit a column; None where SQLite's 64 bits don't hold it."""
    return number if number is not None and number.bit_length() <= 63 else None
