"""A testbench as text: its language, its name and its digest. Knows not who wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from llm4cov_agent.digest import digest_json


class Language(Enum):
    """The language of a testbench, by the suffix that `--lang` and file names use."""

    SYSTEMVERILOG = "sv"
    COCOTB = "cocotb"


@dataclass(frozen=True, slots=True)
class Testbench:
    """A self-contained testbench file."""

    __test__ = False  # Keeps pytest from taking the class for a test because of its name.

    language: Language
    name: str
    """Top module of a SystemVerilog testbench; module name of a cocotb one."""
    text: str
    path: Path | None = None
    """Where the user keeps it; its folder is where its includes are looked for. Not part of the digest."""

    @property
    def digest(self) -> str:
        """Digest of what the simulator sees."""
        return digest_json([self.language.value, self.name, self.text])

    @property
    def file_name(self) -> str:
        """Name of the file it goes into when the user names none."""
        return f"{self.name}.{'sv' if self.language is Language.SYSTEMVERILOG else 'py'}"
