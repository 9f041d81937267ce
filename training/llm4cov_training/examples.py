"""What is learned from: a prompt as the loop renders it, and the reply that should follow. As lines of JSON. Knows no store and no model.

Everything that a run of training reads comes through here; how examples are chosen is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

from llm4cov_agent.digest import digest_json
from llm4cov_agent.durable import put_in_place
from llm4cov_agent.errors import Problem, display_path
from llm4cov_agent.loop.backend import Message

EXAMPLES_NAME = "examples.jsonl"
"""Of the file in the folder of a run that holds what it learns from."""
_CONVERTER = make_converter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row."""

    transition: str
    """Digest of the stored transition that it was rendered from."""
    design: str
    """`Design.digest`."""
    structure: str
    """Digest of the design's structure (`structure_of`): by it rows are told from what is held out, copies with other names too."""
    top: str
    instruction: str
    """As `Instruction` has it: generate, fix_reply, fix_build, fix_run, raise_coverage."""
    format: str
    """As `ReplyFormat` has it."""
    stage: int
    """0 for direct generation; from 1 on, repairs of the states of the student of the stage before."""
    policy: str
    """Who wrote the reply."""
    messages: tuple[Message, ...]
    completion: str

    @property
    def digest(self) -> str:
        """Digest of the row."""
        return digest_json(_CONVERTER.unstructure(self))


def write_examples(examples: Iterable[Example], path: Path) -> int:
    """Write rows, the whole file or nothing; gives their number. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    count = 0
    with partial.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(_CONVERTER.unstructure(example), ensure_ascii=False) + "\n")
            count += 1
    put_in_place(partial, path)
    return count


def read_examples(path: Path) -> tuple[tuple[Example, ...], tuple[Problem, ...]]:
    """Read rows; a line that is none is a problem that names it. Raises OSError."""
    problems: list[Problem] = []

    def rows() -> Iterator[Example]:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield _CONVERTER.structure(json.loads(line), Example)
                except (ValueError, KeyError, TypeError, BaseValidationError):
                    problems.append(Problem("this line is no example", file=display_path(path), line=number))

    return tuple(rows()), tuple(problems)
