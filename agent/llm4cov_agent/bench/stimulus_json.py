"""Stimulus <-> JSON, for files, caches and tests. Knows no design: a stimulus that reads well may still not fit one."""

from __future__ import annotations

from typing import cast

from llm4cov_agent.bench.stimulus import ClockDrive, Drive, Hold, Pace, Random, RandomField, Repeat, Reset, Sequence, Step, Stimulus, Wait
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem
from llm4cov_agent.rtl.design import Edge


def to_json(stimulus: Stimulus) -> Json:
    """Write a stimulus as plain JSON; each step is an object with one key, its verb."""
    return {
        "top": stimulus.top,
        "seed": stimulus.seed,
        "clocks": [
            {"port": clock.port, "half_period": clock.half_period, "phase": clock.phase, "edge": clock.edge.value}
            for clock in stimulus.clocks
        ],
        "sequences": [
            {"name": sequence.name, "comment": sequence.comment, "steps": [_step_to_json(step) for step in sequence.steps]}
            for sequence in stimulus.sequences
        ],
    }


def _step_to_json(step: Step) -> Json:
    match step:
        case Reset():
            return {"reset": {"cycles": step.cycles, "ports": list(step.ports)}}
        case Drive():
            return {"drive": dict(step.values)}
        case Hold():
            return {"hold": {"cycles": step.cycles, "clock": step.clock}}
        case Wait():
            return {"wait": {"signal": step.signal, "value": step.value, "limit": step.limit, "equal": step.equal}}
        case Random():
            fields: list[Json] = [
                {
                    "signal": field.signal,
                    "choices": list(field.choices),
                    "choice_percent": field.choice_percent,
                    "stay_percent": field.stay_percent,
                }
                for field in step.fields
            ]
            return {"random": {"cycles": step.cycles, "fields": fields, "seed": step.seed}}
        case Pace():
            return {"pace": {"clock": step.clock, "half_period": step.half_period}}
        case Repeat():
            return {"repeat": {"count": step.count, "steps": [_step_to_json(inner) for inner in step.steps]}}


def from_json(value: Json) -> tuple[Stimulus | None, tuple[Problem, ...]]:
    """Read a stimulus back; what is missing or of the wrong type is said, with the path to it."""
    try:
        record = _object(value, "stimulus")
        return (
            Stimulus(
                top=_text(record, "top"),
                seed=_whole(record, "seed"),
                clocks=tuple(_clock(item) for item in _items(record, "clocks")),
                sequences=tuple(
                    Sequence(_text(item, "name"), _text(item, "comment"), _steps(item))
                    for item in (_object(entry, "sequences") for entry in _items(record, "sequences"))
                ),
            ),
            (),
        )
    except _Mismatch as mismatch:
        return None, (Problem(f"not a stimulus: {mismatch}"),)


class _Mismatch(Exception):
    """Carries what was expected from where it was missed up to `from_json`; never leaves this module."""


def _object(value: Json, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise _Mismatch(f"{what} should be an object")
    return cast(dict[str, Json], value)


def _items(record: dict[str, Json], key: str) -> list[Json]:
    value = record.get(key, [])
    if not isinstance(value, list):
        raise _Mismatch(f"`{key}` should be a list")
    return value


def _text(record: dict[str, Json], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise _Mismatch(f"`{key}` should be a text")
    return value


def _whole(record: dict[str, Json], key: str, default: int | None = None) -> int:
    value = record.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Mismatch(f"`{key}` should be a whole number")
    return value


def _clock(value: Json) -> ClockDrive:
    record = _object(value, "clocks")
    edge = record.get("edge", Edge.POSEDGE.value)
    if edge not in [known.value for known in Edge]:
        raise _Mismatch("`edge` should be posedge or negedge")
    return ClockDrive(_text(record, "port"), _whole(record, "half_period"), _whole(record, "phase", 0), Edge(edge))


def _steps(record: dict[str, Json]) -> tuple[Step, ...]:
    return tuple(_step(item) for item in _items(record, "steps"))


def _step(value: Json) -> Step:
    record = _object(value, "a step")
    if len(record) != 1:
        raise _Mismatch("a step should have one key, its verb")
    ((verb, body),) = record.items()
    inner = _object(body, verb)
    match verb:
        case "reset":
            ports = _items(inner, "ports")
            if not all(isinstance(port, str) for port in ports):
                raise _Mismatch("`ports` should be names")
            return Reset(_whole(inner, "cycles"), tuple(cast(list[str], ports)))
        case "drive":
            return Drive(tuple((name, _whole(inner, name)) for name in inner))
        case "hold":
            return Hold(_whole(inner, "cycles"), _text(inner, "clock") if inner.get("clock") is not None else None)
        case "wait":
            equal = inner.get("equal", True)
            if not isinstance(equal, bool):
                raise _Mismatch("`equal` should be true or false")
            return Wait(_text(inner, "signal"), _whole(inner, "value"), _whole(inner, "limit"), equal)
        case "random":
            seed = _whole(inner, "seed") if inner.get("seed") is not None else None
            return Random(_whole(inner, "cycles"), tuple(_field(_object(item, "fields")) for item in _items(inner, "fields")), seed)
        case "pace":
            return Pace(_text(inner, "clock"), _whole(inner, "half_period"))
        case "repeat":
            return Repeat(_whole(inner, "count"), _steps(inner))
        case _:
            raise _Mismatch(f"`{verb}` is no verb; there are reset, drive, hold, wait, random, pace and repeat")


def _field(record: dict[str, Json]) -> RandomField:
    choices = _items(record, "choices")
    if not all(isinstance(choice, int) and not isinstance(choice, bool) for choice in choices):
        raise _Mismatch("`choices` should be whole numbers")
    return RandomField(
        _text(record, "signal"), tuple(cast(list[int], choices)), _whole(record, "choice_percent", 0), _whole(record, "stay_percent", 0)
    )
