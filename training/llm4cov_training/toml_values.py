"""Reads a TOML file as a value whose fields say what it may hold. Knows none of the values."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from cattrs import ClassValidationError, Converter, transform_error
from cattrs.v import format_exception

from llm4cov_agent.errors import BadConfiguration, display_path

Value = TypeVar("Value")
_CONVERTER = Converter(forbid_extra_keys=True)


def read_value(path: Path, kind: type[Value]) -> Value:
    """Read a file. Raises BadConfiguration naming what in it can't be used."""
    shown = display_path(path)
    try:
        record = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadConfiguration(f"{shown}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{shown} is not TOML: {error}") from None
    try:
        return _CONVERTER.structure(record, kind)
    except ClassValidationError as error:
        # Our own words, of values that don't go together, say more than the library's.
        found = transform_error(error, format_exception=_said)
        raise BadConfiguration(f"{shown}: {'; '.join(found)}") from None


def _said(error: BaseException, kind: type | None) -> str:
    return str(error) if type(error) is ValueError else format_exception(error, kind)
