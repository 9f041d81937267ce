"""Takes secrets out of what leaves the machine by a person's hand: settings, messages, traces. Knows no format of a file.

What counts as a secret: values whose name says so, what looks like a key or a password, and what the environment holds under such a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llm4cov_agent.config import secret_values
from llm4cov_agent.digest import Json

GONE = "(removed)"
_NAMES = re.compile(r"(?i)(api_?-?key|key$|token|secret|passw|credential|authorization|cookie)")
_WORD = r"(?:api[_-]?key|token|secret|passw(?:or)?d|credential)"
_SHAPES = re.compile(
    rf"""(?ix)
    (?P<address> [a-z][a-z0-9+.-]*:// ) [^/\s@"']+ @
    # NAME=VALUE, "name": "value", --name VALUE
    | (?P<named> (?: \b [\w.-]* {_WORD} [\w.-]* ["']? \s* [=:] \s* | (?<!\S) --? [\w.-]* {_WORD} [\w.-]* \s+ ) ["']? ) (?!\() [^\s"',;}}]+
    | (?P<bearer> \b (?:bearer|basic) \s+ ) [a-z0-9._~+/=-]{{8,}}
    | \b (?: sk-|ghp_|gho_|github_pat_|hf_|xox[abp]-|AKIA|glpat- ) [\w-]{{8,}}
    """
)


def without_secrets(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Take secrets out of a text."""
    for value in secret_values(environment):
        text = text.replace(value, GONE)
    return _SHAPES.sub(_replaced, text)


def told(value: Json, name: str = "") -> Json:
    """Take secrets out of a value, by the names of its parts and by what they look like."""
    if isinstance(value, Mapping):
        return {key: told(one, key) for key, one in value.items()}
    if isinstance(value, str):
        return GONE if value and _NAMES.search(name) and not name.lower().endswith("variable") else without_secrets(value)
    if isinstance(value, Sequence):
        return [told(one, name) for one in value]
    return value


def _replaced(found: re.Match[str]) -> str:
    kept = found["address"] or found["named"] or found["bearer"] or ""
    return f"{kept}{GONE}" + ("@" if found["address"] else "")
